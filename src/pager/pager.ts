/**
 * The pager: one handle's view of a database file. It opens write sessions, commits them, and makes
 * what is published durable; readers go through `readers` and `pages`.
 *
 *     idle -> beginWrite: lock held -> commit: job in flight -> written: the next session may begin
 *                                                            -> done: durable, published, lock
 *                                                            released
 */

import { DatabaseClosedError, IoError, ReadOnlyError, StorageFaultError } from '../errors.ts';
import { WORD } from '../format/lock-file.ts';
import { META_KIND } from '../format/meta.ts';
import { type PreparedCommit, prepareCommit, prepareFlush, type Zeros } from './commit.ts';
import {
  diskFullError,
  ioError,
  isDiskFull,
  isNativeError,
  lockTimeoutError,
  poisonedError,
} from './failures.ts';
import { FileLength } from './file-length.ts';
import { Job } from './job.ts';
import type { LockWords } from './lock-words.ts';
import type { MappedPages } from './mapped-pages.ts';
import { readMeta } from './metas.ts';
import type { OpenedFile } from './open-file.ts';
import { place } from './placement.ts';
import { PrivateMemory } from './private-memory.ts';
import type { Readers } from './readers.ts';
import { finishDeadCommit } from './recovery.ts';
import { nextId, type SnapshotRoots, shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';
import { WritePages } from './write-pages.ts';
import type { CommitCounts, Durability, Tip, WriteSession } from './write-session.ts';

/** A commit that was submitted and has not been told of yet. */
interface InFlight {
  readonly tip: Tip;
  /** Its pages can be read; the next session may build on them. */
  readonly written: Promise<void>;
  /** `written` is settled. Before that the job may not even have begun. */
  isWritten: boolean;
  readonly done: Promise<void>;
  /** As `done`, but rejects when the job failed. */
  readonly outcome: Promise<void>;
}

export interface PagerOptions {
  readonly lockTimeout: number;
  readonly maxGrowth: number;
  readonly readOnly: boolean;
}

export class Pager {
  readonly storage: Storage;
  readonly lock: LockWords;
  readonly pages: MappedPages;
  readonly readers: Readers;
  readonly counts: CommitCounts = { count: 0, pages: 0, runs: 0, bytes: 0, flushes: 0 };
  private readonly file: OpenedFile;
  private readonly options: PagerOptions;
  private readonly length: FileLength;
  private readonly memory = new PrivateMemory();
  private inFlight: InFlight | undefined;
  /** Why the last job that failed did. */
  private lastFailure: unknown;
  private isClosed = false;

  constructor(file: OpenedFile, options: PagerOptions) {
    this.file = file;
    this.storage = file.storage;
    this.lock = file.lock;
    this.pages = file.pages;
    this.readers = file.readers;
    this.length = new FileLength(file.storage, file.lock, file.pages);
    this.options = options;
  }

  get path(): string {
    return this.storage.path;
  }
  get closed(): boolean {
    return this.isClosed;
  }

  // Sessions

  /**
   * Takes the writer lock and begins a transaction on the newest state. While a commit of this
   * handle is being flushed the lock is kept and the next session builds on that commit, unless
   * someone waits.
   */
  async beginWrite(): Promise<WriteSession> {
    this.requireWritable();
    const before = this.inFlight;
    if (before !== undefined) {
      await before.written;
      // Closing has let go of the lock.
      if (this.isClosed) throw this.closedError();
      if (this.storage.writerIsAwaited()) await before.done;
      if (this.isClosed) throw this.closedError();
    }
    if (this.inFlight === undefined || !this.storage.tryAcquireWriter()) {
      await this.inFlight?.done;
      if (this.isClosed) throw this.closedError();
      await this.storage.acquireWriter(this.options.lockTimeout).catch(this.lockFailed);
    }
    if (this.isClosed) throw this.closedError();
    try {
      // A flush of this handle may have been submitted meanwhile: the lock is counted per handle.
      // As long as it has not begun, the lock file knows nothing of it.
      while (this.inFlight?.isWritten === false) await this.inFlight.done;
      if (this.isClosed) throw this.closedError();
      this.forgetFinished();
      this.startWriting();
      if (this.idsAreUsedUp()) {
        await this.inFlight?.done;
        // The flush gives the lock back once; this session keeps its own hold.
        this.storage.tryAcquireWriter();
        await this.run(this.flushJob());
      }
      return this.newSession();
    } catch (error) {
      this.storage.releaseWriter();
      throw error;
    }
  }

  /** The same, waiting here. */
  beginWriteSync(): WriteSession {
    this.requireWritable();
    this.drain();
    this.acquireSync();
    try {
      this.startWriting();
      if (this.idsAreUsedUp()) {
        this.storage.tryAcquireWriter();
        this.runSync(this.flushJob());
      }
      return this.newSession();
    } catch (error) {
      this.storage.releaseWriter();
      throw error;
    }
  }

  /** Ends a session without a trace, its id apart. */
  abort(session: WriteSession): void {
    session.pages.dispose();
    this.storage.releaseWriter();
  }

  // Commit

  /**
   * Commits the session with that catalogue root. Resolves when the durability says so. On failure
   * nothing was published. A session that changed nothing is ended.
   */
  commit(
    session: WriteSession,
    cataloguePage: number,
    catalogueBirth: number,
    durability: Durability,
  ): Promise<void> {
    if (!session.pages.changed) {
      const before = this.inFlight;
      this.abort(session);
      // What it saw counts only when the commit that it was built on goes well.
      return before === undefined ? Promise.resolve() : before.outcome;
    }
    if (durability !== 'commit' && this.inFlight === undefined) {
      // Nothing to wait for: a hop to another thread would cost more than the write.
      try {
        this.commitSync(session, cataloguePage, catalogueBirth, durability);
        return Promise.resolve();
      } catch (error) {
        return Promise.reject(error);
      }
    }
    let prepared: PreparedCommit;
    try {
      prepared = this.prepare(session, cataloguePage, catalogueBirth, durability);
    } catch (error) {
      this.abort(session);
      return Promise.reject(error);
    }
    return this.run(prepared, () => session.pages.dispose());
  }

  /** The same, waiting here. */
  commitSync(
    session: WriteSession,
    cataloguePage: number,
    catalogueBirth: number,
    durability: Durability,
  ): void {
    if (!session.pages.changed) {
      this.abort(session);
      return;
    }
    let prepared: PreparedCommit;
    try {
      prepared = this.prepare(session, cataloguePage, catalogueBirth, durability);
    } catch (error) {
      this.abort(session);
      throw error;
    }
    try {
      this.runSync(prepared);
    } finally {
      session.pages.dispose();
    }
  }

  // Durability

  /** Whether the published snapshot survives a power failure. */
  get isDurable(): boolean {
    const durable = this.lock.durableEntry;
    return durable >= 0 && shortId(this.lock.entryId(durable)) === this.lock.published;
  }

  /** Whether an earlier write failed, so that nobody may write. */
  get poisoned(): boolean {
    return this.lock.poisoned;
  }

  /** The newest snapshot that is known to survive a power failure. */
  get durableTransaction(): number {
    return this.lock.entryId(this.lock.durableEntry);
  }

  /** Snapshots in use by any process, their full ids and live bytes. */
  listReaders(): { snapshot: number; ageMs: number; self: boolean; bytesHeld: number }[] {
    const { pageSize } = this.file.geometry;
    return this.readers.list().flatMap(({ shortId: short, ageMs, self }) => {
      const entry = this.lock.findEntry(short);
      // Gone in between: that reader lost a race and is about to look again.
      if (entry < 0) return [];
      const { id, pagesInUse } = this.lock.entryRoots(entry);
      return [{ snapshot: id, ageMs, self, bytesHeld: pagesInUse * pageSize }];
    });
  }

  /** Pages for a check: each is verified whenever it is touched. */
  strictPages(): MappedPages {
    return this.pages.strict();
  }

  /** Makes what is published durable. */
  async flush(): Promise<void> {
    this.requireWritable();
    await this.inFlight?.done;
    if (this.isDurable) return;
    await this.storage.acquireWriter(this.options.lockTimeout).catch(this.lockFailed);
    let prepared: PreparedCommit;
    try {
      // A commit of this handle may have been submitted meanwhile: the lock is counted per handle.
      while (this.inFlight !== undefined) await this.inFlight.done;
      this.startWriting();
      if (this.isDurable) {
        this.storage.releaseWriter();
        return;
      }
      prepared = this.flushJob();
    } catch (error) {
      this.storage.releaseWriter();
      throw error;
    }
    await this.run(prepared);
  }

  /** The same, waiting here. */
  flushSync(): void {
    this.requireWritable();
    this.drain();
    if (this.isDurable) return;
    this.acquireSync();
    let prepared: PreparedCommit | undefined;
    try {
      this.startWriting();
      if (!this.isDurable) {
        prepared = this.flushJob();
      }
    } finally {
      if (prepared === undefined) this.storage.releaseWriter();
    }
    if (prepared !== undefined) this.runSync(prepared);
  }

  /**
   * Gives the unused end of the file back and lets go of everything. What is published and not
   * durable has to be flushed before. Safe to call twice.
   */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      this.tidy();
    } finally {
      this.readers.close();
      this.storage.close();
    }
  }

  // Steps

  /** Step 1: the poison flag first, then what a dead writer left. The lock is held. */
  private startWriting(): void {
    if (this.lock.poisoned) throw poisonedError(this.path, this.lock);
    if (this.inFlight !== undefined) return;
    const { storage, lock, pages } = this;
    if (lock.commitInProgress >= 0) {
      try {
        finishDeadCommit(storage, lock, pages, this.file.identity);
      } catch (error) {
        throw this.translate(error, 0);
      }
    }
    this.lock.setHolder(WORD.writer, storage.identity());
  }

  private acquireSync(): void {
    try {
      this.storage.acquireWriterSync(this.options.lockTimeout);
    } catch (error) {
      this.lockFailed(error);
    }
  }

  /**
   * The lock is held, and the job in flight has written its pages. Once it has cleared the word of
   * the commit in progress, the last that it stores, it has done all of its work: from then on the
   * lock file says what is newest, even when the job's end has not been told here yet, and another
   * process may have gone on from it.
   */
  private forgetFinished(): void {
    const { inFlight, lock } = this;
    if (inFlight !== undefined && lock.commitInProgress !== inFlight.tip.entry) {
      this.inFlight = undefined;
    }
  }

  /** Rule 3: whether the next id is not reserved by a durable meta. */
  private idsAreUsedUp(): boolean {
    return this.nextTransaction() >= this.lock.idsReservedUntil;
  }

  private nextTransaction(): number {
    return nextId(Math.max(this.lock.lastIdStarted, this.tip().roots.id));
  }

  /** Step 2: an id of its own, and private memory. */
  private newSession(): WriteSession {
    if (this.storage.links() === 0 && this.path !== ':memory:') {
      throw new IoError('open', 2, `${this.path} was deleted; nothing can be committed to it.`);
    }
    const base = this.tip().roots;
    const filePages = Math.floor(this.storage.sizeBytes() / this.file.geometry.pageSize);
    if (filePages < base.filePages) {
      throw new StorageFaultError(
        `${this.path} has ${filePages} pages, but its newest state needs ${base.filePages}: it ` +
          'was cut short. Nothing can be committed to it.',
      );
    }
    const id = this.nextTransaction();
    this.lock.lastIdStarted = id;
    this.pages.healFaults();
    const pages = new WritePages(this.storage, this.pages, this.memory, id);
    return { id, base, pages, filePages };
  }

  /** Steps 2 and 3 up to the job: places, the file's length, the retained entry. */
  private prepare(
    session: WriteSession,
    cataloguePage: number,
    catalogueBirth: number,
    durability: Durability,
  ): PreparedCommit {
    const tip = this.tip();
    if (tip.roots.id !== session.base.id) throw this.lastFailure ?? this.closedError();
    const retained = this.dropUnneeded(tip);
    const { pageSize } = this.file.geometry;
    const placement = place({
      id: session.id,
      base: session.base,
      pages: session.pages,
      memory: this.memory,
      cataloguePage,
      catalogueBirth,
      retained,
      sweep: this.lock.load(WORD.sweep),
      // Where the file could not grow, what is free inside it comes first, however scattered.
      maxGrowth: this.length.diskWasFull ? 0 : this.options.maxGrowth,
    });
    let zeros: Zeros;
    try {
      zeros = this.length.fit(session.filePages, retained, placement, tip.writtenUntil);
    } catch (error) {
      throw this.translate(error, (placement.roots.filePages - session.filePages) * pageSize);
    }
    for (const { page } of placement.pages) this.pages.trust(page, session.id);
    const { storage, lock } = this;
    const { identity } = this.file;
    return prepareCommit({ storage, lock, identity, placement, tip, durability, zeros });
  }

  /**
   * Step 6, made before the next choice of places: drops the retained entries that nothing needs,
   * and returns the others. The published word is read before the slots are scanned: what is not
   * published then, and not listed in the scan, cannot be listed any more by a reader that goes on.
   */
  private dropUnneeded(tip: Tip): SnapshotRoots[] {
    const { lock } = this;
    const published = lock.published;
    const keep = new Set([tip.entry, lock.durableEntry, tip.durableEntry, lock.commitInProgress]);
    const listed = this.readers.scan();
    const retained: SnapshotRoots[] = [];
    for (let entry = 0; entry < lock.entriesUsed; entry++) {
      if (!lock.isRetained(entry)) continue;
      const roots = lock.entryRoots(entry);
      const short = shortId(roots.id);
      if (keep.has(entry) || short === published || listed.has(short)) retained.push(roots);
      else lock.drop(entry);
    }
    return retained;
  }

  // Jobs

  private tip(): Tip {
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

  /** The job that makes the tip durable, or confirms it. */
  private flushJob(): PreparedCommit {
    return prepareFlush(this.storage, this.lock, this.file.identity, this.tip());
  }

  private run(prepared: PreparedCommit, written?: () => void): Promise<void> {
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

  private runSync(prepared: PreparedCommit): void {
    try {
      this.storage.runSync(prepared.job);
    } catch (error) {
      throw this.translate(error, prepared.cost.bytes);
    }
    this.count(prepared.cost);
  }

  /** Waits here for the jobs in flight; the lock file then says what became of them. */
  private drain(): void {
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

  // Failures

  private translate(error: unknown, bytes: number): unknown {
    if (!isNativeError(error)) return error;
    if (this.lock.poisoned) return poisonedError(this.path, this.lock, error);
    // A job behind one that failed is not run: it failed for the same reason.
    if (error.code === 'ECANCELED' && this.lastFailure !== undefined) return this.lastFailure;
    if (isDiskFull(error)) return diskFullError(this.path, bytes, error);
    return ioError(this.path, error);
  }

  private readonly lockFailed = (error: unknown): never => {
    if (this.isClosed) throw this.closedError();
    if (isNativeError(error) && error.code === 'ETIMEDOUT') {
      throw lockTimeoutError(this.path, this.lock, this.options.lockTimeout);
    }
    throw isNativeError(error) ? ioError(this.path, error) : error;
  };

  private requireWritable(): void {
    if (this.isClosed) throw this.closedError();
    if (this.options.readOnly) {
      throw new ReadOnlyError(`${this.path} is open with readOnly: true; nothing can be written.`);
    }
  }

  private closedError(): Error {
    return new DatabaseClosedError(`${this.path} is closed.`);
  }

  /**
   * A clean close, when nobody is writing: confirms D when it rests on a walk, so that what becomes
   * of its pages later is damage and no step back; and gives the unused growth step back (rule 6).
   */
  private tidy(): void {
    if (this.options.readOnly || this.inFlight !== undefined) return;
    if (this.lock.poisoned || !this.storage.tryAcquireWriter()) return;
    try {
      if (this.lock.commitInProgress >= 0) return;
      if (this.counts.count > 0) this.confirm();
      this.length.giveBack(this.dropUnneeded(this.tip()));
    } finally {
      this.storage.releaseWriter();
    }
  }

  /** Writes a confirming meta, when D is the newest and its own meta is of one flush. */
  private confirm(): void {
    const tip = this.tip();
    if (tip.entry !== tip.durableEntry) return;
    if (readMeta(this.storage, tip.durableSlot)?.kind !== META_KIND.oneFlush) return;
    // The job gives the lock back once; `tidy` keeps its own hold.
    this.storage.tryAcquireWriter();
    this.runSync(this.flushJob());
  }
}
