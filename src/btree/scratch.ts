/**
 * Room to rebuild pages in: copies of the pages that are taken apart, and the list of what is to be
 * written over pages again, in order.
 *
 * Entries and separators stay in the copies until they are written; the list says where they lie
 * and how long their whole keys are. So pages with different prefixes can be joined and cut
 * anywhere.
 *
 * One object serves all trees of a writer: nothing in it outlives a call of the tree.
 */

import type { Geometry } from '../format/geometry.ts';
import { LEAF_SLOT_BYTES } from '../format/geometry.ts';
import { prefixLength } from '../format/page-header.ts';
import { copyPage, Segment } from '../format/segment.ts';

/** The regions of the scratch segment: two pages taken apart, and one entry that is new. */
export const OWN = 0;
export const NEIGHBOUR = 1;
export const NEW = 2;

export class Scratch {
  readonly geometry: Geometry;
  readonly segment: Segment;
  /** Of each region: where its prefix lies, and its length. */
  readonly prefixAt: Int32Array = new Int32Array(3);
  readonly prefixLength: Int32Array = new Int32Array(3);

  /** Items in the list: entries of leaves, or children of branches. */
  count = 0;
  /** Where the item's entry begins; a branch's first child has none. */
  readonly at: Int32Array;
  /** Where the bytes of the key after its region's prefix begin. */
  readonly suffixAt: Int32Array;
  /** The length of the whole key. */
  readonly keyLength: Int32Array;
  /** What the item takes of a page without prefix, its slot included. */
  readonly size: Int32Array;
  /** Of branches: the child, its birth, and the entries below it. */
  readonly child: Int32Array;
  readonly birth: Float64Array;
  readonly below: Float64Array;
  /** Flags of the pages taken apart. */
  flags = 0;

  /** A separator on its way to a branch. */
  readonly separator: Uint8Array;
  separatorLength = 0;
  /** The key of an entry that is being put. */
  readonly key: Uint8Array;

  constructor(geometry: Geometry) {
    this.geometry = geometry;
    this.segment = new Segment(new ArrayBuffer(3 * geometry.pageSize));
    const most = 2 * Math.floor(geometry.capacity / LEAF_SLOT_BYTES) + 2;
    this.at = new Int32Array(most);
    this.suffixAt = new Int32Array(most);
    this.keyLength = new Int32Array(most);
    this.size = new Int32Array(most);
    this.child = new Int32Array(most);
    this.birth = new Float64Array(most);
    this.below = new Float64Array(most);
    this.separator = new Uint8Array(geometry.pageSize);
    this.key = new Uint8Array(geometry.pageSize);
  }

  /** Begins a new list. */
  clear(): void {
    this.count = 0;
    this.flags = 0;
  }

  /** Copies the page at `o` of `s` to a region. Returns its byte offset in the scratch segment. */
  load(region: number, s: Segment, o: number): number {
    const pageSize = this.geometry.pageSize;
    const base = region * pageSize;
    copyPage(s, o, this.segment, base, pageSize);
    const prefix = prefixLength(s, o);
    this.prefixLength[region] = prefix;
    this.prefixAt[region] = base + pageSize - prefix;
    return base;
  }

  /** The region that holds the key of item `i`. */
  regionOf(i: number): number {
    return this.at[i]! >> this.geometry.pageShift;
  }

  /** How many bytes the keys of items `i` and `j` have in common from their start. */
  commonBytes(i: number, j: number): number {
    const a = this.regionOf(i);
    const b = this.regionOf(j);
    const bytes = this.segment.bytes;
    const both = Math.min(this.keyLength[i]!, this.keyLength[j]!);
    let k = a === b ? this.prefixLength[a]! : 0;
    const aPrefix = this.prefixLength[a]!;
    const bPrefix = this.prefixLength[b]!;
    for (; k < both; k++) {
      const x = k < aPrefix ? this.prefixAt[a]! + k : this.suffixAt[i]! + k - aPrefix;
      const y = k < bPrefix ? this.prefixAt[b]! + k : this.suffixAt[j]! + k - bPrefix;
      if (bytes[x] !== bytes[y]) break;
    }
    return k;
  }

  /**
   * The prefix to store once for items [from, to): what all their keys share, cut to an even number
   * of bytes. Then a longer prefix makes no entry larger by its padding, and a rebuilt page is
   * never larger than it was. A single key keeps its bytes: the next one to come would not share
   * them.
   */
  prefixOf(from: number, to: number): number {
    return to - from < 2 ? 0 : this.commonBytes(from, to - 1) & ~1;
  }

  /** Copies bytes [from, from + length) of the key of item `i` to target[at, ...). */
  copyKeyPart(i: number, from: number, length: number, target: Uint8Array, at: number): void {
    const region = this.regionOf(i);
    const bytes = this.segment.bytes;
    const prefix = this.prefixLength[region]!;
    const prefixAt = this.prefixAt[region]!;
    const suffixAt = this.suffixAt[i]! - prefix;
    const end = from + length;
    let t = at;
    let k = from;
    for (; k < end && k < prefix; k++) target[t++] = bytes[prefixAt + k]!;
    for (; k < end; k++) target[t++] = bytes[suffixAt + k]!;
  }

  /**
   * Makes the shortest separator between items m - 1 and m: the shortest beginning of key m that is
   * above key m - 1.
   */
  separate(m: number): void {
    const length = Math.min(this.commonBytes(m - 1, m) + 1, this.keyLength[m]!);
    this.copyKeyPart(m, 0, length, this.separator, 0);
    this.separatorLength = length;
  }
}
