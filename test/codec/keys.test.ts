import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesKey } from '../../src/codec/bytes.ts';
import type { Key, KeyFormat } from '../../src/codec/codec.ts';
import { delimited } from '../../src/codec/delimited.ts';
import { f64Key } from '../../src/codec/float.ts';
import { u32Key, u64Key } from '../../src/codec/integers.ts';
import { stringKey } from '../../src/codec/string.ts';
import { tupleKey } from '../../src/codec/tuple.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import {
  byteArrays,
  check,
  compareKeys,
  encodeKey,
  encodePrefix,
  numbers,
  readKey,
  startsWith,
  stored,
  texts,
  tupleKeys,
} from './support.ts';

const u32s = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 255, 256, 2 ** 31, 2 ** 32 - 1),
);
const u64s = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(
    0n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    2n ** 64n - 1n,
  ),
);

function suite<K extends Key>(
  format: KeyFormat<K>,
  keys: fc.Arbitrary<K>,
  what = `'${format.name}' keys`,
): void {
  describe(what, () => {
    test('read back as they were written', () => {
      check(keys, (key) => {
        expect(readKey(format, encodeKey(format, key))).toStrictEqual(stored(key));
      });
    });

    test('compare as bytes in the order of the keys', () => {
      check(
        fc.tuple(keys, keys),
        ([a, b]) => {
          const sign = Buffer.compare(encodeKey(format, a), encodeKey(format, b));
          expect(sign).toBe(compareKeys(stored(a), stored(b)));
        },
        5000,
      );
    });

    test('take the size that the format says', () => {
      check(keys, (key) => {
        const { length } = encodeKey(format, key);
        expect(length).toBe(format.fixedSize ?? length);
      });
    });

    if (format.selfDelimiting) {
      test('are never the start of one another', () => {
        check(
          fc.tuple(keys, keys),
          ([a, b]) => {
            const [x, y] = [encodeKey(format, a), encodeKey(format, b)];
            if (Buffer.compare(x, y) !== 0) expect(startsWith(x, y)).toBe(false);
          },
          5000,
        );
      });
    }

    test('are read from any bytes to a key that is written so, or to a ValueUnreadableError', () => {
      const mangled = fc
        .tuple(keys, fc.uint8Array({ maxLength: 4 }), fc.nat(), fc.nat(3))
        .map(([key, bytes, at, how]) => mangle(encodeKey(format, key), bytes, at, how));
      check(
        fc.oneof(mangled, fc.uint8Array({ maxLength: 40 })),
        (bytes) => {
          let key: K;
          try {
            key = readKey(format, bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ValueUnreadableError);
            return;
          }
          expect(Buffer.compare(encodeKey(format, key), bytes)).toBe(0);
        },
        5000,
      );
    });
  });
}

function mangle(bytes: Uint8Array, piece: Uint8Array, at: number, how: number): Uint8Array {
  const i = bytes.length === 0 ? 0 : at % bytes.length;
  if (how === 0) return bytes.slice(0, i);
  if (how === 1) return Buffer.concat([bytes, piece]);
  return Buffer.concat([
    bytes.subarray(0, i),
    piece,
    bytes.subarray(how === 2 ? i + piece.length : i),
  ]);
}

suite(stringKey, texts);
suite(bytesKey, byteArrays);
suite(u32Key, u32s);
suite(u64Key, u64s);
suite(f64Key, numbers);
suite(tupleKey, tupleKeys);
suite(delimited(stringKey), texts, "'string' keys of multi stores");
suite(delimited(bytesKey), byteArrays, "'bytes' keys of multi stores");

describe('keys of multi stores', () => {
  const ends = <K extends Key>(name: string, plain: KeyFormat<K>, keys: fc.Arbitrary<K>): void =>
    test(`'${name}' say where they end, whatever follows`, () => {
      const format = delimited(plain);
      expect(delimited(plain)).toBe(format);
      check(fc.tuple(keys, fc.uint8Array({ maxLength: 9 })), ([key, more]) => {
        const bytes = encodeKey(format, key);
        const both = Uint8Array.from([7, ...bytes, ...more]);
        expect(format.endOf(both, 1, both.length)).toBe(1 + bytes.length);
        for (const cut of [0, bytes.length >> 1, bytes.length - 1]) {
          expect(() => format.endOf(bytes, 0, cut)).toThrow(ValueUnreadableError);
        }
      });
    });
  ends('string', stringKey, texts);
  ends('bytes', bytesKey, byteArrays);
  ends('u32', u32Key, u32s);
  ends('u64', u64Key, u64s);
  ends('f64', f64Key, numbers);
  ends('tuple', tupleKey, tupleKeys);
});

