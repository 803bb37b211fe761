/**
 * tape's tests as tests of ours: each runs in a harness of its own, and fails with the names of the
 * assertions that failed.
 */

import { inspect } from 'node:util';
import { createHarness, type Row, type Test } from 'tape';
import { test } from 'vitest';

type Assertion = Extract<Row, { type: 'assert' }>;

/** Far more than any of them takes; one that never ends is found by it. */
const TIMEOUT_MS = 10_000;

/** What has run so far. */
export const tally: { tests: number; assertions: number } = { tests: 0, assertions: 0 };

/** Registers a test that is written for tape. */
export function tapeTest(name: string, run: (t: Test) => unknown): void {
  test(name, { timeout: TIMEOUT_MS }, async () => {
    const assertions = await assertionsOf(name, run);
    tally.tests++;
    tally.assertions += assertions.length;
    const bad = assertions.filter(({ ok, skip, todo }) => !ok || skip || todo);
    if (bad.length > 0) throw new Error([name, ...bad.map(describeAssertion)].join('\n'));
  });
}

function assertionsOf(name: string, run: (t: Test) => unknown): Promise<Assertion[]> {
  const harness = createHarness();
  const assertions: Assertion[] = [];
  return new Promise((resolve) => {
    harness
      .createStream({ objectMode: true })
      .on('data', (row) => {
        if (row.type === 'assert') assertions.push(row);
      })
      .on('end', () => resolve(assertions));
    harness(name, run);
  });
}

function describeAssertion({ name, operator, skip, todo, ...rest }: Assertion): string {
  const { expected, actual, error } = rest;
  if (skip || todo) return `  ${name}: left out`;
  return (
    `  ${name} (${operator}): expected ${inspect(expected)}, got ${inspect(actual)}` +
    (error === undefined ? '' : `\n${error.stack}`)
  );
}
