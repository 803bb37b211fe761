/**
 * Branch pages: separators and children.
 *
 *     header | heads i32[n] | child u32[n] | birth low u32[n] | below low u32[n]
 *            | birth high u16[n] | below high u16[n] | slots u16[n] | free | heap | prefix
 *
 * A branch of n children (n >= 2) has n - 1 separators: child i holds the keys k with
 * separator i <= k < separator i+1. Slot 0 has no separator: its head is 0, its slot is 0, and no
 * search reads them; the prefix is shared by separators 1 .. n-1. `below` counts the entries in the
 * child's subtree (48 bits). An entry is its suffix length (u16) and the separator's bytes after
 * the prefix, at an even offset; the byte that pads an odd entry is part of it.
 */

import { BRANCH_ENTRY_BYTES, BRANCH_SLOT_BYTES, PAGE_HEADER_BYTES } from './geometry.ts';
import type { Segment } from './segment.ts';
import { high32, low32, u48 } from './segment.ts';

export function branchHead(s: Segment, o: number, i: number): number {
  return s.i32[((o + PAGE_HEADER_BYTES) >> 2) + i]!;
}
export function setBranchHead(s: Segment, o: number, i: number, head: number): void {
  s.i32[((o + PAGE_HEADER_BYTES) >> 2) + i] = head;
}

/** The page number of child `i` of `n`, as an i32: negative when the child is dirty. */
export function childPage(s: Segment, o: number, n: number, i: number): number {
  return s.i32[((o + PAGE_HEADER_BYTES) >> 2) + n + i]!;
}
export function childBirthLow(s: Segment, o: number, n: number, i: number): number {
  return s.i32[((o + PAGE_HEADER_BYTES) >> 2) + 2 * n + i]!;
}
export function childBirthHigh(s: Segment, o: number, n: number, i: number): number {
  return s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 8 * n + i]!;
}
export function childBirth(s: Segment, o: number, n: number, i: number): number {
  return u48(childBirthLow(s, o, n, i), childBirthHigh(s, o, n, i));
}
export function setChild(
  s: Segment,
  o: number,
  n: number,
  i: number,
  page: number,
  birth: number,
): void {
  const w = ((o + PAGE_HEADER_BYTES) >> 2) + i;
  s.i32[w + n] = page;
  s.i32[w + 2 * n] = low32(birth);
  s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 8 * n + i] = high32(birth);
}

/** Changes the page number of a child alone. */
export function setChildPage(s: Segment, o: number, n: number, i: number, page: number): void {
  s.i32[((o + PAGE_HEADER_BYTES) >> 2) + n + i] = page;
}

/** Entries in the subtree of child `i` of `n`. */
export function entriesBelow(s: Segment, o: number, n: number, i: number): number {
  return u48(
    s.i32[((o + PAGE_HEADER_BYTES) >> 2) + 3 * n + i]!,
    s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 9 * n + i]!,
  );
}
export function setEntriesBelow(
  s: Segment,
  o: number,
  n: number,
  i: number,
  entries: number,
): void {
  s.i32[((o + PAGE_HEADER_BYTES) >> 2) + 3 * n + i] = low32(entries);
  s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 9 * n + i] = high32(entries);
}

/** Where the slots begin in a branch of `n` children. */
export function branchSlotsAt(o: number, n: number): number {
  return o + PAGE_HEADER_BYTES + 20 * n;
}
/** Where the entry of separator `i` (1 .. n-1) begins, as a byte offset in the segment. */
export function branchEntry(s: Segment, o: number, n: number, i: number): number {
  return o + s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 10 * n + i]!;
}
/** Where the directory of a branch with `n` children ends. */
export function branchDirectoryEnd(o: number, n: number): number {
  return o + PAGE_HEADER_BYTES + BRANCH_SLOT_BYTES * n;
}
/** The size of a branch entry with a suffix of `suffix` bytes, padding included. */
export function branchEntryBytes(suffix: number): number {
  return (BRANCH_ENTRY_BYTES + suffix + 1) & ~1;
}
