// Values that name shapes: what is read equals what a plain 'msgpack' store gives, whatever the
// list holds, and a shape that is missing is never read as something else.

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodedValue } from '../../src/codec/codec.ts';
import { msgpackValue } from '../../src/codec/msgpack.ts';
import { ShapeEncoder } from '../../src/codec/shape-encoder.ts';
import {
  isShareable,
  MOST_NAMES,
  MOST_NAMES_TOGETHER,
  MOST_SHAPES,
  NO_SHAPES,
  ShapeList,
  shapeOfText,
} from '../../src/codec/shapes.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { values } from './arbitrary-values.ts';
import { check } from './support.ts';

const out = new EncodedValue();
const taken = (): Uint8Array => out.bytes.slice(out.start, out.end);

/** A store's encoder with its list as it goes. */
function newStore() {
  const encoder = new ShapeEncoder();
  const store = {
    list: NO_SHAPES,
    put(value: unknown): Uint8Array {
      store.list = encoder.encodeAdding(store.list, value, out);
      return taken();
    },
    read: (bytes: Uint8Array): unknown => read(store.list, bytes),
    encoder,
  };
  return store;
}

function read(list: ShapeList, bytes: Uint8Array): unknown {
  const around = new Uint8Array(bytes.length + 300).fill(0xc1);
  around.set(bytes, 100);
  return list.read(around, 100, 100 + bytes.length);
}

/** By their own properties: a value may have one called constructor. */
function expectSame(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toStrictEqual(expected);
}

function plain(value: unknown): unknown {
  msgpackValue.encode(value, out);
  const bytes = taken();
  return msgpackValue.read(bytes, 0, bytes.length);
}

/** Objects of one shape each: `shape(i)` and `shape(j)` differ. */
const shape = (i: number): Record<string, unknown> => ({
  [`a${i}`]: i,
  [`b${i}`]: { [`c${i}`]: 'x' },
});
const flat = (i: number): Record<string, unknown> => ({ [`only${i}`]: i });

/** As `values`, with names that come again, and wide tables among the pieces. */
const records = fc
  .letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      values,
      fc
        .tuple(
          fc.subarray(['id', 'name', '1', '', 'constructor', 'hasOwnProperty', 'ü', 'read']),
          fc.boolean(),
        )
        .chain(([names, reversed]) =>
          fc
            .array(tie('value'), { minLength: names.length, maxLength: names.length })
            .map((pieces) => {
              const pairs = names.map((name, i) => [name, pieces[i]] as const);
              return Object.fromEntries(reversed ? pairs.reverse() : pairs);
            }),
        ),
      fc.nat(200).map((n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`n${i}`, i]))),
      fc.array(tie('value'), { maxLength: 4 }),
    ),
  }))
  .value.filter((value) => value !== undefined);

