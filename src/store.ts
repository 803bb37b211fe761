/** A store: what a user holds to read and write the entries of one name. */

import { EncodedValue } from './codec/codec.ts';
import type { PairFormat } from './codec/pair.ts';
import type { EncodedShapes } from './codec/shape-encoder.ts';
import type { Pager } from './pager/pager.ts';
import type { Durability } from './pager/write-session.ts';
import type { Blob } from './transaction/blob.ts';
import { BulkLoad, type EntrySource } from './transaction/bulk-load.ts';
import {
  encodeRemoval,
  putEntry,
  removeEncodedRange,
  removeEntry,
  removePairs,
  requireOneValue,
  updateTerms,
} from './transaction/changes.ts';
import type { LatestReader } from './transaction/latest.ts';
import type { Lazy } from './transaction/lazy.ts';
import { checkLongWork, type LongWork } from './transaction/long-work.ts';
import { findLive } from './transaction/lookup.ts';
import {
  checkRemoveOptions,
  NO_TERMS,
  type PutOptions,
  type PutTerms,
  putTerms,
  type RemoveOptions,
} from './transaction/put-options.ts';
import type { RangeOptions } from './transaction/range.ts';
import type { Entry } from './transaction/reader.ts';
import { putShared, putSharedBytes } from './transaction/shared-put.ts';
import { readValue, type StoreDefinition, type StoreRef } from './transaction/store-definition.ts';
import type { StoreShapes } from './transaction/store-shapes.ts';
import type { ValueView } from './transaction/value-view.ts';
import type { WriteCore } from './transaction/write-core.ts';
import type { WriteQueue } from './transaction/write-queue.ts';
import { putStream, type ValueSource } from './upkeep/put-stream.ts';

/**
 * Reads are synchronous and see the newest published state. Writes are queued, and resolve when
 * they are as durable as the database promises, in the order of the calls. What is read is the
 * caller's own.
 *
 * D is the database that it belongs to.
 */
export interface StoreOf<K, V, D> extends StoreRef<K, V> {
  readonly name: string;
  readonly database: D;

  /** The value, or undefined when the key is absent. */
  get(key: K): V | undefined;
  /** `value` for stores with `multi`: whether it is one of the key's. */
  has(key: K, value?: V): boolean;
  /** The values in the order of the keys, undefined where one is absent; all of one state. */
  getMany(keys: readonly K[]): (V | undefined)[];
  /** The entry with its version and when it expires. */
  getEntry(key: K): Entry<K, V> | undefined;
  /** The key's values in order: at most one, but in stores with `multi`, which take a range. */
  getAll(key: K, range?: RangeOptions<V>): Lazy<V>;
  /**
   * Entries in the order of their keys. Each iteration reads the state that is newest when it
   * begins.
   */
  range(range?: RangeOptions<K>): Lazy<[K, V]>;
  /** Each key once, also in a multi store: there `limit` and `offset` are numbers of keys. */
  keys(range?: RangeOptions<K>): Lazy<K>;
  values(range?: RangeOptions<K>): Lazy<V>;
  /** Entries, exact, in O(log n). `{ gte: key, lte: key }` counts the values of one key. */
  count(range?: RangeOptions<K>): number;
  /** Entries before the key, whether it is there or not; O(log n). */
  rank(key: K): number;
  /**
   * The entry at that place in the order of keys; negative: from the end. O(log n). Undefined when
   * there is none, or it has expired.
   */
  at(index: number): [K, V] | undefined;
  first(range?: RangeOptions<K>): [K, V] | undefined;
  last(range?: RangeOptions<K>): [K, V] | undefined;
  /** An entry drawn at random, each with the same chance. */
  sample(): [K, V] | undefined;
  /** The value's bytes where they lie, without a copy; undefined when the key is absent. */
  view(key: K): ValueView | undefined;
  /** The value, to be read in parts; undefined when the key is absent. */
  blob(key: K): Blob | undefined;

