/**
 * Storage over a simulated machine: one open handle of one process. It runs the very jobs of the pager
 * (job.ts has their grammar, native/job.cc the other interpreter), and it can be killed between any two
 * steps: then its locks are dropped, and nothing else happens.
 *
 * A mutation of the engine, for the simulator's own test, is a subclass that overrides a step.
 */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { META_KIND } from '../../src/format/meta.ts';
import type { Segment } from '../../src/format/segment.ts';
import { hashChunk } from '../../src/pager/chunk-checksum.ts';
import { type Job, OP } from '../../src/pager/job.ts';
import type { Storage } from '../../src/pager/storage.ts';
import { ImaginedStorage } from './imagined-storage.ts';
import { ERRNO, Killed, nativeError, type SimMachine } from './sim-machine.ts';

const KIND_IN_META = 36;
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** One step of a job: its place in `steps`, its operation and its arguments. */
export interface Step {
  readonly op: number;
  readonly at: number;
  /** Pieces of a write: buffer, start, length and file offset of each. */
  readonly pieces: number;
}

export interface Sections {
  readonly main: Step[];
  readonly onAbort: Step[];
  readonly onPoison: Step[];
  readonly finally: Step[];
}

interface QueuedJob {
  readonly run: Generator<void, void>;
  readonly settle: (error: unknown) => void;
  isOver: boolean;
}

export class RecordingStorage extends ImaginedStorage implements Storage {
  readonly path = '/sim/data';
  readonly machine: SimMachine;
  dead = false;
  /** Steps and calls that change something, made so far; dies at the one numbered `diesAt`. */
  steps = 0;
  diesAt = -1;
  /** The words of the lock file that the jobs store into. */
  words: Int32Array | undefined;
  private readonly queue: QueuedJob[] = [];
  private isDriving = false;

  constructor(machine: SimMachine) {
    super();
    this.machine = machine;
  }

  /** The process dies: its locks are gone, all that it wrote is in the page cache. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.machine.counts.kills++;
    this.queue.length = 0;
    this.machine.dropLocks(this);
  }

  /** Before each step: dies here when it was told to. */
  protected step(): void {
    if (this.dead) throw new Killed('dead');
    if (this.steps++ === this.diesAt) {
      this.kill();
      throw new Killed(`killed at step ${this.diesAt}`);
    }
  }

  // The file

  sizeBytes(): number {
    return this.machine.disk.sizeBytes;
  }
  readAt(target: Uint8Array, fileOffset: number): number {
    return this.machine.disk.read(target, fileOffset);
  }
  map(reserveBytes: number, segmentBytes: number): number {
    if (segmentBytes % this.machine.disk.segmentBytes !== 0) throw new Error('odd segments');
    return reserveBytes;
  }
  window(index: number, windowBytes: number): Segment {
    if (windowBytes !== this.machine.disk.segmentBytes) throw new Error('other windows');
    return this.machine.disk.segment(index);
  }
  grow(sizeBytes: number): void {
    this.step();
    const fault = this.machine.fault('grow');
    if (fault !== undefined) throw nativeError('fallocate', fault.code);
    if (sizeBytes <= this.machine.disk.sizeBytes) return;
    this.machine.counts.growths++;
    this.machine.disk.resize(sizeBytes);
  }
  truncate(sizeBytes: number): void {
    this.step();
    this.machine.counts.truncations++;
    this.machine.disk.resize(sizeBytes);
  }

  // Jobs

