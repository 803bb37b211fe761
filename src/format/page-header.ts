/**
 * The header on every page, and on the head pages of an overflow run.
 *
 *     OFFSET SIZE  DESCRIPTION
 *     0      8     checksum: XXH3-64 of the rest, seeded with the page number and a secret
 *     8      8     birth: the transaction that wrote it (48 bits)
 *     16     4     page number: its own
 *     20     1     type
 *     21     1     level: 0 for a leaf
 *     22     2     count: slots in use
 *     24     2     prefix length: bytes that all keys of the page share
 *     26     2     heap size: bytes from the lowest entry to the end of the page, prefix included
 *     28     2     bytes in holes of the heap
 *     30     2     flags
 *
 * `o` is always the byte offset of the page in the segment that its reader left beside it; it is
 * never worked out from the page's number.
 */

import type { Segment } from './segment.ts';
import { high32, low32, u48 } from './segment.ts';

export const PAGE_TYPE = {
  branch: 1,
  leaf: 2,
  /** A bitmap page (level 0) or interior page (level 1 and up) of the allocation map. */
  map: 3,
  overflow: 4,
} as const;

export const PAGE_FLAG = {
  /** Entries of this leaf carry a 48-bit version. */
  versions: 1,
  /** Entries of this leaf carry a 48-bit time of expiry. */
  expires: 2,
  /** The leaf's values are catalogue records: each begins with the pointer to a root. */
  catalogue: 4,
  /**
   * A leaf: at least one entry has its value in an overflow run. A branch: so has a leaf below it.
   * It may stay set when the last such entry is gone. Without it leaves are freed unread.
   */
  overflow: 8,
} as const;

const BIRTH = 8;
const BIRTH_HIGH = 12;
const NUMBER = 16;
const TYPE = 20;
const LEVEL = 21;
const COUNT = 22;
const PREFIX = 24;
const HEAP = 26;
const HOLES = 28;
const FLAGS = 30;

export function birthLow(s: Segment, o: number): number {
  return s.i32[(o + BIRTH) >> 2]!;
}
export function birthHigh(s: Segment, o: number): number {
  return s.u16[(o + BIRTH_HIGH) >> 1]!;
}
export function pageBirth(s: Segment, o: number): number {
  return u48(birthLow(s, o), birthHigh(s, o));
}
export function setPageBirth(s: Segment, o: number, birth: number): void {
  s.i32[(o + BIRTH) >> 2] = low32(birth);
  s.i32[(o + BIRTH_HIGH) >> 2] = high32(birth);
}

/** As the page says; an i32, so that a dirty page's provisional number can stand there. */
export function ownNumber(s: Segment, o: number): number {
  return s.i32[(o + NUMBER) >> 2]!;
}
export function setOwnNumber(s: Segment, o: number, page: number): void {
  s.i32[(o + NUMBER) >> 2] = page;
}

export function pageType(s: Segment, o: number): number {
  return s.bytes[o + TYPE]!;
}
export function setPageType(s: Segment, o: number, type: number): void {
  s.bytes[o + TYPE] = type;
}

export function pageLevel(s: Segment, o: number): number {
  return s.bytes[o + LEVEL]!;
}
export function setPageLevel(s: Segment, o: number, level: number): void {
  s.bytes[o + LEVEL] = level;
}

export function slotCount(s: Segment, o: number): number {
  return s.u16[(o + COUNT) >> 1]!;
}
export function setSlotCount(s: Segment, o: number, count: number): void {
  s.u16[(o + COUNT) >> 1] = count;
}

export function prefixLength(s: Segment, o: number): number {
  return s.u16[(o + PREFIX) >> 1]!;
}
export function setPrefixLength(s: Segment, o: number, length: number): void {
  s.u16[(o + PREFIX) >> 1] = length;
}

export function heapSize(s: Segment, o: number): number {
  return s.u16[(o + HEAP) >> 1]!;
}
export function setHeapSize(s: Segment, o: number, size: number): void {
  s.u16[(o + HEAP) >> 1] = size;
}

export function holeBytes(s: Segment, o: number): number {
  return s.u16[(o + HOLES) >> 1]!;
}
export function setHoleBytes(s: Segment, o: number, size: number): void {
  s.u16[(o + HOLES) >> 1] = size;
}

export function pageFlags(s: Segment, o: number): number {
  return s.u16[(o + FLAGS) >> 1]!;
}
export function setPageFlags(s: Segment, o: number, flags: number): void {
  s.u16[(o + FLAGS) >> 1] = flags;
}

/** An empty page of that type: header set, every other byte zero. */
export function initialisePage(
  s: Segment,
  o: number,
  pageSize: number,
  page: number,
  birth: number,
  type: number,
  level: number,
  flags: number,
): void {
  s.bytes.fill(0, o, o + pageSize);
  setPageBirth(s, o, birth);
  setOwnNumber(s, o, page);
  setPageType(s, o, type);
  setPageLevel(s, o, level);
  setPageFlags(s, o, flags);
}
