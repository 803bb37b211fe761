import { expect, test } from 'vitest';
import { long } from '../frame/size.ts';
import {
  explore,
  reportTotals,
  type Turn,
  useSimulatedClock,
  type Workload,
} from '../support/crash-budget.ts';
import type { Explorer } from '../support/crash-explorer.ts';
import {
  type Fatal,
  fullDisk,
  orphaned,
  pipelinedFailure,
  poisoned,
  takeover,
} from '../support/crash-workloads.ts';

useSimulatedClock();
reportTotals('power loss with faults');

const MINUTES = 60_000 * (long ? 600 : 5);

/** Every step of every operation, one after the other; `next` gives undefined past the last step. */
function everyStep<T>(
  cases: readonly T[],
  next: (explorer: Explorer, each: T, step: number) => Turn | Promise<Turn>,
): Workload {
  let at = 0;
  let step = 0;
  return async (explorer, turn) => {
    if (turn === 0) {
      at = 0;
      step = 0;
    }
    for (; at < cases.length; at++, step = 0) {
      const moments = await next(explorer, cases[at]!, step);
      if (moments !== undefined) {
        step++;
        return moments;
      }
    }
    return undefined;
  };
}

const FATAL: readonly Fatal[] = ['commit', 'interval', 'flush', 'confirm', 'open', 'close'];
const LIMITS = { exhaustiveUnits: 4, random: 4, singles: 10, tearEvery: 128 };

test.each([
  ['a process that was there', false],
  ['one that opens alone', true],
])(
  'killed at each step of each operation; %s goes on, and the power fails',
  {
    timeout: MINUTES,
  },
  async (_who, alone) => {
    const { counts } = await explore(
      12_000,
      everyStep(FATAL, (explorer, fatal, step) => takeover(explorer, fatal, step, alone)),
      { limits: LIMITS },
    );
    expect(counts.kills).toBeGreaterThan(80);
  },
);

test('killed after a flush that failed, before it could say so', { timeout: MINUTES }, async () => {
  const cases = FATAL.flatMap((fatal) => [false, true].map((alone) => ({ fatal, alone })));
  const { counts } = await explore(
    8_000,
    everyStep(cases, (explorer, { fatal, alone }, nth) =>
      takeover(explorer, fatal, -1, alone, { kind: 'flush', nth, code: 'EIO', thenKill: true }),
    ),
    { limits: LIMITS },
  );
  expect(counts.kills).toBeGreaterThan(10);
});

test('a full disk at each write and growth changes nothing', { timeout: MINUTES }, async () => {
  const { counts } = await explore(8_000, everyStep(['write', 'grow'] as const, fullDisk), {
    limits: LIMITS,
  });
  expect(counts.aborts).toBeGreaterThan(10);
});

test('a write or flush that fails for good is never undone by a later power failure', {
  timeout: MINUTES,
}, async () => {
  const { counts } = await explore(8_000, everyStep(['write', 'flush'] as const, poisoned), {
    limits: LIMITS,
  });
  expect(counts.poisonings).toBeGreaterThan(5);
});

test('all processes killed at each step of a commit, and the lock file removed', {
  timeout: MINUTES,
}, async () => {
  await explore(
    2_000,
    everyStep(['commit'], (explorer, _operation, step) => orphaned(explorer, step)),
    { limits: LIMITS },
  );
});

test('a commit queued behind one that fails at any write or flush fails with it', {
  timeout: MINUTES,
}, async () => {
  const failures = [
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['flush', 'EIO'],
  ] as const;
  const cases = failures.flatMap(([kind, code]) =>
    [false, true].map((late) => ({ kind, code, late })),
  );
  const { met } = await explore(
    3_000,
    everyStep(cases, (explorer, { kind, code, late }, nth) =>
      pipelinedFailure(explorer, kind, nth, code, late),
    ),
    { limits: LIMITS },
  );
  expect(met.failedTogether).toBeGreaterThan(1);
});