  run(job: Job, written?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({
        run: this.execute(job, written),
        settle: (error) => {
          if (error === undefined) resolve();
          else reject(error);
        },
        isOver: false,
      });
      if (!this.isDriving) void this.drive();
    });
  }

  runSync(job: Job): void {
    for (const queued of [...this.queue]) this.finish(queued);
    for (const _step of this.execute(job, undefined));
  }

  /** Runs the queue beside the test: others have their turn at each yield. */
  private async drive(): Promise<void> {
    this.isDriving = true;
    // The job's thread has not begun yet when `run` returns.
    await new Promise((resolve) => setImmediate(resolve));
    for (let queued = this.queue[0]; queued !== undefined; queued = this.queue[0]) {
      try {
        while (!queued.isOver && queued.run.next().done !== true) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        this.end(queued, undefined);
      } catch (error) {
        this.end(queued, error);
      }
    }
    this.isDriving = false;
  }

  private finish(queued: QueuedJob): void {
    try {
      while (queued.run.next().done !== true);
      this.end(queued, undefined);
    } catch (error) {
      this.end(queued, error);
      if (error instanceof Killed) throw error;
    }
  }

  private end(queued: QueuedJob, error: unknown): void {
    if (queued.isOver) return;
    queued.isOver = true;
    const index = this.queue.indexOf(queued);
    if (index >= 0) this.queue.splice(index, 1);
    // Nobody is there to be told of a dead process's job.
    if (!this.dead) queued.settle(error);
  }

  /** Runs a job. Yields after NOTIFY and before each flush. Throws as the addon does. */
  protected *execute(job: Job, written: (() => void) | undefined): Generator<void, void> {
    const sections = parse(job.steps);
    let failure: unknown;
    try {
      yield* this.section(sections.main, job, written, undefined);
    } catch (error) {
      if (error instanceof Killed) throw error;
      failure = error;
    }
    let isAbort = false;
    if (failure !== undefined && isAbortOf(failure)) {
      isAbort = true;
      this.machine.counts.aborts++;
      try {
        yield* this.section(sections.onAbort, job, written, failure);
      } catch (error) {
        if (error instanceof Killed) throw error;
        if (codeOf(error) !== 'ECANCELED') {
          isAbort = false;
          failure = error;
        }
      }
    }
    if (failure !== undefined && !isAbort) {
      this.machine.counts.poisonings++;
      try {
        yield* this.section(sections.onPoison, job, written, failure);
      } catch (error) {
        // What fails there ends the section, as in the addon.
        if (error instanceof Killed) throw error;
      }
    }
    yield* this.section(sections.finally, job, written, failure);
    if (failure !== undefined) throw unmarked(failure);
  }

  private *section(
    steps: readonly Step[],
    job: Job,
    written: (() => void) | undefined,
    cause: unknown,
  ): Generator<void, void> {
    for (const step of steps) {
      if (step.op === OP.FLUSH) yield;
      this.step();
      this.runStep(step, job, written, cause);
      if (step.op === OP.NOTIFY) yield;
    }
  }

  protected runStep(
    { op, at, pieces }: Step,
    job: Job,
    written: (() => void) | undefined,
    cause: unknown,
  ): void {
    const { steps } = job;
    switch (op) {
      case OP.WRITE_PAGES: {
        const secret = { low: steps[at + 2]!, high: steps[at + 3]! };
        for (let i = 0; i < pieces; i++) this.seal(job, at + 5 + 4 * i, steps[at + 1]!, secret);
        this.writePieces(job, at + 5, pieces);
        break;
      }
      case OP.WRITE:
        this.writePieces(job, at + 2, pieces);
        break;
      case OP.ZERO:
        this.mayFail('write');
        this.zero(steps[at + 1]!, steps[at + 2]!);
        break;
      case OP.PUNCH:
        this.mayFail('write');
        this.punch(steps[at + 1]!, steps[at + 2]!);
        break;
      case OP.FLUSH:
        this.flush();
        break;
      case OP.STORE:
        this.store(steps[at + 1]!, steps[at + 2]!);
        break;
      case OP.STORE_ERRNO:
        this.store(steps[at + 1]!, errnoOf(cause));
        break;
      case OP.WAKE:
        // Nobody sleeps here, so that there is nobody to be woken.
        this.store(steps[at + 3]!, Atomics.load(this.jobWords(), steps[at + 2]!));
        break;
      case OP.NOTIFY:
        written?.();
        break;
      case OP.RELEASE:
        this.releaseWriter();
        break;
      case OP.GUARD:
        this.guard(steps[at + 1]!, steps[at + 2]!);
        break;
      default:
        throw new Error(`a job has no operation ${op}`);
    }
  }

  protected guard(word: number, value: number): void {
    if (Atomics.load(this.jobWords(), word) !== value)
      throw abortOf(nativeError('guard', 'ECANCELED'));
  }

  protected store(word: number, value: number): void {
    Atomics.store(this.jobWords(), word, value);
  }

  protected flush(): void {
    this.machine.counts.flushes++;
    this.machine.beforeFlush?.(() => this.machine.disk.crashPoint());
    const fault = this.machine.fault('flush');
    if (fault === undefined) {
      this.machine.disk.flush();
      return;
    }
    this.machine.disk.failFlush();
    if (fault.thenKill === true) {
      this.kill();
      throw new Killed('killed after a flush that failed');
    }
    throw nativeError('msync', fault.code);
  }

  /** Every write of a job comes through here. */
  protected write(bytes: Uint8Array, start: number, length: number, fileOffset: number): void {
    this.machine.disk.write(fileOffset, bytes, start, length);
    if (length === META_SLOT_BYTES && META_SLOT_OFFSETS.includes(fileOffset)) {
      this.machine.counts.metas++;
      if (bytes[start + KIND_IN_META] === META_KIND.confirming) {
        this.machine.counts.confirmingMetas++;
      }
    }
  }

  protected zero(fileOffset: number, length: number): void {
    this.machine.counts.zeroed += length;
    this.machine.disk.zero(fileOffset, length);
  }

  protected punch(fileOffset: number, length: number): void {
    this.machine.counts.punched += length;
    this.machine.disk.zero(fileOffset, length);
  }

  private seal(
    job: Job,
    piece: number,
    pageBytes: number,
    secret: { low: number; high: number },
  ): void {
    const [buffer, start, length, fileOffset] = job.steps.slice(piece, piece + 4);
    const bytes = job.buffers[buffer!]!;
    for (let done = 0; done < length!; done += pageBytes) {
      const o = start! + done;
      const page = (fileOffset! + done) / pageBytes;
      hashChunk(this, bytes, o + 8, o + pageBytes, page, secret, bytes, o);
    }
  }

  private writePieces(job: Job, first: number, pieces: number): void {
    for (let i = 0; i < pieces; i++) {
      const [buffer, start, length, fileOffset] = job.steps.slice(first + 4 * i, first + 4 * i + 4);
      // A process may die between the pages of one write.
      if (i > 0) this.step();
      this.mayFail('write');
      this.write(job.buffers[buffer!]!, start!, length!, fileOffset!);
    }
  }

  protected mayFail(kind: 'write'): void {
    const fault = this.machine.fault(kind);
    if (fault === undefined) return;
    const error = nativeError('pwritev', fault.code);
    throw FULL.includes(fault.code) ? abortOf(error) : error;
  }

  private jobWords(): Int32Array {
    if (this.words === undefined) throw new Error('a job stores words before a lock file is open');
    return this.words;
  }

  // Locks

  tryLock(byte: number): boolean {
    this.step();
    const by = this.machine.locks.get(byte);
    if (by !== undefined && by !== this) return false;
    this.machine.locks.set(byte, this);
    return true;
  }
  unlock(byte: number): void {
    if (this.machine.locks.get(byte) === this) this.machine.locks.delete(byte);
  }
  isLocked(byte: number, count: number): boolean {
    for (const [locked, by] of this.machine.locks) {
      if (by !== this && locked >= byte && locked < byte + count) return true;
    }
    return false;
  }
  acquireWriter(_timeoutMs: number): Promise<void> {
    if (this.tryAcquireWriter()) return Promise.resolve();
    return new Promise((wake) => {
      this.machine.waiting.push({ holder: this, wake });
    });
  }
  acquireWriterSync(_timeoutMs: number): void {
    if (!this.tryAcquireWriter()) throw nativeError('fcntl', 'ETIMEDOUT');
  }
  tryAcquireWriter(): boolean {
    this.step();
    return this.machine.tryAcquireWriter(this);
  }
  releaseWriter(): void {
    if (!this.dead) this.machine.releaseWriter(this);
  }
  writerIsAwaited(): boolean {
    return this.machine.waiting.length > 0;
  }

  // The lock file

  openShared(sizeBytes: number, create: boolean, replace = false): Int32Array | undefined {
    this.step();
    if (replace) this.machine.removeLockFile();
    let { shared } = this.machine;
    if (shared === undefined || shared.byteLength < sizeBytes) {
      if (!create) return undefined;
      const larger = new ArrayBuffer(sizeBytes);
      if (shared !== undefined) new Uint8Array(larger).set(new Uint8Array(shared));
      shared = larger;
      this.machine.shared = larger;
    }
    this.words = new Int32Array(shared, 0, sizeBytes / 4);
    return this.words;
  }
  sharedBytes(): number {
    return this.machine.shared?.byteLength ?? 0;
  }

  // The rest
  bootId(): string {
    return this.machine.bootId;
  }
  close(): void {
    if (this.dead) return;
    for (const queued of [...this.queue]) this.finish(queued);
    this.machine.dropLocks(this);
    this.dead = true;
  }
}

