/** The entries of a multi store: a key and one of its values, as one key of the tree. */

import { assert } from '../assert.ts';
import type { KeyFormat, ValueFormat } from './codec.ts';
import { type DelimitedFormat, delimited } from './delimited.ts';

export class PairFormat<K, V> implements KeyFormat<readonly [K, V]> {
  readonly keys: DelimitedFormat<K>;
  readonly values: KeyFormat<V>;
  readonly name: string;
  readonly fixedSize = undefined;
  readonly selfDelimiting = false;

  constructor(keys: KeyFormat<K>, values: KeyFormat<V>) {
    this.keys = delimited(keys);
    this.values = values;
    this.name = keys.name;
  }

  write([key, value]: readonly [K, V], target: Uint8Array, offset: number): number {
    const middle = this.keys.write(key, target, offset);
    return middle < 0 ? -1 : this.values.write(value, target, middle);
  }

  writePrefix([key]: readonly [K, V], target: Uint8Array, offset: number): number {
    return this.keys.write(key, target, offset);
  }

  read(bytes: Uint8Array, start: number, end: number): readonly [K, V] {
    const middle = this.keyEnd(bytes, start, end);
    return [this.keys.read(bytes, start, middle), this.values.read(bytes, middle, end)];
  }

  /** Where the value begins. Errors: ValueUnreadableError. */
  keyEnd(bytes: Uint8Array, start: number, end: number): number {
    return this.keys.endOf(bytes, start, end);
  }
}

const made = new WeakMap<object, ValueFormat<unknown>>();

/**
 * The values of a multi store as those of other stores are read; they are written with their keys.
 * The same object for the same format.
 */
export function pairedValues<V>(values: KeyFormat<V>): ValueFormat<V> {
  let found = made.get(values);
  if (found === undefined) {
    const { name } = values;
    found = {
      name,
      isCustom: values.isCustom === true,
      encode: () => assert(false, `'${name}' values of a multi store are written with their keys`),
      read: (bytes, start, end) => values.read(bytes, start, end),
    };
    made.set(values, found);
  }
  return found as ValueFormat<V>;
}
