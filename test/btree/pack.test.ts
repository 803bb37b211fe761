import { expect, test } from 'vitest';
import { checkTree } from '../../src/btree/check.ts';
import { type FindPlace, PackPass } from '../../src/btree/pack.ts';
import { Scratch } from '../../src/btree/scratch.ts';
import { WritableTree } from '../../src/btree/writable-tree.ts';
import { Geometry } from '../../src/format/geometry.ts';
import { seed } from '../frame/seed.ts';
import { MemoryPages } from '../support/memory-pages.ts';
import { Random } from '../support/sim-random.ts';
import { pagesOf } from '../support/tree-shape.ts';

/** Small pages, so that a thousand keys make a deep tree. */
const GEOMETRY = new Geometry(512, 2 ** 20);
const KEY_BYTES = 8;
const NO_PLACE = (): number => -1;

function keyOf(i: number): Uint8Array {
  return Uint8Array.from(Buffer.from(String(i).padStart(KEY_BYTES, '0')));
}

interface Grown {
  readonly pages: MemoryPages;
  readonly tree: WritableTree;
  readonly values: Map<number, Uint8Array>;
}

/** A tree of random inserts, removals and values, some of them in overflow runs. */
function grow(random: Random, keys: number, longest: number): Grown {
  const pages = new MemoryPages(GEOMETRY);
  const tree = new WritableTree(
    pages,
    { page: 0, birth: 0, entries: 0, version: 0 },
    new Scratch(GEOMETRY),
    0,
  );
  const values = new Map<number, Uint8Array>();
  for (let i = 0; i < keys; i++) {
    const key = random.below(10 * keys);
    const value = new Uint8Array(random.below(longest)).fill(i & 255);
    tree.put(keyOf(key), KEY_BYTES, value, 0, value.length);
    values.set(key, value);
    if (random.below(8) > 0) continue;
    const gone = [...values.keys()][random.below(values.size)]!;
    tree.remove(keyOf(gone), KEY_BYTES);
    values.delete(gone);
  }
  pages.commit([tree.root]);
  return { pages, tree, values };
}

/** Runs a pass to its end in steps, each committed. Returns how many there were. */
function run({ pages, tree }: Grown, pass: PackPass, most: number, place: FindPlace): number {
  let steps = 0;
  while (!pass.finished) {
    pass.stopAt = pass.moved + 8;
    tree.pack(pass, most, place);
    pages.account([tree.root]);
    pages.commit([tree.root]);
    expect(++steps).toBeLessThan(5000);
  }
  return steps;
}

function requireSame({ tree, values }: Grown): void {
  const cursor = tree.cursor();
  const sorted = [...values.keys()].sort((a, b) => a - b);
  let more = cursor.first();
  for (const key of sorted) {
    expect(more).toBe(true);
    const found = new Uint8Array(KEY_BYTES);
    cursor.copyKey(found);
    expect(found).toEqual(keyOf(key));
    cursor.loadValue();
    const { valueSegment, valueStart, valueEnd } = cursor;
    expect(valueSegment.bytes.slice(valueStart, valueEnd)).toEqual(values.get(key));
    more = cursor.next();
  }
  expect(more).toBe(false);
}

function leavesOf({ pages, tree }: Grown): { leaves: number; bytes: number } {
  const found = checkTree(pages, tree.root, { values: true });
  return { leaves: found.leafPages, bytes: found.leafBytes };
}

/** The overflow runs of a tree, in the order of its keys. */
function runsOf({ tree }: Grown): { page: number; birth: number; end: number }[] {
  const runs = [];
  const cursor = tree.cursor();
  for (let more = cursor.first(); more; more = cursor.next()) {
    if (!cursor.inOverflow) continue;
    const { runPage: page, runBirth: birth, valueLength } = cursor;
    runs.push({ page, birth, end: page + GEOMETRY.overflowPages(valueLength) });
  }
  return runs;
}

test('a filled tree holds what it held, in fewer leaves that are 85 % full or more', () => {
  const random = new Random(seed);
  for (let round = 0; round < 6; round++) {
    const grown = grow(random, 300 + random.below(1500), 40);
    const before = leavesOf(grown);
    run(grown, new PackPass('fill', 0, GEOMETRY.pageSize), 16, NO_PLACE);
    requireSame(grown);
    const after = leavesOf(grown);
    // An entry is a tenth of these small pages, and a branch has twelve of them. What is left over
    // lies in the last leaf, which counts in a small tree; and one may be this full before.
    const full = ({ leaves, bytes }: typeof after): number =>
      bytes / ((leaves - 1) * GEOMETRY.capacity);
    if (full(before) < 0.85) expect(after.leaves).toBeLessThan(before.leaves);
    expect(after.leaves).toBeLessThanOrEqual(before.leaves);
    expect(full(after)).toBeGreaterThan(0.85);
  }
});

