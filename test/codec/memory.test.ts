/**
 * Invariants 1 and 2 of codec.ts: nothing that is read is a view, nothing encoded is overwritten.
 */

import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesKey } from '../../src/codec/bytes.ts';
import { EncodedValue, type ValueFormat } from '../../src/codec/codec.ts';
import { jsonValue } from '../../src/codec/json.ts';
import { msgpackValue } from '../../src/codec/msgpack.ts';
import { ownedCopies, ownedCopy } from '../../src/codec/owned-copy.ts';
import { keyFormat, valueFormat } from '../../src/codec/registry.ts';
import { ShapeEncoder } from '../../src/codec/shape-encoder.ts';
import { NO_SHAPES } from '../../src/codec/shapes.ts';
import { stringKey } from '../../src/codec/string.ts';
import { tupleKey } from '../../src/codec/tuple.ts';
import { bytesValue, stringValue } from '../../src/codec/values.ts';
import { values } from './arbitrary-values.ts';
import { check, encodeKey, stored, texts, tupleKeys } from './support.ts';

/** Reads from memory that is overwritten afterwards, as a page that is used again. */
function readAndScribble<T>(
  format: { read(bytes: Uint8Array, start: number, end: number): T },
  bytes: Uint8Array,
): T {
  const memory = new Uint8Array(bytes.length + 20);
  memory.set(bytes, 9);
  const value = format.read(memory, 9, 9 + bytes.length);
  memory.fill(0xc1);
  return value;
}

/** Values that name shapes, as a store with shared structures has them. */
function sharing(): ValueFormat<unknown> {
  const encoder = new ShapeEncoder();
  let list = NO_SHAPES;
  return {
    name: 'msgpack',
    encode(value, out) {
      list = encoder.encodeAdding(list, value, out);
    },
    read: (bytes, start, end) => list.read(bytes, start, end),
  };
}

function encode<V>(format: ValueFormat<V>, value: V): Uint8Array {
  const out = new EncodedValue();
  format.encode(value, out);
  return out.bytes.slice(out.start, out.end);
}

/** Around the sizes at which another way is taken. */
const SIZES = [0, 1, 12, 13, 64, 65, 100, 139, 140, 1000, 4095, 4096, 70_000];

function filled(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + size) % 256);
}

describe('what is read stays when the memory behind it changes', () => {
  test('keys', () => {
    check(texts, (key) => expect(readAndScribble(stringKey, encodeKey(stringKey, key))).toBe(key));
    check(tupleKeys, (key) => {
      expect(readAndScribble(tupleKey, encodeKey(tupleKey, key))).toStrictEqual(stored(key));
    });
  });

  test('bytes of every size', () => {
    const custom = valueFormat({
      name: 'identity',
      encode: (v: Uint8Array) => v,
      decode: (b) => b,
    });
    const customKey = keyFormat({ name: 'identity', encode: () => -1, decode: (b) => b });
    for (const format of [bytesKey, bytesValue, custom, customKey]) {
      for (const bytes of SIZES.map(filled)) {
        const back = readAndScribble(format, bytes);
        expect(isDeepStrictEqual(back, bytes), `${format.name}, ${bytes.length} B`).toBe(true);
      }
    }
  });

  test("'msgpack' values", () => {
    for (const format of [msgpackValue, sharing()]) {
      check(values, (value) => {
        expect(readAndScribble(format, encode(format, value))).toStrictEqual(value);
      });
    }
  });

  test("buffers of every size in 'msgpack' values", () => {
    for (const bytes of SIZES.map(filled)) {
      const text = 'x'.repeat(bytes.length);
      const value = [
        bytes,
        Buffer.from(bytes),
        text,
        Float64Array.from(bytes),
        bytes.slice().buffer,
      ];
      for (const format of [msgpackValue, sharing()]) {
        const [own, buffer, ...rest] = readAndScribble(format, encode(format, value)) as unknown[];
        expect(isDeepStrictEqual([own, ...rest], [bytes, ...value.slice(2)])).toBe(true);
        expect(buffer instanceof Uint8Array && Buffer.compare(buffer, bytes)).toBe(0);
      }
    }
  });

  test("'string' and 'json' values", () => {
    check(
      fc.tuple(texts, fc.constantFrom(...SIZES)),
      ([text, times]) => {
        const long = text.repeat(Math.ceil(times / 100));
        expect(readAndScribble(stringValue, encode(stringValue, long))).toBe(long);
        expect(readAndScribble(jsonValue, encode(jsonValue, [long]))).toEqual([long]);
      },
      200,
    );
  });
});

test('the memory that is read from gets no property', () => {
  const bytes = encode(msgpackValue, { a: 'x'.repeat(500) });
  msgpackValue.read(bytes, 0, bytes.length);
  expect(Object.getOwnPropertyNames(bytes).filter((name) => !/^\d+$/.test(name))).toEqual([]);
});

test('what is encoded is not overwritten by what is encoded later', () => {
  check(
    fc.array(fc.tuple(texts, fc.constantFrom(msgpackValue, jsonValue, stringValue)), {
      minLength: 100,
      maxLength: 300,
    }),
    (list) => {
      const encoded = list.map(([text, format]) => {
        const out = new EncodedValue();
        (format as ValueFormat<string>).encode(text.repeat(5), out);
        return out;
      });
      list.forEach(([text, format], i) => {
        const { bytes, start, end } = encoded[i] as EncodedValue;
        expect(format.read(bytes, start, end)).toBe(text.repeat(5));
      });
    },
    20,
  );
});

