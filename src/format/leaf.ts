/**
 * Leaf pages: heads, slots, and entries of key and value.
 *
 *     header | heads: i32[count] | slots: u16[count] | free | heap: entries, growing down | prefix
 *
 * The prefix is the bytes that all keys of the page share; it lies at the very end of the page, and
 * the entries end below it at an even offset (an odd prefix has one unused byte before it). A head
 * is the next four bytes of the key after the prefix, big-endian, zero-padded, sign bit flipped so
 * that a signed comparison orders them. A slot is the entry's byte offset in the page. An entry:
 *
 *     OFFSET SIZE      DESCRIPTION
 *     0      2         suffix length: bytes of the key after the prefix
 *     2      2         value word: bit 15 set: the value lies in an overflow run;
 *                      else bits 0..14 are its length
 *     4      6 or 0    version, when the page's flags say so
 *     .      6 or 0    time of expiry, when the page's flags say so
 *     .      length    the value, or a reference: page 2 x u16, birth 3 x u16, length 2 x u16
 *     .      suffix    the key's bytes after the prefix
 *
 * Entries begin at even offsets; the byte that pads an odd entry is part of it.
 * `o` is the page's byte offset in its segment, `e` an entry's.
 */

import {
  LEAF_ENTRY_BYTES,
  LEAF_SLOT_BYTES,
  OVERFLOW_REFERENCE_BYTES,
  PAGE_HEADER_BYTES,
  STAMP_BYTES,
} from './geometry.ts';
import { PAGE_FLAG } from './page-header.ts';
import type { Segment } from './segment.ts';

/** Bit 15 of the value word. */
export const VALUE_IN_OVERFLOW = 0x8000;
export const VALUE_LENGTH_MASK = 0x7fff;

/** The head in slot `i`. */
export function leafHead(s: Segment, o: number, i: number): number {
  return s.i32[((o + PAGE_HEADER_BYTES) >> 2) + i]!;
}
export function setLeafHead(s: Segment, o: number, i: number, head: number): void {
  s.i32[((o + PAGE_HEADER_BYTES) >> 2) + i] = head;
}

/** Where the slots begin in a leaf of `count` entries. */
export function leafSlotsAt(o: number, count: number): number {
  return o + PAGE_HEADER_BYTES + 4 * count;
}

/** Where entry `i` of `count` begins, as a byte offset in the segment. */
export function leafEntry(s: Segment, o: number, count: number, i: number): number {
  return o + s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 2 * count + i]!;
}

/** Where the directory of a leaf with `count` entries ends. */
export function leafDirectoryEnd(o: number, count: number): number {
  return o + PAGE_HEADER_BYTES + LEAF_SLOT_BYTES * count;
}

export function suffixLength(s: Segment, e: number): number {
  return s.u16[e >> 1]!;
}
export function valueWord(s: Segment, e: number): number {
  return s.u16[(e >> 1) + 1]!;
}

/**
 * Bytes of the fixed fields of an entry on a page with those flags: the value begins after them.
 */
export function fixedBytes(flags: number): number {
  return (
    LEAF_ENTRY_BYTES +
    ((flags & PAGE_FLAG.versions) !== 0 ? STAMP_BYTES : 0) +
    ((flags & PAGE_FLAG.expires) !== 0 ? STAMP_BYTES : 0)
  );
}

/** Bytes that the value, or the reference to it, takes inside the entry. */
export function storedValueBytes(word: number): number {
  return (word & VALUE_IN_OVERFLOW) !== 0 ? OVERFLOW_REFERENCE_BYTES : word & VALUE_LENGTH_MASK;
}

/** The size of the entry at `e`, padding included. `fixed` is fixedBytes of the page's flags. */
export function leafEntryBytes(s: Segment, e: number, fixed: number): number {
  return (fixed + storedValueBytes(valueWord(s, e)) + suffixLength(s, e) + 1) & ~1;
}

/** A 48-bit number kept as three u16 at an even offset. */
export function readStamp(s: Segment, at: number): number {
  const h = at >> 1;
  return s.u16[h]! + s.u16[h + 1]! * 0x1_0000 + s.u16[h + 2]! * 0x1_0000_0000;
}
export function writeStamp(s: Segment, at: number, n: number): void {
  const h = at >> 1;
  s.u16[h] = n & 0xffff;
  s.u16[h + 1] = (n / 0x1_0000) & 0xffff;
  s.u16[h + 2] = Math.floor(n / 0x1_0000_0000);
}

/** A 32-bit number kept as two u16 at an even offset, as an i32. */
export function readHalves(s: Segment, at: number): number {
  const h = at >> 1;
  return s.u16[h]! | (s.u16[h + 1]! << 16);
}
export function writeHalves(s: Segment, at: number, n: number): void {
  const h = at >> 1;
  s.u16[h] = n & 0xffff;
  s.u16[h + 1] = n >>> 16;
}

/*
 * A packed pointer: page 2 x u16, birth 3 x u16. Overflow references begin with one, and so do
 * catalogue records. A dirty target has its provisional, negative number there until the commit.
 */
export const PACKED_POINTER_BYTES = 10;

export function packedPage(s: Segment, at: number): number {
  return readHalves(s, at);
}
export function packedBirth(s: Segment, at: number): number {
  return readStamp(s, at + 4);
}
export function writePackedPointer(s: Segment, at: number, page: number, birth: number): void {
  writeHalves(s, at, page);
  writeStamp(s, at + 4, birth);
}

/** The length in bytes of the value behind the overflow reference at `at`. */
export function overflowLength(s: Segment, at: number): number {
  return readHalves(s, at + PACKED_POINTER_BYTES) >>> 0;
}
export function writeOverflowReference(
  s: Segment,
  at: number,
  page: number,
  birth: number,
  length: number,
): void {
  writePackedPointer(s, at, page, birth);
  writeHalves(s, at + PACKED_POINTER_BYTES, length);
}

/**
 * The head of a key: its bytes [from, from + 4), big-endian, zero-padded past `length`, sign bit
 * flipped.
 */
export function headOf(key: Uint8Array, from: number, length: number): number {
  let head = 0;
  if (from + 4 <= length) {
    head = (key[from]! << 24) | (key[from + 1]! << 16) | (key[from + 2]! << 8) | key[from + 3]!;
  } else {
    if (from < length) head |= key[from]! << 24;
    if (from + 1 < length) head |= key[from + 1]! << 16;
    if (from + 2 < length) head |= key[from + 2]! << 8;
  }
  return head ^ 0x8000_0000;
}
