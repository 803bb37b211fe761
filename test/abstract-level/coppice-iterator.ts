/**
 * Iterators of abstract-level over a Coppice store: of entries, of keys and of values.
 *
 * All three read from one state: the snapshot that they were given, or the one that was newest when
 * they were made, which is theirs to close. Reads are synchronous, so a long `all()` lets others
 * run between them.
 */

import {
  AbstractIterator,
  type AbstractIteratorOptions,
  AbstractKeyIterator,
  AbstractValueIterator,
} from 'abstract-level';
import type { Database, Lazy, RangeOptions, Snapshot, Store } from '../../src/index.ts';
import { stateOf } from './coppice-snapshot.ts';
import { type LevelRange, storeRange, storeRangeFrom } from './level-range.ts';

type Bytes = Uint8Array;

/** Items after which an iteration lets others run: about a millisecond's work. */
const ITEMS_PER_TURN = 2048;

/** What abstract-level hands to an iterator: keys are in their binary form. */
export type IteratorOptions = LevelRange & AbstractIteratorOptions<Bytes, Bytes>;

/** What the iterators read from. */
export interface Source {
  readonly database: Database;
  readonly store: Store<Bytes, Bytes>;
}

/** A read was stopped by the `signal` option. */
class AbortError extends Error {
  readonly code = 'LEVEL_ABORTED';
  override readonly name = 'AbortError';
  constructor() {
    super('Operation has been aborted');
  }
}

/** One pass over a range, or several after seeks, in one state. */
class Walk<T> {
  readonly #source: Source;
  readonly #options: IteratorOptions;
  readonly #read: (state: Snapshot, range: RangeOptions<Bytes>) => Lazy<T>;
  readonly #state: Snapshot;
  readonly #ownsState: boolean;
  #items: Iterator<T> | undefined;

  constructor(
    source: Source,
    options: IteratorOptions,
    read: (state: Snapshot, range: RangeOptions<Bytes>) => Lazy<T>,
  ) {
    this.#source = source;
    this.#options = options;
    this.#read = read;
    const given = stateOf(options.snapshot);
    this.#ownsState = given === undefined;
    this.#state = given ?? source.database.snapshot();
  }

  /** The next item; undefined at the end. */
  async next(): Promise<T | undefined> {
    const [item] = await this.take(1);
    return item;
  }

  /** The next items, at most `size`; fewer only at the end. */
  async take(size: number): Promise<T[]> {
    const { signal } = this.#options;
    const items: T[] = [];
    this.#items ??= this.#start(storeRange(this.#options, this.#source.database.maxKeyBytes));
    for (let left = size; left > 0; left--) {
      const { done, value } = this.#items.next();
      if (done) break;
      items.push(value);
      if (items.length % ITEMS_PER_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) throw new AbortError();
      }
    }
    if (signal) {
      // Whoever called may abort in the same turn.
      await undefined;
      if (signal.aborted) throw new AbortError();
    }
    return items;
  }

  /** From now on the items are those from `target` on. */
  seek(target: Bytes): void {
    this.#items?.return?.();
    const range = storeRangeFrom(target, this.#options, this.#source.database.maxKeyBytes);
    this.#items = range === undefined ? [][Symbol.iterator]() : this.#start(range);
  }

  close(): void {
    this.#items?.return?.();
    if (this.#ownsState) this.#state.close();
  }

  #start(range: RangeOptions<Bytes>): Iterator<T> {
    return this.#read(this.#state, range)[Symbol.iterator]();
  }
}

/** Entries; without values, where these are not asked for, which spares reading them. */
export class CoppiceIterator extends AbstractIterator<unknown, Bytes, Bytes | undefined> {
  readonly #walk: Walk<[Bytes, Bytes | undefined]>;

  constructor(db: object, source: Source, options: IteratorOptions) {
    super(db, options);
    const { store } = source;
    this.#walk = new Walk<[Bytes, Bytes | undefined]>(source, options, (state, range) =>
      options.values === false
        ? state.keys(store, range).map((key) => [key, undefined])
        : state.range(store, range),
    );
  }

  _next(): Promise<[Bytes, Bytes | undefined] | undefined> {
    return this.#walk.next();
  }

  _nextv(size: number): Promise<[Bytes, Bytes | undefined][]> {
    return this.#walk.take(size);
  }

  _all(): Promise<[Bytes, Bytes | undefined][]> {
    return this.#walk.take(this.limit - this.count);
  }

  _seek(target: Bytes): void {
    this.#walk.seek(target);
  }

  async _close(): Promise<void> {
    this.#walk.close();
  }
}

export class CoppiceKeyIterator extends AbstractKeyIterator<unknown, Bytes> {
  readonly #walk: Walk<Bytes>;

  constructor(db: object, source: Source, options: IteratorOptions) {
    super(db, options);
    this.#walk = new Walk(source, options, (state, range) => state.keys(source.store, range));
  }

  _next(): Promise<Bytes | undefined> {
    return this.#walk.next();
  }

  _nextv(size: number): Promise<Bytes[]> {
    return this.#walk.take(size);
  }

  _all(): Promise<Bytes[]> {
    return this.#walk.take(this.limit - this.count);
  }

  _seek(target: Bytes): void {
    this.#walk.seek(target);
  }

  async _close(): Promise<void> {
    this.#walk.close();
  }
}

export class CoppiceValueIterator extends AbstractValueIterator<unknown, Bytes, Bytes> {
  readonly #walk: Walk<Bytes>;

  constructor(db: object, source: Source, options: IteratorOptions) {
    super(db, options);
    this.#walk = new Walk(source, options, (state, range) => state.values(source.store, range));
  }

  _next(): Promise<Bytes | undefined> {
    return this.#walk.next();
  }

  _nextv(size: number): Promise<Bytes[]> {
    return this.#walk.take(size);
  }

  _all(): Promise<Bytes[]> {
    return this.#walk.take(this.limit - this.count);
  }

  _seek(target: Bytes): void {
    this.#walk.seek(target);
  }

  async _close(): Promise<void> {
    this.#walk.close();
  }
}
