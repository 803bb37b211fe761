/**
 * Reading allocation maps: the bitmap page that covers a page of the file, and the union of the
 * maps of several snapshots, which is the rule of reuse: a page may be overwritten if its bit is
 * clear in all of them (rule 1 of commit-and-recovery.md).
 */

import type { Geometry } from '../format/geometry.ts';
import { mapChild, mapChildBirth, mapWord } from '../format/map-page.ts';
import { PAGE_TYPE, pageLevel } from '../format/page-header.ts';
import type { PageReader } from './page-reader.ts';
import type { SnapshotRoots } from './snapshot.ts';

/** Where a bitmap page lies: its pointer, or page 0 when none of its pages is in use. */
export interface MapPointer {
  readonly page: number;
  readonly birth: number;
}

const NOTHING: MapPointer = { page: 0, birth: 0 };

/** Bitmap pages under one map page of that level. */
export function leavesBelow(geometry: Geometry, level: number): number {
  return geometry.mapFanout ** level;
}

/**
 * The bitmap page that covers the pages [index x mapLeafBits, ...) in that snapshot's map. `path`,
 * when given, receives the interior pages passed, root first.
 */
export function findMapLeaf(
  pages: PageReader,
  roots: Pick<SnapshotRoots, 'mapPage' | 'mapBirth'>,
  index: number,
  path?: MapPointer[],
): MapPointer {
  const { geometry } = pages;
  let page = roots.mapPage;
  let birth = roots.mapBirth;
  let o = pages.find(page, birth, PAGE_TYPE.map);
  let level = pageLevel(pages.segment, o);
  let inSubtree = index;
  if (index >= leavesBelow(geometry, level)) return NOTHING;
  while (level > 0) {
    path?.push({ page, birth });
    const below = leavesBelow(geometry, level - 1);
    const slot = Math.floor(inSubtree / below);
    inSubtree -= slot * below;
    const s = pages.segment;
    page = mapChild(s, o, slot);
    if (page === 0) return NOTHING;
    birth = mapChildBirth(s, o, geometry.mapFanout, slot);
    o = pages.find(page, birth, PAGE_TYPE.map);
    level--;
  }
  return { page, birth };
}

/** Copies the bits of a bitmap page, or of nothing, into `words`, OR-ing them when `or` is set. */
export function readMapLeaf(
  pages: PageReader,
  pointer: MapPointer,
  words: Int32Array,
  or: boolean,
): void {
  if (pointer.page === 0) {
    if (!or) words.fill(0);
    return;
  }
  const o = pages.find(pointer.page, pointer.birth, PAGE_TYPE.map);
  const s = pages.segment;
  if (or) for (let w = 0; w < words.length; w++) words[w]! |= mapWord(s, o, w);
  else for (let w = 0; w < words.length; w++) words[w] = mapWord(s, o, w);
}

/** The pages that no retained snapshot uses, over [firstPage, end). */
export class FreePages {
  private readonly pages: PageReader;
  private readonly snapshots: readonly SnapshotRoots[];
  private readonly geometry: Geometry;
  private readonly leaves = new Map<number, Int32Array>();
  /** The bitmap page asked for last, which is most often asked for next. */
  private lastIndex = -1;
  private lastLeaf: Int32Array = new Int32Array(0);

  constructor(pages: PageReader, snapshots: readonly SnapshotRoots[]) {
    this.pages = pages;
    this.snapshots = snapshots;
    this.geometry = pages.geometry;
  }

  /**
   * The first page >= `page` that is free (`free` true) or in use, or `limit` when there is none.
   */
  next(page: number, limit: number, free: boolean): number {
    const { mapLeafBits } = this.geometry;
    let at = page;
    while (at < limit) {
      const index = Math.floor(at / mapLeafBits);
      const words = this.leaf(index);
      const start = index * mapLeafBits;
      const end = Math.min(limit, start + mapLeafBits);
      let bit = at - start;
      while (start + bit < end) {
        const word = free ? ~words[bit >> 5]! : words[bit >> 5]!;
        const rest = word >>> (bit & 31);
        if (rest !== 0) {
          const found = start + bit + (31 - Math.clz32(rest & -rest));
          return Math.min(found, limit);
        }
        bit = (bit | 31) + 1;
      }
      at = start + mapLeafBits;
    }
    return limit;
  }

  /** Takes [page, page + count) out, so that it is handed out once only. */
  take(page: number, count: number): void {
    for (let p = page; p < page + count; p++) {
      const index = Math.floor(p / this.geometry.mapLeafBits);
      const bit = p - index * this.geometry.mapLeafBits;
      this.leaf(index)[bit >> 5]! |= 1 << (bit & 31);
    }
  }

  private leaf(index: number): Int32Array {
    if (index === this.lastIndex) return this.lastLeaf;
    let words = this.leaves.get(index);
    if (words === undefined) {
      words = new Int32Array(this.geometry.mapLeafBits >> 5);
      // Snapshots share most of their maps by pointer: each bitmap page is read once.
      const seen = new Set<number>();
      for (const snapshot of this.snapshots) {
        const pointer = findMapLeaf(this.pages, snapshot, index);
        if (seen.has(pointer.page)) continue;
        seen.add(pointer.page);
        readMapLeaf(this.pages, pointer, words, true);
      }
      this.leaves.set(index, words);
    }
    this.lastIndex = index;
    this.lastLeaf = words;
    return words;
  }
}
