/** A database: what `open` returns. */

import type { Key, KeyCodec, KeyCodecName, ValueCodec, ValueCodecName } from './codec/codec.ts';
import { DatabaseClosedError, ReadOnlyError } from './errors.ts';
import type { CheckedOptions } from './options.ts';
import { checkDurability } from './options.ts';
import type { Pager } from './pager/pager.ts';
import type { Durability } from './pager/write-session.ts';
import { StoreHandle, type StoreOf } from './store.ts';
import { Abandoned } from './transaction/abandoned.ts';
import { SlowReaderWatch, tellCommit } from './transaction/diagnostics.ts';
import { Flusher } from './transaction/flusher.ts';
import { KnownStores, type StoreInfo } from './transaction/known-stores.ts';
import { LatestReader } from './transaction/latest.ts';
import { checkLongWork, type LongWork } from './transaction/long-work.ts';
import {
  type ManualTransaction,
  ManualWriteTransaction,
} from './transaction/manual-transaction.ts';
import { OpenValues } from './transaction/open-values.ts';
import { PinnedSnapshots } from './transaction/pinned-snapshot.ts';
import type { RangeOptions } from './transaction/range.ts';
import { type Snapshot, SnapshotReader } from './transaction/snapshot.ts';
import { collectStats, type DatabaseStats } from './transaction/statistics.ts';
import type { KeyOf, StoreOptions, ValueOf } from './transaction/store-options.ts';
import {
  checkVerifyOptions,
  type VerifyOptions,
  type VerifyReport,
  verifySnapshot,
} from './transaction/verify.ts';
import { type WatchOptions, watchRange } from './transaction/watch.ts';
import type { WriteCore } from './transaction/write-core.ts';
import { WriteQueue } from './transaction/write-queue.ts';
import type { WriteTransaction } from './transaction/write-transaction.ts';
import { backup } from './upkeep/backup.ts';
import {
  type BackupOptions,
  type BackupReport,
  type BackupTarget,
  checkBackup,
} from './upkeep/backup-options.ts';
import { type CompactReport, compactDatabase } from './upkeep/compact.ts';
import { prefetch } from './upkeep/prefetch.ts';
import { ExpirySweep } from './upkeep/sweep.ts';

/** A store of a database; see StoreOf. */
export type Store<K, V> = StoreOf<K, V, Database>;
/** How a write may differ from its database. */
export interface WriteOptions {
  /** Asks for more, or less, than the database's own durability. */
  durability?: Durability;
}

export class Database implements Disposable, AsyncDisposable {
  /** The real path of the file, symlinks resolved; ':memory:' for one without. */
  readonly path: string;
  readonly readOnly: boolean;
  /** The longest key, in bytes as its codec encodes it. Longer ones are KEY_TOO_LARGE. */
  readonly maxKeyBytes: number;
  private readonly pager: Pager;
  private readonly options: CheckedOptions;
  private readonly pins: PinnedSnapshots;
  private readonly abandoned = new Abandoned();
  private readonly openValues = new OpenValues();
  private readonly latest: LatestReader;
  private readonly queue: WriteQueue;
  private readonly sweep: ExpirySweep;
  private readonly flusher: Flusher;
  private readonly slowReaders: SlowReaderWatch;
  private readonly known: KnownStores;
  private openSnapshots = 0;
  private closing: Promise<void> | undefined;

  /** For `open` only. */
  constructor(pager: Pager, options: CheckedOptions) {
    this.pager = pager;
    this.options = options;
    this.path = pager.path;
    this.readOnly = options.readOnly;
    this.maxKeyBytes = pager.pages.geometry.maxKeyBytes;
    this.pins = new PinnedSnapshots(pager);
    this.latest = new LatestReader(pager, this.pins, this, this.abandoned, this.openValues);
    const { flushInterval, readOnly } = options;
    this.known = new KnownStores(pager, this.latest, this, readOnly);
    this.flusher = new Flusher(pager, flushInterval, readOnly);
    this.slowReaders = new SlowReaderWatch(pager, options.warnAfter);
    this.queue = new WriteQueue(pager, this, this.openValues, {
      newStores: () => this.known.asked(),
      ended: (dropped) => this.known.dropped(dropped),
      committed: this.committed.bind(this),
    });
    this.sweep = new ExpirySweep(pager, this.queue);
  }

  get closed(): boolean {
    return this.pager.closed;
  }

