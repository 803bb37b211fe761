/**
 * The pages that no retained snapshot uses: the complement of the union of their maps. This is the
 * rule of reuse (rule 1 of commit-and-recovery.md): a page may be overwritten if its bit is clear
 * in all of them.
 */

import type { Geometry } from '../format/geometry.ts';
import { findMapLeaf, readMapLeaf } from './allocation-map.ts';
import type { PageReader } from './page-reader.ts';
import type { PrivateMemory } from './private-memory.ts';
import type { SnapshotRoots } from './snapshot.ts';

export class FreePages {
  private readonly pages: PageReader;
  private readonly snapshots: readonly SnapshotRoots[];
  private readonly memory: PrivateMemory;
  private readonly geometry: Geometry;
  /** The union, a bitmap page at a time, by index; read when first asked for. */
  private readonly bitmaps = new Map<number, Int32Array>();
  /** Of the run that `nextRun` found. */
  runLength = 0;
  /** The bitmap asked for last, which is most often asked for next. */
  private lastIndex = -1;
  private lastBitmap: Int32Array = new Int32Array(0);

  constructor(pages: PageReader, snapshots: readonly SnapshotRoots[], memory: PrivateMemory) {
    this.pages = pages;
    this.snapshots = snapshots;
    this.memory = memory;
    this.geometry = pages.geometry;
  }

  isFree(page: number): boolean {
    const index = Math.floor(page / this.geometry.mapLeafBits);
    const bit = page - index * this.geometry.mapLeafBits;
    return (this.bitmap(index)[bit >> 5]! & (1 << (bit & 31))) === 0;
  }

  /** Takes [page, page + count) out, so that it is handed out once only. */
  take(page: number, count: number): void {
    for (let p = page; p < page + count; p++) {
      const index = Math.floor(p / this.geometry.mapLeafBits);
      const bit = p - index * this.geometry.mapLeafBits;
      this.bitmap(index)[bit >> 5]! |= 1 << (bit & 31);
    }
  }

  /**
   * The first page of the next free run of at least `least` pages in [from, to), or `to` when there
   * is none. `runLength` is its length, as far as it is inside these bounds.
   *
   * It goes a word of 32 pages at a time, and passes a word in which no run of that length can be
   * without looking at its bits one by one: of a file in pieces most are passed so. Words in use,
   * which are most of a file that grows, take a comparison each.
   */
  nextRun(from: number, to: number, least: number): number {
    const { mapLeafBits } = this.geometry;
    let page = from;
    // The pages [open, page) are free, and the run that they begin may go on.
    let open = from;
    while (page < to) {
      const index = Math.floor(page / mapLeafBits);
      const first = index * mapLeafBits;
      const end = Math.min(to, first + mapLeafBits);
      const bitmap = this.bitmap(index);
      while (page < end) {
        const bit = page - first;
        if (open === page && (bit & 31) === 0) {
          const words = (end - first) >> 5;
          let word = bit >> 5;
          while (word < words && bitmap[word] === -1) word++;
          if (word > bit >> 5) {
            page = first + 32 * word;
            open = page;
            continue;
          }
        }
        const width = Math.min(32 - (bit & 31), end - page);
        const all = width === 32 ? -1 : -1 >>> (32 - width);
        const free = (~bitmap[bit >> 5]! >>> (bit & 31)) & all;
        if (free === all) {
          page += width;
          continue;
        }
        const head = trailingZeros(~free);
        if (page + head - open >= least && page + head > open) {
          this.runLength = page + head - open;
          return open;
        }
        const tail = Math.clz32(~(free << (32 - width)));
        let inside = free & (-1 << head) & (all >>> tail);
        if (!hasRun(inside, least)) inside = 0;
        while (inside !== 0) {
          const start = trailingZeros(inside);
          const count = trailingZeros(~(inside >>> start));
          if (count >= least) {
            this.runLength = count;
            return page + start;
          }
          inside &= -1 << (start + count);
        }
        open = page + width - tail;
        page += width;
      }
    }
    this.runLength = to - open;
    return to - open >= least && to > open ? open : to;
  }

  /** Gives its memory back; nothing is asked of it any more. */
  dispose(): void {
    for (const bitmap of this.bitmaps.values()) this.memory.giveBackBitmap(bitmap);
    this.bitmaps.clear();
  }

  private bitmap(index: number): Int32Array {
    if (index === this.lastIndex) return this.lastBitmap;
    let words = this.bitmaps.get(index);
    if (words === undefined) {
      words = this.memory.takeBitmap(this.geometry.mapLeafBits);
      // Snapshots share most of their maps by pointer: each bitmap page is read once.
      const seen: number[] = [];
      for (const snapshot of this.snapshots) {
        const pointer = findMapLeaf(this.pages, snapshot, index);
        if (seen.includes(pointer.page)) continue;
        readMapLeaf(this.pages, pointer, words, seen.length > 0);
        seen.push(pointer.page);
      }
      this.bitmaps.set(index, words);
    }
    this.lastIndex = index;
    this.lastBitmap = words;
    return words;
  }
}

/** How many of the lowest bits are clear; `word` is not 0. */
function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Whether at least `least` bits in a row are set. */
function hasRun(word: number, least: number): boolean {
  if (least > 31) return false;
  // After each step bit i says that the `length` bits from i on are set.
  let runs = word;
  let length = 1;
  while (runs !== 0 && length < least) {
    const step = Math.min(length, least - length);
    runs &= runs >>> step;
    length += step;
  }
  return runs !== 0;
}
