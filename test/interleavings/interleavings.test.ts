/**
 * The protocol of the lock file through its interleavings: the code of src/pager itself, stopped at each
 * operation that another process can notice (test/support/inter-operations.ts), with a death at any
 * step. The properties are those of test/support/inter-properties.ts.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, long } from '../frame/size.ts';
import type { Scenario } from '../support/inter-explorer.ts';
import { explore, type Run } from '../support/inter-run.ts';
import { LARGE, SMALL } from '../support/inter-scenarios.ts';
import { Random } from '../support/sim-random.ts';

/** States at which an exploration is given up: about 300 bytes each, with what leads to them. */
const MOST_STATES: number = cases(400_000, 5_000_000);
const WALKS: number = cases(15, 100_000);

const random = new Random(seed);
const runs: Run[] = [];

function report({ name }: Scenario, run: Run): void {
  runs.push(run);
  const { states, steps, ends, places, complete, cpuSeconds } = run;
  const all = complete ? 'all' : 'not all';
  console.log(
    `${name}: ${states} states (${all}), ${steps} steps, ${ends} ends, ` +
      `${places} places in the code, ${cpuSeconds.toFixed(1)} s`,
  );
}

describe('all interleavings', () => {
  test.each(SMALL)('$name', { timeout: 600_000 }, (scenario) => {
    const run = explore(scenario, { states: MOST_STATES, walks: 3, random });
    report(scenario, run);
    expect(run.broken).toBeUndefined();
    expect(run.complete).toBe(true);
  });
});

describe(long ? 'many interleavings' : 'random interleavings', () => {
  test.each(LARGE)('$name', { timeout: 7_200_000 }, (scenario) => {
    const run = explore(scenario, { states: long ? MOST_STATES : 0, walks: WALKS, random });
    report(scenario, run);
    expect(run.broken).toBeUndefined();
  });
});

afterAll(() => {
  const sum = (pick: (run: Run) => number): number => runs.reduce((n, run) => n + pick(run), 0);
  console.log(
    `interleavings: ${sum((run) => run.states)} states, ${sum((run) => run.steps)} steps, ` +
      `${sum((run) => run.ends)} ends, ${sum((run) => run.cpuSeconds).toFixed(0)} s of CPU time`,
  );
});
