/**
 * The pager: one handle's view of a database file. It opens write sessions, commits them, and makes
 * what is published durable; readers go through `readers` and `pages`.
 *
 *     idle -> beginWrite: lock held -> commit: job in flight -> written: the next session may begin
 *                                                            -> done: durable, published, lock
 *                                                            released
 */

import { IoError, StorageFaultError } from '../errors.ts';
import { WORD } from '../format/lock-file.ts';
import { type PreparedCommit, prepareCommit, type Zeros } from './commit.ts';
import { CommitListeners } from './commit-listeners.ts';
import { FileLength } from './file-length.ts';
import { FreePages } from './free-pages.ts';
import { JobRunner } from './job-runner.ts';
import type { LockWords } from './lock-words.ts';
import { LowSpace } from './low-space.ts';
import type { MappedPages } from './mapped-pages.ts';
import type { DatabaseIdentity } from './metas.ts';
import type { OpenedFile } from './open-file.ts';
import { place } from './placement.ts';
import { PrivateMemory } from './private-memory.ts';
import type { ListedReader, Readers } from './readers.ts';
import { accountSpace, type SpaceAccount } from './retained-space.ts';
import { MAX_TRANSACTION, nextId, type SnapshotRoots } from './snapshot.ts';
import { StagedValue } from './staged-value.ts';
import type { Storage } from './storage.ts';
import { Upkeep } from './upkeep.ts';
import { WritePages } from './write-pages.ts';
import type { CommitCounts, Durability, WriteSession } from './write-session.ts';
import { type TurnOptions, WriterTurn } from './writer-turn.ts';

/** Values that a commit without a flush writes on the main thread: less than a millisecond. */
const MOST_RUN_BYTES_HERE: number = 2 ** 20;

export interface PagerOptions extends TurnOptions {
  readonly maxGrowth: number;
}

export class Pager {
  readonly storage: Storage;
  readonly lock: LockWords;
  readonly pages: MappedPages;
  readonly readers: Readers;
  readonly commits: CommitListeners;
  private readonly file: OpenedFile;
  private readonly options: PagerOptions;
  private readonly length: FileLength;
  private readonly memory = new PrivateMemory();
  private readonly jobs: JobRunner;
  private readonly turn: WriterTurn;
  private readonly upkeep: Upkeep;
  /** What the last commit of this handle replaced. */
  private replaced: readonly number[] = [];

  constructor(file: OpenedFile, options: PagerOptions) {
    this.file = file;
    this.storage = file.storage;
    this.lock = file.lock;
    this.pages = file.pages;
    this.readers = file.readers;
    this.commits = new CommitListeners(file.storage, file.lock);
    this.length = new FileLength(file.storage, file.lock, file.pages, options.maxGrowth);
    this.jobs = new JobRunner(file.storage, file.lock);
    this.turn = new WriterTurn(file, this.jobs, options);
    this.upkeep = new Upkeep(file, this.turn, this.jobs, this.length, this.memory);
    this.options = options;
  }

  get path(): string {
    return this.storage.path;
  }
  get identity(): DatabaseIdentity {
    return this.file.identity;
  }
  get closed(): boolean {
    return this.turn.isClosed;
  }
  /** Throws when it is closed, or a page could not be read since this was last asked. */
  requireUsable(): void {
    if (this.turn.isClosed) throw this.turn.closedError();
    this.pages.throwOnFault();
  }
  /** What the commits of this handle have cost. */
  get counts(): Readonly<CommitCounts> {
    return this.jobs.counts;
  }

  /** Throws DATABASE_CLOSED, READ_ONLY. */
  requireWritable(): void {
    this.turn.requireWritable();
  }

  // Sessions

