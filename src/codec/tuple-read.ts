/**
 * 'tuple' bytes back to keys. Total: whatever the bytes, the end is a key or a
 * ValueUnreadableError, the stack stays within {@link MAX_TUPLE_DEPTH}, and the memory within a
 * multiple of the bytes'.
 *
 * Strict: only what the encoder writes is read, so two different byte strings are never one key.
 */

import type { ValueUnreadableError } from '../errors.ts';
import type { Key } from './codec.ts';
import { endOfEscaped, escapeCount, unescaped } from './escaped.ts';
import { readF64 } from './float.ts';
import { ownedCopy } from './owned-copy.ts';
import { bigintEnd, readBigint } from './tuple-bigint.ts';
import { END, MAX_DATE_MS, MAX_TUPLE_DEPTH, TAG } from './tuple-tags.ts';
import { unreadable } from './unreadable.ts';
import { readUtf8 } from './utf8.ts';

/** Where the next element starts. Reading runs no code of the user, so one will do. */
let position = 0;

/** The key in [start, end), which is one element and nothing after it. */
export function readTuple(bytes: Uint8Array, start: number, end: number): Key {
  position = start;
  const key = readElement(bytes, end, 0);
  if (position !== end) throw bad(`${end - position} bytes after the key's end`);
  return key;
}

/**
 * The end of the element that starts at `start`, when more may follow it (the key within the bytes
 * of a multi store's entry). Errors: ValueUnreadableError when there is no whole element.
 */
export function tupleElementEnd(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  let at = start;
  do {
    if (at >= end) throw cut();
    const tag = bytes[at++] as number;
    switch (tag) {
      case END:
        if (depth-- === 0) throw bad('an end where an element should start');
        break;
      case TAG.NULL:
      case TAG.FALSE:
      case TAG.TRUE:
        break;
      case TAG.BYTES:
      case TAG.STRING:
        at = terminator(bytes, at, end) + 1;
        break;
      case TAG.NUMBER:
      case TAG.DATE:
        at += 8;
        break;
      case TAG.BIGINT:
        at = bigintEnd(bytes, at, end);
        break;
      case TAG.ARRAY:
        depth++;
        break;
      default:
        throw bad(`no element starts with the byte ${tag}`);
    }
  } while (depth > 0);
  if (at > end) throw cut();
  return at;
}

function readElement(bytes: Uint8Array, end: number, depth: number): Key {
  if (position >= end) throw cut();
  const tag = bytes[position++] as number;
  switch (tag) {
    case TAG.STRING:
      return readText(bytes, end);
    case TAG.NUMBER:
      return readNumber(bytes, end);
    case TAG.ARRAY:
      return readArray(bytes, end, depth);
    case TAG.NULL:
      return null;
    case TAG.FALSE:
      return false;
    case TAG.TRUE:
      return true;
    case TAG.BYTES:
      return readBytes(bytes, end);
    case TAG.BIGINT: {
      const start = position;
      position = bigintEnd(bytes, start, end);
      if (position > end) throw cut();
      return readBigint(bytes, start, position);
    }
    case TAG.DATE: {
      const time = readNumber(bytes, end);
      if (!Number.isInteger(time) || Math.abs(time) > MAX_DATE_MS)
        throw bad(`a Date of ${time} ms`);
      return new Date(time);
    }
    default:
      throw bad(`no element starts with the byte ${tag}`);
  }
}

function readArray(bytes: Uint8Array, end: number, depth: number): Key[] {
  if (depth === MAX_TUPLE_DEPTH) throw bad(`arrays more than ${MAX_TUPLE_DEPTH} deep`);
  const array: Key[] = [];
  for (;;) {
    if (position >= end) throw cut();
    if (bytes[position] === END) break;
    array.push(readElement(bytes, end, depth + 1));
  }
  position++;
  return array;
}

function readNumber(bytes: Uint8Array, end: number): number {
  if (position + 8 > end) throw cut();
  const value = readF64(bytes, position);
  if (Number.isNaN(value)) throw bad('the bytes of NaN or of -0');
  position += 8;
  return value;
}

function readText(bytes: Uint8Array, end: number): string {
  const start = position;
  const stop = terminator(bytes, start, end);
  position = stop + 1;
  const escapes = escapeCount(bytes, start, stop);
  if (escapes === 0) return readUtf8(bytes, start, stop, 'tuple');
  const plain = plainBytes(bytes, start, stop, escapes);
  return readUtf8(plain, 0, plain.length, 'tuple');
}

function readBytes(bytes: Uint8Array, end: number): Uint8Array {
  const start = position;
  const stop = terminator(bytes, start, end);
  position = stop + 1;
  const escapes = escapeCount(bytes, start, stop);
  return escapes === 0 ? ownedCopy(bytes, start, stop) : plainBytes(bytes, start, stop, escapes);
}

/** Where the END of escaped bytes is. */
function terminator(bytes: Uint8Array, start: number, end: number): number {
  const at = endOfEscaped(bytes, start, end);
  if (at < 0) throw cut();
  return at;
}

function plainBytes(bytes: Uint8Array, start: number, stop: number, escapes: number): Uint8Array {
  const plain = unescaped(bytes, start, stop, escapes);
  if (plain === undefined) throw bad('an escape of something else than 00 and 01');
  return plain;
}

function cut(): ValueUnreadableError {
  return bad('they end within an element');
}

function bad(reason: string): ValueUnreadableError {
  return unreadable('tuple', reason);
}
