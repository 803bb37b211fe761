import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodedValue } from '../../src/codec/codec.ts';
import { msgpackValue } from '../../src/codec/msgpack.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { values } from './arbitrary-values.ts';
import { check } from './support.ts';

const out = new EncodedValue();

function encode(value: unknown): Uint8Array {
  msgpackValue.encode(value, out);
  return out.bytes.slice(out.start, out.end);
}

function read(bytes: Uint8Array): unknown {
  const around = new Uint8Array(bytes.length + 300).fill(0xc1);
  around.set(bytes, 100);
  return msgpackValue.read(around, 100, 100 + bytes.length);
}

const roundTrip = (value: unknown): unknown => read(encode(value));

describe('what is stored reads back', () => {
  test('values of every kind, nested', () => {
    check(
      values,
      (value) => {
        expect(roundTrip(value)).toStrictEqual(value);
      },
      3000,
    );
  });

  test('many shapes in one value, and wide objects', () => {
    const shapes = Array.from({ length: 300 }, (_, i) => ({
      [`a${i}`]: i,
      [`b${i % 7}`]: { [`c${i}`]: 'x' },
    }));
    expect(roundTrip([...shapes, ...shapes])).toStrictEqual([...shapes, ...shapes]);
    const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key ${i}`, i]));
    expect(roundTrip(wide)).toStrictEqual(wide);
  });

  test('shared pieces and cycles', () => {
    const shared = { name: 'shared', self: undefined as unknown };
    shared.self = shared;
    const list: unknown[] = [shared, shared];
    list.push(list, new Map<unknown, unknown>([[shared, list]]), new Set([list]));
    const back = roundTrip({ list }) as { list: unknown[] };
    const [first, second, inner, map, set] = back.list as [
      typeof shared,
      unknown,
      unknown,
      Map<unknown, unknown>,
      Set<unknown>,
    ];
    expect(first.self).toBe(first);
    expect(second).toBe(first);
    expect(inner).toBe(back.list);
    expect(map.get(first)).toBe(back.list);
    expect(set.has(back.list)).toBe(true);
  });

  test('bigints around every length that has an encoding of its own', () => {
    for (const bits of [
      31n,
      32n,
      53n,
      63n,
      64n,
      65n,
      127n,
      128n,
      1000n,
      65_535n,
      65_536n,
      70_000n,
    ]) {
      for (const n of [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n]) {
        if (roundTrip(n) !== n || roundTrip(-n) !== -n) expect.unreachable(`2n ** ${bits}n`);
      }
    }
  });

  test('errors, buffers, views', () => {
    const error = roundTrip(new RangeError('far', { cause: new Error('why') })) as RangeError;
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe('far');
    expect(error.cause).toHaveProperty('message', 'why');
    const named = Object.assign(new Error('x'), { name: 'OddError' });
    expect(roundTrip(named)).toHaveProperty('name', 'OddError');
    expect(roundTrip(Uint8Array.of(1, 2).buffer)).toStrictEqual(Uint8Array.of(1, 2).buffer);
    const view = roundTrip(new DataView(Uint8Array.of(7, 8, 9).buffer, 1)) as DataView;
    expect([view.byteLength, view.getUint8(0)]).toEqual([2, 8]);
    expect(roundTrip(Buffer.from('ab'))).toEqual(Buffer.from('ab'));
    expect(roundTrip(new Uint8Array(300).subarray(1))).toStrictEqual(new Uint8Array(299));
  });

  test('instances as their properties or as toJSON says, holes as undefined, -0 as 0', () => {
    class Point {
      x = 1;
    }
    class Temperature {
      toJSON(): unknown {
        return { degrees: 20 };
      }
    }
    expect(roundTrip([new Point(), new Temperature()])).toStrictEqual([{ x: 1 }, { degrees: 20 }]);
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(roundTrip([...new Array(1), 1])).toStrictEqual([undefined, 1]);
    expect(roundTrip(-0)).toBe(0);
  });
});

describe('refused, with the path', () => {
  const half = String.fromCharCode(0xd800);
  class OddMap extends Map {}
  class OddArray extends Float64Array {}
  class OddBuffer extends Buffer {}
  const causing = new Error('a');
  causing.cause = { list: [new Map([[1, causing]])] };
  let deep: unknown = 1;
  for (let i = 0; i < 1001; i++) deep = { deep };
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'value is undefined'],
    ['a function', () => 1, 'value is a function'],
    ['a class', class {}, 'value is a function'],
    ['a symbol', { friends: [1, 2, { name: Symbol('x') }] }, 'value.friends[2].name is a symbol'],
    ['a method', { f() {} }, 'value.f is a function'],
    ['a lone surrogate', [{ a: 'x\udfff' }], 'value[0].a is a text with a lone surrogate'],
    [
      'a lone surrogate in a long text',
      'x'.repeat(99).concat('\ud800'),
      'value is a text with a lone surrogate',
    ],
    [
      'a lone surrogate in a name',
      { a: { 'n\ud800': 1 } },
      'value.a["n\\ud800"] is a text with a lone surrogate',
    ],
    [
      'a lone surrogate in a Map key',
      {
        m: new Map([
          [1, 2],
          ['\ud800', 1],
        ] as [unknown, unknown][]),
      },
      'value.m[key 1] is',
    ],
    ['a function in a Map', new Map([['a', [() => 1]]]), 'value[value 0][0] is a function'],
    ['a symbol in a Set', new Set([1, Symbol('x')]), 'value[value 1] is a symbol'],
    ['a lone surrogate in an Error', [new Error('\ud800')], 'value[0] is a text with a lone'],
    [
      'a function in a cause',
      new Error('x', { cause: { f: () => 1 } }),
      'value.cause.f is a function',
    ],
    ['a lone surrogate in a RegExp', new RegExp(half), 'value is a text with a lone'],
    [
      '__proto__',
      JSON.parse('{"a": {"__proto__": 1}}'),
      'value.a.__proto__ is a property that msgpackr renames',
    ],
    ['a subclass of Map', [new OddMap()], 'value[0] is an object of class OddMap'],
    ['a subclass of a typed array', new OddArray(2), 'class OddArray'],
    [
      'a subclass of Buffer',
      Object.setPrototypeOf(Buffer.alloc(1), OddBuffer.prototype),
      'class OddBuffer',
    ],
    ['an AggregateError', new AggregateError([1], 'x'), 'class AggregateError'],
    ['an Error that causes itself', [causing], 'value[0] is an Error that causes itself'],
    [
      'an Error called constructor',
      Object.assign(new Error('x'), { name: 'constructor' }),
      'usual text',
    ],
    ['shared memory', new SharedArrayBuffer(1), 'class SharedArrayBuffer'],
    ['a Promise', { user: Promise.resolve(1) }, 'value.user is an object of class Promise'],
    ['a WeakMap', new WeakMap(), 'class WeakMap'],
    ['a boxed text', Object('a'), 'class String'],
    [
      'toJSON that gives a function',
      {
        a: new (class {
          toJSON() {
            return { f: () => 1 };
          }
        })(),
      },
      'value.a.f is a function',
    ],
    ['too deep', deep, 'or one that contains itself'],
  ])('%s', (_name, value, message) => {
    out.set(new Uint8Array(3), 1, 2);
    expect(() => msgpackValue.encode(value, out)).toThrow(TypeError);
    expect([out.bytes.length, out.start, out.end]).toEqual([3, 1, 2]);
    expect(() => encode(value)).toThrow(message);
  });
});

test('the deepest value that is taken can be read', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 1000; i++) deep = i % 2 === 0 ? { deep } : [deep];
  expect(() => roundTrip(deep)).not.toThrow();
});

test('the check ends for cycles and for 2^40 paths', () => {
  let shared: unknown = { a: 1 };
  for (let i = 0; i < 40; i++) shared = [shared, shared];
  expect(roundTrip(shared)).toHaveLength(2);
  expect(() => encode([shared, Symbol('x')])).toThrow('value[1] is a symbol');
});

test('bytes that no encoder wrote give a value or a ValueUnreadableError', () => {
  const mangled = fc
    .tuple(values, fc.uint8Array({ maxLength: 5 }), fc.nat(), fc.nat(3))
    .map(([value, piece, at, how]) => {
      const bytes = encode(value);
      const i = at % bytes.length;
      if (how === 0) return bytes.slice(0, i);
      if (how === 1) return Buffer.concat([bytes.subarray(0, i), piece, bytes.subarray(i)]);
      return Buffer.concat([bytes.subarray(0, i), piece, bytes.subarray(i + piece.length)]);
    });
  check(
    fc.oneof(mangled, fc.uint8Array({ maxLength: 300 })),
    (bytes) => {
      try {
        read(new Uint8Array(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(ValueUnreadableError);
      }
    },
    6000,
  );
});

test.each<[string, number[]]>([
  ['nothing', []],
  ['an array of 2^32 elements', [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ['a map of 2^32 entries', [0xdf, 0xff, 0xff, 0xff, 0xff]],
  ['bytes that are not there', [0xc6, 0x7f, 0xff, 0xff, 0xff, 1]],
  ['text that is not there', [0xdb, 0x7f, 0xff, 0xff, 0xff, 1]],
  ['bytes after the value', [1, 2]],
  ['a pointer to nothing', [0xd6, 0x70, 0, 0, 0, 9]],
  ['a hundred thousand open arrays', Array<number>(100_000).fill(0x91)],
])('%s is unreadable', (_name, bytes) => {
  expect(() => read(Uint8Array.from(bytes))).toThrow(ValueUnreadableError);
});

test('values after an unreadable one are read', () => {
  const good = encode({ a: [1, { b: 'text' }] });
  expect(() => read(good.slice(0, -3))).toThrow(ValueUnreadableError);
  expect(read(good)).toStrictEqual({ a: [1, { b: 'text' }] });
});

test("msgpackr's own buffer is small again after a large value", () => {
  encode('x'.repeat(3_000_000));
  msgpackValue.encode('y', out);
  expect(out.bytes.buffer.byteLength).toBeLessThan(100_000);
});

test('texts that start with U+FEFF keep it', () => {
  const value = ['\uFEFF'.padEnd(100, 'x'), '\uFEFF'.padEnd(100, '\u00e9'), '\uFEFF'];
  expect(roundTrip(value)).toStrictEqual(value);
});