/** Operations with two arguments. */
const TRIPLES: ReadonlySet<number> = new Set([OP.ZERO, OP.PUNCH, OP.STORE, OP.GUARD]);

/** Cuts the steps of a job into its sections. */
export function parse(steps: readonly number[]): Sections {
  const sections: Sections = { main: [], onAbort: [], onPoison: [], finally: [] };
  let section = sections.main;
  for (let at = 0; at < steps.length; ) {
    const op = steps[at]!;
    let length = 1;
    let pieces = 0;
    if (op === OP.ON_ABORT) section = sections.onAbort;
    else if (op === OP.ON_POISON) section = sections.onPoison;
    else if (op === OP.FINALLY) section = sections.finally;
    else {
      if (op === OP.WRITE_PAGES) {
        pieces = steps[at + 4]!;
        length = 5 + 4 * pieces;
      } else if (op === OP.WRITE) {
        pieces = steps[at + 1]!;
        length = 2 + 4 * pieces;
      } else if (TRIPLES.has(op)) length = 3;
      else if (op === OP.STORE_ERRNO) length = 2;
      else if (op === OP.WAKE) length = 4;
      section.push({ op, at, pieces });
    }
    at += length;
  }
  return sections;
}

const ABORTS = new WeakSet<object>();

/** Marks a failure that leaves everything as it was. */
function abortOf(error: Error): Error {
  ABORTS.add(error);
  return error;
}
function isAbortOf(error: unknown): boolean {
  return error instanceof Error && ABORTS.has(error);
}
function unmarked(error: unknown): unknown {
  if (error instanceof Error) ABORTS.delete(error);
  return error;
}
function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
function errnoOf(error: unknown): number {
  const code = codeOf(error);
  return Object.entries(ERRNO).find(([name]) => name === code)?.[1] ?? 0;
}
