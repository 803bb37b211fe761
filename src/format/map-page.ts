/**
 * The allocation map: a radix tree of bitmap pages, one bit a page of the file, 1 = in use.
 *
 *     level 0:  header | bits: u32[capacity / 4], bit b of word w is page 32 w + b of those covered
 *     level 1+: header | child u32[f] | birth low u32[f] | bits set u32[f] | birth high u16[f]
 *
 * f is the fanout. Child 0 means that no page of that subtree is in use. `count` is not used. The
 * level of the root says how deep the map is; it covers leafBits x fanout^level pages.
 */

import { PAGE_HEADER_BYTES } from './geometry.ts';
import type { Segment } from './segment.ts';
import { high32, low32, u48 } from './segment.ts';

const HEADER_WORDS = PAGE_HEADER_BYTES >> 2;
const HEADER_HALVES = PAGE_HEADER_BYTES >> 1;

/** Word `w` of the bitmap. */
export function mapWord(s: Segment, o: number, w: number): number {
  return s.i32[(o >> 2) + HEADER_WORDS + w]!;
}
/** All words of the bitmap, as many as `words` holds. */
export function copyMapWords(s: Segment, o: number, words: Int32Array): void {
  const from = (o >> 2) + HEADER_WORDS;
  words.set(s.i32.subarray(from, from + words.length));
}
export function setMapWord(s: Segment, o: number, w: number, bits: number): void {
  s.i32[(o >> 2) + HEADER_WORDS + w] = bits;
}

export function mapChild(s: Segment, o: number, i: number): number {
  return s.i32[(o >> 2) + HEADER_WORDS + i]!;
}
export function mapChildBirth(s: Segment, o: number, fanout: number, i: number): number {
  return u48(
    s.i32[(o >> 2) + HEADER_WORDS + fanout + i]!,
    s.u16[(o >> 1) + HEADER_HALVES + 6 * fanout + i]!,
  );
}
export function setMapChild(
  s: Segment,
  o: number,
  fanout: number,
  i: number,
  page: number,
  birth: number,
): void {
  s.i32[(o >> 2) + HEADER_WORDS + i] = page;
  s.i32[(o >> 2) + HEADER_WORDS + fanout + i] = low32(birth);
  s.u16[(o >> 1) + HEADER_HALVES + 6 * fanout + i] = high32(birth);
}

/** Pages in use below child `i`. */
export function mapBitsBelow(s: Segment, o: number, fanout: number, i: number): number {
  return s.i32[(o >> 2) + HEADER_WORDS + 2 * fanout + i]! >>> 0;
}
export function setMapBitsBelow(
  s: Segment,
  o: number,
  fanout: number,
  i: number,
  bits: number,
): void {
  s.i32[(o >> 2) + HEADER_WORDS + 2 * fanout + i] = bits | 0;
}

/** Bits set in a 32-bit word. */
export function popCount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