describe('what is stored reads back as from a plain store', () => {
  test.each([0, 1, 30, 31, 33, 63, 64, 65, 100, 511, 512])(
    'with %d shapes there before',
    (count) => {
      const store = newStore();
      for (let i = 0; i < count; i++) store.put(flat(i));
      expect(store.list.length).toBe(count);
      const before = store.list;
      const kept: [unknown, Uint8Array][] = [];
      check(
        records,
        (value) => {
          const expected = plain(value);
          const known = store.encoder.encode(value, out);
          const outside = taken();
          expectSame(read(known.list, outside), expected);
          const bytes = store.put(value);
          expectSame(store.read(bytes), expected);
          // With names inside, decoded and put again.
          expectSame(store.read(store.put(read(known.list, outside))), expected);
          if (kept.length < 500) kept.push([expected, bytes], [expected, outside]);
        },
        300,
      );
      expect(store.list.startsWith(before)).toBe(true);
      expect(store.list.length).toBeLessThanOrEqual(MOST_SHAPES);
      // With the list as another handle reads it from the file.
      const other = new ShapeList(store.list.shapes.map(({ text }, i) => shapeOfText(text, i)!));
      for (const [expected, bytes] of kept) expectSame(read(other, bytes), expected);
    },
  );

  test('shapes around every edge of how ids are written, often', () => {
    const store = newStore();
    const kept = Array.from({ length: 700 }, (_, i) => [flat(i), store.put(flat(i))] as const);
    expect(store.list.length).toBe(MOST_SHAPES);
    for (let round = 0; round < 5; round++) {
      for (const [value, bytes] of kept) expect(store.read(bytes)).toStrictEqual(value);
    }
    for (const [value, bytes] of kept) {
      expect(Buffer.from(bytes).includes('only')).toBe(
        Number(Object.values(value)[0]) >= MOST_SHAPES,
      );
    }
  });

  test('many shapes in one value that fills the list, each of them again', () => {
    for (const before of [0, 1, 400, MOST_SHAPES - 3, MOST_SHAPES - 1, MOST_SHAPES]) {
      const store = newStore();
      for (let i = 0; i < before; i++) store.put(flat(i));
      const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w${i}`, i]));
      const pieces = Array.from({ length: 100 }, (_, i) => [shape(i), wide, shape(i)]).flat();
      const value = [...pieces, ...pieces.map((piece) => ({ ...piece })), flat(0), flat(9999)];
      for (let round = 0; round < 4; round++) {
        expect(store.read(store.put(value))).toStrictEqual(value);
      }
    }
  });

  test('a table comes again in a value, also when that has filled the list meanwhile', () => {
    const wide = (): object =>
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w${i}`, i]));
    for (let before = 0; before <= MOST_SHAPES; before += before < 70 ? 1 : 13) {
      const store = newStore();
      store.list = NO_SHAPES.with(Array.from({ length: before }, (_, i) => [`only${i}`]));
      const room = MOST_SHAPES - before;
      const filling = Array.from({ length: room < 20 ? room : 1 }, (_, i) => flat(before + i));
      const value = [wide(), ...filling, flat(9998), wide(), flat(9999), flat(9998), wide()];
      for (let round = 0; round < 2; round++) {
        expect(store.read(store.put(value))).toStrictEqual(value);
      }
    }
  });

  test('instances, cycles, holes, -0, errors, buffers', () => {
    class Point {
      x = 1;
      y = -0;
    }
    const loop: Record<string, unknown> = { name: 'loop', points: [new Point(), new Point()] };
    loop.self = loop;
    const store = newStore();
    for (let round = 0; round < 2; round++) {
      const back = store.read(store.put(loop)) as typeof loop;
      expect(back.self).toBe(back);
      expect(back.points).toStrictEqual([
        { x: 1, y: 0 },
        { x: 1, y: 0 },
      ]);
      for (const value of [
        [...new Array(2), { a: new RangeError('far', { cause: { why: 1 } }) }],
        { buffer: Buffer.from('ab'), view: new DataView(new ArrayBuffer(3)) },
        {
          toJSON: 1,
          date: new Date(5),
          map: new Map([[{ k: 1 }, { v: 2 }]]),
          set: new Set([{ k: 3 }]),
        },
      ]) {
        expect(store.read(store.put(value))).toStrictEqual(plain(value));
      }
    }
  });
});

