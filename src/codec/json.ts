/**
 * 'json' values: the text of JSON.stringify, in UTF-8.
 *
 * Refused, because JSON would lose or change it without a word: undefined at the top and in arrays,
 * functions, symbols, bigints, NaN and the infinities, invalid Dates, lone surrogates, Map, Set,
 * typed arrays and buffers, RegExp, Error, Promise, boxed primitives. As JSON is known for, a
 * property that is undefined is left out, a Date or another object with toJSON is stored as what
 * toJSON gives, other class instances as their own enumerable properties, and -0 as 0.
 */

import type { ValueFormat } from './codec.ts';
import { readFailure } from './unreadable.ts';
import { isWellFormed, readUtf8 } from './utf8.ts';
import {
  atIndex,
  atProperty,
  MAX_VALUE_DEPTH,
  type Refusal,
  refusalError,
  refuse,
  refuseDepth,
  refuseText,
  refuseValue,
  Walk,
} from './value-check.ts';
import { encodeText } from './values.ts';

export const jsonValue: ValueFormat<unknown> = {
  name: 'json',

  encode(value, out) {
    const bad = check(value, '', 0, undefined);
    if (bad !== undefined) throw refusalError('json', bad);
    const text: unknown = JSON.stringify(value);
    if (typeof text !== 'string') throw refusalError('json', refuse('nothing, after its toJSON'));
    encodeText(text, out, 'The JSON text of the value');
  },

  read(bytes, start, end) {
    const text = readUtf8(bytes, start, end, 'json');
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw readFailure('json', cause);
    }
  },
};

/**
 * `key`: what toJSON is given; `depth`: objects around the value; `walk`: made at the first object.
 */
function check(
  value: unknown,
  key: string,
  depth: number,
  walk: Walk | undefined,
): Refusal | undefined {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? undefined : refuseText(value);
    case 'number':
      // False for NaN and the infinities alone.
      return value - value === 0 ? undefined : refuseValue(value);
    case 'boolean':
      return undefined;
    case 'object':
      return value === null ? undefined : checkObject(value, key, depth, walk ?? new Walk());
    default:
      return refuseValue(value);
  }
}

function checkObject(
  value: object & { toJSON?: unknown },
  key: string,
  depth: number,
  walk: Walk,
): Refusal | undefined {
  if (typeof value.toJSON !== 'function' || ArrayBuffer.isView(value)) {
    return checkContents(value, depth, walk);
  }
  const stored: unknown = value.toJSON(key);
  if (value instanceof Date && stored === null) return refuseValue(value);
  // JSON.stringify takes what toJSON gave as it is, and does not ask that for its toJSON.
  return typeof stored === 'object' && stored !== null
    ? checkContents(stored, depth, walk)
    : check(stored, key, depth, walk);
}

function checkContents(value: object, depth: number, walk: Walk): Refusal | undefined {
  if (depth === MAX_VALUE_DEPTH) return refuseDepth();
  if (walk.skips(value, depth)) return undefined;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const bad = check(value[i], `${i}`, depth + 1, walk);
      if (bad !== undefined) return atIndex(bad, i);
    }
    return undefined;
  }
  if (value.constructor !== Object && isLost(value)) return refuseValue(value);
  const pieces = value as Readonly<Record<string, unknown>>;
  for (const name in pieces) {
    const piece = pieces[name];
    if (piece === undefined) continue;
    const bad = isWellFormed(name) ? check(piece, name, depth + 1, walk) : refuseText(name);
    if (bad !== undefined && Object.hasOwn(value, name)) return atProperty(bad, name);
  }
  return undefined;
}

/** Whether JSON would make '{}', or something else, of the object. */
function isLost(value: object): boolean {
  return (
    value instanceof Map ||
    value instanceof Set ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    value instanceof SharedArrayBuffer ||
    value instanceof RegExp ||
    value instanceof Error ||
    value instanceof Promise ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof WeakRef ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean
  );
}
