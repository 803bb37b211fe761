/**
 * 'f64' keys: 8 bytes in the order of the numbers, -Infinity and Infinity included.
 *
 * The bits of an IEEE 754 double, big-endian, sort like the magnitude. So a positive number gets
 * its sign bit set, and a negative one all its bits inverted. There is one encoding per key: NaN is
 * refused, and -0 is stored as 0.
 */

import type { KeyFormat } from './codec.ts';
import { noPrefix, readU32, writeU32 } from './integers.ts';
import { refusal, unreadable } from './unreadable.ts';

const bits = new DataView(new ArrayBuffer(8));

export const f64Key: KeyFormat<number> = {
  name: 'f64',
  fixedSize: 8,
  selfDelimiting: true,

  write(key, target, offset) {
    if (typeof key !== 'number' || Number.isNaN(key)) {
      throw refusal("A key of an 'f64' store", 'a number other than NaN', key);
    }
    if (offset + 8 > target.length) return -1;
    return writeF64(key, target, offset);
  },

  writePrefix() {
    throw noPrefix('f64');
  },

  read(bytes, start, end) {
    if (end - start !== 8) throw unreadable('f64', `${end - start} bytes where 8 belong`);
    const key = readF64(bytes, start);
    if (Number.isNaN(key)) throw unreadable('f64', 'the bytes of NaN or of -0');
    return key;
  },
};

/** Writes 8 bytes, for which there is room; returns the end. `value`: not NaN. */
export function writeF64(value: number, target: Uint8Array, offset: number): number {
  bits.setFloat64(0, value + 0); // -0 + 0 is 0
  let high = bits.getInt32(0);
  let low = bits.getInt32(4);
  if (high < 0) {
    high = ~high;
    low = ~low;
  } else {
    high ^= 0x8000_0000;
  }
  return writeU32(low, target, writeU32(high, target, offset));
}

/** The number whose 8 bytes lie at `offset`; NaN for bytes that `writeF64` does not write. */
export function readF64(bytes: Uint8Array, offset: number): number {
  let high = readU32(bytes, offset) | 0;
  let low = readU32(bytes, offset + 4) | 0;
  if (high < 0) {
    high ^= 0x8000_0000;
  } else {
    high = ~high;
    low = ~low;
  }
  bits.setInt32(0, high);
  bits.setInt32(4, low);
  const value = bits.getFloat64(0);
  return Object.is(value, -0) ? NaN : value;
}
