/**
 * 'tuple' keys: any {@link Key}, alone or in arrays. Order: null < bytes < string < number < bigint
 * < boolean < Date < array; arrays element by element, the shorter one first.
 *
 * After FoundationDB's tuple layer and Deno KV's keys. The grammar is in tuple-tags.ts, the way
 * back in tuple-read.ts, the text for users in docs/key-encoding.md.
 */

import type { Key } from './codec.ts';
import type { DelimitedFormat } from './delimited.ts';
import { writeF64 } from './float.ts';
import { writeBigint } from './tuple-bigint.ts';
import { readTuple, tupleElementEnd } from './tuple-read.ts';
import { END, ESCAPE, MAX_TUPLE_DEPTH, TAG } from './tuple-tags.ts';
import { describe, refusal } from './unreadable.ts';
import { isTrail, isWellFormed, loneSurrogate, utf8Size, writeCodePoint } from './utf8.ts';

/** Index within the array at each depth: the path of what is refused. */
const trail = new Int32Array(MAX_TUPLE_DEPTH);

export const tupleKey: DelimitedFormat<Key> = {
  name: 'tuple',
  fixedSize: undefined,
  selfDelimiting: true,

  write(key, target, offset) {
    return writeElement(key, target, offset, 0);
  },

  writePrefix(prefix, target, offset) {
    if (!Array.isArray(prefix)) {
      throw refusal("A prefix of a 'tuple' store", 'an array of leading elements', prefix);
    }
    return writeOpenArray(prefix, target, offset, 0);
  },

  read: readTuple,
  endOf: tupleElementEnd,
};

/** Writes one element; returns the end, or -1. `depth`: arrays around it. */
function writeElement(key: Key, target: Uint8Array, offset: number, depth: number): number {
  switch (typeof key) {
    case 'string':
      return writeText(key, target, offset, depth);
    case 'number':
      if (Number.isNaN(key)) throw refused(key, depth);
      if (offset + 9 > target.length) return -1;
      target[offset] = TAG.NUMBER;
      return writeF64(key, target, offset + 1);
    case 'bigint':
      if (offset >= target.length) return -1;
      target[offset] = TAG.BIGINT;
      return writeBigint(key, target, offset + 1);
    case 'boolean':
      return writeTag(key ? TAG.TRUE : TAG.FALSE, target, offset);
    default:
      return writeObject(key, target, offset, depth);
  }
}

function writeObject(
  key: null | Uint8Array | Date | readonly Key[],
  target: Uint8Array,
  offset: number,
  depth: number,
): number {
  if (key === null) return writeTag(TAG.NULL, target, offset);
  if (Array.isArray(key)) {
    const end = writeOpenArray(key, target, offset, depth);
    return end < 0 ? -1 : writeTag(END, target, end);
  }
  if (key instanceof Uint8Array) return writeBytes(key, target, offset);
  if (key instanceof Date) {
    const time = key.getTime();
    if (Number.isNaN(time)) throw refused(key, depth);
    if (offset + 9 > target.length) return -1;
    target[offset] = TAG.DATE;
    return writeF64(time, target, offset + 1);
  }
  throw refused(key, depth);
}

/** An array without its END: with these bytes begin the arrays that begin with its elements. */
function writeOpenArray(
  array: readonly Key[],
  target: Uint8Array,
  offset: number,
  depth: number,
): number {
  if (depth === MAX_TUPLE_DEPTH) {
    throw new TypeError(
      `A key has arrays within arrays more than ${MAX_TUPLE_DEPTH} deep, ` +
        'or one that contains itself.',
    );
  }
  let at = writeTag(TAG.ARRAY, target, offset);
  for (let i = 0; at >= 0 && i < array.length; i++) {
    trail[depth] = i;
    at = writeElement(array[i] as Key, target, at, depth + 1);
  }
  return at;
}

function writeTag(tag: number, target: Uint8Array, offset: number): number {
  if (offset >= target.length) return -1;
  target[offset] = tag;
  return offset + 1;
}

/** STRING escaped END. */
function writeText(text: string, target: Uint8Array, offset: number, depth: number): number {
  const length = text.length;
  if (offset + length + 2 > target.length) {
    if (!isWellFormed(text)) throw loneSurrogate(place(depth), text);
    return -1;
  }
  target[offset] = TAG.STRING;
  let at = offset + 1;
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c > ESCAPE && c < 0x80) {
      target[at++] = c;
      continue;
    }
    // Invariant: there is room for END and a byte for each UTF-16 unit from i.
    const size = c <= ESCAPE ? 2 : utf8Size(c);
    const unitsLeft = length - i - (size === 4 ? 2 : 1);
    if (at + size + unitsLeft + 1 > target.length) {
      if (!isWellFormed(text)) throw loneSurrogate(place(depth), text);
      return -1;
    }
    if (c <= ESCAPE) {
      target[at++] = ESCAPE;
      target[at++] = c + 1;
    } else if (c < 0xd800 || c > 0xdfff) {
      at = writeCodePoint(c, target, at);
    } else {
      if (c > 0xdbff || !isTrail(text.charCodeAt(i + 1))) throw loneSurrogate(place(depth), text);
      at = writeCodePoint(text.codePointAt(i++) ?? 0, target, at);
    }
  }
  target[at] = END;
  return at + 1;
}

/** BYTES escaped END. */
function writeBytes(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const length = bytes.length;
  let room = target.length - offset - length - 2;
  if (room < 0) return -1;
  target[offset] = TAG.BYTES;
  let at = offset + 1;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte > ESCAPE) {
      target[at++] = byte;
    } else {
      if (--room < 0) return -1;
      target[at++] = ESCAPE;
      target[at++] = byte + 1;
    }
  }
  target[at] = END;
  return at + 1;
}

/** Where in the key an element at this depth is: 'key[2][0]'. */
function place(depth: number): string {
  let path = 'key';
  for (let i = 0; i < depth; i++) path += `[${trail[i]}]`;
  return path;
}

function refused(value: unknown, depth: number): TypeError {
  return new TypeError(
    `${place(depth)} is ${describe(value)}. A key of a 'tuple' store is null, a Uint8Array, a ` +
      'string, a number other than NaN, a bigint, a boolean, a valid Date, or an array of these.',
  );
}