  /**
   * Takes the writer lock and begins a transaction on the newest state. While a commit of this
   * handle is being flushed the lock is kept and the next session builds on that commit, unless
   * someone waits.
   */
  async beginWrite(): Promise<WriteSession> {
    this.turn.requireWritable();
    const before = this.jobs.inFlight;
    if (before !== undefined) {
      await before.written;
      // Closing has let go of the lock.
      if (this.turn.isClosed) throw this.turn.closedError();
      if (this.storage.writerIsAwaited()) await before.done;
      if (this.turn.isClosed) throw this.turn.closedError();
    }
    if (this.jobs.inFlight === undefined || !this.storage.tryAcquireWriter()) {
      await this.jobs.inFlight?.done;
      if (this.turn.isClosed) throw this.turn.closedError();
      await this.turn.acquire();
    }
    if (this.turn.isClosed) throw this.turn.closedError();
    try {
      // A flush of this handle may have been submitted meanwhile: the lock is counted per handle.
      // As long as it has not begun, the lock file knows nothing of it.
      while (this.jobs.inFlight?.isWritten === false) await this.jobs.inFlight.done;
      if (this.turn.isClosed) throw this.turn.closedError();
      this.jobs.forgetFinished();
      this.turn.start();
      if (this.idsAreUsedUp()) {
        await this.jobs.inFlight?.done;
        await this.jobs.run(this.upkeep.flushJobOfHolder());
        if (this.turn.isClosed) throw this.turn.closedError();
      }
      return this.newSession();
    } catch (error) {
      this.turn.release();
      throw error;
    }
  }

  /** The same, waiting here. */
  beginWriteSync(): WriteSession {
    this.turn.requireWritable();
    this.jobs.drain();
    this.turn.acquireSync();
    try {
      this.turn.start();
      if (this.idsAreUsedUp()) {
        this.jobs.runSync(this.upkeep.flushJobOfHolder());
      }
      return this.newSession();
    } catch (error) {
      this.turn.release();
      throw error;
    }
  }

