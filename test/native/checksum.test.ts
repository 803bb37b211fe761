import { describe, expect, test } from 'vitest';
import { native } from '../../src/pager/native.ts';
import { thrown } from './support.ts';

function hashOf(bytes: Uint8Array, start: number, end: number, low = 0, high = 0): string {
  const target = new Uint8Array(12);
  native().hash(bytes, start, end, low, high, target, 2);
  expect([target[0], target[1], target[10], target[11]]).toEqual([0, 0, 0, 0]);
  return Buffer.from(target.subarray(2, 10)).readBigUInt64LE().toString(16).padStart(16, '0');
}

describe('hash', () => {
  test('is XXH3-64, by its published values', () => {
    const text = new TextEncoder().encode('xabcy');
    expect(hashOf(text, 0, 0)).toBe('2d06800538d394c2');
    expect(hashOf(text, 1, 2)).toBe('e6c632b61e964e1f');
    expect(hashOf(text, 1, 4)).toBe('78af5f94892f3950');
  });

  test('uses both halves of the seed', () => {
    const bytes = new Uint8Array(5000).fill(1);
    const found = [hashOf(bytes, 0, 5000), hashOf(bytes, 0, 5000, 1), hashOf(bytes, 0, 5000, 0, 1)];
    expect(new Set(found).size).toBe(3);
  });

  test('refuses spans outside its arrays', () => {
    const bytes = new Uint8Array(16);
    const calls: [number, number, number, number, number][] = [
      [0, 17, 0, 0, 0],
      [9, 8, 0, 0, 0],
      [-1, 8, 0, 0, 0],
      [0, 8, -1, 0, 0],
      [0, 8, 0, 2 ** 32, 0],
      [0, 8, 0, 0, 9],
      [0, 8, 0, 0, -1],
    ];
    for (const [start, end, low, high, at] of calls) {
      expect(
        thrown(() => native().hash(bytes, start, end, low, high, new Uint8Array(16), at)),
      ).toBeInstanceOf(RangeError);
    }
    expect(thrown(() => native().hash(bytes, 0, 8, 0, 0, new Uint8Array(7), 0))).toBeInstanceOf(
      RangeError,
    );
  });
});

describe('pageIsIntact', () => {
  test('finds every flipped bit of a page', () => {
    const page = Uint8Array.from({ length: 64 }, (_, i) => i);
    native().hash(page, 8, 64, 12, 7, page, 0);
    expect(native().pageIsIntact(page, 0, 64, 2, 10, 7)).toBe(true);
    for (let bit = 0; bit < 512; bit++) {
      const at = bit >> 3;
      page[at] = (page[at] as number) ^ (1 << (bit & 7));
      expect(native().pageIsIntact(page, 0, 64, 2, 10, 7)).toBe(false);
      page[at] = (page[at] as number) ^ (1 << (bit & 7));
    }
  });

  test('refuses a page outside the array', () => {
    const bytes = new Uint8Array(128);
    for (const [start, length] of [
      [65, 64],
      [0, 129],
      [-1, 64],
      [0, 7],
    ] as const) {
      expect(thrown(() => native().pageIsIntact(bytes, start, length, 0, 0, 0))).toBeInstanceOf(
        RangeError,
      );
    }
  });
});
