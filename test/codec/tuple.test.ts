import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Key } from '../../src/codec/codec.ts';
import { tupleKey } from '../../src/codec/tuple.ts';
import { tupleElementEnd } from '../../src/codec/tuple-read.ts';
import { MAX_BIGINT_BYTES, MAX_TUPLE_DEPTH } from '../../src/codec/tuple-tags.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import {
  bigints,
  byteArrays,
  check,
  compareKeys,
  encodeKey,
  encodePrefix,
  numbers,
  readKey,
  stored,
  texts,
  tupleKeys,
} from './support.ts';

const target = new Uint8Array(200_000);
const write = (key: unknown): number => tupleKey.write(key as Key, target, 0);

function nested(depth: number): Key {
  let key: Key = [];
  for (let i = 1; i < depth; i++) key = [key];
  return key;
}

describe('refused, with the path', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic, cyclic);
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'key is undefined'],
    ['NaN', ['a', NaN], 'key[1] is NaN'],
    ['undefined within', ['a', ['b', 'c', [undefined]]], 'key[1][2][0] is undefined'],
    ['a hole', [1, ...new Array(1), 2], 'key[1] is undefined'],
    ['a symbol', [Symbol('x')], 'key[0] is a symbol'],
    ['a function', () => 1, 'key is a function'],
    ['an object', { a: 1 }, 'key is an object'],
    ['a Map', [new Map()], 'key[0] is an object of class Map'],
    ['a boxed string', Object('a'), 'key is an object of class String'],
    ['another typed array', [new Uint16Array(2)], 'key[0] is an object of class Uint16Array'],
    ['an ArrayBuffer', new ArrayBuffer(2), 'key is an object of class ArrayBuffer'],
    ['an invalid Date', [1, new Date(NaN)], 'key[1] is an invalid Date'],
    ['a lone lead', ['ok', 'x\ud800'], 'key[1] has a lone surrogate at index 1'],
    ['a lone trail', '\udc00', 'key has a lone surrogate at index 0'],
    ['swapped surrogates', ['\udc00\ud800'], 'key[0] has a lone surrogate at index 0'],
    ['a lead at the end', `${'\u{1f600}'.repeat(5)}\ud83d`, 'key has a lone surrogate at index 10'],
    ['an array that contains itself', cyclic, 'contains itself'],
    ['arrays too deep', nested(MAX_TUPLE_DEPTH + 1), `more than ${MAX_TUPLE_DEPTH} deep`],
    ['a bigint too long', 1n << BigInt(MAX_BIGINT_BYTES * 8), 'up to 65535 bytes'],
    ['a bigint too low', -(1n << BigInt(MAX_BIGINT_BYTES * 8)), 'up to 65535 bytes'],
  ])('%s', (_name, key, message) => {
    expect(() => write(key)).toThrow(TypeError);
    expect(() => write(key)).toThrow(message);
  });

  test('a lone surrogate, though there is no room either', () => {
    expect(() => tupleKey.write(['\ud800'], new Uint8Array(2), 0)).toThrow(TypeError);
    expect(() => tupleKey.write(`${'\0'.repeat(9)}\ud800`, new Uint8Array(12), 0)).toThrow(
      TypeError,
    );
  });
});

test('the limits themselves are keys', () => {
  for (const key of [
    nested(MAX_TUPLE_DEPTH),
    (1n << BigInt(MAX_BIGINT_BYTES * 8)) - 1n,
    1n - (1n << BigInt(MAX_BIGINT_BYTES * 8)),
    new Date(8.64e15),
    new Date(-8.64e15),
  ]) {
    const end = write(key);
    expect(end).toBeGreaterThan(0);
    expect(tupleKey.read(target, 0, end)).toStrictEqual(key);
  }
});

test("['a'] and 'a' are two keys, and Buffers come back as plain Uint8Arrays", () => {
  expect(readKey(tupleKey, encodeKey<Key>(tupleKey, 'a'))).toBe('a');
  expect(readKey(tupleKey, encodeKey<Key>(tupleKey, ['a']))).toStrictEqual(['a']);
  const read = readKey(tupleKey, encodeKey<Key>(tupleKey, Buffer.from('ab')));
  expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype);
  expect(read).toStrictEqual(Uint8Array.of(97, 98));
});

