/**
 * The allocation map of the snapshot that a commit makes: the base's, less what the transaction let
 * go of, plus what it was given, the map's own new pages included.
 *
 * 1. The map is changed as every tree is: a page is copied to private memory before its first
 *    change, and the pages above it with it; what is replaced is let go of like any other page.
 * 2. A new map page needs a place, which sets a bit, which may be on another map page: `settle`
 *    goes on until nothing changes. It ends: each round copies a bitmap page or is the last.
 */

import { assert } from '../assert.ts';
import { CorruptionError } from '../errors.ts';
import type { Geometry } from '../format/geometry.ts';
import {
  mapBitsBelow,
  mapChild,
  mapChildBirth,
  mapWord,
  setMapBitsBelow,
  setMapChild,
  setMapWord,
} from '../format/map-page.ts';
import { PAGE_TYPE, pageLevel, setOwnNumber } from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import { findMapLeaf, findMapPage, leavesBelow, type MapPointer } from './allocation-map.ts';
import type { Run } from './free-runs.ts';
import type { PlacedPage } from './placed-page.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Allocator } from './space.ts';
import type { WritePages } from './write-pages.ts';

/** A page of the new map, in private memory. */
interface MapPage {
  readonly level: number;
  /** Among the pages of its level. */
  readonly index: number;
  readonly segment: Segment;
  readonly o: number;
  /** How many more pages are in use below it than its parent says as yet. */
  added: number;
}

/** More levels than a map of 2^32 pages has, were they as small as 256 bytes. */
const LEVELS = 8;

export class MapUpdate {
  private readonly pages: WritePages;
  private readonly base: SnapshotRoots;
  private readonly geometry: Geometry;
  private readonly baseLevel: number;
  /** The level of the new root. */
  private level: number;
  private inUse: number;
  /** Those that were made, by LEVELS x index + level. */
  private readonly made = new Map<number, MapPage>();
  /** The bitmap page asked for last, which is most often asked for next. */
  private lastLeaf: MapPage | undefined;
  /** So many of the pages that the transaction let go of are taken out of the map. */
  private cleared = 0;
  /** Places for the map's own new pages. */
  private readonly places: number[] = [];

  constructor(pages: WritePages, base: SnapshotRoots) {
    this.pages = pages;
    this.base = base;
    this.geometry = pages.geometry;
    const o = pages.find(base.mapPage, base.mapBirth, PAGE_TYPE.map);
    this.baseLevel = pageLevel(pages.segment, o);
    this.level = this.baseLevel;
    this.inUse = base.pagesInUse;
  }

  get pagesInUse(): number {
    return this.inUse;
  }