  /** Ends a session without a trace, its id apart. */
  abort(session: WriteSession): void {
    session.pages.dispose();
    this.turn.release();
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
    const { pageSize } = this.file.geometry;
    const isSmall = session.pages.runPages * pageSize <= MOST_RUN_BYTES_HERE;
    if (durability !== 'commit' && isSmall && this.jobs.inFlight === undefined) {
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
    return this.upkeep.isDurable;
  }

  /** Whether an 'interval' write of any process waits for its flush. */
  get isFlushDue(): boolean {
    return !this.isDurable && this.lock.isFlushDue;
  }

  /** Whether an earlier write failed, so that nobody may write. */
  get poisoned(): boolean {
    return this.lock.poisoned;
  }

  /** The newest snapshot that is known to survive a power failure. */
  get durableTransaction(): number {
    return this.lock.entryId(this.lock.durableEntry);
  }

  /** Who uses which snapshot, in any process. */
  listReaders(): ListedReader[] {
    return this.readers.list();
  }

  /**
   * What the retained snapshots take; `pinned` is kept by the caller. `listed`: the readers to tell
   * of.
   */
  space(pinned: SnapshotRoots, listed: readonly ListedReader[]): SpaceAccount {
    return accountSpace(this.lock, this.readers, this.pages, pinned, listed);
  }

  /**
   * A value of that length that is to be put, piece by piece, without the writer lock. Throws IO,
   * DISK_FULL.
   */
  stage(length: number): StagedValue {
    return new StagedValue(this.path, this.file.geometry, this.pages.secret, length);
  }

  /** Pages for a check: each is verified whenever it is touched. */
  strictPages(): MappedPages {
    this.pages.healFaults();
    return this.pages.strict();
  }

  // Upkeep

  /** Makes what is published durable. */
  flush(): Promise<void> {
    return this.upkeep.flush();
  }

  /** The same, waiting here. */
  flushSync(): void {
    this.upkeep.flushSync();
  }

  /** For a time when nobody writes: a meta says that the newest state is whole. False: not yet. */
  confirmWhenIdle(): Promise<boolean> {
    return this.upkeep.confirmWhenIdle();
  }

  /** Cuts the file down to its longest retained snapshot. */
  giveBack(): Promise<void> {
    return this.upkeep.giveBack();
  }

  /** Punches free extents out of the file; returns the bytes of the disk that came free. */
  trim(): Promise<number> {
    return this.upkeep.trim();
  }

  /**
   * What a session of compaction that needs `enough` pages may count on, with the pages before
   * `end`, where its commit is then placed. To be disposed before the session ends.
   */
  lowSpace(session: WriteSession, end: number, enough: number): LowSpace {
    const retained = this.turn.dropUnneeded(this.jobs.tip);
    const free = new FreePages(this.pages, retained, this.memory);
    // Another piece of the same group may have moved runs before.
    for (const { place, pages } of session.pages.runs) if (place > 0) free.take(place, pages);
    const space = new LowSpace(free, this.file.geometry, end, enough);
    session.pages.lowPlaces = { from: space.first, end };
    return space;
  }

  /**
   * Gives the unused end of the file back and lets go of everything. What is published and not
   * durable has to be flushed before. Safe to call twice.
   */
  close(): void {
    if (this.turn.isClosed) return;
    this.turn.isClosed = true;
    try {
      this.upkeep.tidy();
    } finally {
      this.commits.close();
      this.readers.close();
      this.storage.close();
    }
  }

  // Steps

  /** Rule 3: whether the next id is not reserved by a durable meta. */
  private idsAreUsedUp(): boolean {
    return this.idAfter(this.jobs.tipRoots.id) >= this.lock.idsReservedUntil;
  }

  private idAfter(newest: number): number {
    return nextId(Math.max(this.lock.lastIdStarted, newest));
  }

  /** Step 2: an id of its own, and private memory. */
  private newSession(): WriteSession {
    if (this.storage.links() === 0 && this.path !== ':memory:') {
      throw new IoError('open', 2, `${this.path} was deleted; nothing can be committed to it.`);
    }
    const base = this.jobs.tipRoots;
    const filePages = this.filePages();
    if (filePages < base.filePages) {
      throw new StorageFaultError(
        `${this.path} has ${filePages} pages, but its newest state needs ${base.filePages}: it ` +
          'was cut short. Nothing can be committed to it.',
      );
    }
    const id = this.idAfter(base.id);
    if (id > MAX_TRANSACTION) {
      throw new StorageFaultError(
        `${this.path}: the ids of transactions are used up, or its lock file is damaged. Close ` +
          'it everywhere and open it again; or restore a backup.',
      );
    }
    this.lock.lastIdStarted = id;
    this.pages.healFaults();
    const pages = new WritePages(this.storage, this.pages, this.memory, id);
    return { id, base, pages };
  }

  /** Pages that the file really has. */
  private filePages(): number {
    return Math.floor(this.storage.sizeBytes() / this.file.geometry.pageSize);
  }

  /** Steps 2 and 3 up to the job: places, the file's length, the retained entry. */
  private prepare(
    session: WriteSession,
    cataloguePage: number,
    catalogueBirth: number,
    durability: Durability,
  ): PreparedCommit {
    const tip = this.jobs.tip;
    if (tip.roots.id !== session.base.id) throw this.jobs.lastFailure ?? this.turn.closedError();
    const retained = this.turn.dropUnneeded(tip);
    // The file would grow to hold a snapshot that a damaged lock file says there is.
    for (const roots of retained) this.pages.requireFileOf(roots);
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
      spared: this.replaced,
    });
    this.replaced = placement.replaced;
    // Now: it may have been cut under this session, by a trim of this handle.
    const filePages = this.filePages();
    let zeros: Zeros;
    try {
      zeros = this.length.fit(filePages, retained, placement, tip.writtenUntil);
    } catch (error) {
      throw this.jobs.translate(error, (placement.roots.filePages - filePages) * pageSize);
    }
    for (const { page } of placement.pages) this.pages.trust(page, session.id);
    const { storage, lock } = this;
    const { identity } = this.file;
    const { pages } = session;
    return prepareCommit({ storage, lock, identity, placement, pages, tip, durability, zeros });
  }
}