test('an element is found within the bytes that follow it', () => {
  check(fc.tuple(tupleKeys, fc.uint8Array({ maxLength: 9 })), ([key, rest]) => {
    const bytes = encodeKey<Key>(tupleKey, key);
    const both = Buffer.concat([Uint8Array.of(7), bytes, rest]);
    expect(tupleElementEnd(both, 1, both.length)).toBe(1 + bytes.length);
    for (let cut = 1; cut <= Math.min(bytes.length, 20); cut++) {
      expect(() => tupleElementEnd(bytes, 0, bytes.length - cut)).toThrow(ValueUnreadableError);
    }
  });
});

test('keys that differ late, or in kind alone, are in order', () => {
  const dates = fc.date({ noInvalidDate: true });
  const alike = fc.oneof(
    ...[bigints, byteArrays, numbers, texts, dates].map((keys: fc.Arbitrary<Key>) =>
      fc.tuple(keys, keys),
    ),
    fc.tuple(texts, texts, texts).map(([start, a, b]): [Key, Key] => [start + a, start + b]),
    fc
      .tuple(fc.array(tupleKeys, { maxLength: 2 }), tupleKeys, tupleKeys)
      .map(([start, a, b]): [Key, Key] => [
        [...start, a],
        [...start, b],
      ]),
    fc.tuple(texts, tupleKeys).map(([text, key]): [Key, Key] => [[text], [`${text}\0`, key]]),
  );
  check(
    alike,
    ([a, b]) => {
      const sign = Buffer.compare(encodeKey<Key>(tupleKey, a), encodeKey<Key>(tupleKey, b));
      expect(sign).toBe(compareKeys(stored(a), stored(b)));
    },
    10_000,
  );
});

test("an array's bytes are its prefix and one END", () => {
  check(fc.array(tupleKeys, { maxLength: 4 }), (key) => {
    const bytes = encodeKey<Key>(tupleKey, key);
    expect(bytes.subarray(0, -1)).toStrictEqual(encodePrefix<Key>(tupleKey, key));
    expect(bytes.at(-1)).toBe(0);
  });
});

describe('bytes that no encoder wrote', () => {
  test.each<[string, number[]]>([
    ['nothing', []],
    ['an unknown tag', [0x0b]],
    ['an END', [0x00]],
    ['an ESCAPE', [0x01]],
    ['a text without END', [0x04, 97]],
    ['a text with an ESCAPE at its end', [0x04, 97, 0x01, 0x00]],
    ['an ESCAPE of another byte', [0x04, 0x01, 0x03, 0x00]],
    ['an ESCAPE of END', [0x03, 0x01, 0x00, 0x00]],
    ['text that is no UTF-8', [0x04, 0xff, 0x00]],
    ['an encoded surrogate', [0x04, 0xed, 0xa0, 0x80, 0x00]],
    ['a number cut short', [0x05, 0x80, 2, 3]],
    ['NaN', [0x05, 0xff, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['-0', [0x05, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a Date of half a millisecond', [0x09, 0xbf, 0xe0, 0, 0, 0, 0, 0, 0]],
    ['a Date past the last', [0x09, 0xff, 0x60, 0, 0, 0, 0, 0, 0]],
    ['a bigint without a length', [0x06]],
    ['a bigint cut short', [0x06, 0x83, 1, 2]],
    ['a bigint with leading zeros', [0x06, 0x82, 0, 2]],
    ['a negative bigint with leading zeros', [0x06, 0x7d, 0xff, 2]],
    ['a negative 0n', [0x06, 0x7f]],
    ['a short bigint in the long form', [0x06, 0xff, 0, 1, 5]],
    ['a long bigint cut in its length', [0x06, 0xff, 1]],
    ['a long negative bigint cut in its length', [0x06, 0x00, 1]],
    ['a long bigint that is not there', [0x06, 0xff, 0xff, 0xff, 1]],
    ['an array without END', [0x0a, 0x02]],
    ['two keys', [0x02, 0x02]],
    ['a million open arrays', Array<number>(1_000_000).fill(0x0a)],
    ['arrays one too deep', [...Array<number>(101).fill(0x0a), ...Array<number>(101).fill(0)]],
  ])('%s', (_name, bytes) => {
    expect(() => readKey(tupleKey, Uint8Array.from(bytes))).toThrow(ValueUnreadableError);
  });
});