describe('prefixes', () => {
  test("of 'string' keys are the bytes with which those keys start that start with the text", () => {
    check(fc.tuple(texts, texts), ([prefix, key]) => {
      expect(startsWith(encodeKey(stringKey, prefix + key), encodePrefix(stringKey, prefix))).toBe(
        true,
      );
      expect(startsWith(encodeKey(stringKey, key), encodePrefix(stringKey, prefix))).toBe(
        key.startsWith(prefix),
      );
    });
  });

  test("of 'bytes' keys are those bytes", () => {
    check(fc.tuple(byteArrays, byteArrays), ([prefix, key]) => {
      const longer = Buffer.concat([prefix, key]);
      expect(startsWith(encodeKey(bytesKey, longer), encodePrefix(bytesKey, prefix))).toBe(true);
    });
  });

  test("of 'tuple' keys are the bytes with which those arrays start that start with the elements, and no others", () => {
    const lists = fc.array(tupleKeys, { maxLength: 3 });
    check(fc.tuple(lists, lists, tupleKeys), ([prefix, rest, other]) => {
      const bytes = encodePrefix(tupleKey, prefix);
      expect(startsWith(encodeKey(tupleKey, [...prefix, ...rest]), bytes)).toBe(true);
      const isWithin =
        Array.isArray(other) &&
        other.length >= prefix.length &&
        compareKeys(stored(other.slice(0, prefix.length)), stored(prefix)) === 0;
      expect(startsWith(encodeKey(tupleKey, other), bytes)).toBe(isWithin);
      for (const key of rest) {
        const isSame = prefix.length === 0 ? Array.isArray(key) : false;
        if (!Array.isArray(key)) expect(startsWith(encodeKey(tupleKey, key), bytes)).toBe(isSame);
      }
    });
  });

  test("do not exist for numbers, and are arrays for 'tuple'", () => {
    const target = new Uint8Array(100);
    expect(() => u32Key.writePrefix(1, target, 0)).toThrow(TypeError);
    expect(() => u64Key.writePrefix(1n, target, 0)).toThrow(TypeError);
    expect(() => f64Key.writePrefix(1, target, 0)).toThrow(TypeError);
    expect(() => tupleKey.writePrefix('a', target, 0)).toThrow(
      /array of leading elements.*got "a"/,
    );
    // @ts-expect-error a number is no prefix
    expect(() => stringKey.writePrefix(1, target, 0)).toThrow(TypeError);
    // @ts-expect-error a text is no prefix
    expect(() => bytesKey.writePrefix('a', target, 0)).toThrow(TypeError);
  });
});

describe('refused with a TypeError', () => {
  const target = new Uint8Array(100);
  const notStrings: unknown[] = [
    1,
    null,
    undefined,
    Object('a'),
    ['a'],
    '\ud800',
    'a\udc00',
    '\ud800b'.repeat(30),
    'é\udfff',
  ];
  const notBytes: unknown[] = [
    'a',
    null,
    undefined,
    [1],
    new Uint16Array(1),
    new ArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
  ];
  const notU32: unknown[] = [-1, 2 ** 32, 1.5, NaN, Infinity, '1', 1n, null, undefined, true];
  const notU64: unknown[] = [-1n, 2n ** 64n, -1, 1.5, 2 ** 53, NaN, '1', null, undefined];
  const notF64: unknown[] = [NaN, '1', 1n, null, undefined, new Date(0)];
  const cases: [KeyFormat<unknown>, unknown[]][] = [
    [stringKey, notStrings],
    [bytesKey, notBytes],
    [u32Key, notU32],
    [u64Key, notU64],
    [f64Key, notF64],
  ];
  for (const [format, keys] of cases) {
    test.each(keys.map((key, i) => [i, key]))(`by '${format.name}': case %i`, (_i, key) => {
      expect(() => format.write(key, target, 0)).toThrow(TypeError);
      // Also where the target is too small: a put must not be retried for ever.
      expect(() => format.write(key, target, 100)).toThrow(TypeError);
    });
  }
});

test("'u64' takes safe integers as well", () => {
  for (const key of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    const bytes = encodeKey(u64Key as KeyFormat<bigint | number>, key);
    expect(Buffer.compare(bytes, encodeKey(u64Key, BigInt(key)))).toBe(0);
  }
});

test('messages name what was expected and what was given', () => {
  const target = new Uint8Array(9);
  expect(() => u32Key.write(-1, target, 0)).toThrow(
    "A key of a 'u32' store must be an integer of 0..4294967295, but got -1.",
  );
  expect(() => stringKey.write('ab\ud800', target, 0)).toThrow(
    'The key has a lone surrogate at index 2',
  );
});
