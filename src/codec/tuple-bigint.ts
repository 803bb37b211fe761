/**
 * A bigint within a 'tuple' key: sign and length in one byte, then the magnitude, big-endian and
 * without leading zeros. A negative one has all these bytes inverted, so that the larger magnitude
 * sorts first.
 *
 *     magnitude = 80+n  n bytes            n of 0..126; 0n has none
 *               | ff  n:u16  n bytes       n of 127..65535
 *               | the same, inverted       for a negative number: 7f-n …, 00 …
 */

import { MAX_BIGINT_BYTES } from './tuple-tags.ts';
import { unreadable } from './unreadable.ts';

const MAX_SHORT = 0x7e;
const LONG = 0xff;
const U64_LIMIT = 2n ** 64n;

const word = new DataView(new ArrayBuffer(8));
let largest: bigint | undefined;

/**
 * Writes what follows the tag; returns the end, or -1. Errors: TypeError, see {@link
 * MAX_BIGINT_BYTES}.
 */
export function writeBigint(value: bigint, target: Uint8Array, offset: number): number {
  const invert = value < 0n ? 0xff : 0;
  const magnitude = invert === 0 ? value : -value;
  if (magnitude >= U64_LIMIT) return writeLarge(magnitude, invert, target, offset);
  word.setBigUint64(0, magnitude);
  let skip = 0;
  while (skip < 8 && word.getUint8(skip) === 0) skip++;
  if (offset + 9 - skip > target.length) return -1;
  let at = offset;
  target[at++] = (0x80 + 8 - skip) ^ invert;
  for (let i = skip; i < 8; i++) target[at++] = word.getUint8(i) ^ invert;
  return at;
}

function writeLarge(magnitude: bigint, invert: number, target: Uint8Array, offset: number): number {
  largest ??= (1n << BigInt(MAX_BIGINT_BYTES * 8)) - 1n;
  if (magnitude > largest) {
    throw new TypeError(`A bigint in a key may have up to ${MAX_BIGINT_BYTES} bytes.`);
  }
  const hex = magnitude.toString(16);
  const size = (hex.length + 1) >> 1;
  const headSize = size > MAX_SHORT ? 3 : 1;
  if (offset + headSize + size > target.length) return -1;
  let at = offset;
  if (headSize === 1) {
    target[at++] = (0x80 + size) ^ invert;
  } else {
    target[at++] = LONG ^ invert;
    target[at++] = (size >> 8) ^ invert;
    target[at++] = (size & 0xff) ^ invert;
  }
  let from = hex.length - 2 * size; // -1 when the first byte has one digit
  for (; from < hex.length; from += 2) {
    target[at++] = Number.parseInt(hex.slice(Math.max(from, 0), from + 2), 16) ^ invert;
  }
  return at;
}

/** The end of the bigint whose first byte (after the tag) is at `start`; it may lie past `end`. */
export function bigintEnd(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return end + 1;
  const first = bytes[start] as number;
  const invert = first < 0x80 ? 0xff : 0;
  if ((first ^ invert) !== LONG) return start + 1 + ((first ^ invert) - 0x80);
  if (start + 3 > end) return end + 1;
  const high = (bytes[start + 1] as number) ^ invert;
  const low = (bytes[start + 2] as number) ^ invert;
  return start + 3 + (high << 8) + low;
}

/** The bigint in [start, end), of which `end` is {@link bigintEnd}'s. */
export function readBigint(bytes: Uint8Array, start: number, end: number): bigint {
  const first = bytes[start] as number;
  const invert = first < 0x80 ? 0xff : 0;
  const isLong = (first ^ invert) === LONG;
  const from = start + (isLong ? 3 : 1);
  const size = end - from;
  const isCanonical = size === 0 ? invert === 0 : ((bytes[from] as number) ^ invert) !== 0;
  if (!isCanonical || (isLong && size <= MAX_SHORT)) {
    throw unreadable('tuple', 'a bigint with leading zeros');
  }
  let magnitude: bigint;
  if (size <= 6) {
    let sum = 0;
    for (let i = from; i < end; i++) sum = sum * 256 + ((bytes[i] as number) ^ invert);
    magnitude = BigInt(sum);
  } else {
    let hex = '0x';
    for (let i = from; i < end; i++) {
      hex += ((bytes[i] as number) ^ invert).toString(16).padStart(2, '0');
    }
    magnitude = BigInt(hex);
  }
  return invert === 0 ? magnitude : -magnitude;
}
