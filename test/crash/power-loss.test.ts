import { expect, test } from 'vitest';
import { long } from '../frame/size.ts';
import { backups } from '../support/crash-backups.ts';
import { endless, explore, reportTotals, useSimulatedClock } from '../support/crash-budget.ts';
import {
  compaction,
  durableCommits,
  flushBesideBegin,
  growAndShrink,
  mixedDurabilities,
  pipelined,
  punching,
  truncation,
} from '../support/crash-workloads.ts';
import { DEFAULT_SIM } from '../support/sim-process.ts';

useSimulatedClock();
reportTotals('power loss');

const MINUTES = 60_000 * (long ? 600 : 5);

test('every image of durable commits opens as the last one promised, or the one that was under way', {
  timeout: MINUTES,
}, async () => {
  const { met, counts } = await explore(
    10_000,
    endless((explorer) => durableCommits(explorer, 6)),
  );
  expect(met.deepest).toBe(3);
  expect(met.stepBacks).toBeGreaterThan(100);
  expect(met.tornSlots).toBeGreaterThan(100);
  expect(counts.confirmingMetas).toBeGreaterThan(100);
});

test('all combinations of up to 14 units: pages of one sector', { timeout: MINUTES }, async () => {
  const { met } = await explore(
    8_000,
    endless((explorer) => durableCommits(explorer, 3)),
    {
      sim: { ...DEFAULT_SIM, pageSize: 512 },
      limits: { exhaustiveUnits: 14, random: 0, singles: 64, tearEvery: 64 },
      again: 0.1,
    },
  );
  expect(met.stepBacks).toBeGreaterThan(100);
});

test('durabilities mixed, two writers, a reader whose snapshots stay whole while others reuse pages', {
  timeout: MINUTES,
}, async () => {
  const { met } = await explore(
    10_000,
    endless((explorer) => mixedDurabilities(explorer, 16)),
  );
  expect(met.readsDuringFlush).toBeGreaterThan(20);
  expect(met.pinnedReads).toBeGreaterThan(30);
  expect(met.unpromised).toBeGreaterThan(50);
});

test('a file that grows by values of many pages, and shrinks', { timeout: MINUTES }, async () => {
  const { met, counts } = await explore(
    8_000,
    endless((explorer) => growAndShrink(explorer)),
    { again: 0.2 },
  );
  expect(counts.growths).toBeGreaterThan(50);
  expect(met.shortFiles).toBeGreaterThan(50);
});

test('a file of megabytes that loses its content is cut off only when D is short', {
  timeout: MINUTES,
}, async () => {
  const { counts } = await explore(
    600,
    endless((explorer) => truncation(explorer)),
    { limits: { exhaustiveUnits: 4, random: 6, singles: 6, tearEvery: 256 }, again: 0.2, depth: 2 },
  );
  expect(counts.truncations).toBeGreaterThan(10);
});

test('compaction, step by step, beside a reader and another writer', {
  timeout: MINUTES,
}, async () => {
  const { met, counts } = await explore(
    6_000,
    endless((explorer) => compaction(explorer)),
  );
  expect(met.packed).toBeGreaterThan(60);
  expect(counts.truncations).toBeGreaterThan(3);
});

test('backups taken while others write, compact and cut hold what was D, and so do increments', {
  timeout: MINUTES,
}, async () => {
  const { met } = await explore(
    2_000,
    endless((explorer) => backups(explorer)),
  );
  expect(met.restored).toBeGreaterThanOrEqual(8);
});

test('extents punched out of a file of megabytes', { timeout: MINUTES }, async () => {
  const { counts } = await explore(
    400,
    endless((explorer) => punching(explorer)),
    { limits: { exhaustiveUnits: 4, random: 6, singles: 6, tearEvery: 256 }, again: 0.2, depth: 2 },
  );
  expect(counts.punched).toBeGreaterThan(2 ** 20);
});

test('commits built while the one before is being flushed', { timeout: MINUTES }, async () => {
  const { met } = await explore(
    6_000,
    endless((explorer, turn) => pipelined(explorer, 12, turn % 2 === 1)),
  );
  expect(met.builtDuringFlush).toBeGreaterThan(5);
});

test('a flush and a transaction of one handle that wait for the lock together', {
  timeout: MINUTES,
}, async () => {
  await explore(
    2_000,
    endless((explorer) => flushBesideBegin(explorer)),
  );
});
