/** Range options, checked once, and the bounds of encoded keys that they mean. */

import type { Bound } from '../btree/keys.ts';
import { compareKeys } from '../btree/keys.ts';
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
  definition: StoreDefinition<K, unknown>,
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
  let lower: Bound | undefined;
  let upper: Bound | undefined;
  const { gt, gte, lt, lte, prefix } = options;
  if (gte !== undefined) lower = bound(definition, gte, true);
  if (gt !== undefined) lower = higher(lower, bound(definition, gt, false));
  if (lte !== undefined) upper = bound(definition, lte, true);
  if (lt !== undefined) upper = lowerOf(upper, bound(definition, lt, false));
  if (prefix !== undefined) {
    const length = definition.key.encodePrefix(definition.keyFormat, prefix as K);
    const key = definition.key.bytes.slice(0, length);
    lower = higher(lower, { key, length, inclusive: true });
    const after = successor(key);
    if (after !== undefined) upper = lowerOf(upper, after);
  }
  return {
    lower,
    upper,
    reverse: flag('reverse', options.reverse),
    limit: count('limit', options.limit, Number.POSITIVE_INFINITY),
    offset: count('offset', options.offset, 0),
  };
}

function bound<K>(definition: StoreDefinition<K, unknown>, key: K, inclusive: boolean): Bound {
  const length = definition.key.encode(definition.keyFormat, key);
  return { key: definition.key.bytes.slice(0, length), length, inclusive };
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
