/**
 * Workloads of the power-loss simulator. Each runs on a machine of its own, and returns the moments at
 * which the power may fail; the explorer then makes their images.
 */

import { PackPass } from '../../src/btree/pack.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import type { Explorer, Moment } from './crash-explorer.ts';
import { type Changes, History, type Mix, randomChanges } from './sim-history.ts';
import type { Fault, SimMachine } from './sim-machine.ts';
import { diesIn, isDiskFull, isPoisoned, newMachine, SimProcess } from './sim-process.ts';
import type { Random } from './sim-random.ts';

/** A machine under test, with everything that records it. */
export class Run {
  readonly explorer: Explorer;
  readonly machine: SimMachine;
  readonly history: History;
  readonly moments: Moment[];

  constructor(explorer: Explorer) {
    this.explorer = explorer;
    this.machine = newMachine(explorer.options.sim, explorer.counts);
    this.history = History.empty();
    this.moments = explorer.record(this.machine, () => this.history);
  }

  open(diesAt = -1): SimProcess {
    return SimProcess.open(this.machine, this.history, this.explorer.options.sim, diesAt);
  }

  /** Opens alone on a machine whose processes died, and compares with what they had published. */
  reopen(): SimProcess {
    const process = this.open();
    const { id } = process.published;
    this.history.foundAlive(id);
    process.check(process.published, this.history.stateOf(id));
    return process;
  }

  changes(mix: Mix = this.explorer.options.mix): Changes {
    return randomChanges(this.explorer.random, mix);
  }

  /** Checks that the process sees the newest published state, and all of it. */
  check(process: SimProcess): void {
    const roots = process.published;
    process.check(roots, this.history.stateOf(roots.id));
  }

  end(): Moment[] {
    this.moments.push(this.explorer.moment(this.machine, this.history));
    return this.moments;
  }
}

const ALL: readonly Durability[] = ['commit', 'interval', 'manual'];

/** At most so many of the moments, drawn at random: the images are then of more turns. */
export function some(moments: readonly Moment[], most: number, random: Random): Moment[] {
  const left = [...moments];
  while (left.length > most) left.splice(random.below(left.length), 1);
  return left;
}

/** Durable commits of one process, one after the other. */
export function durableCommits(explorer: Explorer, commits: number): Moment[] {
  const run = new Run(explorer);
  const process = run.open();
  for (let i = 0; i < commits; i++) process.commit(run.changes());
  run.check(process);
  process.close();
  return run.end();
}

/**
 * Two processes that write by turns with all durabilities, flush now and then, and a third that reads: it
 * keeps snapshots while their successors are overwritten. While a flush runs it sees what is published,
 * never the meta in the page cache (rule 4).
 */
export function mixedDurabilities(explorer: Explorer, commits: number): Moment[] {
  const { random } = explorer;
  const run = new Run(explorer);
  const writers = [run.open(), run.open()];
  const reader = run.open();
  const pinned: number[] = [];
  const record = run.machine.beforeFlush;
  run.machine.beforeFlush = (point) => {
    record?.(point);
    const seen = reader.pager.readers.beginShort().id;
    reader.pager.readers.endShort();
    if (seen > Math.max(1, run.history.newestPublished)) {
      throw new Error(`a reader sees ${seen}, which is not published yet`);
    }
    explorer.met.readsDuringFlush++;
  };
  for (let i = 0; i < commits; i++) {
    const process = random.pick(writers);
    process.commit(run.changes(), random.pick(ALL));
    if (random.chance(0.2)) process.flush();
    if (random.chance(0.4)) {
      if (pinned.length === 3) reader.pager.readers.unpin(pinned.shift()!);
      pinned.push(reader.pager.readers.pin().id);
    }
    for (const id of pinned) {
      const { lock } = reader.pager;
      const entry = lock.findEntry(id | 0);
      if (entry < 0) throw new Error(`the pinned snapshot ${id} is not retained`);
      const roots = lock.entryRoots(entry);
      if (roots.id !== id) throw new Error(`the pinned snapshot ${id} is not retained`);
      reader.pager.pages.forget();
      reader.check(roots, run.history.stateOf(id));
      explorer.met.pinnedReads++;
    }
  }
  for (const process of writers) process.close();
  return run.end();
}

