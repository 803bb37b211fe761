/**
 * Reading, the same for the newest snapshot, an explicit one and a write transaction: they differ
 * in where a store's tree comes from (`enter`, `leave`, `iteration`).
 */

import type { EntryView } from '../btree/entry.ts';
import type { Tree } from '../btree/tree.ts';
import { type Blob, openBlob } from './blob.ts';
import { requireOneValue } from './changes.ts';
import { DistinctKeys } from './distinct-keys.ts';
import {
  EntryIterator,
  entriesOf,
  type Iteration,
  keysOf,
  type Projection,
  valuesOf,
} from './entry-iterator.ts';
import { isExpired } from './expiry.ts';
import { type Lazy, LazySequence } from './lazy.ts';
import { getValue, lookUp, lookUpPair } from './lookup.ts';
import type { ValueHold } from './open-values.ts';
import { type EncodedRange, encodeRange, encodeValueRange, type RangeOptions } from './range.ts';
import { readKey, readValue, type StoreDefinition, type StoreRef } from './store-definition.ts';
import { type ValueView, viewValue } from './value-view.ts';

/** An entry with what is kept beside its value. */
export interface Entry<K, V> {
  key: K;
  value: V;
  /** Grows with every write of the entry; undefined unless the store has `versions`. */
  version: number | undefined;
  /** When it expires, in ms since 1970; undefined when it does not. */
  expires: number | undefined;
}

/**
 * What one can ask of a state of the database. All of it is synchronous.
 *
 * In a multi store an entry is a key with one of its values: where a key has many, `get`, `getMany`
 * and `getEntry` give the first. An entry that has expired is not returned by anything that returns
 * entries; `count`, `rank`, `at` and `offset` count it until it is swept.
 */
export interface Reader {
  /** The value, or undefined when the key is absent. */
  get<K, V>(store: StoreRef<K, V>, key: K): V | undefined;
  /** `value` for stores with `multi`: whether it is one of the key's. */
  has<K, V>(store: StoreRef<K, V>, key: K, value?: V): boolean;
  /** The values in the order of the keys given; undefined where one is absent. */
  getMany<K, V>(store: StoreRef<K, V>, keys: readonly K[]): (V | undefined)[];
  /** The entry with its version and when it expires. */
  getEntry<K, V>(store: StoreRef<K, V>, key: K): Entry<K, V> | undefined;
  /** The key's values in order: at most one, but in stores with `multi`, which take a range. */
  getAll<K, V>(store: StoreRef<K, V>, key: K, range?: RangeOptions<V>): Lazy<V>;
  range<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<[K, V]>;
  /** Each key once, also in a multi store: there `limit` and `offset` are numbers of keys. */
  keys<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<K>;
  values<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<V>;
  /** Entries, exact, in O(log n). `{ gte: key, lte: key }` counts the values of one key. */
  count<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): number;
  /** Entries before the key, whether it is there or not; O(log n). */
  rank<K, V>(store: StoreRef<K, V>, key: K): number;
  /**
   * The entry at that place in the order of keys; negative: from the end. O(log n). Undefined when
   * there is none, or it has expired.
   */
  at<K, V>(store: StoreRef<K, V>, index: number): [K, V] | undefined;
  first<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined;
  last<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined;
  /** An entry drawn at random, each with the same chance. */
  sample<K, V>(store: StoreRef<K, V>): [K, V] | undefined;
  /** The value's bytes where they lie, without a copy; undefined when the key is absent. */
  view<K, V>(store: StoreRef<K, V>, key: K): ValueView | undefined;
  /** The value, to be read in parts; undefined when the key is absent. */
  blob<K, V>(store: StoreRef<K, V>, key: K): Blob | undefined;
}

export abstract class BaseReader implements Reader {
  /** The store's tree, for one call; `leave` follows in a finally block. */
  protected abstract enter<K, V>(definition: StoreDefinition<K, V>): Tree;
  protected abstract leave(): void;
  /** The store's tree for as long as somebody iterates. */
  protected abstract iteration<K, V>(definition: StoreDefinition<K, V>): Iteration;
  /** The store's tree, and what a value of it can be kept by. */
  protected abstract hold<K, V>(definition: StoreDefinition<K, V>): ValueHold;
  /** Throws unless the store is one of this reader's database. */
  protected abstract requireOwn(definition: StoreDefinition<unknown, unknown>): void;

