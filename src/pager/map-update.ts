/**
 * The allocation map of the snapshot that a commit makes: the base's, less what the transaction let
 * go of, plus what it was given, the map's own new pages included.
 *
 * A new bitmap page needs a place, which sets a bit, which may be on another bitmap page: `settle`
 * goes on until nothing changes. It ends, because each round adds a bitmap page or is the last.
 */

import { assert } from '../assert.ts';
import { CorruptionError } from '../errors.ts';
import type { Geometry } from '../format/geometry.ts';
import {
  copyMapChildren,
  mapBitsBelow,
  setMapBitsBelow,
  setMapChild,
  setMapWords,
} from '../format/map-page.ts';
import { PAGE_TYPE, pageLevel, setOwnNumber } from '../format/page-header.ts';
import { findMapLeaf, leavesBelow, type MapPointer, readMapLeaf } from './allocation-map.ts';
import type { Run } from './free-runs.ts';
import type { PlacedPage } from './placed-page.ts';
import type { PrivateMemory } from './private-memory.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Allocator } from './space.ts';
import type { WritePages } from './write-pages.ts';

/** A bitmap page that changes. */
interface ChangedLeaf {
  readonly words: Int32Array;
  /** Bits set in the base's, and by how many the new one has more. */
  readonly bitsBefore: number;
  bitsAdded: number;
}

/** A map page that was written: its place, and the bits set below it. */
interface WrittenPage {
  readonly page: number;
  readonly bits: number;
}

export class MapUpdate {
  private readonly pages: WritePages;
  private readonly base: SnapshotRoots;
  private readonly memory: PrivateMemory;
  private readonly geometry: Geometry;
  /** By index. */
  private readonly leaves = new Map<number, ChangedLeaf>();
  /** The one asked for last, which is most often asked for next. */
  private lastIndex = -1;
  private lastLeaf: ChangedLeaf | undefined;
  /** Map pages of the base that are replaced. */
  readonly replaced: Set<number> = new Set();
  private readonly released = new Set<number>();
  private baseLevel: number;
  private inUse: number;
  /** Places for the map's own new pages. */
  private readonly places: number[] = [];

  constructor(pages: WritePages, base: SnapshotRoots, memory: PrivateMemory) {
    this.pages = pages;
    this.base = base;
    this.memory = memory;
    this.geometry = pages.geometry;
    const o = pages.find(base.mapPage, base.mapBirth, PAGE_TYPE.map);
    this.baseLevel = pageLevel(pages.segment, o);
    this.inUse = base.pagesInUse;
  }

  get pagesInUse(): number {
    return this.inUse;
  }

  clear(page: number, count: number): void {
    for (let p = page; p < page + count; p++) this.flip(p, false);
  }

  set(page: number, count: number): void {
    for (let p = page; p < page + count; p++) this.flip(p, true);
  }

  /** Writes every map page of the base that lies at or past `end` anew: for compaction. */
  moveFrom(end: number): void {
    const { mapLeafBits } = this.geometry;
    const leaves = Math.ceil(this.base.filePages / mapLeafBits);
    for (let index = 0; index < leaves; index++) {
      const path: MapPointer[] = [];
      const leaf = findMapLeaf(this.pages, this.base, index, path);
      if (leaf.page === 0) continue;
      if (leaf.page >= end || path.some(({ page }) => page >= end)) this.changedLeaf(index);
    }
  }

  /** How many map pages this update writes at least, as things stand: for one joint allocation. */
  estimate(end: number): number {
    return Math.max(1, this.leaves.size) + this.levelFor(end) + 1;
  }

  /** Offers places, in use already, for the map's pages. */
  offer(run: Run): void {
    for (let i = 0; i < run.count; i++) this.places.push(run.page + i);
  }

  /** Takes places until every map page that changes has one. */
  settle(allocator: Allocator): void {
    for (;;) {
      const before = this.leaves.size;
      this.growLevels(this.levelFor(allocator.end));
      for (const index of [...this.leaves.keys()]) this.release(index);
      const missing = this.neededPages(this.levelFor(allocator.end)) - this.places.length;
      if (missing <= 0 && this.leaves.size === before) break;
      for (const run of allocator.take(Math.max(0, missing))) {
        this.set(run.page, run.count);
        this.offer(run);
      }
    }
    // What was offered and is not needed is free again; its bitmap pages change anyway.
    const needed = this.neededPages(this.levelFor(allocator.end));
    while (this.places.length > needed) this.clear(this.places.pop()!, 1);
  }