  /**
   * Resolves to false when a condition of the options did not hold; in a multi store also when the
   * key had that value already.
   */
  put(key: K, value: V, options?: PutOptions): Promise<boolean>;
  /** Resolves to whether the key was there. In a multi store: all of its values, or the one. */
  remove(key: K, options?: RemoveOptions<V>): Promise<boolean>;
  /**
   * Puts what `fn` makes of the old value; undefined removes the key. Resolves to what `fn`
   * returned. The entry expires when it did before. Not for multi stores.
   */
  update(key: K, fn: (old: V | undefined) => V | undefined): Promise<V | undefined>;
  /** Resolves to the number of entries removed. */
  removeRange(range: RangeOptions<K>): Promise<number>;
  clear(): Promise<number>;
  /** All of the entries in one atomic write; resolves to their number. */
  putMany(entries: Iterable<readonly [K, V]>): Promise<number>;
  /**
   * Puts the entries of a source of any length, in many transactions, each as durable as the
   * database promises; resolves to their number. Of equal keys the last one counts. A source in the
   * order of the keys is fastest, and fills pages up. Memory stays bounded, the event loop goes on
   * between two transactions, and so do the writes of others. An entry is encoded when it is read.
   *
   * They are committed in the order of the source. Progress is told after each commit: `done`
   * entries, the first ones of the source, are in the store; `total` are those that an array, Set
   * or Map has, else those read so far. When it rejects what was committed stays, and nothing is
   * there in part: to go on, skip the first `done` that were told last. A source that is not at its
   * end is told so by its `return`.
   *
   * Errors: TypeError for no source, and for an entry that is no [key, value], with its index; what
   * a put throws; what the source throws; DISK_FULL and other failures of a commit; the signal's
   * reason; DATABASE_CLOSED, READ_ONLY.
   */
  bulkLoad(
    source: Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>,
    options?: LongWork,
  ): Promise<number>;
  /**
   * Puts a value of `size` bytes that comes as a stream, in bounded memory and without keeping
   * anybody waiting while it comes: it goes to a file without a name beside the database first, so
   * the disk needs room for it twice. For stores with `value: 'bytes'`. Resolves as `put` does. The
   * source is read to its end, or destroyed. Progress is in bytes.
   *
   * Errors: TypeError and RangeError for arguments, and when the source does not give `size` bytes;
   * VALUE_TOO_LARGE; DISK_FULL and IO; what the source fails with, as it is; the signal's reason.
   * After any of these nothing was put.
   */
  putStream(
    key: K,
    size: number,
    source: ValueSource,
    options?: PutOptions & LongWork,
  ): Promise<boolean>;
  [Symbol.iterator](): Iterator<[K, V]>;
}

/** What a store needs of its database. */
export interface StoreHost {
  readonly latest: LatestReader;
  readonly queue: WriteQueue;
  readonly durability: Durability;
  readonly pager: Pager;
}

/** One entry that is encoded and waits: its key's bytes in the tree, then the value's. */
interface EncodedEntry {
  readonly bytes: Uint8Array;
  readonly keyLength: number;
  /** Only with shared structures: what the value was encoded with. */
  readonly shapes: EncodedShapes | undefined;
}

/** What such an entry takes of memory beside its bytes (Node 20). */
const ENTRY_BYTES = 250;

export class StoreHandle<K, V, D> implements StoreOf<K, V, D> {
  readonly name: string;
  readonly database: D;
  readonly definition: StoreDefinition<K, V>;
  private readonly host: StoreHost;
  private readonly encoded = new EncodedValue();

  constructor(database: D, definition: StoreDefinition<K, V>, host: StoreHost) {
    this.name = definition.name;
    this.database = database;
    this.definition = definition;
    this.host = host;
  }