  get<K, V>(store: StoreRef<K, V>, key: K): V | undefined {
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      return getValue(tree, definition, key);
    } finally {
      this.leave();
    }
  }

  has<K, V>(store: StoreRef<K, V>, key: K, value?: V): boolean {
    const definition = this.definition(store);
    if (value !== undefined) requireMulti('has(key, value)', definition);
    const tree = this.enter(definition);
    try {
      if (value !== undefined) return lookUpPair(tree, definition, key, value);
      return lookUp(tree, definition, key);
    } finally {
      this.leave();
    }
  }

  getMany<K, V>(store: StoreRef<K, V>, keys: readonly K[]): (V | undefined)[] {
    if (!Array.isArray(keys)) throw new TypeError(`getMany takes an array of keys.`);
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      return keys.map((key: K) => getValue(tree, definition, key));
    } finally {
      this.leave();
    }
  }

  getEntry<K, V>(store: StoreRef<K, V>, key: K): Entry<K, V> | undefined {
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      if (!lookUp(tree, definition, key)) return undefined;
      // Noted before the value is read: its codec may be the user's and come back to this tree.
      const version = definition.versions ? tree.found.version : undefined;
      const expires = tree.found.expiry || undefined;
      return { key, value: readValue(definition, tree, tree.found), version, expires };
    } finally {
      this.leave();
    }
  }

  getAll<K, V>(store: StoreRef<K, V>, key: K, range?: RangeOptions<V>): Lazy<V> {
    const definition = this.definition(store);
    if (definition.pairFormat !== undefined) {
      const length = definition.key.encode(definition.keyFormat, key);
      return this.iterate(definition, encodeValueRange(definition, length, range), valuesOf());
    }
    if (range !== undefined) requireMulti('getAll with a range', definition);
    return new LazySequence(() => {
      const value = this.get(store, key);
      return (value === undefined ? [] : [value])[Symbol.iterator]();
    });
  }

  range<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<[K, V]> {
    return this.sequence(store, range, entriesOf());
  }

  keys<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<K> {
    const definition = this.definition(store);
    const encoded = encodeRange(definition, range);
    if (definition.pairFormat === undefined) return this.iterate(definition, encoded, keysOf());
    return new LazySequence(
      () => new DistinctKeys(() => this.iteration(definition), definition, encoded),
    );
  }

  values<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<V> {
    return this.sequence(store, range, valuesOf());
  }

  count<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): number {
    const definition = this.definition(store);
    const { lower, upper, offset, limit } = encodeRange(definition, range);
    const tree = this.enter(definition);
    try {
      return Math.min(limit, Math.max(0, tree.count(lower, upper) - offset));
    } finally {
      this.leave();
    }
  }

  rank<K, V>(store: StoreRef<K, V>, key: K): number {
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      const length = definition.key.encode(definition.keyFormat, key);
      return tree.rank(definition.key.bytes, length, false);
    } finally {
      this.leave();
    }
  }

  at<K, V>(store: StoreRef<K, V>, index: number): [K, V] | undefined {
    if (!Number.isSafeInteger(index)) {
      throw new TypeError(`at takes a whole number, got ${String(index)}.`);
    }
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      return entryAt(tree, definition, index < 0 ? tree.root.entries + index : index);
    } finally {
      this.leave();
    }
  }

  first<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined {
    return this.edge(store, range, true);
  }

  last<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined {
    return this.edge(store, range, false);
  }

  sample<K, V>(store: StoreRef<K, V>): [K, V] | undefined {
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      const { entries } = tree.root;
      for (let draw = 0; draw < MOST_DRAWS; draw++) {
        const entry = entryAt(tree, definition, Math.floor(Math.random() * entries));
        if (entry !== undefined || !definition.expires) return entry;
      }
    } finally {
      this.leave();
    }
    // Nearly all have expired.
    return this.first(store);
  }

  view<K, V>(store: StoreRef<K, V>, key: K): ValueView | undefined {
    const definition = this.definition(store);
    requireOneValue('view', definition);
    const hold = this.hold(definition);
    try {
      return viewValue(hold, definition, key);
    } finally {
      hold.release();
    }
  }

  blob<K, V>(store: StoreRef<K, V>, key: K): Blob | undefined {
    const definition = this.definition(store);
    requireOneValue('blob', definition);
    const hold = this.hold(definition);
    try {
      return openBlob(hold, definition, key);
    } finally {
      hold.release();
    }
  }

  protected definition<K, V>(store: StoreRef<K, V>): StoreDefinition<K, V> {
    const definition = store?.definition;
    if (definition === undefined) {
      throw new TypeError(`Expected a store, as db.store(name) returns it, got ${String(store)}.`);
    }
    this.requireOwn(definition);
    return definition;
  }

  /** The first or last entry that an iteration of the range would give. */
  private edge<K, V>(
    store: StoreRef<K, V>,
    range: RangeOptions<K> | undefined,
    first: boolean,
  ): [K, V] | undefined {
    const definition = this.definition(store);
    const encoded = encodeRange(definition, range);
    const { lower, upper, reverse, offset, limit } = encoded;
    if (definition.expires) return this.liveEdge(definition, encoded, first);
    const tree = this.enter(definition);
    try {
      if (offset === 0 && (first ? limit > 0 : limit === Number.POSITIVE_INFINITY)) {
        const cursor = tree.cursor(true);
        cursor.setRange(lower, upper);
        const there = first === reverse ? cursor.last() : cursor.first();
        return there ? entryOf(tree, definition, cursor) : undefined;
      }
      const begin = tree.rankOfLower(lower);
      const end = tree.rankOfUpper(upper);
      const size = Math.min(limit, end - begin - offset);
      if (size <= 0) return undefined;
      const low = reverse ? end - offset - size : begin + offset;
      return entryAt(tree, definition, first === reverse ? low + size - 1 : low);
    } finally {
      this.leave();
    }
  }

  /** As `edge`, past entries that have expired. */
  private liveEdge<K, V>(
    definition: StoreDefinition<K, V>,
    range: EncodedRange,
    first: boolean,
  ): [K, V] | undefined {
    const entries = (of: EncodedRange): Lazy<[K, V]> => this.iterate(definition, of, entriesOf());
    if (first) return entries(range).first();
    // With a limit or an offset the last one depends on what comes before it.
    if (range.limit !== Number.POSITIVE_INFINITY || range.offset !== 0) {
      let last: [K, V] | undefined;
      for (const entry of entries(range)) last = entry;
      return last;
    }
    return entries({ ...range, reverse: !range.reverse }).first();
  }

  private sequence<K, V, T>(
    store: StoreRef<K, V>,
    options: RangeOptions<K> | undefined,
    projection: Projection<K, V, T>,
  ): Lazy<T> {
    const definition = this.definition(store);
    return this.iterate(definition, encodeRange(definition, options), projection);
  }

  private iterate<K, V, T>(
    definition: StoreDefinition<K, V>,
    range: EncodedRange,
    projection: Projection<K, V, T>,
  ): Lazy<T> {
    return new LazySequence(
      () => new EntryIterator(() => this.iteration(definition), definition, range, projection),
    );
  }
}

/** Draws of an entry that has expired, after which `sample` takes the first that has not. */
const MOST_DRAWS = 64;

function requireMulti(
  call: string,
  { name, pairFormat }: { readonly name: string; readonly pairFormat: object | undefined },
): void {
  if (pairFormat !== undefined) return;
  throw new TypeError(
    `${call} is for stores with multi: true; store "${name}" has one value for a key.`,
  );
}

function entryAt<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  index: number,
): [K, V] | undefined {
  if (!tree.at(index)) return undefined;
  if (definition.expires && isExpired(tree.found, Date.now())) return undefined;
  return entryOf(tree, definition, tree.found);
}

function entryOf<K, V>(tree: Tree, definition: StoreDefinition<K, V>, found: EntryView): [K, V] {
  const key = new Uint8Array(found.keyLength);
  const length = found.copyKey(key);
  // The value first: the key's codec may be the user's and come back to this tree.
  const value = readValue(definition, tree, found);
  return [readKey(definition, key, 0, length), value];
}
