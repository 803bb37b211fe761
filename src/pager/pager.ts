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
import { ioError, isNativeError, lockTimeoutError, poisonedError } from './failures.ts';
import { FileLength } from './file-length.ts';
import { JobRunner } from './job-runner.ts';
import type { LockWords } from './lock-words.ts';
import type { MappedPages } from './mapped-pages.ts';
import { type DatabaseIdentity, readMeta } from './metas.ts';
import type { OpenedFile } from './open-file.ts';
import { place } from './placement.ts';
import { PrivateMemory } from './private-memory.ts';
import type { Readers } from './readers.ts';
import { finishDeadCommit } from './recovery.ts';
import { nextId, type SnapshotRoots, shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';
import { WritePages } from './write-pages.ts';
import type { CommitCounts, Durability, Tip, WriteSession } from './write-session.ts';

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
  private readonly file: OpenedFile;
  private readonly options: PagerOptions;
  private readonly length: FileLength;
  private readonly memory = new PrivateMemory();
  private readonly jobs: JobRunner;
  private isClosed = false;

  constructor(file: OpenedFile, options: PagerOptions) {
    this.file = file;
    this.storage = file.storage;
    this.lock = file.lock;
    this.pages = file.pages;
    this.readers = file.readers;
    this.length = new FileLength(file.storage, file.lock, file.pages);
    this.jobs = new JobRunner(file.storage, file.lock);
    this.options = options;
  }

  get path(): string {
    return this.storage.path;
  }
  get identity(): DatabaseIdentity {
    return this.file.identity;
  }
  get closed(): boolean {
    return this.isClosed;
  }
  /** What the commits of this handle have cost. */
  get counts(): Readonly<CommitCounts> {
    return this.jobs.counts;
  }

  // Sessions

  /**
   * Takes the writer lock and begins a transaction on the newest state. While a commit of this
   * handle is being flushed the lock is kept and the next session builds on that commit, unless
   * someone waits.
   */
  async beginWrite(): Promise<WriteSession> {
    this.requireWritable();
    const before = this.jobs.inFlight;
    if (before !== undefined) {
      await before.written;
      // Closing has let go of the lock.
      if (this.isClosed) throw this.closedError();
      if (this.storage.writerIsAwaited()) await before.done;
      if (this.isClosed) throw this.closedError();
    }
    if (this.jobs.inFlight === undefined || !this.storage.tryAcquireWriter()) {
      await this.jobs.inFlight?.done;
      if (this.isClosed) throw this.closedError();
      await this.storage.acquireWriter(this.options.lockTimeout).catch(this.lockFailed);
    }
    if (this.isClosed) throw this.closedError();
    try {
      // A flush of this handle may have been submitted meanwhile: the lock is counted per handle.
      // As long as it has not begun, the lock file knows nothing of it.
      while (this.jobs.inFlight?.isWritten === false) await this.jobs.inFlight.done;
      if (this.isClosed) throw this.closedError();
      this.jobs.forgetFinished();
      this.startWriting();
      if (this.idsAreUsedUp()) {
        await this.jobs.inFlight?.done;
        // The flush gives the lock back once; this session keeps its own hold.
        this.storage.tryAcquireWriter();
        await this.jobs.run(this.flushJob());
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
    this.jobs.drain();
    this.acquireSync();
    try {
      this.startWriting();
      if (this.idsAreUsedUp()) {
        this.storage.tryAcquireWriter();
        this.jobs.runSync(this.flushJob());
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
      const before = this.jobs.inFlight;
      this.abort(session);
      // What it saw counts only when the commit that it was built on goes well.
      return before === undefined ? Promise.resolve() : before.outcome;
    }
    if (durability !== 'commit' && this.jobs.inFlight === undefined) {
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
    return this.jobs.run(prepared, () => session.pages.dispose());
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
      this.jobs.runSync(prepared);
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
    await this.jobs.inFlight?.done;
    if (this.isDurable) return;
    await this.storage.acquireWriter(this.options.lockTimeout).catch(this.lockFailed);
    let prepared: PreparedCommit;
    try {
      // A commit of this handle may have been submitted meanwhile: the lock is counted per handle.
      while (this.jobs.inFlight !== undefined) await this.jobs.inFlight.done;
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
    await this.jobs.run(prepared);
  }

  /** The same, waiting here. */
  flushSync(): void {
    this.requireWritable();
    this.jobs.drain();
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
    if (prepared !== undefined) this.jobs.runSync(prepared);
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
    if (this.jobs.inFlight !== undefined) return;
    const { storage, lock, pages } = this;
    if (lock.commitInProgress >= 0) {
      try {
        finishDeadCommit(storage, lock, pages, this.file.identity);
      } catch (error) {
        throw this.jobs.translate(error, 0);
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

  /** Rule 3: whether the next id is not reserved by a durable meta. */
  private idsAreUsedUp(): boolean {
    return this.nextTransaction() >= this.lock.idsReservedUntil;
  }

  private nextTransaction(): number {
    return nextId(Math.max(this.lock.lastIdStarted, this.jobs.tip.roots.id));
  }

  /** Step 2: an id of its own, and private memory. */
  private newSession(): WriteSession {
    if (this.storage.links() === 0 && this.path !== ':memory:') {
      throw new IoError('open', 2, `${this.path} was deleted; nothing can be committed to it.`);
    }
    const base = this.jobs.tip.roots;
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
    const tip = this.jobs.tip;
    if (tip.roots.id !== session.base.id) throw this.jobs.lastFailure ?? this.closedError();
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
      throw this.jobs.translate(error, (placement.roots.filePages - session.filePages) * pageSize);
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
   * The same goes for D (Readers.pinDurable).
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

  /** The job that makes the tip durable, or confirms it. */
  private flushJob(): PreparedCommit {
    return prepareFlush(this.storage, this.lock, this.file.identity, this.jobs.tip);
  }

  // Failures

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
    if (this.options.readOnly || this.jobs.inFlight !== undefined) return;
    if (this.lock.poisoned || !this.storage.tryAcquireWriter()) return;
    try {
      if (this.lock.commitInProgress >= 0) return;
      if (this.jobs.counts.count > 0) this.confirm();
      this.length.giveBack(this.dropUnneeded(this.jobs.tip));
    } finally {
      this.storage.releaseWriter();
    }
  }

  /** Writes a confirming meta, when D is the newest and its own meta is of one flush. */
  private confirm(): void {
    const tip = this.jobs.tip;
    if (tip.entry !== tip.durableEntry) return;
    if (readMeta(this.storage, tip.durableSlot)?.kind !== META_KIND.oneFlush) return;
    // The job gives the lock back once; `tidy` keeps its own hold.
    this.storage.tryAcquireWriter();
    this.jobs.runSync(this.flushJob());
  }
}
