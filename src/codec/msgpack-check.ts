/**
 * Which values 'msgpack' stores, and which it refuses because msgpackr would lose or change them
 * without a word (each seen with msgpackr 2.1, and tried by test/codec/msgpack.test.ts).
 *
 * Stored: null, undefined within a value, booleans, numbers (-0 becomes 0), bigints, texts, arrays
 * (a hole becomes undefined), plain objects, Map, Set, Date, RegExp, Error (name, message and
 * cause), ArrayBuffer, DataView, the typed arrays up to ES2023, Buffer, and any of these shared or
 * in cycles. An object with toJSON that is no plain object is stored as what toJSON gives; other
 * class instances as their own enumerable properties, so they come back as plain objects.
 *
 * Refused: functions, symbols, lone surrogates, a property named '__proto__', subclasses of Map and
 * of typed arrays, Float16Array, AggregateError, an Error that causes itself, SharedArrayBuffer,
 * WeakMap, WeakSet, WeakRef, Promise, boxed primitives.
 */

import { isWellFormed } from './utf8.ts';
import {
  atIndex,
  atProperty,
  MAX_VALUE_DEPTH,
  type Refusal,
  refuse,
  refuseDepth,
  refuseText,
  refuseValue,
  Walk,
} from './value-check.ts';

const BUFFERS: ReadonlySet<unknown> = new Set([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Buffer,
  DataView,
  ArrayBuffer,
]);

/** What is wrong with a value, or undefined. */
export function checkMsgpack(value: unknown): Refusal | undefined {
  return value === undefined ? refuseValue(value) : check(value, 0, undefined);
}

/** `depth`: objects around the value; `walk`: made at the first object. */
function check(value: unknown, depth: number, walk: Walk | undefined): Refusal | undefined {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? undefined : refuseText(value);
    case 'object':
      return value === null ? undefined : checkObject(value, depth, walk ?? new Walk());
    case 'function':
    case 'symbol':
      return refuseValue(value);
    default:
      return undefined;
  }
}

function checkObject(value: object, depth: number, walk: Walk): Refusal | undefined {
  if (depth === MAX_VALUE_DEPTH) return refuseDepth();
  if (walk.skips(value, depth)) return undefined;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const bad = check(value[i], depth + 1, walk);
      if (bad !== undefined) return atIndex(bad, i);
    }
    return undefined;
  }
  if (value.constructor === Object) return checkProperties(value, depth, walk);
  return checkInstance(value, depth, walk);
}

function checkProperties(value: object, depth: number, walk: Walk): Refusal | undefined {
  const pieces = value as Readonly<Record<string, unknown>>;
  for (const name in pieces) {
    const bad = isWellFormed(name)
      ? name === '__proto__'
        ? refuse("a property that msgpackr renames to '__proto_'")
        : check(pieces[name], depth + 1, walk)
      : refuseText(name);
    if (bad !== undefined && Object.hasOwn(value, name)) return atProperty(bad, name);
  }
  return undefined;
}

function checkInstance(
  value: object & { toJSON?: unknown },
  depth: number,
  walk: Walk,
): Refusal | undefined {
  const { constructor: maker, toJSON } = value;
  if (BUFFERS.has(maker) || maker === Date) return undefined;
  if (maker === Map) return checkMap(value as Map<unknown, unknown>, depth, walk);
  if (typeof toJSON === 'function' && !ignoresToJSON(maker, toJSON)) {
    const stored: unknown = toJSON.call(value);
    if (stored !== value) return check(stored, depth + 1, walk);
  }
  if (value instanceof Set) return checkSet(value, depth, walk);
  if (value instanceof Error) return checkError(value, depth, walk);
  if (value instanceof RegExp) {
    return isWellFormed(value.source) ? undefined : refuseText(value.source);
  }
  return isLost(value) ? refuseValue(value) : checkProperties(value, depth, walk);
}

/** The classes that msgpackr writes in its own way, unless a subclass has a toJSON of its own. */
function ignoresToJSON(maker: unknown, toJSON: unknown): boolean {
  return (
    maker === Set ||
    maker === Error ||
    maker === RegExp ||
    toJSON === Date.prototype.toJSON ||
    toJSON === Buffer.prototype.toJSON
  );
}

function checkMap(map: Map<unknown, unknown>, depth: number, walk: Walk): Refusal | undefined {
  let i = 0;
  for (const [key, piece] of map) {
    const badKey = check(key, depth + 1, walk);
    if (badKey !== undefined) return atIndex(badKey, `key ${i}`);
    const bad = check(piece, depth + 1, walk);
    if (bad !== undefined) return atIndex(bad, `value ${i}`);
    i++;
  }
  return undefined;
}

function checkSet(set: Set<unknown>, depth: number, walk: Walk): Refusal | undefined {
  let i = 0;
  for (const piece of set) {
    const bad = check(piece, depth + 1, walk);
    if (bad !== undefined) return atIndex(bad, `value ${i}`);
    i++;
  }
  return undefined;
}

/** msgpackr stores [name, message, cause], and looks the name up in a plain object. */
function checkError(error: Error, depth: number, walk: Walk): Refusal | undefined {
  if (error instanceof AggregateError) return refuseValue(error);
  const { name, message, cause } = error;
  if (typeof name !== 'string' || typeof message !== 'string' || name in Object.prototype) {
    return refuse('an Error whose name or message is not a usual text');
  }
  if (!isWellFormed(name) || !isWellFormed(message)) return refuseText(`${name}: ${message}`);
  if (cause === undefined) return undefined;
  if (reaches(cause, error)) return refuse('an Error that causes itself');
  const bad = check(cause, depth + 1, walk);
  return bad === undefined ? undefined : atProperty(bad, 'cause');
}

/** Whether `target` is among the pieces of `from`. */
function reaches(from: unknown, target: object): boolean {
  const seen = new Set<unknown>([from]);
  for (const piece of seen) {
    if (piece === target) return true;
    if (typeof piece !== 'object' || piece === null || ArrayBuffer.isView(piece)) continue;
    if (piece instanceof Map) for (const [key, value] of piece) seen.add(key).add(value);
    else if (piece instanceof Set) for (const value of piece) seen.add(value);
    else for (const value of Object.values(piece)) seen.add(value);
    if (piece instanceof Error) seen.add(piece.cause);
  }
  return false;
}

/** Whether msgpackr would make '{}', or something unreadable, of the instance. */
function isLost(value: object): boolean {
  return (
    value instanceof Map || // a subclass: Map itself was dealt with
    ArrayBuffer.isView(value) || // likewise, or a class that msgpackr does not know
    value instanceof SharedArrayBuffer ||
    value instanceof Promise ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof WeakRef ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean
  );
}
