/**
 * The simulator's own test: each flush, each check and each numbered rule is taken away in turn, and the
 * simulator has to fail, in the way that the rule's absence explains.
 */

import { describe, expect, test } from 'vitest';
import { ENTRY, entryAt, WORD } from '../../src/format/lock-file.ts';
import { OP } from '../../src/pager/job.ts';
import { useSimulatedClock } from '../support/crash-budget.ts';
import {
  DEFAULT_EXPLORER,
  Explorer,
  type ExplorerOptions,
  type Moment,
} from '../support/crash-explorer.ts';
import * as workloads from '../support/crash-workloads.ts';
import type { SimMachine } from '../support/sim-machine.ts';
import {
  appended,
  BlindScan,
  ConstantHash,
  CutsTooMuch,
  changingJobs,
  DeafToFlush,
  entryOf,
  FullDiskIsBroken,
  NoTakeover,
  NoWalk,
  PunchesTooMuch,
  TidyRecovery,
  TrustingPages,
  truncatingEarly,
  without,
  withoutFlush,
  withoutSection,
  withoutZeroOnPoison,
  ZerosTooLow,
} from '../support/sim-mutants.ts';
import { DEFAULT_SIM, type SimOptions } from '../support/sim-process.ts';

useSimulatedClock();

type Turns = (
  explorer: Explorer,
  turn: number,
) => Moment[] | undefined | Promise<Moment[] | undefined>;

const durable: Turns = (explorer) => workloads.durableCommits(explorer, 4);
const mixed: Turns = (explorer) => workloads.mixedDurabilities(explorer, 10);
const shrinking: Turns = (explorer) => workloads.growAndShrink(explorer);
const orphans: Turns = (explorer, turn) => workloads.orphaned(explorer, turn % 12);
const fullDisk: Turns = (explorer, turn) => workloads.fullDisk(explorer, 'write', turn % 8);
const noGrowth: Turns = (explorer) => workloads.fullDisk(explorer, 'grow', 0);
const badFlush: Turns = (explorer, turn) => workloads.poisoned(explorer, 'flush', turn % 2);
const badWrite: Turns = (explorer, turn) => workloads.poisoned(explorer, 'write', turn % 3);
const killed: Turns = (explorer, turn) =>
  workloads.takeover(explorer, 'commit', turn % 20, turn % 2 === 1);
const lostFlush: Turns = (explorer, turn) =>
  workloads.takeover(explorer, turn % 4 < 2 ? 'commit' : 'flush', -1, turn % 2 === 1, {
    kind: 'flush',
    nth: (turn >> 2) & 1,
    code: 'EIO',
    thenKill: true,
  });
const queued: Turns = (explorer, turn) =>
  workloads.pipelinedFailure(explorer, 'flush', 0, turn % 2 === 0 ? 'EIO' : 'ENOSPC', false);
const queuedOnFull: Turns = (explorer, turn) =>
  workloads.pipelinedFailure(explorer, 'write', turn % 8, 'ENOSPC', false);

const unwatchedPayload = (machine: SimMachine): ConstantHash =>
  new ConstantHash(machine, (length) => length !== 504 && length !== 1016);

interface Mutation {
  readonly rule: string;
  readonly name: string;
  readonly sim: Partial<SimOptions>;
  readonly turns: Turns;
  /** What the simulator says. */
  readonly finds: RegExp;
}

const LOST =
  /opened as transaction|was durable, but page|says that it is page|does not hold|past the|written by transaction/;