/** Commits that grow the file by values of many pages, then removals that shrink it again. */
export function growAndShrink(explorer: Explorer): Moment[] {
  const run = new Run(explorer);
  const process = run.open();
  const big: Mix = { ...explorer.options.mix, overflow: 0.7, puts: 6, longestRun: 20_000 };
  for (let i = 0; i < 3; i++) process.commit(run.changes(big));
  const all = new Map(
    [...run.history.stateOf(process.published.id).keys()].map((k) => [k, undefined]),
  );
  process.commit(all);
  for (let i = 0; i < 3; i++) process.commit(run.changes());
  run.check(process);
  process.close();
  const again = run.reopen();
  again.commit(run.changes());
  again.close();
  return run.end();
}

/** Commits of values as long as can be, each under keys of its own, flushed. */
function fillWithLongest(process: SimProcess, commits: number): void {
  const longest = process.pager.pages.geometry.maxValueBytes;
  for (let i = 0; i < commits; i++) {
    const load = new Map<number, number>();
    for (let k = 0; k < 14; k++) load.set(1000 + i * 100 + k, longest);
    process.commit(load, 'manual');
  }
  process.flush();
}

/** A snapshot that was pinned is still what it was. */
function checkAndLetGo(process: SimProcess, kept: SnapshotRoots): void {
  process.pager.pages.forget();
  process.check(kept, process.history.stateOf(kept.id));
  process.pager.readers.unpin(kept.id);
}

/**
 * A file of several growth steps loses nearly all of its content, and then its tail (rule 7). Only the
 * moments from the removal on are kept: the others are images of megabytes.
 */
export function truncation(explorer: Explorer): Moment[] {
  const run = new Run(explorer);
  const process = run.open();
  fillWithLongest(process, 10);
  run.moments.length = 0;
  const keys = [...run.history.stateOf(process.published.id).keys()];
  process.commit(new Map(keys.map((key) => [key, undefined])));
  for (let i = 0; i < 4; i++) process.commit(run.changes());
  process.close();
  return run.end();
}

/**
 * A file most of which is removed again is compacted, step by step, beside a reader with a snapshot of
 * its own and another writer; then it is cut and punched.
 */
export async function compaction(explorer: Explorer): Promise<Moment[]> {
  const { random } = explorer;
  const run = new Run(explorer);
  const process = run.open();
  const other = run.open();
  const big: Mix = { ...explorer.options.mix, keys: 900, puts: 90, overflow: 0.3, removes: 0 };
  for (let i = 0; i < 4; i++) process.commit(run.changes(big), 'manual');
  const keys = [...run.history.stateOf(process.published.id).keys()];
  const gone = keys.filter(() => random.chance(0.6));
  process.commit(new Map(gone.map((key) => [key, undefined])));
  run.moments.length = 0;
  const kept = random.chance(0.5) ? other.pager.readers.pin() : undefined;
  for (const kind of ['fill', 'runs', 'pages'] as const) {
    const { pagesInUse } = process.published;
    const end = kind === 'fill' ? process.published.filePages : pagesInUse + random.below(12);
    const pass = new PackPass(kind, end, explorer.options.sim.pageSize);
    for (let steps = 0; !pass.finished && steps < 12; steps++) {
      const before = pass.moved;
      process.pack(pass, end, 4 + random.below(8), random.chance(0.8) ? 'commit' : 'interval');
      explorer.met.packed += pass.moved - before;
      run.check(process);
      if (random.chance(0.2)) other.commit(run.changes(), random.pick(ALL));
    }
  }
  if (kept !== undefined) checkAndLetGo(other, kept);
  process.flush();
  await process.pager.giveBack();
  run.check(process);
  run.moments.push(explorer.moment(run.machine, run.history));
  for (let i = 0; i < 2; i++) other.commit(run.changes(), random.pick(ALL));
  run.check(other);
  process.close();
  return some(run.end(), 5, random);
}

