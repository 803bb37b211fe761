import { describe, expect, test } from 'vitest';
import { FreePages } from '../../src/pager/free-pages.ts';
import { LowSpace } from '../../src/pager/low-space.ts';
import { PrivateMemory } from '../../src/pager/private-memory.ts';
import { measureRetained } from '../../src/pager/retained-space.ts';
import { Allocator, type SpacePolicy } from '../../src/pager/space.ts';
import { seed } from '../frame/seed.ts';
import { GEOMETRY, Maps } from '../support/map-pages.ts';
import { Random } from '../support/sim-random.ts';

const FIRST = GEOMETRY.firstPage;

function allocator(
  inUse: readonly ReadonlySet<number>[],
  policy: Partial<SpacePolicy> = {},
): Allocator {
  const maps = new Maps(inUse);
  const end = Math.max(...maps.snapshots.map(({ filePages }) => filePages));
  const live = new Set(inUse.flatMap((pages) => [...pages])).size + FIRST;
  return new Allocator(new FreePages(maps, maps.snapshots, new PrivateMemory()), GEOMETRY, {
    sweep: 0,
    end,
    live,
    maxGrowth: 2,
    ...policy,
  });
}

/** Pages [from, to). */
function range(from: number, to: number): Set<number> {
  return new Set(Array.from({ length: to - from }, (_page, i) => from + i));
}

function without(pages: ReadonlySet<number>, ...gone: ReadonlySet<number>[]): Set<number> {
  return new Set([...pages].filter((page) => !gone.some((each) => each.has(page))));
}

describe('rule 1', () => {
  test('a page that any one of several snapshots uses is handed out by none of many calls', () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const inUse = Array.from({ length: 1 + random.below(4) }, () => {
        const pages = new Set<number>();
        for (let i = random.below(200); i > 0; i--) pages.add(FIRST + random.below(500));
        return pages;
      });
      const sweep = random.below(600);
      const from = allocator(inUse, { sweep, maxGrowth: random.pick([1, 2, 4]) });
      const given = new Set<number>();
      for (let call = 0; call < 6; call++) {
        const count = random.below(40);
        const runs = random.chance(0.3)
          ? [{ page: from.takeRun(1 + count), count: 1 + count }]
          : from.take(count);
        for (const run of runs) {
          for (let page = run.page; page < run.page + run.count; page++) {
            expect(inUse.some((pages) => pages.has(page))).toBe(false);
            expect(given.has(page)).toBe(false);
            expect(page).toBeGreaterThanOrEqual(FIRST);
            expect(page).toBeLessThan(from.end);
            given.add(page);
          }
        }
      }
    }
  });

  test('take gives as many pages as were asked for, in ascending runs that do not touch', () => {
    const random = new Random(seed + 1);
    for (let round = 0; round < 200; round++) {
      const pages = new Set<number>();
      for (let i = random.below(400); i > 0; i--) pages.add(FIRST + random.below(500));
      const count = 1 + random.below(300);
      const runs = allocator([pages], { sweep: random.below(520) }).take(count);
      expect(runs.reduce((n, run) => n + run.count, 0)).toBe(count);
      for (let i = 1; i < runs.length; i++) {
        expect(runs[i]!.page).toBeGreaterThanOrEqual(runs[i - 1]!.page + runs[i - 1]!.count);
      }
    }
  });
});

describe('the sweep', () => {
  // 100 pages in use of 300: under twice the live size, so that the file may not grow further.
  const holes = without(range(FIRST, 300), range(50, 100), range(200, 250));

  test('a commit takes the run after the last one, though an earlier one is as long', () => {
    const from = allocator([holes], { sweep: 120 });
    expect(from.take(20)).toEqual([{ page: 200, count: 20 }]);
    expect(from.sweep).toBe(220);
  });

  test('it comes round again at the end of the file', () => {
    const from = allocator([holes], { sweep: 260 });
    expect(from.take(20)).toEqual([{ page: 50, count: 20 }]);
  });

  test('two takes of one commit lie next to each other', () => {
    const from = allocator([holes], { sweep: 120 });
    from.take(20);
    expect(from.take(10)).toEqual([{ page: 220, count: 10 }]);
  });
});

describe('growth', () => {
  // Every second page is free: no run is longer than one.
  const comb = new Set([...range(FIRST, 400)].filter((page) => page % 2 === 0));

  test('while the file is under maxGrowth times its live size, runs too short are left alone', () => {
    const from = allocator([comb], { maxGrowth: 4, live: 200 });
    const { end } = from;
    expect(from.take(40)).toEqual([{ page: end, count: 40 }]);
    expect(from.end).toBe(end + 40);
  });

  test('beyond that short runs are used before the file grows', () => {
    const from = allocator([comb], { maxGrowth: 1, live: 200 });
    const { end } = from;
    const runs = from.take(40);
    expect(runs).toHaveLength(40);
    expect(from.end).toBe(end);
  });

  test('beyond that, when no page is free, the file grows', () => {
    const full = range(FIRST, 200);
    const from = allocator([full], { maxGrowth: 1 });
    expect(from.take(5)).toEqual([{ page: 200, count: 5 }]);
  });

  test('beyond that the longest of the short runs are taken', () => {
    const runsOf = (lengths: readonly number[]): Set<number> => {
      const pages = range(FIRST, 200);
      let at = 40;
      for (const length of lengths) {
        for (let page = at; page < at + length; page++) pages.delete(page);
        at += length + 3;
      }
      return pages;
    };
    const from = allocator([runsOf([1, 7, 2, 9, 1, 8])], { maxGrowth: 1 });
    expect(from.take(24).map(({ count }) => count)).toEqual([7, 9, 8]);
  });
});

