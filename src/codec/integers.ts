/**
 * 'u32' and 'u64' keys: 4 and 8 bytes, big-endian, so that the bytes are in the numbers' order.
 *
 * 'u64' gives bigints. It takes a safe integer number as well, since a counter often is one.
 */

import type { KeyFormat } from './codec.ts';
import { refusal, unreadable } from './unreadable.ts';

const U32_LIMIT = 0x1_0000_0000;
const U64_LIMIT = 2n ** 64n;

export const u32Key: KeyFormat<number> = {
  name: 'u32',
  fixedSize: 4,
  selfDelimiting: true,

  write(key, target, offset) {
    // Fails for all but the integers of the range; -0 is 0.
    if (typeof key !== 'number' || key >>> 0 !== key) {
      throw refusal("A key of a 'u32' store", 'an integer of 0..4294967295', key);
    }
    if (offset + 4 > target.length) return -1;
    return writeU32(key, target, offset);
  },

  writePrefix() {
    throw noPrefix('u32');
  },

  read(bytes, start, end) {
    if (end - start !== 4) throw unreadable('u32', `${end - start} bytes where 4 belong`);
    return readU32(bytes, start);
  },
};

export const u64Key: KeyFormat<bigint> = {
  name: 'u64',
  fixedSize: 8,
  selfDelimiting: true,

  write(key: bigint | number, target, offset) {
    let high: number;
    let low: number;
    if (typeof key === 'bigint' && key >= 0n && key < U64_LIMIT) {
      high = Number(key >> 32n);
      low = Number(key & 0xffff_ffffn);
    } else if (typeof key === 'number' && Number.isSafeInteger(key) && key >= 0) {
      high = Math.floor(key / U32_LIMIT);
      low = key >>> 0;
    } else {
      throw refusal(
        "A key of a 'u64' store",
        'a bigint of 0n..18446744073709551615n or a safe integer from 0',
        key,
      );
    }
    if (offset + 8 > target.length) return -1;
    return writeU32(low, target, writeU32(high, target, offset));
  },

  writePrefix() {
    throw noPrefix('u64');
  },

  read(bytes, start, end) {
    if (end - start !== 8) throw unreadable('u64', `${end - start} bytes where 8 belong`);
    return readU64(bytes, start);
  },
};

/** What `prefix` is answered where keys have no leading part. */
export function noPrefix(codec: string): TypeError {
  return new TypeError(
    `'prefix' is for 'string', 'bytes' and 'tuple' stores; keys of a '${codec}' store have none. ` +
      "Use 'gte' and 'lt'.",
  );
}

/** Writes 4 bytes, for which there is room; returns the end. */
export function writeU32(value: number, target: Uint8Array, offset: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = (value >>> 16) & 0xff;
  target[offset + 2] = (value >>> 8) & 0xff;
  target[offset + 3] = value & 0xff;
  return offset + 4;
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

export function readU64(bytes: Uint8Array, offset: number): bigint {
  const high = readU32(bytes, offset);
  const low = readU32(bytes, offset + 4);
  // Below 2^53 one conversion does.
  if (high < 0x20_0000) return BigInt(high * U32_LIMIT + low);
  return (BigInt(high) << 32n) | BigInt(low);
}