  /** The id of the newest published snapshot; it grows, and has gaps. */
  get lastTransaction(): number {
    this.requireOpen();
    const { id } = this.pager.readers.beginShort();
    this.pager.readers.endShort();
    return id;
  }

  /**
   * False while what waits to be written takes more than `maxQueuedBytes` of memory: then await a
   * write before the next one. Writes run in the order of the calls, so the last one is enough.
   */
  get writable(): boolean {
    return !this.closed && !this.readOnly && this.queue.bytes <= this.options.maxQueuedBytes;
  }

  // Stores

  /**
   * The store of that name; made when absent, with the next write. Codecs that are left out are
   * those that the file records, or 'tuple' and 'msgpack' for a new store.
   * Errors: STORE_MISMATCH when the file records others, STORE_NOT_FOUND with `create: false`,
   * TypeError.
   */
  store<
    CK extends KeyCodecName | KeyCodec<unknown> = 'tuple',
    CV extends KeyCodecName | KeyCodec<unknown> = 'tuple',
  >(
    name: string,
    options: Omit<StoreOptions<KeyOf<CK>, KeyOf<CV>>, 'key' | 'value' | 'multi'> & {
      key?: CK;
      value?: CV;
      multi: true;
    },
  ): Store<KeyOf<CK>, KeyOf<CV>>;
  store<
    CK extends KeyCodecName | KeyCodec<unknown> = 'tuple',
    CV extends ValueCodecName | ValueCodec<unknown> = 'msgpack',
  >(
    name: string,
    options: Omit<StoreOptions<KeyOf<CK>, ValueOf<CV>>, 'key' | 'value'> & { key?: CK; value?: CV },
  ): Store<KeyOf<CK>, ValueOf<CV>>;
  store<K = Key, V = unknown>(name: string, options?: StoreOptions<K, V>): Store<K, V>;
  store(name: string, options?: StoreOptions<unknown, unknown>): Store<unknown, unknown> {
    this.requireOpen();
    const definition = this.known.ask(name, options);
    const { durability } = this.options;
    return new StoreHandle(this, definition, {
      latest: this.latest,
      queue: this.queue,
      durability,
      pager: this.pager,
    });
  }

  /** All stores in the file, and those that the next write makes. */
  stores(): StoreInfo[] {
    this.requireOpen();
    return this.known.list();
  }

  /** Removes a store with all its entries; resolves to whether it was there. */
  async dropStore(name: string): Promise<boolean> {
    return this.write((tx) => tx.dropStore(name));
  }

  // Writing

  /**
   * Runs `fn` in a transaction, one at a time over all processes, and resolves to what it returned
   * when that is durable. A throw undoes everything that `fn` did, and rejects. `fn` is
   * synchronous: a promise as its result is a TypeError.
   */
  async write<R>(fn: (tx: WriteTransaction) => R, options?: WriteOptions): Promise<R> {
    const durability = this.checkWrite('write', fn, options);
    return this.queue.add(this.queue.callback(fn, durability));
  }

  /** The same, waiting here; TRANSACTION_OPEN inside another transaction of this object. */
  writeSync<R>(fn: (tx: WriteTransaction) => R, options?: WriteOptions): R {
    const durability = this.checkWrite('writeSync', fn, options);
    return this.queue.runSync(this.queue.callback(fn, durability));
  }

  /** A transaction that its caller ends; it holds the writer lock of all processes until then. */
  async beginWrite(options?: WriteOptions): Promise<ManualTransaction> {
    const durability = this.checkWrite('beginWrite', () => {}, options);
    const { session, core, ended, abortWith } = await this.queue.openManual();
    const host = {
      abortWith,
      pager: this.pager,
      owner: this,
      openValues: this.openValues,
      durability,
      finish: this.queue.finishCore.bind(this.queue),
      committed: ({ session: { id }, dropped, soonestExpiry }: WriteCore, changed: boolean) => {
        if (this.closed) return;
        this.known.dropped(dropped);
        if (changed) this.committed(id, durability, soonestExpiry);
      },
    };
    return new ManualWriteTransaction(host, session, core, ended);
  }

  // Reading

  /** Runs `fn` with one consistent state, which ends with it. */
  read<R>(fn: (snapshot: Snapshot) => R): R {
    if (typeof fn !== 'function') throw new TypeError(`read takes a function, got ${String(fn)}.`);
    using snapshot = this.snapshot();
    return fn(snapshot);
  }