describe('places by how long a page will live', () => {
  test('commits of one leaf write two runs, and the file stays as long as it is', () => {
    const random = new Random(seed + 2);
    const inUse = range(FIRST, 400);
    let passing = [FIRST, 50, 51, 100, 200, 399];
    const leaves = [...inUse].filter((page) => !passing.includes(page));
    const retained = [new Set(inUse)];
    let sweep = 0;
    let end = 0;
    const places = new Set<number>();
    for (let commit = 0; commit < 500; commit++) {
      const from = allocator(retained, { sweep });
      const given = from.takeByLife(1, 6, passing[0]!);
      expect(given.lasting).toEqual([expect.objectContaining({ count: 1 })]);
      expect(given.passing).toEqual([expect.objectContaining({ count: 6 })]);
      for (const page of passing) inUse.delete(page);
      passing = [...range(given.passing[0]!.page, given.passing[0]!.page + 6)];
      const changed = random.below(leaves.length);
      inUse.delete(leaves[changed]!);
      leaves[changed] = given.lasting[0]!.page;
      for (const page of [...passing, leaves[changed]!]) inUse.add(page);
      // The newest snapshot, and the one before, as long as the newest is not known to be durable.
      retained.push(new Set(inUse));
      if (retained.length > 2) retained.shift();
      ({ sweep } = from);
      end = Math.max(end, from.end);
      if (commit >= 100) places.add(passing[0]!);
    }
    expect(end).toBeLessThan(440);
    // Of 300 places that it could go through.
    expect(places.size).toBeLessThan(40);
  });

  test('leaves go to single pages, and not to those around the last places', () => {
    const pages = without(
      range(FIRST, 2000),
      range(1000, 1012),
      range(1100, 1101),
      range(1900, 1902),
    );
    const from = allocator([pages], { sweep: 995 });
    const { passing, lasting } = from.takeByLife(1, 6, 1003);
    expect(passing).toEqual([{ page: 1000, count: 6 }]);
    expect(lasting).toEqual([{ page: 1900, count: 1 }]);
    expect(from.sweep).toBe(1901);
    // Nothing else is free: the file grows, while it may.
    const none = without(range(FIRST, 2000), range(1000, 1012));
    const grown = allocator([none]).takeByLife(1, 6, 1003);
    expect(grown.lasting).toEqual([{ page: 2000, count: 1 }]);
    const full = allocator([none], { maxGrowth: 1, sweep: 990 }).takeByLife(1, 6, 1003);
    expect(full.lasting).toEqual([{ page: 1006, count: 1 }]);
  });

  test('what the last commit replaced is spared', () => {
    const pages = without(range(FIRST, 2000), range(1000, 1012), range(1700, 1702));
    const spared = [1000, 1001, 1002, 1003, 1004, 1005, 1700];
    const from = allocator([pages]).takeByLife(1, 6, 1012, spared);
    expect(from.passing).toEqual([{ page: 1006, count: 6 }]);
    expect(from.lasting).toEqual([{ page: 1701, count: 1 }]);
  });

  test('the nearest run is taken, not the next of the sweep; without one the file grows', () => {
    const far = FIRST + 5000;
    const pages = without(range(FIRST, far), range(40, 50), range(4990, 5000));
    const near = allocator([pages], { sweep: 0 }).takeByLife(1, 6, 5000);
    expect(near.passing).toEqual([{ page: 4990, count: 6 }]);
    const full = allocator([range(FIRST, 300)]).takeByLife(1, 6, 100);
    expect(full).toEqual({
      passing: [{ page: 300, count: 6 }],
      lasting: [{ page: 306, count: 1 }],
    });
  });

  test('among the places of many leaves the longest runs are for what does not last', () => {
    const pages = without(range(FIRST, 300), range(50, 60), range(100, 140), range(200, 203));
    const from = allocator([pages], { maxGrowth: 1 });
    const { lasting, passing } = from.takeByLife(13, 40, 100);
    expect(lasting).toEqual([
      { page: 50, count: 10 },
      { page: 200, count: 3 },
    ]);
    expect(passing).toEqual([{ page: 100, count: 40 }]);
  });
});