const MUTATIONS: readonly Mutation[] = [
  // Flushes
  {
    rule: 'step 4',
    name: 'a commit is promised without its flush',
    sim: { storage: withoutFlush('commit') },
    turns: durable,
    finds: LOST,
  },
  {
    rule: 'step 4',
    name: 'a large commit goes without the flush before its meta',
    sim: { storage: withoutFlush('commit of two flushes', 0) },
    turns: mixed,
    finds: LOST,
  },
  {
    rule: 'step 4',
    name: 'a large commit goes without the flush after its meta',
    sim: { storage: withoutFlush('commit of two flushes', 1) },
    turns: mixed,
    finds: LOST,
  },
  {
    rule: 'flush()',
    name: 'flush() writes its meta before the pages are on the disk',
    sim: { storage: withoutFlush('flush', 0) },
    turns: mixed,
    finds: LOST,
  },
  {
    rule: 'flush()',
    name: 'flush() resolves before its meta is on the disk',
    sim: { storage: withoutFlush('flush', 1) },
    turns: mixed,
    finds: LOST,
  },
  {
    rule: '3',
    name: 'ids are used before the confirming meta that reserves them is on the disk',
    sim: { storage: withoutFlush('confirm') },
    turns: durable,
    finds: /is used again/,
  },
  {
    rule: 'step 1',
    name: 'a takeover does not flush what it finishes',
    sim: { storage: withoutFlush('finish') },
    turns: lostFlush,
    finds: LOST,
  },
  {
    rule: '8',
    name: 'recovery does not flush what it goes on from',
    sim: { storage: withoutFlush('recovery flush') },
    turns: orphans,
    finds: /opened as transaction/,
  },
  {
    rule: '5',
    name: 'the flag is cleared before the zeroed slots are on the disk',
    sim: { storage: withoutFlush('clear poison') },
    turns: badFlush,
    finds: /opened as transaction/,
  },
  // Checks
  {
    rule: 'walk',
    name: 'a commit of one flush is believed without a walk',
    sim: { storage: (machine) => new NoWalk(machine) },
    turns: durable,
    finds: LOST,
  },
  {
    rule: 'walk',
    name: "the walk does not look at pages' checksums",
    sim: { storage: (machine) => new TrustingPages(machine) },
    turns: durable,
    finds: /has not the value|does not hold|says that it is|pages in use, its map/,
  },
  {
    rule: 'walk',
    name: 'the walk does not look at the payload of overflow runs',
    sim: { storage: unwatchedPayload },
    turns: shrinking,
    finds: /has not the value of its transaction/,
  },
  {
    rule: '8',
    name: 'a torn meta is believed',
    sim: {
      storage: (machine) => new ConstantHash(machine, (length) => length === 504),
      maker: (machine) => new ConstantHash(machine, (length) => length === 504),
    },
    turns: durable,
    finds: /outside the file|opened as|does not hold|is not one of/,
  },
  {
    rule: '8',
    name: 'recovery zeroes the slots that it does not need',
    sim: { storage: (machine) => new TidyRecovery(machine) },
    turns: durable,
    finds: /is not a Coppice database|none of its three/,
  },
  // Rules
  {
    rule: '1',
    name: 'the snapshot of a living reader is not retained',
    sim: { storage: (machine) => new BlindScan(machine) },
    turns: mixed,
    finds:
      /is not retained|has not the value|says that it is page|does not hold|written by transaction|retained entry -1/,
  },
  {
    rule: '1',
    name: 'D is not retained once a newer snapshot is published',
    sim: {
      storage: changingJobs((rows, shape, storage) => {
        if (shape !== 'other' || entryOf(rows) < 0 || storage.words === undefined) return rows;
        // D's entry says that it uses no more than the new snapshot does.
        const { words } = storage;
        const from = entryAt(entryOf(rows));
        const to = entryAt(words[WORD.durable]! - 1);
        const map = [ENTRY.mapPage, ENTRY.mapBirth, ENTRY.mapBirth + 1];
        return appended(
          rows,
          map.map((word) => [OP.STORE, to + word, words[from + word]!]),
        );
      }),
    },
    turns: mixed,
    finds: LOST,
  },
  {
    rule: '1, 6',
    name: 'zeros ahead of the file cover pages in use',
    sim: { storage: (machine) => new ZerosTooLow(machine) },
    turns: durable,
    finds: /says that it is page 0/,
  },
  {
    rule: '2',
    name: "the next meta goes to D's slot",
    sim: {
      storage: changingJobs((rows, _shape, storage) => {
        const settles = rows.find((row) => row[0] === OP.STORE && row[1] === WORD.durable);
        if (settles === undefined || storage.words === undefined) return rows;
        const at = entryAt(settles[2]! - 1) + ENTRY.metaSlot;
        const slot = storage.words[at]! - 1;
        return appended(rows, [[OP.STORE, at, ((slot + 2) % 3) + 1]]);
      }),
    },
    turns: durable,
    finds: /was durable, but page|opened as|none of its three|is not a Coppice/,
  },
  {
    rule: '3',
    name: 'after a recovery ids go on from the newest snapshot',
    sim: {
      opened: (lock) => {
        lock.lastIdStarted = lock.entryId(lock.findEntry(lock.published));
        lock.idsReservedUntil = lock.lastIdStarted + 1000;
      },
    },
    turns: durable,
    finds: /is used again/,
  },
  {
    rule: '3',
    name: 'the id of an aborted commit is used again',
    sim: {
      storage: changingJobs((rows, _shape, storage) => {
        const mark = rows.findIndex((row) => row[0] === OP.ON_ABORT);
        if (mark < 0 || storage.words === undefined) return rows;
        const last = storage.words[WORD.lastIdStarted]!;
        const more = [[OP.STORE, WORD.lastIdStarted, last - 1]];
        return [...rows.slice(0, mark + 1), ...more, ...rows.slice(mark + 1)];
      }),
    },
    turns: fullDisk,
    finds: /is used again/,
  },
  {
    rule: '4',
    name: 'a snapshot is published before it is durable',
    sim: {
      storage: changingJobs((rows) => {
        const publishes = (row: readonly number[]): boolean =>
          row[0] === OP.STORE && (row[1] === WORD.published || row[1] === WORD.publishedEntry);
        const early = rows.findIndex((row) => row[0] === OP.NOTIFY);
        if (early < 0) return rows;
        const rest = rows.filter((row) => !publishes(row));
        return [...rest.slice(0, early), ...rows.filter(publishes), ...rest.slice(early)];
      }),
    },
    turns: mixed,
    finds: /which is not published yet/,
  },
  {
    rule: '5',
    name: 'a flush that failed is taken for one that did not',
    sim: { storage: (machine) => new DeafToFlush(machine) },
    turns: (explorer) => workloads.deafFlush(explorer),
    finds: LOST,
  },
  {
    rule: '5',
    name: 'a failed flush does not poison',
    sim: { storage: withoutSection(OP.ON_POISON) },
    turns: badFlush,
    finds: /EIO/,
  },
  {
    rule: '5',
    name: 'a failed write does not poison',
    sim: { storage: withoutSection(OP.ON_POISON) },
    turns: badWrite,
    finds: /EIO/,
  },
  {
    rule: '5',
    name: 'other slots are not zeroed before the flag is cleared',
    sim: { storage: without((row, shape) => shape === 'clear poison' && row[0] === OP.ZERO) },
    turns: badFlush,
    finds: /opened as transaction/,
  },
  {
    rule: '5',
    name: 'the slot of what failed is not zeroed, and the lock file is deleted',
    sim: { storage: withoutZeroOnPoison },
    turns: badFlush,
    finds: /reopened as/,
  },
  {
    rule: '5',
    name: 'a commit queued behind one that poisoned is run',
    sim: { storage: without((row) => row[0] === OP.GUARD) },
    turns: queued,
    finds: /went on from one that failed/,
  },
  {
    rule: '5',
    name: 'a commit queued behind one that was aborted is run',
    sim: { storage: without((row) => row[0] === OP.GUARD) },
    turns: queuedOnFull,
    finds: /went on from one that failed/,
  },
  {
    rule: '5, 6',
    name: 'a full disk poisons',
    sim: { storage: (machine) => new FullDiskIsBroken(machine) },
    turns: fullDisk,
    finds: /EIO|poison|failed/i,
  },
  {
    rule: '6',
    name: 'a growth that finds no room is not told as a full disk',
    sim: { storage: (machine) => new FullDiskIsBroken(machine) },
    turns: noGrowth,
    finds: /EIO|fallocate/,
  },
  {
    rule: '1',
    name: 'a page before a free extent is punched out with it',
    sim: { storage: (machine) => new PunchesTooMuch(machine) },
    turns: (explorer) => workloads.punching(explorer),
    finds: /says that it is page 0|not match|has not the value|does not hold/,
  },
  {
    rule: '7',
    name: 'the file is cut to a snapshot that is not durable yet',
    sim: { storage: truncatingEarly(1024) },
    turns: shrinking,
    finds: /says that it is page 0|the file ends|past the|opened as transaction/,
  },
  {
    rule: '7',
    name: 'the file is cut into a retained snapshot',
    sim: { storage: (machine) => new CutsTooMuch(machine) },
    turns: shrinking,
    finds: /it is past the file|past the end/,
  },
  {
    rule: 'step 1',
    name: 'what a dead writer left is forgotten',
    sim: { storage: (machine) => new NoTakeover(machine) },
    turns: killed,
    finds: /opened as transaction/,
  },
  {
    rule: 'step 1',
    name: 'a takeover flushes, but does not write again what a failed flush left clean',
    sim: {
      storage: changingJobs((rows, shape) => {
        if (shape !== 'give up' && shape !== 'finish') return rows;
        const isMeta = (row: readonly number[]): boolean => row[1] === 1 && row[4] === 512;
        return rows.filter((row) => row[0] !== OP.WRITE || isMeta(row));
      }),
    },
    turns: lostFlush,
    finds: LOST,
  },
];

