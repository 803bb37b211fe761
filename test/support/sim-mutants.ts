/**
 * Mutations of the engine, made from outside: a handle that drops, moves or changes a step of the jobs, or
 * lies in an answer. Each takes one rule of docs/commit-and-recovery.md away.
 */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { ENTRY, entryAt, LOCK_BYTE, WORD } from '../../src/format/lock-file.ts';
import { META_KIND } from '../../src/format/meta.ts';
import { Job, OP } from '../../src/pager/job.ts';
import { parse, RecordingStorage } from './recording-storage.ts';
import type { SimMachine } from './sim-machine.ts';

/** A job, row by row: the operation and its arguments, section marks among them. */
export type Row = readonly number[];

/** What a job is for. */
export type Shape =
  | 'commit'
  | 'commit of two flushes'
  | 'flush'
  | 'confirm'
  | 'finish'
  | 'give up'
  | 'clear poison'
  | 'recovery flush'
  | 'other';

export function rowsOf(job: Job): Row[] {
  const { main, onAbort, onPoison, finally: last } = parse(job.steps);
  const starts = [...main, ...onAbort, ...onPoison, ...last].map(({ at }) => at);
  for (let at = 0; at < job.steps.length; at++) {
    const isMark = job.steps[at]! >= OP.ON_ABORT && job.steps[at]! <= OP.FINALLY;
    if (isMark && isStart(job.steps, at)) starts.push(at);
  }
  starts.sort((a, b) => a - b);
  return starts.map((at, i) => job.steps.slice(at, starts[i + 1] ?? job.steps.length));
}

/** Whether an operation begins there: an argument may look like one. */
function isStart(steps: readonly number[], wanted: number): boolean {
  for (let at = 0; at <= wanted; ) {
    if (at === wanted) return true;
    const op = steps[at]!;
    if (op === OP.WRITE_PAGES) at += 5 + 4 * steps[at + 4]!;
    else if (op === OP.WRITE) at += 2 + 4 * steps[at + 1]!;
    else if (op === OP.ZERO || op === OP.PUNCH || op === OP.STORE || op === OP.GUARD) at += 3;
    else if (op === OP.STORE_ERRNO) at += 2;
    else if (op === OP.WAKE) at += 4;
    else at += 1;
  }
  return false;
}

export function shapeOf(job: readonly Row[]): Shape {
  // What is done after a failure says nothing of what the job is for.
  const end = job.findIndex(([op]) => op! >= OP.ON_ABORT && op! <= OP.FINALLY);
  const rows = end < 0 ? job : job.slice(0, end);
  const count = (op: number): number => rows.filter((row) => row[0] === op).length;
  const flushes = count(OP.FLUSH);
  const isGuarded = count(OP.GUARD) > 0;
  if (count(OP.WRITE_PAGES) > 0) {
    return flushes === 0 ? 'other' : flushes === 1 ? 'commit' : 'commit of two flushes';
  }
  if (isGuarded) return flushes === 2 ? 'flush' : flushes === 1 ? 'confirm' : 'other';
  if (count(OP.ZERO) === 2) return 'clear poison';
  if (count(OP.ZERO) === 1) return 'give up';
  if (count(OP.WRITE) > 0) return 'finish';
  return flushes === 1 ? 'recovery flush' : 'other';
}

/** A handle that runs other jobs than it was given. */
export class MutantStorage extends RecordingStorage {
  private readonly change: (rows: Row[], shape: Shape, storage: MutantStorage) => Row[];

  constructor(
    machine: SimMachine,
    change: (rows: Row[], shape: Shape, storage: MutantStorage) => Row[],
  ) {
    super(machine);
    this.change = change;
  }

  protected override *execute(job: Job, written: (() => void) | undefined): Generator<void, void> {
    const rows = rowsOf(job);
    const changed = new Job();
    for (const row of this.change(rows, shapeOf(rows), this)) changed.steps.push(...row);
    changed.buffers.push(...job.buffers);
    yield* super.execute(changed, written);
  }
}

/** Makes a handle whose jobs are changed. */
export function changingJobs(
  change: (rows: Row[], shape: Shape, storage: MutantStorage) => Row[],
): (machine: SimMachine) => RecordingStorage {
  return (machine) => new MutantStorage(machine, change);
}

/** Takes away the flushes of jobs of that shape: the one with that index, or each. */
export function withoutFlush(
  shape: Shape,
  index?: number,
): (machine: SimMachine) => RecordingStorage {
  return changingJobs((rows, found) => {
    if (found !== shape) return rows;
    let at = 0;
    return rows.filter((row) => row[0] !== OP.FLUSH || (index !== undefined && at++ !== index));
  });
}

/** Takes away rows for which `isGone` says so. */
export function without(
  isGone: (row: Row, shape: Shape) => boolean,
): (machine: SimMachine) => RecordingStorage {
  return changingJobs((rows, shape) => rows.filter((row) => !isGone(row, shape)));
}

/** Takes away a section: its mark, and all up to the next one. */
/** The slot of a meta that failed is left as it is. */
export const withoutZeroOnPoison: (machine: SimMachine) => RecordingStorage = changingJobs(
  (rows) => {
    const mark = rows.findIndex((row) => row[0] === OP.ON_POISON);
    return rows.filter((row, i) => mark < 0 || i < mark || row[0] !== OP.ZERO);
  },
);

export function withoutSection(mark: number): (machine: SimMachine) => RecordingStorage {
  return changingJobs((rows) => {
    const from = rows.findIndex((row) => row[0] === mark);
    if (from < 0) return rows;
    let to = from + 1;
    while (to < rows.length && !(rows[to]![0]! >= OP.ON_ABORT && rows[to]![0]! <= OP.FINALLY)) to++;
    return [...rows.slice(0, from), ...rows.slice(to)];
  });
}