  /** The last page in use, given that none at or past `end` is. */
  lastPageInUse(end: number): number {
    const { mapLeafBits } = this.geometry;
    for (let index = Math.floor((end - 1) / mapLeafBits); index >= 0; index--) {
      const changed = this.leaves.get(index);
      const words = changed?.words ?? this.readLeaf(index);
      const bit = lastBit(words);
      if (changed === undefined) this.memory.giveBackBitmap(words);
      if (bit >= 0) return index * mapLeafBits + bit;
    }
    assert(false, 'the map has no page in use');
  }

  /** Writes the map's pages as dirty pages, adds them to `placed`, and returns the new root. */
  write(end: number, placed: PlacedPage[]): MapPointer {
    let below = new Map<number, WrittenPage>();
    for (const [index, leaf] of this.leaves) below.set(index, this.writeLeaf(leaf, placed));
    const top = this.levelFor(end);
    for (let level = 1; level <= top; level++) below = this.writeLevel(level, below, placed);
    const root = below.get(0);
    assert(root !== undefined && below.size === 1, 'an updated map has one root');
    if (root.bits !== this.inUse) {
      throw mapFault(root.page, `${root.bits} pages are marked as in use, not ${this.inUse}`);
    }
    assert(this.places.length === 0, 'every place of the map is used');
    return { page: root.page, birth: this.pages.transaction };
  }

  /** Gives its memory back; nothing is asked of it any more. */
  dispose(): void {
    for (const { words } of this.leaves.values()) this.memory.giveBackBitmap(words);
    this.leaves.clear();
  }

  private writeLeaf(leaf: ChangedLeaf, placed: PlacedPage[]): WrittenPage {
    const dirty = this.pages.allocate(PAGE_TYPE.map, 0, 0);
    const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
    setMapWords(this.pages.segment, o, leaf.words);
    const page = this.place(dirty, placed);
    return { page, bits: leaf.bitsBefore + leaf.bitsAdded };
  }

  /** The interior pages of that level over the pages `below` that were written. */
  private writeLevel(
    level: number,
    below: ReadonlyMap<number, WrittenPage>,
    placed: PlacedPage[],
  ): Map<number, WrittenPage> {
    const { mapFanout } = this.geometry;
    const dirtyOf = new Map<number, number>();
    for (const [index, child] of below) {
      const parent = Math.floor(index / mapFanout);
      const dirty = dirtyOf.get(parent) ?? this.copyInterior(level, parent);
      dirtyOf.set(parent, dirty);
      const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
      const s = this.pages.segment;
      const slot = index - parent * mapFanout;
      setMapChild(s, o, mapFanout, slot, child.page, this.pages.transaction);
      setMapBitsBelow(s, o, mapFanout, slot, child.bits);
    }
    const written = new Map<number, WrittenPage>();
    for (const [index, dirty] of dirtyOf) {
      const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
      let bits = 0;
      for (let i = 0; i < mapFanout; i++) bits += mapBitsBelow(this.pages.segment, o, mapFanout, i);
      const page = this.place(dirty, placed);
      written.set(index, { page, bits });
    }
    return written;
  }

  /** Gives a dirty page the next of the places, and returns it. */
  private place(dirty: number, placed: PlacedPage[]): number {
    const page = this.places.shift()!;
    const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
    setOwnNumber(this.pages.segment, o, page);
    placed.push({ page, bytes: this.pages.segment.bytes, o });
    return page;
  }

  /** A dirty page with what the base has at (level, index): above its root it has nothing. */
  private copyInterior(level: number, index: number): number {
    const { pages, geometry } = this;
    const dirty = pages.allocate(PAGE_TYPE.map, level, 0);
    if (level > this.baseLevel) return dirty;
    const pointer = this.baseInterior(level, index);
    if (pointer.page === 0) return dirty;
    const from = pages.find(pointer.page, pointer.birth, PAGE_TYPE.map);
    const source = pages.segment;
    const to = pages.find(dirty, pages.transaction, PAGE_TYPE.map);
    copyMapChildren(source, from, pages.segment, to, geometry.mapFanout);
    return dirty;
  }