  /** One consistent state, until it is closed. Errors: READERS_FULL. */
  snapshot(): Snapshot {
    this.requireOpen();
    const { pager, pins, abandoned, openValues } = this;
    const snapshot = new SnapshotReader(pager, pins, this, abandoned, openValues, () => {
      this.openSnapshots--;
    });
    this.openSnapshots++;
    return snapshot;
  }

  // Care

  /** Makes everything that is published durable. */
  async flush(): Promise<void> {
    this.requireWritable();
    await this.queue.settle();
    this.requireWritable();
    await this.pager.flush();
  }

  stats(): DatabaseStats {
    this.requireOpen();
    // Before this call's own.
    const listed = this.pager.listReaders();
    // The slot of short reads: when no other is left, this is where one sees who has them.
    const newest = this.pager.readers.beginShort();
    try {
      return collectStats(this.pager, newest, listed, {
        iterators: this.abandoned.iterators,
        snapshots: this.openSnapshots,
        views: this.openValues.count,
        queuedBytes: this.queue.bytes,
      });
    } finally {
      this.pager.readers.endShort();
    }
  }

  /**
   * Checks the newest snapshot: every page, every tree, and that each page is accounted for.
   * Rejects with CORRUPTION at the first damage; with `collect: true` it gathers all of it instead.
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.requireOpen();
    checkVerifyOptions(options);
    options.signal?.throwIfAborted();
    const pinned = this.pins.acquire();
    try {
      const check = (): void => {
        this.requireOpen();
        options.signal?.throwIfAborted();
      };
      return await verifySnapshot(this.pager.strictPages(), pinned.roots, options, check);
    } finally {
      pinned.release();
    }
  }

  /**
   * Makes the file as short as its content allows, while everyone goes on reading and writing it:
   * fills pages up, moves those at the end of the file forward, and cuts the end off. It works in
   * small durable transactions; stopped or killed at any point it loses nothing. What a snapshot
   * that stays open needs is not moved, so the file may stay longer until it is closed.
   * Progress is told in entries, each of which is passed three times.
   */
  async compact(options: LongWork = {}): Promise<CompactReport> {
    this.requireWritable();
    checkLongWork('compact', options);
    options.signal?.throwIfAborted();
    const { pager, queue } = this;
    const requireOpen = (): void => this.requireOpen();
    return compactDatabase({ pager, queue, requireOpen }, options);
  }

