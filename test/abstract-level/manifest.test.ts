/** What the manifest says: which of the suite's tests it leaves out, and why. */

import suite from 'abstract-level/test/index.js';
import { expect, test } from 'vitest';
import { newPath } from '../support/fresh-database.ts';
import { CoppiceLevel } from './coppice-level.ts';
import { type SuiteOptions, wholeSuite } from './whole-suite.ts';

function closedLevel(): CoppiceLevel {
  const level = new CoppiceLevel(newPath());
  // It would open itself in the next turn.
  void level.close();
  return level;
}

/** How many tests of each name `run` registers, with `change` to the manifest. */
function registered(run: (options: SuiteOptions) => void, change: object): Map<string, number> {
  const names = new Map<string, number>();
  run({
    test: (name) => names.set(name, (names.get(name) ?? 0) + 1),
    factory: () => {
      const level = closedLevel();
      return Object.assign(level, { supports: { ...level.supports, ...change } });
    },
  });
  return names;
}

const ours = registered(wholeSuite, {});

test('the suite has the tests that this version is known to have', () => {
  expect([...ours.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(1500);
});

test('no other manifest would bring a test that is not run', () => {
  const { supports } = closedLevel();
  const flags = Object.entries(supports).filter(([, value]) => typeof value === 'boolean');
  expect(flags).toContainEqual(['implicitSnapshots', true]);
  const left: string[] = [];
  for (const [name, value] of flags) {
    for (const [title, count] of registered(suite, { [name]: !value })) {
      if (count > (ours.get(title) ?? 0)) left.push(`${name}: ${title}`);
    }
  }
  expect(left).toEqual([]);
});

test('the manifest claims all that the suite has tests for', () => {
  expect(closedLevel().supports).toMatchObject({
    createIfMissing: true,
    deferredOpen: true,
    encodings: { buffer: true, utf8: true, view: true, json: true },
    errorIfExists: true,
    explicitSnapshots: true,
    getSync: true,
    has: true,
    implicitSnapshots: true,
    permanence: true,
    seek: true,
    signals: { iterators: true },
  });
});
