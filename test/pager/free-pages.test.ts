import { expect, test } from 'vitest';
import { Geometry } from '../../src/format/geometry.ts';
import { setMapWord } from '../../src/format/map-page.ts';
import { initialisePage, PAGE_TYPE } from '../../src/format/page-header.ts';
import { Segment } from '../../src/format/segment.ts';
import { FreePages } from '../../src/pager/free-pages.ts';
import type { PageReader } from '../../src/pager/page-reader.ts';
import { PrivateMemory } from '../../src/pager/private-memory.ts';
import { seed } from '../frame/seed.ts';
import { Random } from '../support/sim-random.ts';

const PAGE_SIZE = 256;
const GEOMETRY = new Geometry(PAGE_SIZE, 2 ** 20);
const BITS = GEOMETRY.mapLeafBits;
/** Bitmap pages of the one map of these tests, under one interior page. */
const BITMAPS = 3;

/** One snapshot whose map has those bits: page 1 is its root, the bitmaps are pages 2 to 4. */
function freePages(isFree: (page: number) => boolean): FreePages {
  const segment = new Segment(new ArrayBuffer(PAGE_SIZE * (BITMAPS + 2)));
  initialisePage(segment, PAGE_SIZE, PAGE_SIZE, 1, 1, PAGE_TYPE.map, 1, 0);
  for (let i = 0; i < BITMAPS; i++) {
    const o = (2 + i) * PAGE_SIZE;
    initialisePage(segment, o, PAGE_SIZE, 2 + i, 1, PAGE_TYPE.map, 0, 0);
    segment.i32[(PAGE_SIZE + 32) / 4 + i] = 2 + i;
    segment.i32[(PAGE_SIZE + 32) / 4 + GEOMETRY.mapFanout + i] = 1;
    for (let w = 0; w < BITS / 32; w++) {
      let word = 0;
      for (let b = 0; b < 32; b++) if (!isFree(i * BITS + 32 * w + b)) word |= 1 << b;
      setMapWord(segment, o, w, word);
    }
  }
  const pages: PageReader = {
    geometry: GEOMETRY,
    segment,
    visits: 0,
    find: (page) => page * PAGE_SIZE,
    findRun: () => {
      throw new Error('maps have no runs');
    },
  };
  const snapshot = {
    id: 1,
    cataloguePage: 0,
    catalogueBirth: 0,
    mapPage: 1,
    mapBirth: 1,
    filePages: BITMAPS * BITS,
    pagesInUse: 0,
  };
  return new FreePages(pages, [snapshot], new PrivateMemory());
}

/** The same, found one page after the other. */
function runsOf(free: FreePages, from: number, to: number, least: number): [number, number][] {
  const runs: [number, number][] = [];
  for (let page = from; page < to; page++) {
    const start = page;
    while (page < to && free.isFree(page)) page++;
    if (page > start && page - start >= least) runs.push([start, page - start]);
  }
  return runs;
}

/** What `nextRun` finds, from each run on. */
function scanned(free: FreePages, from: number, to: number, least: number): [number, number][] {
  const runs: [number, number][] = [];
  for (let at = from; ; ) {
    const page = free.nextRun(at, to, least);
    if (page === to) return runs;
    runs.push([page, free.runLength]);
    at = page + free.runLength;
  }
}

test('each free run of some length is found, as by a look at every page', () => {
  const random = new Random(seed);
  for (let round = 0; round < 120; round++) {
    const density = random.pick([0.02, 0.3, 0.5, 0.8, 0.97, 0.999]);
    const bits = new Uint8Array(BITMAPS * BITS);
    // Runs of both kinds, of a length that goes with the density.
    for (let at = 0, isFree = 0; at < bits.length; isFree ^= 1) {
      const mean = isFree === 1 ? 60 * density : 60 * (1 - density);
      const end = at + 1 + random.below(2 * Math.ceil(mean));
      bits.fill(isFree, at, end);
      at = end;
    }
    const free = freePages((page) => bits[page] === 1);
    for (const least of [1, 2, 3, 4, 7, 8, 31, 32, 33, 100]) {
      const from = random.below(BITMAPS * BITS);
      const to = from + random.below(BITMAPS * BITS - from + 1);
      expect(scanned(free, from, to, least)).toEqual(runsOf(free, from, to, least));
    }
  }
});

test('every start, end and run inside two words is told of as it is', () => {
  for (let start = 0; start <= 64; start++) {
    for (let count = 0; start + count <= 64; count++) {
      const free = freePages((page) => page >= start && page < start + count);
      for (const [from, to] of [
        [0, 64],
        [5, 60],
        [32, 64],
        [31, 33],
      ] as const) {
        for (const least of [1, 4, 32]) {
          expect(scanned(free, from, to, least)).toEqual(runsOf(free, from, to, least));
        }
      }
    }
  }
});

test('a run goes on from one bitmap page to the next', () => {
  const free = freePages((page) => page >= BITS - 70 && page < BITS + 65);
  expect(scanned(free, 0, BITMAPS * BITS, 100)).toEqual([[BITS - 70, 135]]);
  const all = freePages(() => true);
  expect(scanned(all, 3, BITMAPS * BITS - 3, 1)).toEqual([[3, BITMAPS * BITS - 6]]);
});

test('an empty stretch has no run', () => {
  const free = freePages(() => true);
  expect(scanned(free, 50, 50, 1)).toEqual([]);
});