test('when less than a quarter of the file is live the lowest pages are taken, wherever the sweep is', () => {
  const few = new Set([399, 390, 20, 30]);
  const from = allocator([few], { sweep: 200 });
  expect(from.take(8)).toEqual([{ page: FIRST, count: 8 }]);
});

describe('for compaction', () => {
  test('the first free pages are taken, from where it says, however scattered', () => {
    const comb = new Set([...range(FIRST, 200)].filter((page) => page % 3 !== 0));
    const from = allocator([comb], { lowFrom: 100, sweep: 150, live: 10, maxGrowth: 4 });
    expect(from.take(4).map(({ page }) => page)).toEqual([102, 105, 108, 111]);
    // Always from there: what an overflow run passed by is not forgotten.
    expect(from.takeRun(2)).toBe(200);
    expect(from.take(2).map(({ page }) => page)).toEqual([114, 117]);
  });

  test('low space is what is free before a page, and sets runs apart once, inside segments', () => {
    const random = new Random(seed + 3);
    for (let round = 0; round < 200; round++) {
      const pages = new Set<number>();
      for (let i = random.below(200); i > 0; i--) pages.add(FIRST + random.below(300));
      const maps = new Maps([pages]);
      const free = new FreePages(maps, maps.snapshots, new PrivateMemory());
      const end = FIRST + random.below(320);
      const expected = [...range(FIRST, end)].filter((page) => !pages.has(page));
      const enough = 1 + random.below(300);
      const space = new LowSpace(free, GEOMETRY, end, enough);
      expect(space.first).toBe(expected[0] ?? end);
      expect(space.pages).toBeLessThanOrEqual(expected.length);
      expect(space.pages).toBeGreaterThanOrEqual(Math.min(enough, expected.length));
      const taken = new Set<number>();
      for (let call = 0; call < 20; call++) {
        const count = 1 + random.below(20);
        const before = FIRST + random.below(320);
        const page = space.takeRun(count, before);
        const fits = (p: number): boolean =>
          p + count <= before &&
          Math.floor(p / 64) === Math.floor((p + count - 1) / 64) &&
          [...range(p, p + count)].every((each) => !pages.has(each) && !taken.has(each));
        if (page < 0) {
          expect([...range(space.first, before)].some(fits)).toBe(false);
          continue;
        }
        expect(fits(page)).toBe(true);
        for (const each of range(page, page + count)) taken.add(each);
      }
    }
  });
});

test('what snapshots take together, and what is free without one of them', () => {
  const random = new Random(seed + 4);
  for (let round = 0; round < 100; round++) {
    const inUse = Array.from({ length: 1 + random.below(5) }, () => {
      const pages = new Set<number>();
      for (let i = random.below(200); i > 0; i--) pages.add(FIRST + random.below(500));
      return pages;
    });
    const maps = new Maps(inUse);
    const { live, held } = measureRetained(maps, maps.snapshots);
    expect(live).toBe(FIRST + new Set(inUse.flatMap((pages) => [...pages])).size);
    held.forEach((count, i) => {
      const alone = without(inUse[i]!, ...inUse.filter((_, j) => j !== i));
      expect(count).toBe(alone.size + (inUse.length === 1 ? FIRST : 0));
    });
    // Two that share a bitmap page hold nothing of it alone.
    const [first] = maps.snapshots;
    const shared = measureRetained(maps, [...maps.snapshots, { ...first!, id: 99 }]);
    expect(shared.live).toBe(live);
    expect([shared.held[0], shared.held.at(-1)]).toEqual([0, 0]);
  }
});

test('what is missing is taken from a free run that holds it before the file grows', () => {
  const pages = without(range(FIRST, 300), range(50, 56), range(100, 102));
  const from = allocator([pages], { sweep: 20 });
  expect(from.take(8)).toEqual([
    { page: 50, count: 6 },
    { page: 100, count: 2 },
  ]);
  expect(from.end).toBe(300);
});

describe('an overflow run', () => {
  test('never crosses the end of a segment, in free space or at the end of the file', () => {
    const random = new Random(seed + 2);
    for (let round = 0; round < 300; round++) {
      const pages = new Set<number>();
      for (let i = random.below(60); i > 0; i--) pages.add(FIRST + random.below(300));
      const from = allocator([pages], { sweep: random.below(320) });
      for (let i = 0; i < 4; i++) {
        const count = 1 + random.below(64);
        const page = from.takeRun(count);
        expect(Math.floor(page / 64)).toBe(Math.floor((page + count - 1) / 64));
      }
    }
  });

  test('uses free space that is long enough before the file grows', () => {
    const pages = without(range(FIRST, 128), range(70, 100));
    const from = allocator([pages]);
    expect(from.takeRun(30)).toBe(70);
    expect(from.end).toBe(128);
  });

  test('pages skipped before a segment at the end of the file can still be had', () => {
    const from = allocator([range(FIRST, 120)], { maxGrowth: 1 });
    expect(from.takeRun(20)).toBe(128);
    expect(from.take(4)).toEqual([{ page: 120, count: 4 }]);
  });
});
