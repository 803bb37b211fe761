import { expect, test } from 'vitest';
import { Geometry } from '../../src/format/geometry.ts';
import { mapChild, mapChildBirth } from '../../src/format/map-page.ts';
import { PAGE_TYPE, pageLevel } from '../../src/format/page-header.ts';
import { findMapLeaf, leavesBelow } from '../../src/pager/allocation-map.ts';
import { FreePages } from '../../src/pager/free-pages.ts';
import type { MappedPages } from '../../src/pager/mapped-pages.ts';
import { PrivateMemory } from '../../src/pager/private-memory.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import { seed } from '../frame/seed.ts';
import { mappedPages } from '../support/crash-accounting.ts';
import { History } from '../support/sim-history.ts';
import { DEFAULT_SIM, newMachine, SimProcess } from '../support/sim-process.ts';
import { Random } from '../support/sim-random.ts';

// 1,792 pages to a bitmap page, 16 children to an interior one: 28,672 pages make three levels.
const TINY = { ...DEFAULT_SIM, pageSize: 256, segmentBytes: 2 ** 20, windowBytes: 2 ** 16 };
const GEOMETRY = new Geometry(TINY.pageSize, TINY.segmentBytes);

/** A database in which nothing but its maps has a meaning. */
class MapWorld {
  readonly process: SimProcess;
  /** Pages that stand for a user's: those that are neither the map's nor the meta slots'. */
  users = new Set<number>();

  constructor() {
    const machine = newMachine(TINY);
    this.process = SimProcess.open(machine, History.empty(), TINY);
  }

  get roots(): SnapshotRoots {
    return this.process.published;
  }
  get pages(): MappedPages {
    return this.process.pager.pages;
  }
  get depth(): number {
    const o = this.pages.find(this.roots.mapPage, this.roots.mapBirth, PAGE_TYPE.map);
    return pageLevel(this.pages.segment, o);
  }

  /** Commits a transaction that makes `count` pages and lets go of `freed`; checks the map. */
  commit(count: number, freed: readonly number[]): void {
    const { pager } = this.process;
    const base = this.roots;
    const before = mappedPages(this.pages, base);
    const session = pager.beginWriteSync();
    for (let i = 0; i < count; i++) session.pages.allocate(PAGE_TYPE.leaf, 0, 0);
    for (const page of freed) session.pages.free(page);
    pager.commitSync(session, 0, 0, 'commit');

    const after = mappedPages(this.pages, this.roots);
    const maps = mapPagesOf(this.pages, this.roots);
    const users = new Set<number>();
    for (const page of after) {
      if (page >= GEOMETRY.firstPage && !maps.has(page)) users.add(page);
    }
    const gone = new Set(freed);
    for (const page of this.users) {
      if (users.has(page) === gone.has(page)) throw new Error(`page ${page} is wrongly marked`);
    }
    const added = [...users].filter((page) => !this.users.has(page));
    expect(added).toHaveLength(count);
    for (const page of added) if (before.has(page)) throw new Error(`page ${page} was in use`);
    for (const page of maps)
      if (!after.has(page)) throw new Error(`map page ${page} is not marked`);
    expect(this.roots.filePages).toBe(lastOf(after) + 1);
    this.users = users;
  }
}

function lastOf(pages: ReadonlySet<number>): number {
  let last = 0;
  for (const page of pages) last = Math.max(last, page);
  return last;
}

function mapPagesOf(pages: MappedPages, roots: SnapshotRoots): Set<number> {
  const found = new Set<number>();
  const visit = (page: number, birth: number): void => {
    found.add(page);
    const o = pages.find(page, birth, PAGE_TYPE.map);
    const s = pages.segment;
    if (pageLevel(s, o) === 0) return;
    for (let i = 0; i < GEOMETRY.mapFanout; i++) {
      const child = mapChild(s, o, i);
      if (child !== 0) visit(child, mapChildBirth(s, o, GEOMETRY.mapFanout, i));
    }
  };
  visit(roots.mapPage, roots.mapBirth);
  return found;
}

function sample(random: Random, pages: ReadonlySet<number>, count: number): number[] {
  const all = [...pages];
  const chosen = new Set<number>();
  for (let i = 0; i < count && all.length > 0; i++) chosen.add(random.pick(all));
  return [...chosen];
}

test('small and large commits leave exactly the pages of a set, at each depth of the map', () => {
  const random = new Random(seed);
  const world = new MapWorld();
  const depths = new Set<number>();
  for (const size of [3, 40, 1700, 200, 9000, 12_000, 20_000]) {
    world.commit(size, sample(random, world.users, random.below(50)));
    depths.add(world.depth);
    for (let i = 0; i < 12; i++) {
      world.commit(1 + random.below(30), sample(random, world.users, random.below(40)));
    }
    world.commit(1, sample(random, world.users, world.users.size / 2));
  }
  expect([...depths]).toEqual([0, 1, 2]);
});

test('a map that grows two levels in one commit holds everything', () => {
  const world = new MapWorld();
  world.commit(1, []);
  world.commit(32_000, []);
  expect(world.depth).toBe(2);
  world.commit(1, []);
  expect(world.users.size).toBe(32_002);
});

test('a commit of one page writes one page of each level of the map', () => {
  const world = new MapWorld();
  world.commit(32_000, []);
  const before = mapPagesOf(world.pages, world.roots);
  world.commit(1, []);
  const after = mapPagesOf(world.pages, world.roots);
  const written = [...after].filter((page) => !before.has(page));
  // The new page, and the map's own, may lie under two bitmap pages.
  expect(written.length).toBeGreaterThanOrEqual(3);
  expect(written.length).toBeLessThanOrEqual(5);
});

test('a bitmap page that covers nothing in use has no page', () => {
  const world = new MapWorld();
  world.commit(32_000, []);
  const { geometry } = world.pages;
  const last = Math.floor((world.roots.filePages - 1) / geometry.mapLeafBits);
  expect(findMapLeaf(world.pages, world.roots, last).page).toBeGreaterThan(0);
  expect(findMapLeaf(world.pages, world.roots, last + 1).page).toBe(0);
  const past = leavesBelow(geometry, world.depth);
  expect(findMapLeaf(world.pages, world.roots, past).page).toBe(0);
});

test('the free pages are the complement of the union of several snapshots', () => {
  const random = new Random(seed + 1);
  const world = new MapWorld();
  const snapshots: SnapshotRoots[] = [];
  const inUse = new Set<number>();
  world.commit(4000, []);
  for (let i = 0; i < 3; i++) {
    world.commit(100, sample(random, world.users, 600));
    world.process.pager.readers.pin();
    snapshots.push(world.roots);
    for (const page of mappedPages(world.pages, world.roots)) inUse.add(page);
  }
  const free = new FreePages(world.pages, snapshots, new PrivateMemory());
  for (let page = 0; page < 6000; page++) {
    if (free.isFree(page) === inUse.has(page)) throw new Error(`page ${page}`);
  }
  expect(free.isFree(5001)).toBe(true);
  free.take(5000, 3);
  expect([4999, 5000, 5002, 5003].map((page) => free.isFree(page))).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