test('a tree that is full is not written again', () => {
  const grown = grow(new Random(seed), 2000, 40);
  const pass = (): PackPass => new PackPass('fill', 0, GEOMETRY.pageSize);
  run(grown, pass(), 16, NO_PLACE);
  const leaves = leavesOf(grown).leaves;
  const again = pass();
  run(grown, again, 16, NO_PLACE);
  expect(again.moved).toBeLessThan(leaves / 10);
});

test('every page at or past the end is moved, and runs where there is a place', () => {
  const random = new Random(seed);
  let moved = 0;
  for (let round = 0; round < 4; round++) {
    const grown = grow(random, 200 + random.below(800), 1200);
    // Holes for runs to go to.
    for (const key of [...grown.values.keys()].filter(() => random.chance(0.4))) {
      grown.tree.remove(keyOf(key), KEY_BYTES);
      grown.values.delete(key);
    }
    grown.pages.commit([grown.tree.root]);
    const last = Math.max(...pagesOf(grown.tree).map(({ page }) => page));
    const end = Math.floor(last * (0.3 + random.below(60) / 100));
    const findPlace: FindPlace = (count, before) => grown.pages.findPlace(count, before);
    for (const place of [NO_PLACE, findPlace]) {
      const runs = runsOf(grown);
      const beforeRuns = grown.pages.transaction;
      run(grown, new PackPass('runs', end, GEOMETRY.pageSize), 16, place);
      requireSame(grown);
      const before = grown.pages.transaction;
      run(grown, new PackPass('pages', end, GEOMETRY.pageSize), 16, place);
      requireSame(grown);
      // First fit may give a page that moves a place past the end; what matters is that it moved.
      for (const { page, birth } of pagesOf(grown.tree)) {
        if (page >= end) expect(birth).toBeGreaterThanOrEqual(before);
      }
      const now = runsOf(grown);
      if (place === NO_PLACE) expect(now).toEqual(runs);
      now.forEach(({ page, birth }, i) => {
        expect(page).toBeLessThanOrEqual(runs[i]!.page);
        if (birth >= beforeRuns) expect(runs[i]!.end).toBeGreaterThan(end);
      });
      moved += now.filter(({ birth }) => birth >= beforeRuns).length;
    }
  }
  expect(moved).toBeGreaterThan(10);
});

test('a pass goes on where it was, whatever others have changed in between', () => {
  const random = new Random(seed);
  const grown = grow(random, 1500, 60);
  for (const kind of ['fill', 'runs', 'pages'] as const) {
    const pass = new PackPass(kind, 50, GEOMETRY.pageSize);
    for (let steps = 0; !pass.finished; steps++) {
      grown.tree.pack(pass, 4, (count, before) => grown.pages.findPlace(count, before));
      for (let i = random.below(6); i > 0; i--) {
        const key = random.below(15_000);
        const value = new Uint8Array(random.below(60)).fill(steps & 255);
        grown.tree.put(keyOf(key), KEY_BYTES, value, 0, value.length);
        grown.values.set(key, value);
      }
      if (random.below(4) === 0) {
        const [gone] = [...grown.values.keys()].slice(random.below(grown.values.size));
        grown.tree.remove(keyOf(gone!), KEY_BYTES);
        grown.values.delete(gone!);
      }
      grown.pages.account([grown.tree.root]);
      grown.pages.commit([grown.tree.root]);
      expect(steps).toBeLessThan(5000);
    }
    requireSame(grown);
  }
});

test('a tree of no entries, and of one leaf', () => {
  const random = new Random(seed);
  for (const keys of [0, 1, 3])
    for (const kind of ['fill', 'runs', 'pages'] as const) {
      const grown = grow(random, keys, 20);
      expect(run(grown, new PackPass(kind, 0, GEOMETRY.pageSize), 1, NO_PLACE)).toBeLessThanOrEqual(
        1,
      );
      requireSame(grown);
    }
});