describe('which shapes are shared', () => {
  test('not those of tables, and of names that no value may have', () => {
    const names = (n: number): string[] => Array.from({ length: n }, (_, i) => `n${i}`);
    expect(isShareable(names(MOST_NAMES))).toBe(true);
    expect(isShareable(names(MOST_NAMES + 1))).toBe(false);
    expect(isShareable(['x'.repeat(1000)])).toBe(true);
    expect(isShareable(['x'.repeat(1025)])).toBe(false);
    expect(isShareable(['__proto__'])).toBe(false);
    expect(isShareable(['\ud800'])).toBe(false);
    const store = newStore();
    store.put({ table: Object.fromEntries(names(100).map((name) => [name, { id: 1 }])) });
    expect(store.list.shapes.map(({ names: own }) => own)).toEqual([['table'], ['id']]);
  });

  test('no more names than together have room', () => {
    const store = newStore();
    const names = (i: number): object =>
      Object.fromEntries(Array.from({ length: MOST_NAMES }, (_, j) => [`n${i}_${j}`, j]));
    const count = MOST_NAMES_TOGETHER / MOST_NAMES;
    const list = Array.from({ length: count + 1 }, (_, i) => names(i));
    expect(store.read(store.put(list))).toStrictEqual(list);
    expect(store.list.nameCount).toBe(MOST_NAMES_TOGETHER);
    expect(store.read(store.put([flat(1), list[0]]))).toStrictEqual([flat(1), list[0]]);
    expect(store.list.length).toBe(count);
  });

  test('an encoder that may not add says what it would', () => {
    const { encoder, put, list } = newStore();
    expect(encoder.encode({ a: 1 }, out)).toEqual({ list, wanting: true });
    expect(encoder.encode([1, 'x', new Map()], out).wanting).toBe(false);
    put({ a: 1 });
    expect(encoder.encode([{ a: 2 }], out).wanting).toBe(false);
    expect(Buffer.from(taken()).includes('a')).toBe(false);
    const wide = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w${i}`, i]));
    expect(encoder.encode({ a: wide }, out).wanting).toBe(false);
    for (let i = 0; i < MOST_SHAPES; i++) encoder.encodeAdding(encoder.list!, flat(i), out);
    expect(encoder.encode(shape(1), out).wanting).toBe(false);
  });

  test('what was refused, or is not kept, takes no place', () => {
    const encoder = new ShapeEncoder();
    const bad = {
      a: 1,
      get b() {
        return once++ === 0 ? 1 : Symbol('x');
      },
    };
    let once = 0;
    expect(() => encoder.encodeAdding(NO_SHAPES, bad, out)).toThrow();
    expect(() => encoder.encodeAdding(NO_SHAPES, { c: Symbol('x') }, out)).toThrow(TypeError);
    const undone = encoder.encodeAdding(NO_SHAPES, { undone: 1 }, out);
    expect(undone.length).toBe(1);
    expect(read(undone, taken())).toEqual({ undone: 1 });
    const list = encoder.encodeAdding(NO_SHAPES, { kept: 1 }, out);
    expect(list.shapes.map(({ names }) => names)).toEqual([['kept']]);
    expect(read(list, taken())).toEqual({ kept: 1 });
  });

  test('a value that is put while another one is encoded holds its names', () => {
    const store = newStore();
    const inner: Uint8Array[] = [];
    const value = {
      before: { x: 1 },
      get nested() {
        inner.push(store.put({ inner: 1 }));
        expect(store.encoder.encode({ other: 1 }, out).wanting).toBe(true);
        inner.push(taken());
        return { y: 2 };
      },
      after: { x: 3 },
    };
    const bytes = store.put(value);
    expect(store.read(bytes)).toEqual({
      before: { x: 1 },
      nested: { y: 2 },
      after: { x: 3 },
    });
    expect(inner.map((one) => read(NO_SHAPES, one))).toEqual([
      { inner: 1 },
      { other: 1 },
      { inner: 1 },
      { other: 1 },
    ]);
  });
});

describe('lists', () => {
  test('start with another when they hold the same shapes', () => {
    const a = NO_SHAPES.with([['a'], ['b', 'c']]);
    const same = NO_SHAPES.with([['a']]).with([['b', 'c']]);
    expect(same.startsWith(a)).toBe(true);
    expect(same.with([['d']]).startsWith(a)).toBe(true);
    expect(a.startsWith(same.with([['d']]))).toBe(false);
    expect(a.startsWith(NO_SHAPES.with([['a'], ['c', 'b']]))).toBe(false);
    expect(NO_SHAPES.startsWith(a)).toBe(false);
  });

  test.each(['', '[', '{}', '"a"', '[1]', '[["a"]]', 'null', '["a",null]'])(
    '%s is the text of no shape',
    (text) => expect(shapeOfText(text, 0)).toBeUndefined(),
  );
});

describe('a shape that is missing', () => {
  test('makes every value that names it unreadable', () => {
    const store = newStore();
    for (let i = 0; i < 200; i++) {
      const value = [flat(i), { k: flat(i), l: [1, 2] }, flat(i)];
      for (const piece of [flat(i), value, new Map([[1, flat(i)]])]) {
        const bytes = store.put(piece);
        const { shapes } = store.list;
        const at = shapes.findIndex(({ names }) => names[0] === `only${i}`);
        const short = new ShapeList(shapes.slice(0, at));
        expect(() => read(short, bytes)).toThrow(ValueUnreadableError);
        const isAsked = at < 32 || at >= 64;
        if (isAsked) expect(() => read(short, bytes)).toThrow('names a shape that its store');
        // And what a value defined for itself is not taken for it.
        msgpackValue.encode(
          Array.from({ length: 64 }, (_, j) => flat(j)),
          out,
        );
        read(short, taken());
        expect(() => read(short, bytes)).toThrow(ValueUnreadableError);
      }
    }
  });

  test('bytes that no encoder wrote give a value or a ValueUnreadableError, and harm no other', () => {
    const store = newStore();
    for (let i = 0; i < 70; i++) store.put(shape(i));
    const good = store.put([shape(3), shape(69), { own: 1 }]);
    const mangled = fc
      .tuple(records, fc.uint8Array({ maxLength: 5 }), fc.nat(), fc.nat(3))
      .map(([value, piece, at, how]) => {
        const bytes = store.put(value);
        const i = at % bytes.length;
        if (how === 0) return bytes.slice(0, i);
        return Buffer.concat([
          bytes.subarray(0, i),
          piece,
          bytes.subarray(how === 1 ? i : i + piece.length),
        ]);
      });
    const definition = fc
      .tuple(fc.constantFrom(0xd4, 0xd5), fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 9 }))
      .map(([first, id, high, rest]) => Uint8Array.of(0x92, first, 0x72, id, high, ...rest));
    check(
      fc.oneof(mangled, definition, fc.uint8Array({ maxLength: 300 })),
      (bytes) => {
        try {
          store.read(new Uint8Array(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ValueUnreadableError);
        }
        expect(store.read(good)).toStrictEqual([shape(3), shape(69), { own: 1 }]);
      },
      4000,
    );
  });
});
