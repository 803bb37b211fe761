/**
 * A Coppice database behind the interface of abstract-level, so that what is written for level
 * databases (sublevels, encodings, hooks, plugins) runs on it.
 *
 *     const db = new CoppiceLevel('app.coppice', { valueEncoding: 'json' });
 *     await db.put('ada', { born: 1815 });
 *     for await (const [key, value] of db.iterator({ gte: 'a', lt: 'b' })) console.log(key, value);
 *     await db.close();
 *
 * Everything lies in one store, "level", with binary keys and values; abstract-level encodes both.
 * Methods with an underscore are those that abstract-level calls, when the database is open and the
 * arguments are checked and encoded.
 *
 * Keys longer than `maxKeyBytes` of the database cannot be put: that rejects with KEY_TOO_LARGE. In
 * all else they are keys that are not there.
 */

import { existsSync } from 'node:fs';
import {
  type AbstractDatabaseOptions,
  AbstractLevel,
  type AbstractReadOptions,
  type AbstractSnapshot,
} from 'abstract-level';
import { type Database, type OpenOptions, open, type Reader, type Store } from '../../src/index.ts';
import {
  CoppiceIterator,
  CoppiceKeyIterator,
  CoppiceValueIterator,
  type IteratorOptions,
  type Source,
} from './coppice-iterator.ts';
import { CoppiceSnapshot, type SnapshotOptions, stateOf } from './coppice-snapshot.ts';
import { type LevelRange, storeRange } from './level-range.ts';

type Bytes = Uint8Array;

export interface CoppiceLevelOptions<K, V> extends AbstractDatabaseOptions<K, V> {
  /** How to open the file; `create` is what `createIfMissing` says. */
  coppice?: Omit<OpenOptions, 'create'>;
}

/** What this implementation can. The rest of the manifest abstract-level fills in. */
const MANIFEST = {
  encodings: { view: true },
  createIfMissing: true,
  errorIfExists: true,
  getSync: true,
  has: true,
  implicitSnapshots: true,
  explicitSnapshots: true,
  signals: { iterators: true },
};

type Operation = { type: 'put'; key: Bytes; value: Bytes } | { type: 'del'; key: Bytes };

interface ClearOptions extends LevelRange {
  /** -1: no limit. */
  readonly limit: number;
  readonly snapshot?: AbstractSnapshot | undefined;
}

export class CoppiceLevel<K = string, V = string> extends AbstractLevel<Bytes, K, V> {
  /** The path of the file. */
  readonly location: string;
  #source: Source | undefined;

  constructor(location: string, options?: CoppiceLevelOptions<K, V>) {
    super(MANIFEST, options);
    this.location = location;
  }

  async _open(options: {
    createIfMissing: boolean;
    errorIfExists: boolean;
    coppice?: Omit<OpenOptions, 'create'>;
  }): Promise<void> {
    const { location } = this;
    // Not proof against another process that makes the file at this very moment.
    if (options.errorIfExists && existsSync(location)) {
      throw new Error(`${location} exists already, and errorIfExists was given.`);
    }
    const database = open(location, { ...options.coppice, create: options.createIfMissing });
    try {
      this.#source = { database, store: database.store('level', { key: 'bytes', value: 'bytes' }) };
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async _close(): Promise<void> {
    await this.#database.close();
    this.#source = undefined;
  }

  async _get(key: Bytes, options: AbstractReadOptions): Promise<Bytes | undefined> {
    return this._getSync(key, options);
  }

  _getSync(key: Bytes, options: AbstractReadOptions): Bytes | undefined {
    return this.#read(options, (reader) => this.#valueOf(reader, key));
  }

  async _getMany(keys: Bytes[], options: AbstractReadOptions): Promise<(Bytes | undefined)[]> {
    return this.#read(options, (reader) => keys.map((key) => this.#valueOf(reader, key)));
  }

  async _has(key: Bytes, options: AbstractReadOptions): Promise<boolean> {
    return this.#read(options, (reader) => this.#isIn(reader, key));
  }

  async _hasMany(keys: Bytes[], options: AbstractReadOptions): Promise<boolean[]> {
    return this.#read(options, (reader) => keys.map((key) => this.#isIn(reader, key)));
  }

  async _put(key: Bytes, value: Bytes): Promise<void> {
    await this.#store.put(key, value);
  }

  async _del(key: Bytes): Promise<void> {
    if (this.#fits(key)) await this.#store.remove(key);
  }

  /** One transaction: all of it, or nothing. */
  async _batch(operations: Operation[]): Promise<void> {
    const store = this.#store;
    await this.#database.write((tx) => {
      for (const operation of operations) {
        const { type, key } = operation;
        if (type === 'put') tx.put(store, key, operation.value);
        else if (this.#fits(key)) tx.remove(store, key);
      }
    });
  }

  /** One transaction; with a snapshot it removes the keys that the snapshot has. */
  async _clear(options: ClearOptions): Promise<void> {
    const store = this.#store;
    const range = storeRange(options, this.#database.maxKeyBytes);
    if (options.limit >= 0) range.limit = options.limit;
    const state = stateOf(options.snapshot);
    if (state === undefined) {
      await store.removeRange(range);
    } else {
      await this.#database.write((tx) => {
        for (const key of state.keys(store, range)) tx.remove(store, key);
      });
    }
  }

  _iterator(options: IteratorOptions): CoppiceIterator {
    return new CoppiceIterator(this, this.#opened, options);
  }

  _keys(options: IteratorOptions): CoppiceKeyIterator {
    return new CoppiceKeyIterator(this, this.#opened, options);
  }

  _values(options: IteratorOptions): CoppiceValueIterator {
    return new CoppiceValueIterator(this, this.#opened, options);
  }

  _snapshot(options: SnapshotOptions): CoppiceSnapshot {
    return new CoppiceSnapshot(this.#database, options);
  }

  get #opened(): Source {
    if (this.#source === undefined) throw new Error(`${this.location} is not open.`);
    return this.#source;
  }

  get #database(): Database {
    return this.#opened.database;
  }

  get #store(): Store<Bytes, Bytes> {
    return this.#opened.store;
  }

  /** Runs `fn` with one state: that of the snapshot, if one is given, or the newest. */
  #read<R>({ snapshot }: AbstractReadOptions, fn: (reader: Reader) => R): R {
    const state = stateOf(snapshot);
    return state === undefined ? this.#database.read(fn) : fn(state);
  }

  #valueOf(reader: Reader, key: Bytes): Bytes | undefined {
    return this.#fits(key) ? reader.get(this.#store, key) : undefined;
  }

  #isIn(reader: Reader, key: Bytes): boolean {
    return this.#fits(key) && reader.has(this.#store, key);
  }

  /** Whether a key can be in the store at all. */
  #fits(key: Bytes): boolean {
    return key.length <= this.#database.maxKeyBytes;
  }
}
