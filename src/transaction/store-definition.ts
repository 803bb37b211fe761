/**
 * What the engine knows of a store: its name, its formats, and whether they are those that the file
 * records.
 */

import type { EntryView } from '../btree/entry.ts';
import type { Tree } from '../btree/tree.ts';
import type { EncodedValue, KeyFormat, ValueFormat } from '../codec/codec.ts';
import { KeyBuffer } from '../codec/key-buffer.ts';
import { StoreMismatchError } from '../errors.ts';
import { STORE_FLAG, type StoreDescription } from '../format/catalogue.ts';
import { catalogueKey } from './catalogue.ts';

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

/** One store of one handle. */
export class StoreDefinition<K, V> {
  readonly name: string;
  /** The handle that it belongs to, by identity. */
  readonly owner: object;
  readonly keyFormat: KeyFormat<K>;
  readonly valueFormat: ValueFormat<V>;
  readonly description: StoreDescription;
  /** Its key in the catalogue. */
  readonly catalogueKey: Uint8Array;
  /** What the handle's reader of the newest snapshot keeps; undefined before the first read. */
  latest: LatestTree | undefined;
  /** Scratch for one key; see KeyBuffer for how long what it holds is good. */
  readonly key: KeyBuffer;

  constructor(
    owner: object,
    name: string,
    keyFormat: KeyFormat<K>,
    valueFormat: ValueFormat<V>,
    maxKeyBytes: number,
  ) {
    this.owner = owner;
    this.name = name;
    this.keyFormat = keyFormat;
    this.valueFormat = valueFormat;
    this.description = { key: keyFormat.name, value: valueFormat.name, flags: 0 };
    this.catalogueKey = catalogueKey(name);
    this.key = new KeyBuffer(maxKeyBytes);
  }

  /** Throws STORE_MISMATCH when the file records something else. */
  requireSame(recorded: StoreDescription): void {
    requireSame(this.name, recorded, this.description);
  }

  /** Points `out` at the value's bytes. Throws TypeError for what the codec refuses. */
  encodeValue(value: V, out: EncodedValue): void {
    if (value === undefined && this.valueFormat.name !== 'none') {
      throw new TypeError(
        `put into store "${this.name}": the value is undefined. Remove the key instead.`,
      );
    }
    this.valueFormat.encode(value, out);
  }
}

/** Compares what a file records with what was given; throws STORE_MISMATCH naming both. */
export function requireSame(
  name: string,
  recorded: StoreDescription,
  given: StoreDescription,
): void {
  if (recorded.key !== given.key) {
    throw new StoreMismatchError(name, 'key', recorded.key, given.key);
  }
  if (recorded.value !== given.value) {
    throw new StoreMismatchError(name, 'value', recorded.value, given.value);
  }
  for (const flag of ['multi', 'versions', 'expires', 'sharedStructures'] as const) {
    const was = (recorded.flags & STORE_FLAG[flag]) !== 0;
    const is = (given.flags & STORE_FLAG[flag]) !== 0;
    if (was !== is) throw new StoreMismatchError(name, flag, was, is);
  }
}

/** The value of the entry that a tree or cursor stands at, found by `get` or `loadValue`. */
export function readValue<K, V>(definition: StoreDefinition<K, V>, found: EntryView): V {
  const { valueSegment, valueStart, valueEnd } = found;
  const { valueFormat } = definition;
  if (valueSegment.isCopy) found.letGoOfCopy();
  if (valueSegment.isCopy && valueFormat.adopt !== undefined) {
    const { bytes } = valueSegment;
    if (valueStart === 0 && valueEnd === bytes.length) return valueFormat.adopt(bytes);
  }
  return valueFormat.read(valueSegment.bytes, valueStart, valueEnd);
}
