/** Range options, checked once, and the bounds of encoded keys that they mean. */

import type { Bound } from '../btree/keys.ts';
import { compareKeys } from '../btree/keys.ts';
import type { KeyFormat } from '../codec/codec.ts';
import { KeyBuffer } from '../codec/key-buffer.ts';
import type { StoreDefinition } from './store-definition.ts';

/** The tuples that a tuple of that type may begin with. */
export type Leading<T extends readonly unknown[]> = T extends readonly [infer First, ...infer Rest]
  ? readonly [] | readonly [First, ...Leading<Rest>]
  : T;

/** What keys of that type may begin with: itself, or for tuples some of its first elements. */
export type Prefix<K> = K | (K extends readonly unknown[] ? Leading<K> : never);

/**
 * A range of keys. Bounds are lower and upper whatever the direction; `prefix` narrows them:
 * leading characters or bytes for 'string' and 'bytes' keys, leading elements for 'tuple' keys.
 */
export interface RangeOptions<K> {
  gt?: K;
  gte?: K;
  lt?: K;
  lte?: K;
  prefix?: Prefix<K>;
  /** From the last entry to the first. false */
  reverse?: boolean;
  /** At most so many entries. */
  limit?: number;
  /** Leaves out so many entries at the start; O(log n). */
  offset?: number;
}

/** Checked: ends are encoded, limit and offset are numbers. */
export interface EncodedRange {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
  readonly reverse: boolean;
  readonly limit: number;
  readonly offset: number;
}

/** An end of a range in a tree. */
export interface Ends {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

/** What keys are encoded with: a store, or the values of one key of a multi store. */
interface KeySpace<K> {
  readonly key: KeyBuffer;
  readonly keyFormat: KeyFormat<K>;
  /** Something follows the keys in the tree, when this is not undefined. */
  readonly pairFormat: object | undefined;
}

/** Above all keys: no page holds one as long. */
const LAST_KEY_BYTES = 65536;

const ALL: EncodedRange = {
  lower: undefined,
  upper: undefined,
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
  offset: 0,
};
const NAMES: ReadonlySet<string> = new Set([
  'gt',
  'gte',
  'lt',
  'lte',
  'prefix',
  'reverse',
  'limit',
  'offset',
]);

/** Checks the options and encodes their keys. Throws TypeError, RangeError, KeyTooLargeError. */
export function encodeRange<K>(
  space: KeySpace<K>,
  options: RangeOptions<K> | undefined,
): EncodedRange {
  if (options === undefined) return ALL;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `A range must be an object such as { gte, lt }, but got ${String(options)}.`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) {
      throw new TypeError(`A range has no option "${name}"; it has ${[...NAMES].join(', ')}.`);
    }
  }
  const { lower, upper } = endsOf(space, options);
  return {
    lower,
    upper,
    reverse: flag('reverse', options.reverse),
    limit: count('limit', options.limit, Number.POSITIVE_INFINITY),
    offset: count('offset', options.offset, 0),
  };
}

/**
 * The entries of one key of a multi store, with values in that range. The key's bytes are
 * [0, keyLength) of definition.key.bytes. Throws as encodeRange.
 */
export function encodeValueRange<K, V>(
  definition: StoreDefinition<K, V>,
  keyLength: number,
  options: RangeOptions<V> | undefined,
): EncodedRange {
  const { pairFormat } = definition;
  if (pairFormat === undefined) throw new TypeError('a range of values is for multi stores');
  const key = definition.key.bytes.slice(0, keyLength);
  const values = { key: new KeyBuffer(definition.maxKeyBytes), keyFormat: pairFormat.values };
  const within = encodeRange({ ...values, pairFormat: undefined }, options);
  const all = startingWith(key);
  return {
    ...within,
    lower: within.lower === undefined ? all.lower : after(key, within.lower),
    upper: within.upper === undefined ? all.upper : after(key, within.upper),
  };
}

/** A bound of a value, behind the bytes of its key. */
function after(prefix: Uint8Array, { key, length, inclusive }: Bound): Bound {
  const whole = new Uint8Array(prefix.length + length);
  whole.set(prefix);
  whole.set(key.subarray(0, length), prefix.length);
  return { key: whole, length: whole.length, inclusive };
}

function endsOf<K>(space: KeySpace<K>, options: RangeOptions<K>): Ends {
  let lower: Bound | undefined;
  let upper: Bound | undefined;
  const { gt, gte, lt, lte, prefix } = options;
  const pairs = space.pairFormat !== undefined;
  if (gte !== undefined) lower = bound(space, gte, true);
  if (gt !== undefined) {
    lower = higher(lower, pairs ? abovePairs(space, gt, true) : bound(space, gt, false));
  }
  if (lte !== undefined) {
    upper = pairs ? abovePairs(space, lte, false) : bound(space, lte, true);
  }
  if (lt !== undefined) upper = lowerOf(upper, bound(space, lt, false));
  if (prefix !== undefined) {
    const length = space.key.encodePrefix(space.keyFormat, prefix as K);
    const all = startingWith(space.key.bytes.slice(0, length));
    lower = higher(lower, all.lower);
    if (all.upper !== undefined) upper = lowerOf(upper, all.upper);
  }
  return { lower, upper };
}

/** The end between a key's pairs and what comes after them. */
function abovePairs<K>(space: KeySpace<K>, key: K, inclusive: boolean): Bound {
  const after = successor(bound(space, key, false).key);
  if (after !== undefined) return { ...after, inclusive };
  return { key: new Uint8Array(LAST_KEY_BYTES).fill(0xff), length: LAST_KEY_BYTES, inclusive };
}

function bound<K>(space: KeySpace<K>, key: K, inclusive: boolean): Bound {
  const length = space.key.encode(space.keyFormat, key);
  return { key: space.key.bytes.slice(0, length), length, inclusive };
}

/** All keys of a tree that begin with those bytes. */
export function startingWith(prefix: Uint8Array): { lower: Bound; upper: Bound | undefined } {
  const lower = { key: prefix, length: prefix.length, inclusive: true };
  return { lower, upper: successor(prefix) };
}

/** The least key above all that begin with `prefix`; undefined when there is none. */
function successor(prefix: Uint8Array): Bound | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const key = prefix.slice(0, length);
  key[length - 1]!++;
  return { key, length, inclusive: false };
}

function higher(a: Bound | undefined, b: Bound): Bound {
  if (a === undefined) return b;
  const order = compareKeys(a.key, a.length, b.key, b.length);
  if (order === 0) return a.inclusive ? b : a;
  return order > 0 ? a : b;
}

function lowerOf(a: Bound | undefined, b: Bound): Bound {
  if (a === undefined) return b;
  const order = compareKeys(a.key, a.length, b.key, b.length);
  if (order === 0) return a.inclusive ? b : a;
  return order < 0 ? a : b;
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false, but got ${String(value)}.`);
}

function count(name: string, value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, but got ${String(value)}.`);
  }
  if (value === Number.POSITIVE_INFINITY && name === 'limit') return value;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${name} must be a whole number from 0 on, but got ${value}.`);
  }
  return value;
}
