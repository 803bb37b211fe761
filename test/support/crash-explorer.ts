/**
 * The power-loss simulator: takes the crash points of a workload, makes their images, opens each of them
 * with the engine's own code, and checks what is found. From each image it goes on: three more
 * commits, whose crash points (those of the recovery among them) are crashed again, to `depth`.
 */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { lockFileBytes, WORD } from '../../src/format/lock-file.ts';
import { decodeMeta } from '../../src/format/meta.ts';
import { LockWords } from '../../src/pager/lock-words.ts';
import { native } from '../../src/pager/native.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import { crashImages, type ImageLimits, randomImage } from './crash-images.ts';
import type { CrashPoint, DiskImage } from './sim-disk.ts';
import { type Allowed, History, type Mix, randomChanges } from './sim-history.ts';
import { type MachineCounts, noCounts, SimMachine } from './sim-machine.ts';
import { DEFAULT_SIM, type SimOptions, SimProcess } from './sim-process.ts';
import { Random } from './sim-random.ts';

/** A moment at which the power may fail, and what may be found afterwards. */
export interface Moment {
  readonly point: CrashPoint;
  readonly allowed: Allowed;
}

export interface ExplorerOptions {
  readonly sim: SimOptions;
  readonly limits: ImageLimits;
  readonly mix: Mix;
  readonly depth: number;
  /** How many images of what follows are tried after each image. */
  readonly again: number;
  readonly seed: number;
}

export const SMALL_MIX: Mix = {
  keys: 24,
  puts: 3,
  removes: 1,
  longestValue: 60,
  overflow: 0.1,
  longestRun: 3000,
};

export const DEFAULT_EXPLORER: ExplorerOptions = {
  sim: DEFAULT_SIM,
  limits: { exhaustiveUnits: 8, random: 40, singles: 64, tearEvery: 32 },
  mix: SMALL_MIX,
  depth: 3,
  again: 0.4,
  seed: 1,
};

/** What the simulator met: that each rule was exercised. */
export interface Met {
  images: number;
  deepest: number;
  byDepth: number[];
  stepBacks: number;
  tornSlots: number;
  /** Images whose file was shorter than the newest snapshot. */
  shortFiles: number;
  /** Images that hold a transaction which was never told to be durable. */
  unpromised: number;
  readsDuringFlush: number;
  /** Checks of a snapshot that a reader kept while others wrote. */
  pinnedReads: number;
  /** Transactions begun on a commit that was not published yet. */
  builtDuringFlush: number;
  /** Commits that were queued behind one that failed, and failed with it. */
  failedTogether: number;
  /** Pages that compaction moved. */
  packed: number;
  /** Backups that were restored and compared. */
  restored: number;
}

/** An image that broke a promise. The message says how to come back to it. */
export class BrokenPromise extends Error {}

export class Explorer {
  readonly options: ExplorerOptions;
  readonly random: Random;
  readonly counts: MachineCounts = noCounts();
  readonly met: Met = {
    images: 0,
    deepest: 0,
    byDepth: [],
    stepBacks: 0,
    tornSlots: 0,
    shortFiles: 0,
    unpromised: 0,
    readsDuringFlush: 0,
    pinnedReads: 0,
    builtDuringFlush: 0,
    failedTogether: 0,
    packed: 0,
    restored: 0,
  };

  constructor(options: ExplorerOptions) {
    this.options = options;
    this.random = new Random(options.seed);
  }

  /** A list to which every flush on the machine adds the moment before it. */
  record(machine: SimMachine, history: () => History): Moment[] {
    const moments: Moment[] = [];
    machine.beforeFlush = (point) => {
      moments.push({ point: point(), allowed: allowedNow(machine, history()) });
    };
    return moments;
  }

  /** The moment now: for the end of a workload. */
  moment(machine: SimMachine, history: History): Moment {
    return { point: machine.disk.crashPoint(), allowed: allowedNow(machine, history) };
  }

  /** Every image of every moment. */
  explore(moments: readonly Moment[]): void {
    for (const moment of moments) this.exploreOne(moment);
  }

  exploreOne(moment: Moment): void {
    for (const image of crashImages(moment.point, this.options.limits, this.random)) {
      this.tryImage(image, moment.allowed, 1);
    }
  }