/**
 * Large values are removed from the middle of a file, and their extents punched: with a reader, or a D,
 * that still has them nothing of it is. Only the moments from the removal on are kept.
 */
export async function punching(explorer: Explorer): Promise<Moment[]> {
  const { random } = explorer;
  const run = new Run(explorer);
  const process = run.open();
  const other = run.open();
  fillWithLongest(process, 8);
  run.moments.length = 0;
  const keys = [...run.history.stateOf(process.published.id).keys()];
  const kept = random.chance(0.5) ? other.pager.readers.pin() : undefined;
  const gone = keys.filter((key) => key >= 1100 && key < 1600);
  process.commit(new Map(gone.map((key) => [key, undefined])), random.pick(ALL));
  await process.pager.trim();
  run.check(process);
  if (kept !== undefined) checkAndLetGo(other, kept);
  process.commit(run.changes());
  await process.pager.trim();
  run.check(process);
  for (let i = 0; i < 2; i++) process.commit(run.changes(), random.pick(ALL));
  process.close();
  return run.end();
}

/** The job of one operation of a process that is going to die. */
export type Fatal = 'commit' | 'interval' | 'flush' | 'confirm' | 'open' | 'close';

/**
 * A process is killed at step `diesAt` of one operation; then another one that was there before, or
 * (`alone`) one that opens after it, goes on. Undefined: the operation has fewer steps.
 */
export function takeover(
  explorer: Explorer,
  fatal: Fatal,
  diesAt: number,
  alone: boolean,
  fault?: Fault,
): Moment[] | undefined {
  const { random } = explorer;
  const run = new Run(explorer);
  const survivor = alone ? undefined : run.open();
  const victim = run.open();
  victim.commit(run.changes());
  for (let i = 0; i < 2; i++) victim.commit(run.changes(), i === 0 ? 'interval' : random.pick(ALL));
  if (fatal === 'flush' || fatal === 'close') victim.commit(run.changes(), 'manual');
  if (fatal === 'confirm') victim.flush();
  if (fatal === 'open') victim.storage.kill();
  run.moments.length = 0;
  victim.storage.steps = 0;
  victim.storage.diesAt = diesAt;
  if (fault !== undefined) run.machine.faults.push({ ...fault });
  const died = diesIn(() => {
    if (fatal === 'commit') victim.commit(run.changes());
    else if (fatal === 'interval') victim.commit(run.changes(), 'interval');
    else if (fatal === 'flush') victim.flush();
    else if (fatal === 'close') victim.close();
    else if (fatal === 'open') run.open(diesAt);
    else run.explorer.confirm(victim);
  });
  if (!died) return undefined;
  run.machine.faults.length = 0;
  const next = survivor ?? run.reopen();
  next.commit(run.changes(), random.pick(ALL));
  next.commit(run.changes());
  run.check(next);
  if (random.chance(0.5)) next.close();
  return run.end();
}