  get(key: K): V | undefined {
    return this.host.latest.get(this, key);
  }
  has(key: K, value?: V): boolean {
    return this.host.latest.has(this, key, value);
  }
  getMany(keys: readonly K[]): (V | undefined)[] {
    return this.host.latest.getMany(this, keys);
  }
  getEntry(key: K): Entry<K, V> | undefined {
    return this.host.latest.getEntry(this, key);
  }
  getAll(key: K, range?: RangeOptions<V>): Lazy<V> {
    return this.host.latest.getAll(this, key, range);
  }
  range(range?: RangeOptions<K>): Lazy<[K, V]> {
    return this.host.latest.range(this, range);
  }
  keys(range?: RangeOptions<K>): Lazy<K> {
    return this.host.latest.keys(this, range);
  }
  values(range?: RangeOptions<K>): Lazy<V> {
    return this.host.latest.values(this, range);
  }
  count(range?: RangeOptions<K>): number {
    return this.host.latest.count(this, range);
  }
  rank(key: K): number {
    return this.host.latest.rank(this, key);
  }
  at(index: number): [K, V] | undefined {
    return this.host.latest.at(this, index);
  }
  first(range?: RangeOptions<K>): [K, V] | undefined {
    return this.host.latest.first(this, range);
  }
  last(range?: RangeOptions<K>): [K, V] | undefined {
    return this.host.latest.last(this, range);
  }
  sample(): [K, V] | undefined {
    return this.host.latest.sample(this);
  }
  view(key: K): ValueView | undefined {
    return this.host.latest.view(this, key);
  }
  blob(key: K): Blob | undefined {
    return this.host.latest.blob(this, key);
  }
  [Symbol.iterator](): Iterator<[K, V]> {
    return this.range()[Symbol.iterator]();
  }

  async put(key: K, value: V, options?: PutOptions): Promise<boolean> {
    const definition = this.definition;
    const terms = putTerms(definition, options);
    const entry = this.encode(key, value);
    return this.host.queue.add({
      run: (core) => putEncoded(core, definition, entry, terms),
      undoable: false,
      bytes: entry.bytes.length,
      durability: this.host.durability,
    });
  }

  async remove(key: K, options?: RemoveOptions<V>): Promise<boolean> {
    const definition = this.definition;
    const { ifVersion, value } = checkRemoveOptions(definition, options);
    const { pairFormat } = definition;
    const one = pairFormat === undefined || value !== undefined;
    const bytes =
      pairFormat !== undefined && value !== undefined
        ? this.encodePair(pairFormat, key, value)
        : this.encodeKey(key);
    const { length } = bytes;
    return this.host.queue.add({
      run: (core) =>
        one
          ? removeEntry(core, definition, bytes, length, ifVersion)
          : removePairs(core, definition, bytes, length),
      undoable: false,
      bytes: length,
      durability: this.host.durability,
    });
  }

  async update(key: K, fn: (old: V | undefined) => V | undefined): Promise<V | undefined> {
    if (typeof fn !== 'function')
      throw new TypeError(`update takes a function, got ${String(fn)}.`);
    const definition = this.definition;
    requireOneValue('update', definition);
    const bytes = this.encodeKey(key);
    const length = bytes.length;
    return this.change(length, (core) => {
      const tree = core.tree(definition);
      const there = findLive(tree, definition, bytes, length);
      const terms = updateTerms(tree, definition, there);
      const value = fn(there ? readValue(definition, tree, tree.found) : undefined);
      const { shapes } = definition;
      if (value === undefined) {
        removeEntry(core, definition, bytes, length, undefined);
      } else if (shapes !== undefined) {
        const encoded = new EncodedValue();
        putShared(core, definition, shapes, bytes, length, value, encoded, terms, () => {});
      } else {
        const { encoded } = this;
        definition.encodeValue(value, encoded);
        putEntry(core, definition, bytes, length, encoded.bytes, encoded.start, encoded.end, terms);
        encoded.clear();
      }
      return value;
    });
  }

  async removeRange(range: RangeOptions<K>): Promise<number> {
    const definition = this.definition;
    const encoded = encodeRemoval(definition, range);
    return this.change(0, (core) => removeEncodedRange(core.tree(definition), encoded));
  }

  async clear(): Promise<number> {
    return this.change(0, (core) => core.tree(this.definition).clear());
  }

