/**
 * Step 2 of a commit: every dirty page gets its place in the file, all at once, so that they fill
 * the fewest runs; pointers and page numbers follow.
 *
 * Rule 1 is kept here: places come only from pages that no retained snapshot uses.
 */

import { assert } from '../assert.ts';
import { ownNumber, PAGE_FLAG, pageFlags, pageLevel, setOwnNumber } from '../format/page-header.ts';
import { placePointers } from '../format/pointers.ts';
import type { DirtyRun } from './dirty-run.ts';
import { FreePages } from './free-pages.ts';
import type { Run } from './free-runs.ts';
import { MapUpdate } from './map-update.ts';
import type { PlacedPage } from './placed-page.ts';
import type { PrivateMemory } from './private-memory.ts';
import type { SnapshotRoots } from './snapshot.ts';
import { Allocator } from './space.ts';
import { dirtyIndex, type WritePages } from './write-pages.ts';

/** An overflow run with its place. */
export interface PlacedRun {
  readonly page: number;
  readonly run: DirtyRun;
}

/** Past every level of a branch (format/validate.ts). */
const CATALOGUE = 50;

/** Scratch of one call: where the pages of each kind end. */
const ends = new Int32Array(CATALOGUE + 1);

/** All that a commit writes, and the snapshot that it makes. */
export interface Placement {
  readonly roots: SnapshotRoots;
  /** In ascending order of their places. */
  readonly pages: readonly PlacedPage[];
  readonly runs: readonly PlacedRun[];
  /** Where the next commit's sweep begins. */
  readonly sweep: number;
  /** The pages of the base that are not in the new snapshot, overflow runs apart. */
  readonly replaced: readonly number[];
}

export interface PlacementRequest {
  readonly id: number;
  readonly base: SnapshotRoots;
  readonly pages: WritePages;
  readonly memory: PrivateMemory;
  /** The catalogue's root in the transaction: 0, dirty, or a page of the base, with its birth. */
  readonly cataloguePage: number;
  readonly catalogueBirth: number;
  readonly retained: readonly SnapshotRoots[];
  readonly sweep: number;
  readonly maxGrowth: number;
  /** What the commit before replaced. */
  readonly spared: readonly number[];
}

/** Places everything that the transaction made. Nothing outside of its private memory changes. */
export function place(request: PlacementRequest): Placement {
  const { id, base, pages, memory, retained } = request;
  const { geometry } = pages;
  const free = new FreePages(pages, retained, memory);
  const { lowPlaces } = pages;
  const allocator = new Allocator(free, geometry, {
    sweep: request.sweep,
    end: retained.reduce((last, { filePages }) => Math.max(last, filePages), 0),
    live: base.pagesInUse,
    maxGrowth: request.maxGrowth,
    lowFrom: lowPlaces?.from,
  });
  // Before the map's own pages are among them.
  const { order, leaves } = byLifetime(pages);
  const map = new MapUpdate(pages, base);
  map.clearFreed();
  for (let i = 0; i < pages.freedRuns.length; i += 2) {
    map.clear(pages.freedRuns[i]!, pages.freedRuns[i + 1]!);
  }

  if (lowPlaces !== undefined) map.moveFrom(lowPlaces.end);
  const runPlaces = placeRuns(pages, free, allocator, map);
  // The map's pages are taken with the others, so that they lie in the same run.
  const passing = order.length + map.estimate(allocator.end) - leaves;
  const places = allocator.takeByLife(leaves, passing, base.mapPage, request.spared);
  for (const runs of [places.lasting, places.passing]) {
    for (const run of runs) map.set(run.page, run.count);
  }
  const placeOf = new Int32Array(pages.indices);
  placePages(order, 0, leaves, places.lasting, placeOf);
  const left = placePages(order, leaves, order.length, places.passing, placeOf);
  for (const run of left) map.offer(run);
  map.settle(allocator);

  const placed: PlacedPage[] = [];
  for (const index of order) {
    const s = pages.segmentOf(index);
    const o = pages.offsetOf(index);
    placePointers(s, o, placeOf, runPlaces);
    setOwnNumber(s, o, placeOf[index]!);
    placed.push({ page: placeOf[index]!, bytes: s.bytes, o });
  }
  const filePages = map.lastPageInUse(allocator.end) + 1;
  const inUse = map.pagesInUse;
  const root = map.write(placed);
  free.dispose();
  memory.kept = [free, allocator, map, request];
  placed.sort((a, b) => a.page - b.page);
  for (const { page, bytes, o } of placed) {
    assert(page >= geometry.firstPage && bytes.length > o, 'a dirty page is placed at', page);
  }
  const runs: PlacedRun[] = [];
  pages.runs.forEach((run, i) => {
    if (run.pages === 0) return;
    const page = runPlaces[i]!;
    for (let head = 0; head < run.heads; head++) {
      setOwnNumber(run.segment, head * geometry.pageSize, page + head);
    }
    runs.push({ page, run });
  });
  const dirtyRoot = request.cataloguePage < 0;
  return {
    roots: {
      id,
      cataloguePage: dirtyRoot
        ? placeOf[dirtyIndex(request.cataloguePage)]!
        : request.cataloguePage,
      catalogueBirth: dirtyRoot ? id : request.catalogueBirth,
      mapPage: root.page,
      mapBirth: root.birth,
      filePages,
      pagesInUse: inUse,
    },
    pages: placed,
    runs,
    sweep: lowPlaces === undefined ? allocator.sweep : request.sweep,
    replaced: pages.freed,
  };
}