  /** Takes out what the transaction let go of; each map page that is copied adds to that. */
  clearFreed(): void {
    const { freed } = this.pages;
    while (this.cleared < freed.length) this.flip(freed[this.cleared++]!, false);
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
      if (leaf.page >= end || path.some(({ page }) => page >= end)) this.page(0, index);
    }
  }

  /**
   * How many map pages this update is likely to write: for one joint allocation. One more than it
   * has, for the places themselves are marked on a bitmap page.
   */
  estimate(end: number): number {
    return Math.max(this.made.size, this.levelFor(end) + 1) + 1;
  }

  /** Offers places, in use already, for the map's pages. */
  offer(run: Run): void {
    for (let i = 0; i < run.count; i++) this.places.push(run.page + i);
  }

  /** Takes places until every map page that changes has one. */
  settle(allocator: Allocator): void {
    for (;;) {
      this.growTo(this.levelFor(allocator.end));
      this.clearFreed();
      const missing = this.made.size - this.places.length;
      if (missing <= 0) break;
      for (const run of allocator.take(missing)) {
        this.set(run.page, run.count);
        this.offer(run);
      }
    }
    // What was offered and is not needed is free again; its bitmap pages change anyway.
    while (this.places.length > this.made.size) this.clear(this.places.pop()!, 1);
  }

  /** The last page in use, given that none at or past `end` is. */
  lastPageInUse(end: number): number {
    const { mapLeafBits } = this.geometry;
    let last = end - 1;
    for (let index = Math.floor(last / mapLeafBits); index >= 0; index--) {
      const bit = this.lastBit(index, last - index * mapLeafBits);
      if (bit >= 0) return index * mapLeafBits + bit;
      last = index * mapLeafBits - 1;
    }
    assert(false, 'the map has no page in use');
  }

  /** Gives the map's pages their places, adds them to `placed`, and returns the new root. */
  write(placed: PlacedPage[]): MapPointer {
    const { pages, places, level } = this;
    const { mapFanout } = this.geometry;
    assert(places.length === this.made.size, 'every place of the map is used');
    let next = 0;
    for (let below = 0; below <= level; below++) {
      for (const map of this.made.values()) {
        if (map.level !== below) continue;
        const { segment, o, index } = map;
        const page = places[next++]!;
        setOwnNumber(segment, o, page);
        placed.push({ page, bytes: segment.bytes, o });
        if (below === level) continue;
        const parent = this.page(below + 1, Math.floor(index / mapFanout));
        const slot = index % mapFanout;
        setMapChild(parent.segment, parent.o, mapFanout, slot, page, pages.transaction);
        const bits = mapBitsBelow(parent.segment, parent.o, mapFanout, slot) + map.added;
        setMapBitsBelow(parent.segment, parent.o, mapFanout, slot, bits);
        parent.added += map.added;
      }
    }
    const root = places[next - 1]!;
    if (level > 0) this.requireCounted(this.page(level, 0), root);
    return { page: root, birth: pages.transaction };
  }

  /** The counts of a damaged map need not be those of its bits. */
  private requireCounted({ segment, o }: MapPage, page: number): void {
    const { mapFanout } = this.geometry;
    let bits = 0;
    for (let i = 0; i < mapFanout; i++) bits += mapBitsBelow(segment, o, mapFanout, i);
    if (bits !== this.inUse) {
      throw mapFault(page, `${bits} pages are marked as in use, not ${this.inUse}`);
    }
  }

  /** A new map page, and those above it: a copy of the base's, or empty where the base has none. */
  private page(level: number, index: number): MapPage {
    const key = LEVELS * index + level;
    let page = this.made.get(key);
    if (page === undefined) {
      const { pages } = this;
      const number = this.copy(level, index);
      const o = pages.find(number, pages.transaction, PAGE_TYPE.map);
      page = { level, index, segment: pages.segment, o, added: 0 };
      this.made.set(key, page);
      if (level === this.baseLevel + 1 && index === 0) this.setBase(page);
    }
    return page;
  }

  private copy(level: number, index: number): number {
    const { pages, base, baseLevel } = this;
    const { mapFanout } = this.geometry;
    const parent =
      level < this.level ? this.page(level + 1, Math.floor(index / mapFanout)) : undefined;
    if (level === baseLevel && index === 0) {
      return pages.touch(base.mapPage, base.mapBirth, PAGE_TYPE.map);
    }
    if (level > baseLevel || parent === undefined) {
      return pages.allocate(PAGE_TYPE.map, level, 0);
    }
    const slot = index % mapFanout;
    const page = mapChild(parent.segment, parent.o, slot);
    if (page === 0) return pages.allocate(PAGE_TYPE.map, level, 0);
    const birth = mapChildBirth(parent.segment, parent.o, mapFanout, slot);
    findMapPage(pages, page, birth, level);
    return pages.touch(page, birth, PAGE_TYPE.map);
  }

  /** Makes the base's map the first child of a page of the level above it, which is new. */
  private setBase(above: MapPage): void {
    const { mapPage, mapBirth, pagesInUse } = this.base;
    const { segment, o } = above;
    setMapChild(segment, o, this.geometry.mapFanout, 0, mapPage, mapBirth);
    setMapBitsBelow(segment, o, this.geometry.mapFanout, 0, pagesInUse);
    above.added = pagesInUse;
  }

  private growTo(level: number): void {
    if (level <= this.level) return;
    this.level = level;
    for (let above = level; above > this.baseLevel; above--) this.page(above, 0);
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
    const leaf = this.leaf(index);
    const mask = 1 << (bit & 31);
    const word = mapWord(leaf.segment, leaf.o, bit >> 5);
    const was = (word & mask) !== 0;
    // Of a whole file no page is let go of twice, or lies past the end and is in use.
    if (was === inUse) throw mapFault(page, `page ${page} is ${was ? 'given' : 'let go of'} twice`);
    setMapWord(leaf.segment, leaf.o, bit >> 5, word ^ mask);
    leaf.added += inUse ? 1 : -1;
    this.inUse += inUse ? 1 : -1;
  }

  private leaf(index: number): MapPage {
    const { lastLeaf } = this;
    if (lastLeaf !== undefined && lastLeaf.index === index) return lastLeaf;
    const { mapLeafBits } = this.geometry;
    // A place past what the map covers was taken at the file's new end.
    this.growTo(this.levelFor((index + 1) * mapLeafBits));
    const leaf = this.page(0, index);
    this.lastLeaf = leaf;
    return leaf;
  }

  /** The highest bit set of a bitmap page, up to `from`; -1 when there is none. */
  private lastBit(index: number, from: number): number {
    const made = this.made.get(LEVELS * index);
    let s = made?.segment;
    let o = made?.o ?? 0;
    if (s === undefined) {
      const { page, birth } = findMapLeaf(this.pages, this.base, index);
      if (page === 0) return -1;
      o = this.pages.find(page, birth, PAGE_TYPE.map);
      s = this.pages.segment;
    }
    let w = from >> 5;
    let word = mapWord(s, o, w) & (-1 >>> (31 - (from & 31)));
    while (word === 0 && w > 0) word = mapWord(s, o, --w);
    return word === 0 ? -1 : 32 * w + 31 - Math.clz32(word);
  }
}

function mapFault(page: number, what: string): CorruptionError {
  return new CorruptionError(page, `The allocation map does not fit the trees: ${what}.`);
}