test('a value may encode and read others while it is encoded', () => {
  const inner: unknown[] = [];
  const nesting = (format: ValueFormat<unknown>): unknown =>
    new (class {
      toJSON(): unknown {
        const bytes = encode(format, { inner: 'y'.repeat(2_000_000) });
        inner.push(format.read(bytes, 0, bytes.length));
        const small = encode(format, ['small']);
        inner.push(format.read(small, 0, small.length));
        return { outer: true };
      }
    })();
  for (const format of [msgpackValue, sharing(), jsonValue]) {
    const value = ['before', nesting(format), 'after', nesting(format)];
    const bytes = encode<unknown>(format, value);
    expect(format.read(bytes, 0, bytes.length)).toEqual([
      'before',
      { outer: true },
      'after',
      { outer: true },
    ]);
  }
  expect(inner).toHaveLength(24);
  for (const [i, value] of inner.entries()) {
    expect(value).toEqual(i % 2 === 0 ? { inner: 'y'.repeat(2_000_000) } : ['small']);
  }
});

describe('copies', () => {
  beforeAll(() => {
    // From then on they share slabs.
    const source = new Uint8Array(100);
    for (let i = 0; i < 1000; i++) ownedCopy(source, 0, 100);
  });

  test('the first thousand of a process have buffers of their own, the others share one', () => {
    const module = new URL('../../dist/codec/owned-copy.js', import.meta.url).href;
    const program = `
      import { ownedCopy } from ${JSON.stringify(module)};
      const source = new Uint8Array(100).fill(5);
      const copies = Array.from({ length: 1002 }, () => ownedCopy(source, 0, 100));
      const sizes = [0, 998, 999, 1001].map((i) => copies[i].buffer.byteLength);
      const share = copies[999].buffer === copies[1001].buffer;
      const right = copies.every((copy) => copy.length === 100 && copy.every((byte) => byte === 5));
      console.log(JSON.stringify([sizes, share, right]));`;
    const args = ['--input-type=module', '--eval', program];
    const said = execFileSync(process.execPath, args, { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual([[100, 100, 65536, 65536], true, true]);
  });

  test('own distinct bytes, and are plain Uint8Arrays', () => {
    const source = Buffer.from(Uint8Array.from({ length: 9000 }, (_, i) => i % 251));
    const spans = Array.from({ length: 500 }, (_, i) => [i, i + ((i * 37) % 5000)] as const);
    const copies = spans.map(([start, end]) => ownedCopy(source, start, end));
    for (const [i, copy] of copies.entries()) copy.fill(i % 256);
    copies.forEach((copy, i) => {
      expect(copy.every((byte) => byte === i % 256)).toBe(true);
      expect(copy.length).toBe((spans[i]?.[1] ?? 0) - (spans[i]?.[0] ?? 0));
    });
    expect(source[200]).toBe(200);
    expect(Object.getPrototypeOf(ownedCopy(new Uint8Array(100), 0, 100))).toBe(
      Uint8Array.prototype,
    );
  });

  test('made at once are as those made one by one', () => {
    const numbers = fc.integer({ min: 0, max: 300 });
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 65, max: 150 }), fc.constantFrom(0, 9, 64, 128, 4095, 4096)),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    check(
      fc.tuple(sizes, fc.array(numbers, { minLength: 60, maxLength: 60 }), fc.boolean()),
      ([all, gaps, near]) => {
        const starts = new Int32Array(all.length);
        const ends = new Int32Array(all.length);
        let at = 0;
        for (const [i, size] of all.entries()) {
          starts[i] = at + (near ? gaps[i]! % 20 : gaps[i]!);
          ends[i] = starts[i]! + size;
          at = ends[i]!;
        }
        const source = Uint8Array.from({ length: at }, (_, i) => (i * 31 + (i >> 8)) & 255);
        const kept = source.slice();
        const copies: Uint8Array[] = [];
        ownedCopies(source, starts, ends, all.length, copies);
        source.fill(0);
        for (const [i, copy] of copies.entries()) {
          expect(copy).toStrictEqual(kept.slice(starts[i], ends[i]));
          if (copy.length % 8 === 0) expect(copy.byteOffset % 8).toBe(0);
        }
        // None lies in another one.
        for (const [i, copy] of copies.entries()) copy.fill(i + 1);
        for (const [i, copy] of copies.entries()) {
          expect(copy.every((byte) => byte === i + 1)).toBe(true);
        }
      },
    );
  });

  test('survive that another one is transferred', () => {
    const source = new Uint8Array(100).fill(5);
    const [one, two] = [ownedCopy(source, 0, 100), ownedCopy(source, 0, 100)];
    expect(one.buffer).toBe(two.buffer);
    try {
      structuredClone(one, { transfer: [one.buffer as ArrayBuffer] });
    } catch {
      // Newer Nodes refuse it with a DataCloneError, older ones copy.
    }
    expect(two).toStrictEqual(source);
  });

  test('go on after a user has detached a slab', () => {
    const source = new Uint8Array(100).fill(5);
    const { buffer } = ownedCopy(source, 0, 100) as { buffer: { transfer?(): unknown } };
    try {
      buffer.transfer?.();
    } catch {
      // Node 24 refuses it: the slab is marked untransferable.
    }
    expect(ownedCopy(source, 0, 100)).toStrictEqual(source);
  });
});
