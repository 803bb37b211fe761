/**
 * Running the jobs of one handle: what is in flight, what it leads to, what it cost, and what its
 * failure is called.
 */

import { WORD } from '../format/lock-file.ts';
import type { PreparedCommit } from './commit.ts';
import {
  diskFullError,
  ioError,
  isDiskFull,
  isNativeError,
  lockFileIsGone,
  poisonedError,
} from './failures.ts';
import { Job } from './job.ts';
import type { LockWords } from './lock-words.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';
import type { CommitCounts, Tip } from './write-session.ts';

/** A job that was submitted and has not been told of yet. */
export interface InFlight {
  readonly tip: Tip;
  /** Its pages can be read; the next session may build on them. */
  readonly written: Promise<void>;
  /** `written` is settled. Before that the job may not even have begun. */
  isWritten: boolean;
  readonly done: Promise<void>;
  /** As `done`, but rejects when the job failed. */
  readonly outcome: Promise<void>;
}

export class JobRunner {
  readonly counts: CommitCounts = { count: 0, pages: 0, runs: 0, bytes: 0, flushes: 0 };
  inFlight: InFlight | undefined;
  /** Why the last job that failed did. */
  lastFailure: unknown;
  private readonly storage: Storage;
  private readonly lock: LockWords;

  constructor(storage: Storage, lock: LockWords) {
    this.storage = storage;
    this.lock = lock;
  }

  /** The state that all jobs given so far lead to: what the next transaction builds on. */
  get tip(): Tip {
    if (this.inFlight !== undefined) return this.inFlight.tip;
    const { lock } = this;
    const entry = lock.findEntry(lock.published);
    const durableEntry = lock.durableEntry;
    return {
      roots: lock.entryRoots(entry),
      entry,
      durableId: lock.entryId(durableEntry),
      durableEntry,
      durableSlot: lock.entryMetaSlot(durableEntry),
      commits: lock.load(WORD.commits),
      writtenUntil: lock.load(WORD.writtenUntil),
      // How much was born since D is not known when others wrote it: flush twice.
      bytesSinceDurable: entry === durableEntry ? 0 : Number.POSITIVE_INFINITY,
    };
  }

  /** The roots of that state, for those who need no more. */
  get tipRoots(): SnapshotRoots {
    const { lock, inFlight } = this;
    return inFlight?.tip.roots ?? lock.entryRoots(lock.findEntry(lock.published));
  }

  /**
   * Runs the job off this thread. `written` is called when its pages can be read, or it has ended.
   * Rejects with what a user is told when it fails.
   */
  run(prepared: PreparedCommit, written?: () => void): Promise<void> {
    let isWritten: () => void = () => {};
    const writtenPromise = new Promise<void>((resolve) => {
      isWritten = () => {
        inFlight.isWritten = true;
        resolve();
        written?.();
        written = undefined;
      };
    });
    const done = this.storage.run(prepared.job, isWritten).then(
      () => {
        this.settle(inFlight, prepared, isWritten);
      },
      (error: unknown) => {
        const failure = this.translate(error, prepared.cost.bytes);
        this.lastFailure = failure;
        this.settle(inFlight, undefined, isWritten);
        throw failure;
      },
    );
    // A failure is told to whoever awaits the commit; those who only wait for its end go on.
    const ended = done.then(
      () => {},
      () => {},
    );
    const inFlight: InFlight = {
      tip: prepared.tip,
      written: writtenPromise,
      isWritten: false,
      done: ended,
      outcome: done,
    };
    this.inFlight = inFlight;
    return done;
  }

  private settle(
    inFlight: InFlight,
    prepared: PreparedCommit | undefined,
    isWritten: () => void,
  ): void {
    if (this.inFlight === inFlight) this.inFlight = undefined;
    if (prepared !== undefined) this.count(prepared.cost);
    isWritten();
  }

  /** Runs it here, after those in flight. */
  runSync(prepared: PreparedCommit): void {
    try {
      this.storage.runSync(prepared.job);
    } catch (error) {
      throw this.translate(error, prepared.cost.bytes);
    }
    this.count(prepared.cost);
  }

  /** Waits here for the jobs in flight; the lock file then says what became of them. */
  drain(): void {
    if (this.inFlight === undefined) return;
    this.storage.runSync(new Job());
    this.inFlight = undefined;
  }

  private count(cost: Readonly<CommitCounts>): void {
    this.counts.count += cost.count;
    this.counts.pages += cost.pages;
    this.counts.runs += cost.runs;
    this.counts.bytes += cost.bytes;
    this.counts.flushes += cost.flushes;
  }

  /**
   * The lock is held, and the job in flight has written its pages. Once it has cleared the word of
   * the commit in progress, the last that it stores, it has done all of its work: from then on the
   * lock file says what is newest, even when the job's end has not been told here yet, and another
   * process may have gone on from it.
   */
  forgetFinished(): void {
    const { inFlight, lock } = this;
    if (inFlight !== undefined && lock.commitInProgress !== inFlight.tip.entry) {
      this.inFlight = undefined;
    }
  }

  /**
   * What a user is told of a failure of the addon; `bytes` are those that the disk had no room for.
   */
  translate(error: unknown, bytes: number): unknown {
    if (!isNativeError(error)) return error;
    if (!this.storage.sharedIsWhole()) return lockFileIsGone(this.storage.path);
    if (this.lock.poisoned) return poisonedError(this.storage.path, this.lock, error);
    // A job behind one that failed is not run: it failed for the same reason.
    if (error.code === 'ECANCELED' && this.lastFailure !== undefined) return this.lastFailure;
    if (isDiskFull(error)) return diskFullError(this.storage.path, bytes, error);
    return ioError(this.storage.path, error);
  }
}