  /**
   * Makes what is published durable, and gives the disk back what the file has free: its unused end
   * is cut off, and extents of 1 MiB and more inside become holes, which are filled again when they
   * are needed. Resolves to the bytes that
   * the file takes less of the disk; on a filesystem without holes, to 0.
   */
  async trim(): Promise<{ bytes: number }> {
    this.requireWritable();
    return { bytes: await this.pager.trim() };
  }
  /**
   * Copies one durable state of the database while reading and writing go on: all of it, or with
   * `since` what was written after an earlier backup. Every page is checked before it is copied.
   * A path is written beside its place and put there as a whole; what was there is replaced, unless
   * it is a database that anybody has open. See docs/backup.md.
   *
   * Progress is in pages, each counted twice (checked, copied); with `compact: true` in entries.
   *
   * Errors: TypeError and RangeError for target and options, and for a `since` that is newer than
   * all; BACKUP_MISMATCH when the state that `since` names was given up by a recovery; CORRUPTION
   * and STORAGE_FAULT when something is damaged; DATABASE_LOCKED, CANNOT_OPEN, DISK_FULL and IO for
   * a path; what a stream fails with, as it is; WRITER_LOCK_TIMEOUT; the signal's reason. After any
   * of these a path holds what it held before; only when the flush of its folder fails, the last of
   * all, it holds the new one, which a power failure may take back.
   */
  async backup(target: BackupTarget, options: BackupOptions = {}): Promise<BackupReport> {
    this.requireOpen();
    checkBackup(target, options);
    const { pager } = this;
    const host = {
      pager,
      // Whoever cannot write backs up what is durable already.
      flush: async () => {
        if (!this.readOnly && !pager.poisoned) await this.flush();
      },
      requireOpen: () => this.requireOpen(),
    };
    return backup(host, target, options);
  }
  /**
   * Brings what reads of a range, or of an array of keys, need into memory, without holding up the
   * event loop: branches, leaves, and values in pages of their own. Left out: the whole store.
   * Reads of it then do not wait for the disk, as long as the system keeps it in memory. Resolves
   * to the pages that were asked for, whether they were in memory or not. Progress is in pages; how
   * many come is not known before, so `total` grows.
   *
   * Errors: TypeError, RangeError and KEY_TOO_LARGE for what is given; CORRUPTION and
   * STORAGE_FAULT; DATABASE_CLOSED; the signal's reason.
   */
  async prefetch<K, V>(
    store: Store<K, V>,
    what?: RangeOptions<K> | readonly K[],
    options: LongWork = {},
  ): Promise<{ pages: number }> {
    this.requireOpen();
    const { pager, pins } = this;
    const host = { pager, pins, requireOpen: () => this.requireOpen() };
    return prefetch(host, this.latest.definitionOf(store), what, options);
  }
  /**
   * An iterator that is told when something in the range was put, removed or written anew since
   * `watch` was called, by any process. Each time it gives the transaction of the state in which it
   * found that: every commit that changed the range is followed by one that is told and not older.
   * Commits are coalesced, also those between two calls of `next`; a change beside the range, or
   * one that leaves it as it was, may be told too. Of a range its ends count, not `reverse`,
   * `limit` and `offset`. An entry that expires has changed when it is swept.
   *
   * It waits without looking at the disk or at a clock, and keeps the process alive only while a
   * `next` is pending. It holds no snapshot. It is over after `return` (a `break` out of
   * `for await`), after the signal, with whose reason a `next` rejects, when the database is
   * closed, and after a `next` that rejected: with STORE_MISMATCH when the store was dropped and
   * made anew with other codecs, or with what reading throws. On a database opened with
   * `immutable: true` nothing is told.
   *
   * Errors: TypeError, RangeError and KEY_TOO_LARGE for what is given.
   */
  watch<K, V>(
    store: Store<K, V>,
    range?: RangeOptions<K>,
    options?: WatchOptions,
  ): AsyncIterableIterator<{ transaction: number }> {
    this.requireOpen();
    return watchRange(this.pager, this.latest, store, range, options);
  }

  /** Lets queued writes finish, makes them durable, closes snapshots. Safe to call twice. */
  close(): Promise<void> {
    if (this.closing === undefined) {
      try {
        this.queue.refuse();
      } catch (error) {
        return Promise.reject(error);
      }
      this.closing = this.finish();
    }
    return this.closing;
  }

  /** The same, waiting here. What `using` calls. */
  closeSync(): void {
    if (this.pager.closed) return;
    this.queue.stopSync();
    try {
      if (!this.readOnly && !this.pager.poisoned) this.pager.flushSync();
    } finally {
      this.end();
    }
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async finish(): Promise<void> {
    if (this.pager.closed) return;
    try {
      await this.queue.settleAll();
      if (!this.readOnly && !this.pager.closed && !this.pager.poisoned) await this.pager.flush();
    } finally {
      this.end();
    }
  }

  private end(): void {
    this.flusher.stop();
    this.sweep.stop();
    this.openValues.close();
    this.pager.close();
  }

  private committed(transaction: number, durability: Durability, soonestExpiry: number): void {
    try {
      this.known.published();
    } catch {
      // The catalogue is damaged: reads will say so. The write is done.
    }
    this.flusher.committed(durability);
    this.sweep.committed(soonestExpiry);
    tellCommit(this.path, transaction, durability);
    this.slowReaders.look();
  }

  private checkWrite(what: string, fn: unknown, options: WriteOptions | undefined): Durability {
    this.requireWritable();
    if (typeof fn !== 'function')
      throw new TypeError(`${what} takes a function, got ${String(fn)}.`);
    if (options !== undefined && (typeof options !== 'object' || options === null)) {
      throw new TypeError(`The options of ${what} must be an object, got ${String(options)}.`);
    }
    for (const name of Object.keys(options ?? {})) {
      if (name === 'durability') continue;
      throw new TypeError(`${what} has no option "${name}"; it has durability.`);
    }
    return checkDurability(options?.durability, this.options.durability);
  }

  private requireWritable(): void {
    this.requireOpen();
    if (this.readOnly) {
      throw new ReadOnlyError(`${this.path} is open with readOnly: true; nothing can be written.`);
    }
  }

  private requireOpen(): void {
    if (this.closed) throw new DatabaseClosedError(`${this.path} is closed. Open it again.`);
  }
}
