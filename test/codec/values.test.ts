import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodedValue, type ValueFormat } from '../../src/codec/codec.ts';
import { bytesValue, noneValue, stringValue } from '../../src/codec/values.ts';
import { ValueUnreadableError } from '../../src/errors.ts';
import { byteArrays, check, texts } from './support.ts';

function encode<V>(format: ValueFormat<V>, value: V): Uint8Array {
  const out = new EncodedValue();
  format.encode(value, out);
  return out.bytes.slice(out.start, out.end);
}

test("'string' values read back, short and long", () => {
  const long = texts.map((text) => text.repeat(200));
  check(fc.oneof(texts, long), (text) => {
    const bytes = encode(stringValue, text);
    expect(Buffer.compare(bytes, Buffer.from(text, 'utf8'))).toBe(0);
    expect(stringValue.read(bytes, 0, bytes.length)).toBe(text);
  });
});

test("'bytes' values are not copied on the way in, and are on the way out", () => {
  check(byteArrays, (value) => {
    const out = new EncodedValue();
    bytesValue.encode(value, out);
    expect(out.bytes).toBe(value);
    expect([out.start, out.end]).toEqual([0, value.length]);
    const read = bytesValue.read(value, 0, value.length);
    expect(read).toStrictEqual(value);
    expect(read).not.toBe(value);
  });
});

test("'none' stores nothing and gives true", () => {
  expect(encode(noneValue, true)).toHaveLength(0);
  expect(
    encode<true | undefined>(noneValue as ValueFormat<true | undefined>, undefined),
  ).toHaveLength(0);
  expect(noneValue.read(new Uint8Array(9), 4, 4)).toBe(true);
  expect(() => noneValue.read(new Uint8Array(9), 4, 5)).toThrow(ValueUnreadableError);
});

describe('refused with a TypeError', () => {
  const out = new EncodedValue();
  test.each<[string, ValueFormat<unknown>, unknown]>([
    ['string: a number', stringValue, 1],
    ['string: undefined', stringValue, undefined],
    ['string: a lone surrogate', stringValue, 'a\ud800'],
    ['string: a lone surrogate in a long text', stringValue, `${'a'.repeat(5000)}\ud800`],
    ['bytes: a text', bytesValue, 'a'],
    ['bytes: another typed array', bytesValue, new Float64Array(2)],
    ['bytes: an ArrayBuffer', bytesValue, new ArrayBuffer(2)],
    ['bytes: undefined', bytesValue, undefined],
    ['none: false', noneValue, false],
    ['none: a value', noneValue, 'x'],
    ['none: null', noneValue, null],
  ])('%s', (_name, format, value) => {
    out.set(new Uint8Array(3), 1, 2);
    expect(() => format.encode(value, out)).toThrow(TypeError);
    expect([out.bytes.length, out.start, out.end]).toEqual([3, 1, 2]);
  });
});

test("'string' values that are no UTF-8 are unreadable", () => {
  for (const bytes of [
    [0xff],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [...Buffer.from('a text that is long'), 0xe2],
  ]) {
    expect(() => stringValue.read(Uint8Array.from(bytes), 0, bytes.length)).toThrow(
      ValueUnreadableError,
    );
  }
});
