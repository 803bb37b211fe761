import { describe, expect, test } from 'vitest';
import { EncodedValue, type KeyCodec, type ValueCodec } from '../../src/codec/codec.ts';
import { keyFormat, valueFormat } from '../../src/codec/registry.ts';
import { DatabaseClosedError, ValueUnreadableError } from '../../src/errors.ts';

const point: KeyCodec<{ x: number }> = {
  name: 'point',
  encode(key, target, offset) {
    if (offset + 2 > target.length) return -1;
    target[offset] = key.x;
    target[offset + 1] = 9;
    return offset + 2;
  },
  decode: (bytes) => ({ x: bytes[0] ?? -1 }),
};
const csv: ValueCodec<string[]> = {
  name: 'csv',
  encode: (value) => Buffer.from(value.join()),
  decode: (bytes) => Buffer.from(bytes).toString().split(','),
};

test('every name gives the format of that name', () => {
  for (const name of ['tuple', 'string', 'bytes', 'u32', 'u64', 'f64'] as const) {
    expect(keyFormat(name).name).toBe(name);
  }
  for (const name of ['msgpack', 'json', 'string', 'bytes', 'none'] as const) {
    expect(valueFormat(name).name).toBe(name);
  }
});

test('types follow from the names', () => {
  const key: number = keyFormat('u32').read(new Uint8Array(4), 0, 4);
  const wide: bigint = keyFormat('u64').read(new Uint8Array(8), 0, 8);
  const nothing: true = valueFormat('none').read(new Uint8Array(4), 0, 0);
  expect([key, wide, nothing]).toEqual([0, 0n, true]);
  // @ts-expect-error a text is no u32
  expect(() => keyFormat('u32').write('1', new Uint8Array(4), 0)).toThrow(TypeError);
});

test("a user's codecs encode and decode", () => {
  const target = new Uint8Array(5);
  const key = keyFormat(point);
  expect(key.name).toBe('point');
  expect(key.write({ x: 7 }, target, 3)).toBe(5);
  expect(key.write({ x: 7 }, target, 4)).toBe(-1);
  expect(key.read(target, 3, 5)).toEqual({ x: 7 });
  expect(() => key.writePrefix({ x: 7 }, target, 0)).toThrow(/'point' has none/);
  const value = valueFormat(csv);
  const out = new EncodedValue();
  value.encode(['a', 'b'], out);
  expect(value.read(new Uint8Array(out.bytes), out.start, out.end)).toEqual(['a', 'b']);
});

describe('encode that answers wrongly is a TypeError that names the codec', () => {
  test.each([4, 2, 11, 1.5, -2, NaN, Infinity, undefined, null, '7', 7n])('key: %s', (end) => {
    const codec = { ...point, encode: () => end };
    const isEnd = end === 4;
    const write = (): number =>
      keyFormat(codec as KeyCodec<unknown>).write(1, new Uint8Array(10), 4);
    if (isEnd) expect(write()).toBe(4);
    else expect(write).toThrow(/'point' returned/);
  });

  test.each([
    'text',
    null,
    undefined,
    [1],
    new Uint16Array(1),
    new ArrayBuffer(1),
    Promise.resolve(),
  ])('value: %s', (bytes) => {
    const codec = { ...csv, encode: () => bytes };
    expect(() =>
      valueFormat(codec as unknown as ValueCodec<unknown>).encode(1, new EncodedValue()),
    ).toThrow(/'csv' must return a Uint8Array/);
  });
});

test('what decode throws is the cause of a ValueUnreadableError; errors of the database pass', () => {
  const cause = new Error('odd bytes');
  const failing = (error: Error): ValueCodec<unknown> => ({
    ...csv,
    encode: () => new Uint8Array(0),
    decode: () => {
      throw error;
    },
  });
  const read = (error: Error) => (): unknown =>
    valueFormat(failing(error)).read(new Uint8Array(1), 0, 1);
  expect(read(cause)).toThrow(ValueUnreadableError);
  expect(read(cause)).toThrow(expect.objectContaining({ code: 'VALUE_UNREADABLE', cause }));
  expect(read(new DatabaseClosedError('closed'))).toThrow(DatabaseClosedError);
});

describe('refused', () => {
  test.each<[string, unknown, RegExp]>([
    ['an unknown name', 'utf8', /no (key|value) codec "utf8".*Built in are .*string/],
    ['a name that objects have', 'toString', /no (key|value) codec "toString"/],
    ['nothing', undefined, /must be a name or an object.*undefined/],
    ['a number', 5, /must be a name or an object/],
    ['no name', { ...point, name: '' }, /name of a (key|value) codec must be a text/],
    ['a name that is no text', { ...point, name: 5 }, /name of a (key|value) codec must be a text/],
    ['the name of a built-in one', { ...point, name: 'u32' }, /'u32' has the name of a built-in/],
    [
      'the name of a built-in one for values',
      { ...point, name: 'json' },
      /'json' has the name of a built-in/,
    ],
    ['no decode', { name: 'x', encode() {} }, /'x' must have the methods/],
  ])('%s', (_name, codec, message) => {
    for (const format of [keyFormat, valueFormat] as ((codec: unknown) => unknown)[]) {
      expect(() => format(codec)).toThrow(TypeError);
      expect(() => format(codec)).toThrow(message);
    }
  });
});