/** The disk is full at the n-th write, or growth, of a commit: nothing is changed, and it goes on. */
export function fullDisk(
  explorer: Explorer,
  kind: 'write' | 'grow',
  nth: number,
): Moment[] | undefined {
  const run = new Run(explorer);
  const process = run.open();
  process.commit(run.changes());
  process.commit(run.changes(), 'interval');
  run.moments.length = 0;
  const code = explorer.random.pick(['ENOSPC', 'EDQUOT'] as const);
  run.machine.faults.push({ kind, nth, code });
  // A growth that fails is tried again, without the step, and without zeros ahead.
  if (kind === 'grow') run.machine.faults.push({ kind, nth, code }, { kind, nth, code });
  const big: Mix = { ...explorer.options.mix, overflow: 1, longestRun: 30_000, puts: 40 };
  const before = process.published.id;
  try {
    process.commit(run.changes(kind === 'grow' ? { ...big, keys: 4000, puts: 200 } : big));
    return undefined;
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
  run.machine.faults.length = 0;
  if (process.published.id !== before) throw new Error('a full disk changed what is published');
  run.check(process);
  process.commit(run.changes());
  process.commit(run.changes(), 'interval');
  run.check(process);
  process.close();
  return run.end();
}

/**
 * The n-th write or flush of a commit fails for good. Every process is told; whoever opens alone
 * afterwards has the last durable state, for ever.
 */
export function poisoned(
  explorer: Explorer,
  kind: 'write' | 'flush',
  nth: number,
): Moment[] | undefined {
  const { random } = explorer;
  const run = new Run(explorer);
  const other = run.open();
  const process = run.open();
  process.commit(run.changes());
  const promised = process.published.id;
  const lost = random.chance(0.5);
  if (lost) process.commit(run.changes(), 'interval');
  run.moments.length = 0;
  // Sometimes the slot of what failed cannot be zeroed either; then the flag alone keeps it back.
  const isBad = random.chance(0.3);
  const then: Fault | undefined = isBad ? { kind: 'write', nth: 0, code: 'EIO' } : undefined;
  run.machine.faults.push({ kind, nth, code: 'EIO', ...(then && { then }) });
  try {
    process.commit(run.changes());
    return undefined;
  } catch (error) {
    if (!isPoisoned(error)) throw error;
  }
  run.machine.faults.length = 0;
  for (const told of [other, process]) {
    let isTold = false;
    try {
      told.pager.beginWriteSync();
    } catch (error) {
      isTold = isPoisoned(error);
    }
    if (!isTold) throw new Error('a process writes on after a failed flush');
  }
  run.check(other);
  run.moments.push(run.explorer.moment(run.machine, run.history));
  for (const handle of [other, process]) {
    if (random.chance(0.5)) handle.pager.close();
    else handle.storage.kill();
  }
  // Nobody has it open. Without the flag, what the slots in the page cache say decides.
  if (!isBad && random.chance(0.3)) run.machine.removeLockFile();
  const after = run.open();
  const { id } = after.published;
  if (id !== promised) throw new Error(`reopened as ${id}, the last durable one is ${promised}`);
  run.history.found(id);
  run.check(after);
  run.moments.push(run.explorer.moment(run.machine, run.history));
  for (let i = 0; i < 2; i++) after.commit(run.changes(), random.pick(ALL));
  after.close();
  return run.end();
}

/** A flush fails and nobody notices: for the mutation that takes it for done. */
export function deafFlush(explorer: Explorer): Moment[] {
  const run = new Run(explorer);
  const process = run.open();
  process.commit(run.changes());
  run.moments.length = 0;
  run.machine.faults.push({ kind: 'flush', nth: 0, code: 'EIO' });
  process.commit(run.changes());
  process.commit(run.changes());
  return run.end();
}

/**
 * All processes are killed at step `diesAt` of a commit, and the lock file is removed: the slots are all
 * that is left to go by, and the page cache has what was never flushed.
 */
export function orphaned(explorer: Explorer, diesAt: number): Moment[] | undefined {
  const run = new Run(explorer);
  const victim = run.open();
  victim.commit(run.changes());
  run.moments.length = 0;
  victim.storage.steps = 0;
  victim.storage.diesAt = diesAt;
  if (!diesIn(() => victim.commit(run.changes()))) return undefined;
  run.machine.removeLockFile();
  const next = run.open();
  run.history.found(next.published.id);
  run.check(next);
  run.moments.push(explorer.moment(run.machine, run.history));
  next.commit(run.changes());
  return run.end();
}

/**
 * A commit that fails while another one, built on it, is queued behind it: neither happens. `kind` and
 * `nth`: the write or flush that fails; `code` says whether the disk is full or broken; `late`: the
 * second is committed when the first one's failure is known.
 */
export async function pipelinedFailure(
  explorer: Explorer,
  kind: 'write' | 'flush',
  nth: number,
  code: 'ENOSPC' | 'EIO',
  late: boolean,
): Promise<Moment[] | undefined> {
  const run = new Run(explorer);
  const process = run.open();
  process.commit(run.changes());
  const before = process.published.id;
  run.moments.length = 0;
  const first = process.noted(await process.pager.beginWrite());
  const firstBuilt = process.build(first, run.changes());
  run.machine.faults.push({ kind, nth, code });
  const firstEnd = settled(process.commitLater(firstBuilt, 'commit'));
  let secondEnd: Promise<unknown> | undefined;
  try {
    const second = await process.pager.beginWrite();
    if (second.base.id === first.id) {
      process.noted(second);
      const secondBuilt = process.build(second, run.changes());
      if (late) await firstEnd;
      secondEnd = settled(process.commitLater(secondBuilt, 'commit'));
    } else process.pager.abort(second);
  } catch (error) {
    if (!isPoisoned(error)) throw error;
  }
  const firstError = await firstEnd;
  if (firstError === undefined && secondEnd !== undefined && (await secondEnd) === undefined) {
    return undefined;
  }
  const isExpected = code === 'ENOSPC' && kind === 'write' ? isDiskFull : isPoisoned;
  for (const error of [firstError, await secondEnd]) {
    if (error !== undefined && !isExpected(error)) throw error;
  }
  if (firstError !== undefined) {
    if (process.published.id !== before) throw new Error('a commit went on from one that failed');
    if (secondEnd !== undefined && (await secondEnd) === undefined) {
      throw new Error('a commit was done on top of one that failed');
    }
    run.explorer.met.failedTogether += secondEnd === undefined ? 0 : 1;
  }
  run.machine.faults.length = 0;
  run.check(process);
  if (!process.pager.lock.poisoned) process.commit(run.changes());
  else {
    process.pager.close();
    const after = run.open();
    run.history.found(after.published.id);
    after.commit(run.changes());
  }
  return run.end();
}

/**
 * A flush and a transaction of one handle wait for another process at the same time, and have the lock
 * together: the flush has been submitted and has not begun when the transaction does.
 */
export async function flushBesideBegin(explorer: Explorer): Promise<Moment[]> {
  const run = new Run(explorer);
  const process = run.open();
  const rival = run.open();
  process.commit(run.changes());
  process.commit(run.changes(), 'interval');
  const published = process.published.id;
  const held = rival.begin();
  const flushed = process.pager.flush().then(() => run.history.durable(published));
  const begun = process.pager.beginWrite();
  rival.pager.abort(held);
  const session = process.noted(await begun);
  await process.commitLater(process.build(session, run.changes()), 'commit');
  await flushed;
  run.check(process);
  process.commit(run.changes());
  return run.end();
}

/** What a promise was rejected with, undefined when it was not. */
function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Commits of one process while its own previous flush runs, and of another that waits for its turn. */
export async function pipelined(
  explorer: Explorer,
  commits: number,
  rival: boolean,
): Promise<Moment[]> {
  const { random } = explorer;
  const run = new Run(explorer);
  const process = run.open();
  const other = rival ? run.open() : undefined;
  const ends: Promise<unknown>[] = [];
  for (let i = 0; i < commits; i++) {
    const writer = other !== undefined && random.chance(0.3) ? other : process;
    const session = writer.noted(await writer.pager.beginWrite());
    if (run.history.newestPublished < session.base.id) explorer.met.builtDuringFlush++;
    const built = writer.build(session, run.changes());
    const durability: Durability = random.chance(0.6) ? 'commit' : random.pick(ALL);
    ends.push(writer.commitLater(built, durability));
    if (random.chance(0.2)) {
      await Promise.all(ends);
      run.check(writer);
    }
  }
  await Promise.all(ends);
  run.check(process);
  process.close();
  return run.end();
}
