/**
 * The allocation map of the snapshot that a commit makes: the base's, less what the transaction let
 * go of, plus what it was given, the map's own new pages included.
 *
 * A new bitmap page needs a place, which sets a bit, which may be on another bitmap page: `settle`
 * goes on until nothing changes. It ends, because each round adds a bitmap page or is the last.
 */

import { assert } from '../assert.ts';
import type { Geometry } from '../format/geometry.ts';
import {
  mapBitsBelow,
  mapChild,
  mapChildBirth,
  popCount,
  setMapBitsBelow,
  setMapChild,
  setMapWord,
} from '../format/map-page.ts';
import { PAGE_TYPE, pageLevel } from '../format/page-header.ts';
import { findMapLeaf, leavesBelow, type MapPointer, readMapLeaf } from './allocation-map.ts';
import type { Run } from './free-runs.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Allocator } from './space.ts';
import type { WritePages } from './write-pages.ts';

export class MapUpdate {
  private readonly pages: WritePages;
  private readonly base: SnapshotRoots;
  private readonly geometry: Geometry;
  /** Bitmap pages that change, by index, with their bits. */
  private readonly leaves = new Map<number, Int32Array>();
  /** Map pages of the base that are replaced. */
  private readonly replaced = new Set<number>();
  private readonly released = new Set<number>();
  private baseLevel: number;
  private inUse: number;
  /** Places for the map's own new pages. */
  private readonly places: number[] = [];

  constructor(pages: WritePages, base: SnapshotRoots) {
    this.pages = pages;
    this.base = base;
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

  /** How many map pages this update writes at least, as things stand: for one joint allocation. */
  estimate(end: number): number {
    return Math.max(1, this.leaves.size) + this.levelFor(end) + 1;
  }

  /** Offers places, in use already, for the map's pages. */
  offer(run: Run): void {
    for (let i = 0; i < run.count; i++) this.places.push(run.page + i);
  }

  /** Takes places until every map page that changes has one. Returns the places taken. */
  settle(allocator: Allocator): Run[] {
    const taken: Run[] = [];
    for (;;) {
      const before = this.leaves.size;
      this.growLevels(this.levelFor(allocator.end));
      for (const index of [...this.leaves.keys()]) this.release(index);
      const missing = this.neededPages(this.levelFor(allocator.end)) - this.places.length;
      if (missing <= 0 && this.leaves.size === before) break;
      for (const run of allocator.take(Math.max(0, missing))) {
        this.set(run.page, run.count);
        this.offer(run);
        taken.push(run);
      }
    }
    // What was offered and is not needed is free again; its bitmap pages change anyway.
    const needed = this.neededPages(this.levelFor(allocator.end));
    while (this.places.length > needed) this.clear(this.places.pop()!, 1);
    return taken;
  }

  /** The last page in use, given that none at or past `end` is. */
  lastPageInUse(end: number): number {
    const { mapLeafBits } = this.geometry;
    for (let index = Math.floor((end - 1) / mapLeafBits); index >= 0; index--) {
      const words = this.leaves.get(index) ?? this.readLeaf(index);
      for (let w = words.length - 1; w >= 0; w--) {
        if (words[w] !== 0) return index * mapLeafBits + 32 * w + 31 - Math.clz32(words[w]!);
      }
    }
    assert(false, 'the map has no page in use');
  }

  /**
   * Writes the map's pages as dirty pages and returns the new root; `place` is told the file page
   * of each.
   */
  write(end: number, place: (dirty: number, page: number) => void): MapPointer {
    const changed = new Map<number, { dirty: number; page: number; bits: number }>();
    for (const [index, words] of this.leaves) {
      changed.set(index, this.writeLeaf(words, place));
    }
    let level = 0;
    let below = changed;
    const top = this.levelFor(end);
    while (level < top) {
      level++;
      below = this.writeLevel(level, below, place);
    }
    const root = below.get(0);
    assert(root !== undefined && below.size === 1, 'an updated map has one root');
    assert(this.places.length === 0, 'every place of the map is used');
    return { page: root.page, birth: this.pages.transaction };
  }

  private writeLeaf(
    words: Int32Array,
    place: (dirty: number, page: number) => void,
  ): { dirty: number; page: number; bits: number } {
    const dirty = this.pages.allocate(PAGE_TYPE.map, 0, 0);
    const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
    const s = this.pages.segment;
    let bits = 0;
    for (let w = 0; w < words.length; w++) {
      setMapWord(s, o, w, words[w]!);
      bits += popCount(words[w]!);
    }
    const page = this.places.shift()!;
    place(dirty, page);
    return { dirty, page, bits };
  }

  private writeLevel(
    level: number,
    below: Map<number, { page: number; bits: number }>,
    place: (dirty: number, page: number) => void,
  ): Map<number, { dirty: number; page: number; bits: number }> {
    const { mapFanout } = this.geometry;
    const written = new Map<number, { dirty: number; page: number; bits: number }>();
    for (const index of below.keys()) {
      const parent = Math.floor(index / mapFanout);
      if (written.has(parent)) continue;
      const dirty = this.pages.allocate(PAGE_TYPE.map, level, 0);
      this.copyInterior(level, parent, dirty);
      const o = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
      const s = this.pages.segment;
      for (let i = 0; i < mapFanout; i++) {
        const child = below.get(parent * mapFanout + i);
        if (child === undefined) continue;
        setMapChild(s, o, mapFanout, i, child.page, this.pages.transaction);
        setMapBitsBelow(s, o, mapFanout, i, child.bits);
      }
      let bits = 0;
      for (let i = 0; i < mapFanout; i++) bits += mapBitsBelow(s, o, mapFanout, i);
      const page = this.places.shift()!;
      place(dirty, page);
      written.set(parent, { dirty, page, bits });
    }
    return written;
  }

  /**
   * What the base has at (level, index) goes into the dirty page. Above its root it has nothing.
   */
  private copyInterior(level: number, index: number, dirty: number): void {
    const { mapFanout } = this.geometry;
    const to = this.pages.find(dirty, this.pages.transaction, PAGE_TYPE.map);
    const target = this.pages.segment;
    if (level > this.baseLevel) return;
    const pointer = this.baseInterior(level, index);
    if (pointer.page === 0) return;
    const from = this.pages.find(pointer.page, pointer.birth, PAGE_TYPE.map);
    const source = this.pages.segment;
    for (let i = 0; i < mapFanout; i++) {
      const child = mapChild(source, from, i);
      if (child === 0) continue;
      setMapChild(target, to, mapFanout, i, child, mapChildBirth(source, from, mapFanout, i));
      setMapBitsBelow(target, to, mapFanout, i, mapBitsBelow(source, from, mapFanout, i));
    }
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
    const words = this.changedLeaf(index);
    const mask = 1 << (bit & 31);
    const was = (words[bit >> 5]! & mask) !== 0;
    assert(was !== inUse, `page ${page} is ${inUse ? 'given twice' : 'let go of twice'}`);
    words[bit >> 5]! ^= mask;
    this.inUse += inUse ? 1 : -1;
  }

  private changedLeaf(index: number): Int32Array {
    let words = this.leaves.get(index);
    if (words === undefined) {
      words = this.readLeaf(index);
      this.leaves.set(index, words);
    }
    return words;
  }

  private readLeaf(index: number): Int32Array {
    const words = new Int32Array(this.geometry.mapLeafBits >> 5);
    readMapLeaf(this.pages, findMapLeaf(this.pages, this.base, index), words, false);
    return words;
  }
}
