import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodedValue } from '../../src/codec/codec.ts';
import { jsonValue } from '../../src/codec/json.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { check } from './support.ts';

const out = new EncodedValue();

function encode(value: unknown): Uint8Array {
  jsonValue.encode(value, out);
  return out.bytes.slice(out.start, out.end);
}

function roundTrip(value: unknown): unknown {
  const bytes = encode(value);
  return jsonValue.read(bytes, 0, bytes.length);
}

test('what JSON can say reads back', () => {
  check(fc.jsonValue({ stringUnit: 'binary', maxDepth: 5, noUnicodeString: false }), (value) => {
    expect(roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)));
  });
});

test('as JSON is known for: absent properties, dates, toJSON, class instances, -0', () => {
  class Point {
    x = 1;
    #hidden = 2;
    get hidden(): number {
      return this.#hidden;
    }
  }
  const looped = { toJSON: () => looped, kept: 1 };
  expect(roundTrip({ a: undefined, b: 1 })).toStrictEqual({ b: 1 });
  expect(roundTrip([new Date(0)])).toStrictEqual(['1970-01-01T00:00:00.000Z']);
  expect(roundTrip({ a: { toJSON: (key: string) => `at ${key}` } })).toStrictEqual({ a: 'at a' });
  expect(roundTrip(new Point())).toStrictEqual({ x: 1 });
  expect(roundTrip([-0])).toStrictEqual([0]);
  expect(roundTrip(Object.create(null, { a: { value: 1, enumerable: true } }))).toStrictEqual({
    a: 1,
  });
  expect(roundTrip(JSON.parse('{"__proto__": {"a": 1}}'))).toEqual(
    JSON.parse('{"__proto__": {"a": 1}}'),
  );
  expect(() => encode(looped)).toThrow('value.toJSON is a function');
});

describe('refused, with the path', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = [cyclic];
  let deep: unknown = 1;
  for (let i = 0; i < 1001; i++) deep = [deep];
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'value is undefined'],
    ['a function', () => 1, 'value is a function'],
    ['a symbol', { a: Symbol('x') }, 'value.a is a symbol'],
    ['a method', { list: [{ f() {} }] }, 'value.list[0].f is a function'],
    ['a bigint', { 'odd key': 1n }, 'value["odd key"] is 1n'],
    ['NaN', [NaN], 'value[0] is NaN'],
    ['Infinity', { a: -Infinity }, 'value.a is -Infinity'],
    ['undefined in an array', { a: [1, undefined] }, 'value.a[1] is undefined'],
    [
      'a lone surrogate',
      { friends: [0, 1, { name: 'x\ud800' }] },
      'value.friends[2].name is a text with a lone',
    ],
    [
      'a lone surrogate in a name',
      { a: { '\udc00': 1 } },
      'value.a["\\udc00"] is a text with a lone',
    ],
    ['an invalid Date', [new Date(NaN)], 'value[0] is an invalid Date'],
    ['a Map', { a: new Map() }, 'value.a is an object of class Map'],
    ['a Set', new Set(), 'value is an object of class Set'],
    ['bytes', new Uint8Array(1), 'value is an object of class Uint8Array'],
    ['a Buffer', Buffer.alloc(1), 'value is an object of class Buffer'],
    ['an Error', [new RangeError('x')], 'value[0] is an object of class RangeError'],
    ['a RegExp', /x/, 'class RegExp'],
    ['a Promise', Promise.resolve(1), 'class Promise'],
    ['a boxed number', [Object(NaN)], 'value[0] is an object of class Number'],
    ['toJSON that gives NaN', { a: { toJSON: () => ({ b: NaN }) } }, 'value.a.b is NaN'],
    ['toJSON that gives nothing', { a: { toJSON: () => undefined } }, 'value.a is undefined'],
    ['a cycle', cyclic, 'circular structure'],
    ['too deep', deep, 'or one that contains itself'],
  ])('%s', (_name, value, message) => {
    expect(() => encode(value)).toThrow(TypeError);
    expect(() => encode(value)).toThrow(message);
  });
});

test('a few shared pieces are checked once, not 2^40 times', () => {
  // JSON.stringify would write 2^40 pieces, so the check must end at the bad one, which comes last.
  let shared: unknown = { a: 1 };
  for (let i = 0; i < 40; i++) shared = [shared, shared];
  expect(() => encode([shared, Number.NaN])).toThrow('value[1] is NaN');
});

describe('bytes that are no JSON are unreadable', () => {
  test.each(['', '{', 'nul', '"a', '[1,]', '\0', '{"a":1}}', '['.repeat(200_000)])('%#', (text) => {
    const bytes = new Uint8Array(Buffer.from(text));
    expect(() => jsonValue.read(bytes, 0, bytes.length)).toThrow(ValueUnreadableError);
  });

  test('and neither is what is no UTF-8', () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    expect(() => jsonValue.read(bytes, 0, 3)).toThrow(ValueUnreadableError);
  });

  test('the cause is kept', () => {
    const bytes = Uint8Array.of(0x7b);
    try {
      jsonValue.read(bytes, 0, 1);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ValueUnreadableError);
      expect(error).toHaveProperty('code', 'VALUE_UNREADABLE');
      expect(error).toHaveProperty('cause', expect.any(SyntaxError));
    }
  });
});
