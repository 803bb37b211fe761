import { expect, test } from 'vitest';
import type { KeyFormat } from '../../src/codec/codec.ts';
import { KeyBuffer } from '../../src/codec/key-buffer.ts';
import { keyFormat } from '../../src/codec/registry.ts';
import { stringKey } from '../../src/codec/string.ts';
import { tupleKey } from '../../src/codec/tuple.ts';
import { KeyTooLargeError } from '../../src/errors.ts';

const text = (buffer: KeyBuffer, length: number): string =>
  Buffer.from(buffer.bytes.subarray(0, length)).toString();

test('grows for a key, keeps its buffer, and lets a huge one go', () => {
  const buffer = new KeyBuffer(100_000);
  expect(text(buffer, buffer.encode(stringKey, 'x'.repeat(9000)))).toBe('x'.repeat(9000));
  const kept = buffer.bytes;
  expect(text(buffer, buffer.encode(stringKey, 'b'))).toBe('b');
  expect(text(buffer, buffer.encodePrefix(stringKey, 'pre'))).toBe('pre');
  expect(buffer.bytes).toBe(kept);
  expect(() => buffer.encode(stringKey, 'x'.repeat(3_000_000))).toThrow(KeyTooLargeError);
  expect(buffer.bytes).toBe(kept);
});

test('names the size of a key that is too large', () => {
  const buffer = new KeyBuffer(10);
  expect(buffer.encode(stringKey, 'x'.repeat(10))).toBe(10);
  expect(() => buffer.encode(stringKey, 'é'.repeat(700))).toThrow(/takes 1400 bytes.*at most 10/);
});

test('ends for a codec that always wants more room, and for shared arrays of 2^60 elements', () => {
  const buffer = new KeyBuffer(1000);
  const greedy = keyFormat({ name: 'greedy', encode: () => -1, decode: () => 0 });
  expect(() => buffer.encode(greedy, 0)).toThrow(/'greedy'/);
  let key: readonly string[] = ['a'];
  for (let i = 0; i < 60; i++) key = [key, key] as unknown as readonly string[];
  expect(() => buffer.encode(tupleKey, key)).toThrow(TypeError);
});

test('is safe when a codec uses it again while it encodes', () => {
  const buffer = new KeyBuffer(1000);
  const inner: string[] = [];
  const nesting: KeyFormat<string> = keyFormat({
    name: 'nesting',
    encode(key: string, target: Uint8Array, offset: number): number {
      target.set(Buffer.from(key), offset);
      inner.push(text(buffer, buffer.encode(stringKey, 'a longer key than that')));
      return offset + key.length;
    },
    decode: (bytes) => Buffer.from(bytes).toString(),
  });
  for (let i = 1; i <= 2; i++) {
    expect(text(buffer, buffer.encode(nesting, 'outer'))).toBe('outer');
    expect(inner).toEqual(Array<string>(i).fill('a longer key than that'));
  }
});
