/**
 * The writer lock, as one handle takes it: for a write session, for a flush, for upkeep. Step 1 of
 * a commit and step 6 are here, which everything that writes begins with (docs, "A commit").
 */

import { DatabaseClosedError, ReadOnlyError } from '../errors.ts';
import { WORD } from '../format/lock-file.ts';
import {
  ioError,
  isNativeError,
  lockFileIsGone,
  lockTimeoutError,
  poisonedError,
} from './failures.ts';
import type { JobRunner } from './job-runner.ts';
import type { LockWords } from './lock-words.ts';
import type { OpenedFile } from './open-file.ts';
import { finishDeadCommit } from './recovery.ts';
import { type SnapshotRoots, shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';
import type { Tip } from './write-session.ts';

export interface TurnOptions {
  readonly lockTimeout: number;
  readonly readOnly: boolean;
}

export class WriterTurn {
  isClosed = false;
  private readonly file: OpenedFile;
  private readonly storage: Storage;
  private readonly lock: LockWords;
  private readonly jobs: JobRunner;
  private readonly options: TurnOptions;

  constructor(file: OpenedFile, jobs: JobRunner, options: TurnOptions) {
    this.file = file;
    this.storage = file.storage;
    this.lock = file.lock;
    this.jobs = jobs;
    this.options = options;
  }

  get readOnly(): boolean {
    return this.options.readOnly;
  }

  /** Takes the lock. Errors: WRITER_LOCK_TIMEOUT, DATABASE_CLOSED, IO. */
  async acquire(): Promise<void> {
    await this.storage.acquireWriter(this.options.lockTimeout).catch(this.failed);
  }

  /** The same, waiting here. */
  acquireSync(): void {
    try {
      this.storage.acquireWriterSync(this.options.lockTimeout);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Gives the lock back; closing has done so already. */
  release(): void {
    if (!this.isClosed) this.storage.releaseWriter();
  }

  /** Step 1: the poison flag first, then what a dead writer left. The lock is held. */
  start(): void {
    const { storage, lock } = this;
    if (lock.poisoned) throw poisonedError(storage.path, lock);
    if (this.jobs.inFlight !== undefined) return;
    if (lock.commitInProgress >= 0) {
      try {
        finishDeadCommit(storage, lock, this.file.pages, this.file.identity);
      } catch (error) {
        throw this.jobs.translate(error, 0);
      }
    }
    lock.setHolder(WORD.writer, storage.identity());
    this.requireLockFile();
  }

  /**
   * Step 6, made before the next choice of places: drops the retained entries that nothing needs,
   * and returns the others. The published word is read before the slots are scanned: what is not
   * published then, and not listed in the scan, cannot be listed any more by a reader that goes on.
   * The same goes for D (Readers.pinDurable).
   */
  dropUnneeded(tip: Tip): SnapshotRoots[] {
    const { lock } = this;
    const { published, durableEntry, commitInProgress } = lock;
    const listed = this.file.readers.scan();
    const retained: SnapshotRoots[] = [];
    for (let entry = 0; entry < lock.entriesUsed; entry++) {
      if (!lock.isRetained(entry)) continue;
      const roots = lock.entryRoots(entry);
      const short = shortId(roots.id);
      const isNamed =
        entry === tip.entry ||
        entry === tip.durableEntry ||
        entry === durableEntry ||
        entry === commitInProgress;
      if (isNamed || short === published || listed.has(short)) retained.push(roots);
      else lock.drop(entry);
    }
    // Whom it does not list any more may be reading still.
    this.requireLockFile();
    return retained;
  }

  /** Without a whole lock file nobody knows who reads what. */
  requireLockFile(): void {
    if (!this.storage.sharedIsWhole()) throw lockFileIsGone(this.storage.path);
  }

  requireWritable(): void {
    if (this.isClosed) throw this.closedError();
    if (this.readOnly) {
      const { path } = this.storage;
      throw new ReadOnlyError(`${path} is open with readOnly: true; nothing can be written.`);
    }
  }

  closedError(): DatabaseClosedError {
    return new DatabaseClosedError(`${this.storage.path} is closed.`);
  }

  private readonly failed = (error: unknown): never => {
    const { path } = this.storage;
    if (this.isClosed) throw this.closedError();
    if (isNativeError(error) && error.code === 'ETIMEDOUT') {
      throw lockTimeoutError(path, this.lock, this.options.lockTimeout);
    }
    throw isNativeError(error) ? ioError(path, error) : error;
  };
}
