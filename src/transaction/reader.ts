/**
 * Reading, the same for the newest snapshot, an explicit one and a write transaction: they differ
 * in where a store's tree comes from (`enter`, `leave`, `iteration`).
 */

import type { Tree } from '../btree/tree.ts';
import { UnsupportedError } from '../errors.ts';
import { EntryIterator, type Iteration, type Projection } from './entry-iterator.ts';
import { type Lazy, LazySequence } from './lazy.ts';
import { encodeRange, type RangeOptions } from './range.ts';
import { readValue, type StoreDefinition, type StoreRef } from './store-definition.ts';

/** An entry with what is kept beside its value. */
export interface Entry<K, V> {
  key: K;
  value: V;
  /** Grows with every write of the entry; undefined unless the store has `versions`. */
  version: number | undefined;
  /** When it expires, in ms since 1970; undefined when it does not. */
  expires: number | undefined;
}

/** What one can ask of a state of the database. All of it is synchronous. */
export interface Reader {
  /** The value, or undefined when the key is absent. */
  get<K, V>(store: StoreRef<K, V>, key: K): V | undefined;
  has<K, V>(store: StoreRef<K, V>, key: K, value?: V): boolean;
  /** The values in the order of the keys given; undefined where one is absent. */
  getMany<K, V>(store: StoreRef<K, V>, keys: readonly K[]): (V | undefined)[];
  getEntry<K, V>(store: StoreRef<K, V>, key: K): Entry<K, V> | undefined;
  getAll<K, V>(store: StoreRef<K, V>, key: K, range?: RangeOptions<V>): Lazy<V>;
  range<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<[K, V]>;
  keys<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<K>;
  values<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<V>;
  /** Exact, in O(log n). */
  count<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): number;
  /** Entries before the key, whether it is there or not; O(log n). */
  rank<K, V>(store: StoreRef<K, V>, key: K): number;
  /** The entry at that place in the order of keys; negative: from the end. O(log n). */
  at<K, V>(store: StoreRef<K, V>, index: number): [K, V] | undefined;
  first<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined;
  last<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): [K, V] | undefined;
  /** An entry drawn at random, each with the same chance. */
  sample<K, V>(store: StoreRef<K, V>): [K, V] | undefined;
  view<K, V>(store: StoreRef<K, V>, key: K): ValueView | undefined;
  blob<K, V>(store: StoreRef<K, V>, key: K): Blob | undefined;
}

/** A value's bytes where they lie, without a copy. */
export interface ValueView extends Disposable {
  readonly bytes: Uint8Array;
  dispose(): void;
}

/** A large value, read in parts. */
export interface Blob extends Disposable {
  readonly size: number;
  slice(start: number, end?: number): Uint8Array;
  stream(range?: { start?: number; end?: number }): ReadableStream<Uint8Array>;
  dispose(): void;
}

export abstract class BaseReader implements Reader {
  /** The store's tree, for one call; `leave` follows in a finally block. */
  protected abstract enter<K, V>(definition: StoreDefinition<K, V>): Tree;
  protected abstract leave(): void;
  /** The store's tree for as long as somebody iterates. */
  protected abstract iteration<K, V>(definition: StoreDefinition<K, V>): Iteration;
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
    if (value !== undefined) unsupported('has(key, value), for stores with multi: true,');
    const definition = this.definition(store);
    const tree = this.enter(definition);
    try {
      const length = definition.key.encode(definition.keyFormat, key);
      return tree.find(definition.key.bytes, length);
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
      const length = definition.key.encode(definition.keyFormat, key);
      if (!tree.get(definition.key.bytes, length)) return undefined;
      const value = readValue(definition, tree.found);
      return { key, value, version: undefined, expires: undefined };
    } finally {
      this.leave();
    }
  }

  getAll<K, V>(store: StoreRef<K, V>, key: K, range?: RangeOptions<V>): Lazy<V> {
    if (range !== undefined) unsupported('getAll with a range, for stores with multi: true,');
    this.definition(store);
    return new LazySequence(() => {
      const value = this.get(store, key);
      return (value === undefined ? [] : [value])[Symbol.iterator]();
    });
  }

  range<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<[K, V]> {
    return this.sequence(store, range, entryOf);
  }

  keys<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<K> {
    return this.sequence(store, range, keyAt);
  }

  values<K, V>(store: StoreRef<K, V>, range?: RangeOptions<K>): Lazy<V> {
    return this.sequence(store, range, valueAt);
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
      return entryAt(tree, definition, Math.floor(Math.random() * tree.root.entries));
    } finally {
      this.leave();
    }
  }

  view<K, V>(_store: StoreRef<K, V>, _key: K): ValueView | undefined {
    return unsupported('view');
  }

  blob<K, V>(_store: StoreRef<K, V>, _key: K): Blob | undefined {
    return unsupported('blob');
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
    const { lower, upper, reverse, offset, limit } = encodeRange(definition, range);
    const tree = this.enter(definition);
    try {
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

  private sequence<K, V, T>(
    store: StoreRef<K, V>,
    options: RangeOptions<K> | undefined,
    projection: Projection<K, V, T>,
  ): Lazy<T> {
    const definition = this.definition(store);
    const range = encodeRange(definition, options);
    return new LazySequence(
      () => new EntryIterator(() => this.iteration(definition), definition, range, projection),
    );
  }
}

/** What this version does not do yet throws UNSUPPORTED. */
export function unsupported(what: string): never {
  throw new UnsupportedError(`${what} is not supported by this version of coppice yet.`);
}

/** The value of `key` in a store's tree, undefined when it is absent. */
export function getValue<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  key: K,
): V | undefined {
  const length = definition.key.encode(definition.keyFormat, key);
  if (!tree.get(definition.key.bytes, length)) return undefined;
  return readValue(definition, tree.found);
}

function entryAt<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  index: number,
): [K, V] | undefined {
  if (!tree.at(index)) return undefined;
  const key = new Uint8Array(tree.pages.geometry.maxKeyBytes);
  const length = tree.found.copyKey(key);
  tree.found.loadValue();
  // The value first: the key's codec may be the user's and come back to this tree.
  const value = readValue(definition, tree.found);
  return [definition.keyFormat.read(key, 0, length), value];
}

/** One entry of an iteration. */
interface Standing<K, V> {
  readKey(): K;
  readValue(): V;
  readEntry(): [K, V];
}
const entryOf = <K, V>(entry: Standing<K, V>): [K, V] => entry.readEntry();
const keyAt = <K, V>(entry: Standing<K, V>): K => entry.readKey();
const valueAt = <K, V>(entry: Standing<K, V>): V => entry.readValue();