  private baseInterior(level: number, index: number): MapPointer {
    const path: MapPointer[] = [];
    const firstLeaf = index * leavesBelow(this.geometry, level);
    const leaf = findMapLeaf(this.pages, this.base, firstLeaf, path);
    // path[0] is the root, of level baseLevel; a path that ends early has nothing below.
    const pointer = path[this.baseLevel - level];
    return pointer ?? (level === 0 ? leaf : { page: 0, birth: 0 });
  }

  /** Lets go of the base's map pages on the path to a bitmap page that changes. */
  private release(index: number): void {
    if (this.released.has(index)) return;
    this.released.add(index);
    const path: MapPointer[] = [];
    const leaf = findMapLeaf(this.pages, this.base, index, path);
    if (leaf.page !== 0) path.push(leaf);
    for (const { page } of path) this.replace(page);
  }

  /**
   * When the map grows a level the path to its first bitmap page is written anew, so that the
   * base's root needs no case of its own: it happens a few times in the life of a file.
   */
  private growLevels(level: number): void {
    if (level === this.baseLevel || this.leaves.has(0)) return;
    this.changedLeaf(0);
    this.release(0);
  }

  private replace(page: number): void {
    if (this.replaced.has(page)) return;
    this.replaced.add(page);
    this.clear(page, 1);
  }

  private neededPages(top: number): number {
    let indices = new Set(this.leaves.keys());
    let pages = indices.size;
    for (let level = 1; level <= top; level++) {
      indices = new Set([...indices].map((i) => Math.floor(i / this.geometry.mapFanout)));
      pages += indices.size;
    }
    return pages;
  }

  /** The level of the root of a map that covers `end` pages, never lower than the base's. */
  private levelFor(end: number): number {
    let level = this.baseLevel;
    while (this.geometry.mapLeafBits * leavesBelow(this.geometry, level) < end) level++;
    return level;
  }

  private flip(page: number, inUse: boolean): void {
    const { mapLeafBits } = this.geometry;
    const index = Math.floor(page / mapLeafBits);
    const bit = page - index * mapLeafBits;
    const leaf = this.changedLeaf(index);
    const { words } = leaf;
    const mask = 1 << (bit & 31);
    const was = (words[bit >> 5]! & mask) !== 0;
    // Of a whole file no page is let go of twice, or lies past the end and is in use.
    if (was === inUse) throw mapFault(page, `page ${page} is ${was ? 'given' : 'let go of'} twice`);
    words[bit >> 5]! ^= mask;
    leaf.bitsAdded += inUse ? 1 : -1;
    this.inUse += inUse ? 1 : -1;
  }

  private changedLeaf(index: number): ChangedLeaf {
    if (this.lastLeaf !== undefined && index === this.lastIndex) return this.lastLeaf;
    let leaf = this.leaves.get(index);
    if (leaf === undefined) {
      leaf = { words: this.readLeaf(index), bitsBefore: this.baseBits(index), bitsAdded: 0 };
      this.leaves.set(index, leaf);
    }
    this.lastIndex = index;
    this.lastLeaf = leaf;
    return leaf;
  }

  /** How many bits the base has set in a bitmap page. */
  private baseBits(index: number): number {
    if (this.baseLevel === 0) return index === 0 ? this.base.pagesInUse : 0;
    const { mapFanout } = this.geometry;
    const parent = this.baseInterior(1, Math.floor(index / mapFanout));
    if (parent.page === 0) return 0;
    const o = this.pages.find(parent.page, parent.birth, PAGE_TYPE.map);
    return mapBitsBelow(this.pages.segment, o, mapFanout, index % mapFanout);
  }

  private readLeaf(index: number): Int32Array {
    const words = this.memory.takeBitmap(this.geometry.mapLeafBits);
    readMapLeaf(this.pages, findMapLeaf(this.pages, this.base, index), words, false);
    return words;
  }
}

function mapFault(page: number, what: string): CorruptionError {
  return new CorruptionError(page, `The allocation map does not fit the trees: ${what}.`);
}

/** The highest bit set in a bitmap, -1 when none is. */
function lastBit(words: Int32Array): number {
  let w = words.length - 1;
  while (w >= 0 && words[w] === 0) w--;
  return w < 0 ? -1 : 32 * w + 31 - Math.clz32(words[w]!);
}