/** The place of each overflow run, by index; 0 for those that were let go of. */
function placeRuns(
  pages: WritePages,
  free: FreePages,
  allocator: Allocator,
  map: MapUpdate,
): number[] {
  const places = pages.runs.map(({ place, pages: count }) => {
    if (count > 0 && place > 0) free.take(place, count);
    return place;
  });
  return pages.runs.map(({ pages: count }, i) => {
    if (count === 0) return 0;
    const page = places[i]! > 0 ? places[i]! : allocator.takeRun(count);
    map.set(page, count);
    return page;
  });
}

/** Dirty pages in the order of their lives. */
interface Lives {
  /** Indices, those of leaves first. */
  readonly order: Int32Array;
  readonly leaves: number;
}

/**
 * The dirty pages' indices, those first that will live longest: leaves, and then branches from the
 * lowest level up, for the higher a branch the more puts go through it; the catalogue last, which
 * every commit replaces as it does the map. Pages of one kind stay as they were made.
 */
function byLifetime(pages: WritePages): Lives {
  const order = new Int32Array(pages.dirtyPages);
  ends.fill(0);
  for (let index = pages.nextDirty(-1); index >= 0; index = pages.nextDirty(index)) {
    ends[kindOf(pages, index)]!++;
  }
  const leaves = ends[0]!;
  for (let kind = 1; kind <= CATALOGUE; kind++) ends[kind]! += ends[kind - 1]!;
  for (let kind = CATALOGUE; kind > 0; kind--) ends[kind] = ends[kind - 1]!;
  ends[0] = 0;
  for (let index = pages.nextDirty(-1); index >= 0; index = pages.nextDirty(index)) {
    const o = pages.offsetOf(index);
    assert(ownNumber(pages.segmentOf(index), o) < 0, 'a dirty page is placed once');
    order[ends[kindOf(pages, index)]!++] = index;
  }
  return { order, leaves };
}

/** A page's level; CATALOGUE for leaves of the catalogue. */
function kindOf(pages: WritePages, index: number): number {
  const s = pages.segmentOf(index);
  const o = pages.offsetOf(index);
  return (pageFlags(s, o) & PAGE_FLAG.catalogue) !== 0 ? CATALOGUE : pageLevel(s, o);
}

/** Gives the pages order[from, to) places in the runs, and returns what is left of these. */
function placePages(
  order: Int32Array,
  from: number,
  to: number,
  runs: readonly Run[],
  placeOf: Int32Array,
): Run[] {
  let run = 0;
  let inRun = 0;
  for (let i = from; i < to; i++) {
    placeOf[order[i]!] = runs[run]!.page + inRun++;
    if (inRun < runs[run]!.count) continue;
    run++;
    inRun = 0;
  }
  const [begun, ...rest] = runs.slice(run);
  if (begun === undefined) return rest;
  return [{ page: begun.page + inRun, count: begun.count - inRun }, ...rest];
}
