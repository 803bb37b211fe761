/**
 * What is interleaved. The small ones are explored to the end in every run, the large ones in long runs; in
 * a short one as many random interleavings of these as there is time for.
 */

import type { Scenario } from './inter-explorer.ts';
import { pipeline } from './inter-pipeline.ts';
import { opener, reader, writer } from './inter-programs.ts';

const QUIET = { before: ['commit', 'commit'], kills: 0, failures: 0 } as const;
const TWICE = ['commit', 'commit'] as const;

function named(scenarios: Readonly<Record<string, Omit<Scenario, 'name'>>>): Scenario[] {
  return Object.entries(scenarios).map(([name, scenario]) => ({ name, ...scenario }));
}

/** The scenario of that name. */
export function scenarioOf(name: string): Scenario {
  const found = [...SMALL, ...LARGE].find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`there is no scenario ${name}`);
  return found;
}

export const SMALL: readonly Scenario[] = named({
  'a reader pins while commits reuse': {
    ...QUIET,
    actors: [writer(TWICE), reader(['pin'])],
  },
  'short reads while commits reuse': {
    ...QUIET,
    actors: [writer(TWICE), reader(['short', 'short'])],
  },
  'a short read goes on to pin what it reads': {
    ...QUIET,
    actors: [writer(TWICE), reader(['short, then pin'])],
  },
  'a backup pins D while commits move it': {
    ...QUIET,
    actors: [writer(['commit', 'commit', 'manual']), reader(['D'])],
  },
  'a backup pins D which is not what is published': {
    ...QUIET,
    actors: [writer(['manual', 'commit', 'commit']), reader(['D'])],
  },
  'the slot of a dead reader has a new owner': {
    ...QUIET,
    deadSlot: 2,
    actors: [reader(['pin']), writer(TWICE)],
  },
  'a reader dies, and somebody joins': {
    ...QUIET,
    kills: 1,
    actors: [reader(['pin']), writer([]), opener([], [])],
    last: opener(TWICE, []),
  },
  'two writers and a reader, one of whom dies': {
    ...QUIET,
    kills: 1,
    actors: [writer(['commit']), writer(['commit']), reader(['short'])],
    last: opener(TWICE, []),
  },
  'two writers, both of whom may die, and a flush fails': {
    ...QUIET,
    kills: 2,
    failures: 1,
    actors: [writer(['commit']), writer(['manual', 'commit'])],
    last: opener(TWICE, []),
  },
  'what one wrote is flushed by another': {
    ...QUIET,
    kills: 1,
    failures: 1,
    actors: [writer(['manual', 'flush']), writer(['commit', 'manual'])],
    last: opener(TWICE, []),
  },
  'all are gone, and somebody opens alone': {
    ...QUIET,
    kills: 2,
    failures: 1,
    actors: [writer(['commit']), writer(['manual', 'flush'])],
    last: opener(TWICE),
    gone: true,
  },
  'a commit is built while another is flushed, and fails': {
    ...QUIET,
    kills: 1,
    failures: 1,
    actors: [pipeline(['commit', 'manual'])],
    last: opener(TWICE, []),
    gone: true,
  },
  'one closes while another opens': {
    ...QUIET,
    actors: [writer(['commit', 'close']), opener(['commit'], ['short'])],
    last: opener(TWICE, []),
  },
  'two open at the same time': {
    ...QUIET,
    kills: 1,
    actors: [opener([], ['short']), opener(['commit'], [])],
  },
});

export const LARGE: readonly Scenario[] = named({
  'a reader pins while more commits reuse': {
    ...QUIET,
    actors: [writer([...TWICE, 'commit']), reader(['short, then pin'])],
  },
  'commits are built while others are flushed': {
    ...QUIET,
    actors: [pipeline(['commit', 'manual']), reader(['short'])],
  },
  'two writers and two readers, one of whom dies': {
    ...QUIET,
    kills: 1,
    actors: [writer(TWICE), writer(TWICE), reader(['pin', 'pin']), reader(['short', 'pin'])],
    last: opener(TWICE),
  },
  'two readers pin while commits reuse, and a third joins': {
    ...QUIET,
    kills: 1,
    actors: [
      writer([...TWICE, 'commit']),
      reader(['pin', 'short']),
      reader(['pin', 'D']),
      opener([], ['pin']),
    ],
  },
  'three writers, two of whom die, and flushes fail': {
    ...QUIET,
    kills: 2,
    failures: 2,
    actors: [writer(TWICE), writer(['manual', 'commit']), writer(['commit', 'flush'])],
    last: opener(TWICE),
  },
  'three writers come and go until all are gone': {
    ...QUIET,
    kills: 3,
    failures: 2,
    actors: [writer(['manual', 'commit']), writer(['commit', 'manual']), writer(['flush'])],
    last: opener(TWICE),
    gone: true,
  },
  'handles come and go': {
    ...QUIET,
    kills: 1,
    failures: 1,
    actors: [
      writer(['manual', 'flush', 'close']),
      opener(['commit', 'close'], ['pin']),
      opener(['manual', 'close'], ['D', 'short']),
    ],
    last: opener(TWICE),
  },
  'openers race beside readers and flushes that fail': {
    ...QUIET,
    kills: 2,
    failures: 2,
    actors: [opener(['commit'], ['pin']), opener(['manual'], ['short']), opener(['flush'], ['D'])],
    last: opener(TWICE),
  },
  'commits are built while others are flushed, beside another writer and readers': {
    ...QUIET,
    kills: 1,
    failures: 1,
    actors: [
      pipeline(['commit', 'manual', 'commit']),
      writer(['manual', 'commit']),
      reader(['pin', 'D']),
    ],
    last: opener(TWICE),
  },
  'manual commits and flushes beside readers of D': {
    ...QUIET,
    before: ['commit', 'manual'],
    kills: 1,
    failures: 1,
    actors: [
      writer(['manual', 'manual', 'flush']),
      writer(['flush', 'commit']),
      reader(['D', 'pin']),
    ],
    last: opener(TWICE),
  },
});
