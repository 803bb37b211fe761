/**
 * What the engine knows of a store: its name, its formats, and whether they are those that the file
 * records.
 */

import type { EntryView } from '../btree/entry.ts';
import type { Tree } from '../btree/tree.ts';
import type { EncodedValue, KeyFormat, ValueFormat } from '../codec/codec.ts';
import { KeyBuffer } from '../codec/key-buffer.ts';
import type { PairFormat } from '../codec/pair.ts';
import { StoreMismatchError } from '../errors.ts';
import { STORE_FLAG, STORE_FLAG_NAMES, type StoreDescription } from '../format/catalogue.ts';
import { catalogueKey } from './catalogue.ts';
import type { StoreShapes } from './store-shapes.ts';

/** A store, as transactions and snapshots take it: made by `db.store` only. */
export interface StoreRef<K, V> {
  readonly name: string;
  /** For the engine. */
  readonly definition: StoreDefinition<K, V>;
}

/** The tree of a store in the snapshot that was newest when it was last looked at. */
export interface LatestTree {
  id: number;
  readonly tree: Tree;
}

/**
 * How a store's keys and values are written. In a multi store an entry of the tree is a pair: the
 * bytes of the key, delimited, then those of the value, and no value beside them.
 */
export interface StoreFormats<K, V> {
  /** A prefix of the tree's keys in a multi store, else the whole of them. */
  readonly keys: KeyFormat<K>;
  readonly values: ValueFormat<V>;
  /** Only in a multi store. */
  readonly pairs: PairFormat<K, V> | undefined;
}

/** One store of one handle. */
export class StoreDefinition<K, V> {
  readonly name: string;
  /** The handle that it belongs to, by identity. */
  readonly owner: object;
  readonly keyFormat: KeyFormat<K>;
  readonly valueFormat: ValueFormat<V>;
  readonly pairFormat: PairFormat<K, V> | undefined;
  /** Entries have a version; entries may expire. */
  readonly versions: boolean;
  readonly expires: boolean;
  /** Only with shared structures: what is known of them, the same for all of the store's name. */
  readonly shapes: StoreShapes | undefined;
  readonly description: StoreDescription;
  /** The longest key of its tree, in bytes. */
  readonly maxKeyBytes: number;
  /** No code of the user runs when keys and values are read: nobody sees when that is done. */
  readonly readsAhead: boolean;
  /** Its key in the catalogue. */
  readonly catalogueKey: Uint8Array;
  /** What the handle's reader of the newest snapshot keeps; undefined before the first read. */
  latest: LatestTree | undefined;
  /** Scratch for one key; see KeyBuffer for how long what it holds is good. */
  readonly key: KeyBuffer;

  constructor(
    owner: object,
    name: string,
    formats: StoreFormats<K, V>,
    flags: number,
    maxKeyBytes: number,
    shapes?: StoreShapes,
  ) {
    this.owner = owner;
    this.name = name;
    this.keyFormat = formats.keys;
    this.valueFormat = formats.values;
    this.pairFormat = formats.pairs;
    this.versions = (flags & STORE_FLAG.versions) !== 0;
    this.expires = (flags & STORE_FLAG.expires) !== 0;
    this.shapes = shapes;
    this.description = { key: formats.keys.name, value: formats.values.name, flags };
    this.readsAhead = formats.keys.isCustom !== true && formats.values.isCustom !== true;
    this.catalogueKey = catalogueKey(name);
    this.maxKeyBytes = maxKeyBytes;
    this.key = new KeyBuffer(maxKeyBytes);
  }

  /** Throws STORE_MISMATCH when the file records something else. */
  requireSame(recorded: StoreDescription): void {
    if (recorded !== this.description) requireSame(this.name, recorded, this.description);
  }

  /** Points `out` at the value's bytes. Throws TypeError for what the codec refuses. */
  encodeValue(value: V, out: EncodedValue): void {
    this.requireValue(value);
    this.valueFormat.encode(value, out);
  }

  /** Throws TypeError for undefined, where that is no value. */
  requireValue(value: V): V {
    if (value === undefined && this.valueFormat.name !== 'none') {
      throw new TypeError(
        `put into store "${this.name}": the value is undefined. Remove the key instead.`,
      );
    }
    return value;
  }
}

/** Compares what a file records with what was given; throws STORE_MISMATCH naming both. */
export function requireSame(
  name: string,
  recorded: StoreDescription,
  given: StoreDescription,
): void {
  requireSameFlags(name, recorded.flags, given.flags);
  if (recorded.key !== given.key) {
    throw new StoreMismatchError(name, 'key', recorded.key, given.key);
  }
  if (recorded.value !== given.value) {
    throw new StoreMismatchError(name, 'value', recorded.value, given.value);
  }
}

/** The flags alone, which come first: they say what kind of codec the values have. */
export function requireSameFlags(name: string, recorded: number, given: number): void {
  for (const flag of STORE_FLAG_NAMES) {
    const was = (recorded & STORE_FLAG[flag]) !== 0;
    const is = (given & STORE_FLAG[flag]) !== 0;
    if (was !== is) throw new StoreMismatchError(name, flag, was, is);
  }
}

/** The key of an entry whose bytes in the tree are [start, end). */
export function readKey<K, V>(
  { keyFormat, pairFormat }: StoreDefinition<K, V>,
  bytes: Uint8Array,
  start: number,
  end: number,
): K {
  const keyEnd = pairFormat === undefined ? end : pairFormat.keyEnd(bytes, start, end);
  return keyFormat.read(bytes, start, keyEnd);
}

/** The value of the entry that a tree of the store, or a cursor on it, stands at. */
export function readValue<K, V>(
  definition: StoreDefinition<K, V>,
  tree: Tree,
  found: EntryView,
): V {
  const { valueFormat, pairFormat, shapes } = definition;
  if (pairFormat !== undefined) {
    const pair = new Uint8Array(found.keyLength);
    const length = found.copyKey(pair);
    return valueFormat.read(pair, pairFormat.keyEnd(pair, 0, length), length);
  }
  found.loadValue();
  const { valueSegment, valueStart, valueEnd } = found;
  if (shapes !== undefined) {
    // Looking at the shapes turns the tree's pages to another segment, but not what was found.
    const value = shapes.listOf(tree).read(valueSegment.bytes, valueStart, valueEnd);
    if (valueSegment.isCopy) found.letGoOfCopy();
    return value as V;
  }
  if (valueSegment.isCopy) found.letGoOfCopy();
  if (valueSegment.isCopy && valueFormat.adopt !== undefined) {
    const { bytes } = valueSegment;
    if (valueStart === 0 && valueEnd === bytes.length) return valueFormat.adopt(bytes);
  }
  return valueFormat.read(valueSegment.bytes, valueStart, valueEnd);
}