const OPTIONS: ExplorerOptions = {
  ...DEFAULT_EXPLORER,
  limits: { exhaustiveUnits: 6, random: 8, singles: 16, tearEvery: 64 },
  seed: 1,
};
/** Turns of a workload until a mutation is given up. */
const MOST_TURNS = 60;

/** The images it took, and what the simulator said; undefined when it found nothing. */
async function firstFinding(
  sim: Partial<SimOptions>,
  turns: Turns,
): Promise<{ images: number; said: string } | undefined> {
  const explorer = new Explorer({ ...OPTIONS, sim: { ...DEFAULT_SIM, ...sim } });
  try {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      explorer.explore((await turns(explorer, turn)) ?? []);
    }
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { images: explorer.met.images, said };
  }
  return undefined;
}

describe('the simulator fails when', () => {
  test.each(MUTATIONS)(
    '$name (rule $rule)',
    { timeout: 120_000 },
    async ({ sim, turns, finds }) => {
      const found = await firstFinding(sim, turns);
      console.log(`after ${found?.images} images: ${found?.said.split('\n')[0]?.slice(0, 300)}`);
      expect(found?.said).toMatch(finds);
    },
  );
});

test('each rule from 1 to 8 is taken away at least once', () => {
  const rules = new Set(MUTATIONS.flatMap(({ rule }) => rule.split(', ')));
  for (const rule of ['1', '2', '3', '4', '5', '6', '7', '8']) expect(rules).toContain(rule);
});
