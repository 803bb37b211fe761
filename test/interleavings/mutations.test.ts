/**
 * The interleavings' own test: holes of naive protocols are made in the code, and each has to be found,
 * in the way that the hole explains.
 */

import { describe, expect, test } from 'vitest';
import * as mutants from '../support/inter-mutants.ts';
import { explore } from '../support/inter-run.ts';
import { scenarioOf } from '../support/inter-scenarios.ts';
import { Random } from '../support/sim-random.ts';

const PINS = 'a reader pins while commits reuse';
const SHORT = 'short reads while commits reuse';
const MOVES = 'a short read goes on to pin what it reads';
const NEW_OWNER = 'the slot of a dead reader has a new owner';
const JOINS = 'a reader dies, and somebody joins';
const BACKUP = 'a backup pins D while commits move it';
const BEHIND = 'a backup pins D which is not what is published';
const FLUSHED = 'what one wrote is flushed by another';
const DYING = 'two writers and a reader, one of whom dies';
const PIPELINE = 'commits are built while others are flushed';
const FAILING = 'a commit is built while another is flushed, and fails';
const ALONE = 'all are gone, and somebody opens alone';

const LOST = /^1: a reader uses|^1: page .* has pinned/;

interface Mutation {
  readonly name: string;
  readonly mutate: mutants.Mutate;
  readonly scenario: string;
  readonly finds: RegExp;
}

const MUTATIONS: readonly Mutation[] = [
  // Pin
  {
    name: 'a reader does not look again after it has listed its snapshot',
    mutate: mutants.noSecondLook,
    scenario: PINS,
    finds: LOST,
  },
  {
    name: 'a reader looks first, and lists its snapshot after that',
    mutate: mutants.listsAfterLooking,
    scenario: SHORT,
    finds: LOST,
  },
  {
    name: 'a short read lets go before it has read',
    mutate: mutants.shortReadLetsGoEarly,
    scenario: SHORT,
    finds: LOST,
  },
  {
    name: 'a pin lets go of the short slot before its own lists the snapshot',
    mutate: mutants.pinLetsGoEarly,
    scenario: PINS,
    finds: LOST,
  },
  {
    name: 'whoever pins D does not look again',
    mutate: mutants.noSecondLookAtD,
    scenario: BACKUP,
    finds: LOST,
  },
  // The scan and the table
  {
    name: 'the scan was made before the last publishing',
    mutate: mutants.scanBeforePublishing,
    scenario: PINS,
    finds: LOST,
  },
  {
    name: 'the published word is read after the scan',
    mutate: mutants.scansFirst,
    scenario: PIPELINE,
    finds: LOST,
  },
  {
    name: 'a scan looks at the slots once',
    mutate: mutants.scansOnce,
    scenario: MOVES,
    finds: LOST,
  },
  {
    name: 'a living handle is taken for dead',
    mutate: mutants.livingCountForNothing,
    scenario: PINS,
    finds: LOST,
  },
  {
    name: 'what a dead handle listed is kept for ever',
    mutate: mutants.deadAreCounted,
    scenario: JOINS,
    finds: /^10: 3 snapshots are retained/,
  },
  {
    name: 'a writer clears the slots of the dead, which may have a new owner',
    mutate: mutants.deadAreCleared,
    scenario: NEW_OWNER,
    finds: LOST,
  },
  {
    name: 'whoever takes the slot of a dead handle has its snapshot listed',
    mutate: mutants.slotIsInherited,
    scenario: JOINS,
    finds: /^8: an idle handle lists/,
  },
  {
    name: 'D is dropped when it is not published any more',
    mutate: mutants.dropsD,
    scenario: BEHIND,
    finds: /^2: slot|^1: page .* which is D/,
  },
  {
    name: 'the published snapshot is dropped unless it is listed',
    mutate: mutants.dropsPublished,
    scenario: SHORT,
    finds: /^1: page .* which is published|page \d+ is given twice/,
  },
  {
    name: 'a commit in flight is dropped, on which another is built',
    mutate: mutants.dropsWhatIsInFlight,
    scenario: PIPELINE,
    finds: /^4: \d+ is published and not in the table|^1: |page \d+ is given twice/,
  },
  // Ids
  {
    name: 'an id is not stored before it is used',
    mutate: mutants.idsAreNotStored,
    scenario: DYING,
    finds: /^3: id \d+ is used again/,
  },
  // Publishing, and the writer lock
  {
    name: 'a snapshot is published before its flush',
    mutate: mutants.publishesBeforeFlush,
    scenario: FLUSHED,
    finds: /^4: \d+ is published, and its writer was told that it failed/,
  },
  {
    name: 'D moves before the flush',
    mutate: mutants.durableBeforeFlush,
    scenario: PINS,
    finds: /^5: \d+ is called durable/,
  },
  {
    name: 'the writer lock is given back before publishing',
    mutate: mutants.releasesEarly,
    scenario: DYING,
    finds: /^4: (publishing|D) goes back/,
  },
  {
    name: 'a commit that was built on one that failed goes on',
    mutate: mutants.noGuard,
    scenario: FAILING,
    finds: /^4: snapshot \d+ .* after a failed flush/,
  },
  // Taking over
  {
    name: 'what a dead writer left is forgotten',
    mutate: mutants.noTakeover,
    scenario: FLUSHED,
    finds: /^5: \d+ is called durable/,
  },
  {
    name: 'a takeover flushes, and does not write again what a failed flush left clean',
    mutate: mutants.takeoverOnlyFlushes,
    scenario: FLUSHED,
    finds: /^5: \d+ is called durable/,
  },
  {
    name: 'what is in progress is noted after its meta',
    mutate: mutants.progressIsNotedLate,
    scenario: ALONE,
    finds: /^9: opened as|^5: \d+ is called durable/,
  },
  // Poison
  {
    name: 'the poison flag is looked at after the takeover',
    mutate: mutants.poisonIsSeenLate,
    scenario: FLUSHED,
    finds: /^4: snapshot \d+ .* after a failed flush/,
  },
  {
    name: 'a failed flush does not poison',
    mutate: mutants.noPoison,
    scenario: FLUSHED,
    finds: /EIO/,
  },
  {
    name: 'the slots of what was given up are not zeroed',
    mutate: mutants.poisonedSlotsStay,
    scenario: ALONE,
    finds: /^9: opened as \d+, and slot \d still names/,
  },
];

describe('the interleavings fail when', () => {
  test.each(MUTATIONS)('$name', { timeout: 120_000 }, ({ mutate, scenario, finds }) => {
    const size = { states: 100_000, walks: 60, random: new Random(1) };
    const { broken, states, steps, cpuSeconds } = explore(scenarioOf(scenario), size, mutate);
    const said = broken?.split('\n')[0];
    console.log(`after ${states} states, ${steps} steps, ${cpuSeconds.toFixed(1)} s: ${said}`);
    expect(broken).toMatch(finds);
  });
});