  async putMany(entries: Iterable<readonly [K, V]>): Promise<number> {
    const definition = this.definition;
    const encoded: EncodedEntry[] = [];
    let bytes = 0;
    for (const entry of entries) {
      if (!Array.isArray(entry) || entry.length !== 2) {
        throw new TypeError('putMany takes entries as [key, value].');
      }
      const next = this.encode(entry[0], entry[1]);
      bytes += next.bytes.length + ENTRY_BYTES;
      encoded.push(next);
    }
    return this.host.queue.add({
      run: (core) => {
        for (const entry of encoded) putEncoded(core, definition, entry, NO_TERMS);
        return encoded.length;
      },
      undoable: true,
      bytes,
      durability: this.host.durability,
    });
  }

  async bulkLoad(source: EntrySource<K, V>, options: LongWork = {}): Promise<number> {
    const { definition } = this;
    checkLongWork('bulkLoad', options);
    const { queue, durability, pager } = this.host;
    const { pageSize } = pager.pages.geometry;
    const { shapes } = definition;
    const encodeShared =
      shapes === undefined
        ? undefined
        : (value: V, out: EncodedValue) => this.encodeShared(shapes, value, out);
    const target = { definition, queue, durability, pageSize, encodeShared };
    return new BulkLoad(target, source, options).run();
  }
  async putStream(
    key: K,
    size: number,
    source: ValueSource,
    options: PutOptions & LongWork = {},
  ): Promise<boolean> {
    const { definition } = this;
    return putStream({ ...this.host, definition }, this.encodeKey(key), size, source, options);
  }

  /** Queues a change that is undone by itself when it throws. */
  private change<R>(bytes: number, run: (core: WriteCore) => R): Promise<R> {
    const { queue, durability } = this.host;
    return queue.add({ run, undoable: true, bytes, durability });
  }

  private encodeKey(key: K): Uint8Array {
    const definition = this.definition;
    const length = definition.key.encode(definition.keyFormat, key);
    return definition.key.bytes.slice(0, length);
  }

  private encodePair(format: PairFormat<K, V>, key: K, value: V): Uint8Array {
    const { definition } = this;
    const length = definition.key.encode(format, [key, definition.requireValue(value)]);
    return definition.key.bytes.slice(0, length);
  }

  /** A copy of the encoded key and value: the caller may change its own before the commit. */
  private encode(key: K, value: V): EncodedEntry {
    const definition = this.definition;
    const { encoded } = this;
    if (definition.pairFormat !== undefined) {
      const bytes = this.encodePair(definition.pairFormat, key, value);
      return { bytes, keyLength: bytes.length, shapes: undefined };
    }
    const shapes =
      definition.shapes === undefined
        ? undefined
        : this.encodeShared(definition.shapes, value, encoded);
    if (shapes === undefined) definition.encodeValue(value, encoded);
    // Noted before the key's codec runs: it may be the user's, and put something else.
    const { bytes: valueBytes, start, end } = encoded;
    encoded.clear();
    const keyLength = definition.key.encode(definition.keyFormat, key);
    const bytes = new Uint8Array(keyLength + end - start);
    bytes.set(definition.key.bytes.subarray(0, keyLength));
    bytes.set(valueBytes.subarray(start, end), keyLength);
    return { bytes, keyLength, shapes };
  }

  /** With the shapes that are known: new ones are added when the piece runs. */
  private encodeShared(shapes: StoreShapes, value: V, out: EncodedValue): EncodedShapes {
    const { encoder } = shapes;
    this.definition.requireValue(value);
    encoder.list ??= this.host.latest.shapes(this.definition, shapes);
    return encoder.encode(value, out);
  }
}

function putEncoded<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  entry: EncodedEntry,
  terms: PutTerms,
): boolean {
  const { bytes, keyLength, shapes } = entry;
  if (shapes !== undefined && definition.shapes !== undefined) {
    return putSharedBytes(core, definition, definition.shapes, bytes, keyLength, shapes, terms);
  }
  return putEntry(core, definition, bytes, keyLength, bytes, keyLength, bytes.length, terms);
}
