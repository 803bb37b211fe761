/**
 * All of abstract-level's suite. It chooses between two sets of tests by whether iterators have
 * snapshots of their own; the set for those that have none holds for the others too, so that is
 * run as well, and nothing is left out.
 */

import suite from 'abstract-level/test/index.js';
import { all as withoutSnapshots } from 'abstract-level/test/iterator-no-snapshot-test.js';

export type SuiteOptions = Parameters<typeof suite>[0];

/** Registers every test of the suite, with databases and then with sublevels. */
export function wholeSuite(options: SuiteOptions): void {
  const { test, factory } = options;
  suite(options);
  withoutSnapshots(test, { factory });
  withoutSnapshots(test, { factory: () => factory().sublevel('test') });
}