/** Adds rows at the end of the main section. */
export function appended(rows: readonly Row[], more: readonly Row[]): Row[] {
  const mark = rows.findIndex((row) => row[0]! >= OP.ON_ABORT && row[0]! <= OP.FINALLY);
  const end = mark < 0 ? rows.length : mark;
  return [...rows.slice(0, end), ...more, ...rows.slice(end)];
}

/** The retained entry that a commit or flush makes durable or publishes; -1 when it is neither. */
export function entryOf(rows: readonly Row[]): number {
  const row = rows.find((r) => r[0] === OP.STORE && r[1] === WORD.commitInProgress && r[2]! > 0);
  return row === undefined ? -1 : row[2]! - 1;
}

// Lies and slips

/** Says of every handle that it is dead. */
export class BlindScan extends RecordingStorage {
  override isLocked(byte: number, count: number): boolean {
    return count > 1 && super.isLocked(byte, count);
  }
  static readonly firstByte: number = LOCK_BYTE.firstSlot;
}

/** Checksums of pages hold, whatever is in them. */
export class TrustingPages extends RecordingStorage {
  override pageIsIntact(): boolean {
    return true;
  }
}

/** Checksums are the same for all bytes of that length: no tear is noticed. */
export class ConstantHash extends RecordingStorage {
  private readonly isConstant: (length: number) => boolean;

  constructor(machine: SimMachine, isConstant: (length: number) => boolean) {
    super(machine);
    this.isConstant = isConstant;
  }
  override hash(
    bytes: Uint8Array,
    start: number,
    end: number,
    seedLow: number,
    seedHigh: number,
    target: Uint8Array,
    at: number,
  ): void {
    if (this.isConstant(end - start)) target.fill(7, at, at + 8);
    else super.hash(bytes, start, end, seedLow, seedHigh, target, at);
  }
}

/** Metas say that their pages need no walk. */
export class NoWalk extends RecordingStorage {
  protected override write(bytes: Uint8Array, start: number, length: number, offset: number): void {
    if (length === META_SLOT_BYTES && META_SLOT_OFFSETS.includes(offset)) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + start, META_SLOT_BYTES);
      view.setUint32(36, META_KIND.twoFlushes, true);
      this.hash(bytes, start + 8, start + META_SLOT_BYTES, 0, 0, bytes, start);
    }
    super.write(bytes, start, length, offset);
  }
}

/** Zeros ahead begin so many bytes too low. */
export class ZerosTooLow extends RecordingStorage {
  protected override zero(fileOffset: number, length: number): void {
    const isSlot = META_SLOT_OFFSETS.includes(fileOffset) && length === META_SLOT_BYTES;
    const early = isSlot ? 0 : 2048;
    super.zero(fileOffset - early, length + early);
  }
}

/** A flush that failed is taken for one that did not. */
export class DeafToFlush extends RecordingStorage {
  protected override flush(): void {
    try {
      super.flush();
    } catch (error) {
      if (this.dead) throw error;
    }
  }
}

/** A hole begins one page early. */
export class PunchesTooMuch extends RecordingStorage {
  protected override punch(fileOffset: number, length: number): void {
    super.punch(fileOffset - 1024, length + 1024);
  }
}

/** A truncation cuts one page more. */
export class CutsTooMuch extends RecordingStorage {
  override truncate(sizeBytes: number): void {
    super.truncate(sizeBytes - 1024);
  }
}

/** The file is cut to the length of each new snapshot before D is that one. */
export function truncatingEarly(pageSize: number): (machine: SimMachine) => RecordingStorage {
  return changingJobs((rows, _shape, storage) => {
    const entry = entryOf(rows);
    if (entry < 0 || storage.words === undefined) return rows;
    const bytes = storage.words[entryAt(entry) + ENTRY.filePages]! * pageSize;
    if (bytes > 0 && bytes < storage.machine.disk.sizeBytes) storage.machine.disk.resize(bytes);
    return rows;
  });
}

/** Recovery tidies up: slots older than the newest are zeroed when the file is opened. */
export class TidyRecovery extends RecordingStorage {
  private isTidy = false;
  override tryLock(byte: number): boolean {
    const has = super.tryLock(byte);
    if (
      has &&
      byte === LOCK_BYTE.opener &&
      !this.isTidy &&
      !super.isLocked(LOCK_BYTE.firstSlot, 64)
    ) {
      this.isTidy = true;
      this.tidy();
    }
    return has;
  }
  private tidy(): void {
    const transactions = META_SLOT_OFFSETS.map((offset) => {
      const bytes = new Uint8Array(META_SLOT_BYTES);
      this.readAt(bytes, offset);
      return new DataView(bytes.buffer).getUint32(64, true);
    });
    const newest = Math.max(...transactions);
    META_SLOT_OFFSETS.forEach((offset, slot) => {
      if (transactions[slot] !== newest) this.machine.disk.zero(offset, META_SLOT_BYTES);
    });
  }
}

/** What a dead writer left in progress is forgotten. */
export class NoTakeover extends RecordingStorage {
  override kill(): void {
    super.kill();
    if (this.words !== undefined) this.words[WORD.commitInProgress] = 0;
  }
}

/** A full disk is met as any other failure. */
export class FullDiskIsBroken extends RecordingStorage {
  protected override mayFail(kind: 'write'): void {
    for (const fault of this.machine.faults) Object.assign(fault, { code: 'EIO' });
    super.mayFail(kind);
  }
  override grow(sizeBytes: number): void {
    for (const fault of this.machine.faults) Object.assign(fault, { code: 'EIO' });
    super.grow(sizeBytes);
  }
}