  /** Opens one image, checks it, goes on from it, and crashes again. */
  tryImage(image: DiskImage, allowed: Allowed, depth: number): void {
    const { sim, mix } = this.options;
    const { met, random } = this;
    met.images++;
    met.byDepth[depth] = (met.byDepth[depth] ?? 0) + 1;
    met.deepest = Math.max(met.deepest, depth);
    this.look(image);
    const machine = new SimMachine(sim.windowBytes, image, this.counts);
    if (random.chance(0.25)) machine.shared = garbage(random);
    const history = new History(allowed);
    const moments: Moment[] = this.record(machine, () => history);
    try {
      const process = SimProcess.open(machine, history, sim);
      const roots = process.published;
      if (roots.id !== allowed.ids[0]) met.unpromised++;
      if (process.steppedBackFrom > 0) met.stepBacks++;
      // Recovery is cut before it ends: what it had not flushed yet may be lost again.
      history.found(roots.id);
      process.check(roots, history.stateOf(roots.id));
      for (let i = 0; i < 3; i++) {
        const durability: Durability = random.pick(['commit', 'commit', 'interval', 'manual']);
        process.commit(randomChanges(random, mix), durability);
        if (random.chance(0.2)) process.flush();
      }
      const last = process.published;
      process.check(last, history.stateOf(last.id));
      if (random.chance(0.1)) process.close();
      moments.push(this.moment(machine, history));
    } catch (error) {
      throw new BrokenPromise(
        `depth ${depth}, image ${met.images} (${describe(image)}), allowed ${allowed.ids.join()}: ` +
          (error instanceof Error ? (error.stack ?? error.message) : String(error)),
        { cause: error },
      );
    }
    if (depth >= this.options.depth) return;
    let again = this.options.again;
    for (; again > 0; again--) {
      if (!random.chance(again)) continue;
      const moment = random.pick(moments);
      try {
        this.tryImage(randomImage(moment.point, random), moment.allowed, depth + 1);
      } catch (error) {
        if (error instanceof BrokenPromise) error.message += `\n  after ${describe(image)}`;
        throw error;
      }
    }
  }

  /** Makes the process confirm D, as it does when it has used its ids up (rule 3). */
  confirm(process: SimProcess): void {
    const { lock } = process.pager;
    lock.idsReservedUntil = lock.lastIdStarted + 1;
    process.commit(randomChanges(this.random, this.options.mix));
  }

  /** Counts what an image has of interest. */
  private look(image: DiskImage): void {
    const first = image.segments[0];
    if (first === undefined) return;
    META_SLOT_OFFSETS.forEach((offset, slot) => {
      const bytes = first.subarray(offset, offset + META_SLOT_BYTES);
      const reading = decodeMeta(bytes, slot, metaHash);
      if (reading.kind === 'torn' || reading.kind === 'foreign') this.met.tornSlots++;
      if (reading.kind !== 'valid') return;
      const { filePages, pageSize } = reading.meta;
      if (filePages * pageSize > image.sizeBytes) this.met.shortFiles++;
    });
  }
}

/**
 * What may be found after a power failure now: nothing older than what the lock file calls
 * durable, because whoever asks is told that there is nothing to flush.
 */
function allowedNow(machine: SimMachine, history: History): Allowed {
  const { allowed } = history;
  if (machine.shared === undefined) return allowed;
  const all = new Int32Array(machine.shared);
  const slots = Atomics.load(all, WORD.readerSlots);
  if (Atomics.load(all, WORD.whole) !== 1 || slots < 1 || lockFileBytes(slots) > 4 * all.length) {
    return allowed;
  }
  const lock = new LockWords(all, slots);
  const entry = lock.durableEntry;
  if (entry < 0 || entry >= lock.entries) return allowed;
  const durable = lock.entryId(entry);
  if (!allowed.ids.includes(durable)) return allowed;
  return { ...allowed, ids: allowed.ids.filter((id) => id >= durable) };
}

/** The metas of an image, for messages. */
function describe(image: DiskImage): string {
  const metas = META_SLOT_OFFSETS.map((offset, slot) => {
    const bytes = image.segments[0]!.subarray(offset, offset + META_SLOT_BYTES);
    const reading = decodeMeta(bytes, slot, metaHash);
    if (reading.kind !== 'valid') return reading.kind;
    const { transaction, previousDurable, kind, filePages, idsReservedUntil } = reading.meta;
    return `${transaction} after ${previousDurable} kind ${kind} ${filePages}p ids ${idsReservedUntil}`;
  });
  return `${image.sizeBytes} bytes; ${metas.join('; ')}`;
}

function metaHash(bytes: Uint8Array, start: number, end: number, target: Uint8Array): void {
  native().hash(bytes, start, end, 0, 0, target, 0);
}

/** A lock file of an earlier boot, or of something else. */
function garbage(random: Random): ArrayBuffer {
  const bytes = new Uint8Array(4096);
  for (let i = 0; i < 512; i++) bytes[random.below(4096)] = random.below(256);
  return bytes.buffer;
}
