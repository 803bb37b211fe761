/**
 * Changes inside one leaf that need no other page: an entry more, an entry less, another value.
 *
 * The bytes from the lowest entry to the page's end are either entries, holes or the prefix, and
 * `holeBytes` says how many are holes. An entry is never moved: what is taken out leaves a hole,
 * and a page whose holes are wanted is written anew (leaf-pack.ts).
 */

import {
  LEAF_ENTRY_BYTES,
  LEAF_SLOT_BYTES,
  PAGE_HEADER_BYTES,
  STAMP_BYTES,
} from '../format/geometry.ts';
import {
  fixedBytes,
  headOf,
  leafEntry,
  leafEntryBytes,
  VALUE_IN_OVERFLOW,
  writeOverflowReference,
  writeStamp,
} from '../format/leaf.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  pageFlags,
  prefixLength,
  setHeapSize,
  setHoleBytes,
  setSlotCount,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import { copyBytes } from './bytes.ts';
import { gapBytes, type NewEntry } from './edit.ts';

/** The size of the entry on a leaf with those flags and that prefix, padding included. */
export function entryBytes(flags: number, entry: NewEntry, prefix: number): number {
  return (fixedBytes(flags) + entry.storedBytes + entry.keyLength - prefix + 1) & ~1;
}

/** Writes the entry at `e`, for a leaf with those flags and that prefix. */
export function writeEntry(
  s: Segment,
  e: number,
  flags: number,
  entry: NewEntry,
  prefix: number,
): void {
  const suffix = entry.keyLength - prefix;
  const value = e + fixedBytes(flags);
  const key = value + entry.storedBytes;
  // The byte that pads an odd entry; the entry overwrites it when there is none.
  s.bytes[(key + suffix - 1) | 1] = 0;
  s.u16[e >> 1] = suffix;
  writeValue(s, e, flags, entry);
  copyBytes(s.bytes, key, entry.key, prefix, entry.keyLength);
}

/** Writes the value word, the stamps and the value, or its reference, of the entry at `e`. */
function writeValue(s: Segment, e: number, flags: number, entry: NewEntry): void {
  let at = e + LEAF_ENTRY_BYTES;
  if ((flags & PAGE_FLAG.versions) !== 0) {
    writeStamp(s, at, entry.version);
    at += STAMP_BYTES;
  }
  if ((flags & PAGE_FLAG.expires) !== 0) {
    writeStamp(s, at, entry.expiry);
    at += STAMP_BYTES;
  }
  const length = entry.end - entry.start;
  if (entry.runPage !== 0) {
    s.u16[(e >> 1) + 1] = VALUE_IN_OVERFLOW;
    writeOverflowReference(s, at, entry.runPage, entry.runBirth, length);
  } else {
    s.u16[(e >> 1) + 1] = length;
    copyBytes(s.bytes, at, entry.value, entry.start, entry.end);
  }
}

/**
 * The page's key shares its prefix. Puts the entry in `slot`; false, and nothing changed: no room.
 */
export function insertInLeaf(
  s: Segment,
  o: number,
  pageSize: number,
  slot: number,
  entry: NewEntry,
): boolean {
  const flags = pageFlags(s, o);
  const prefix = prefixLength(s, o);
  const size = entryBytes(flags, entry, prefix);
  if (size + LEAF_SLOT_BYTES > gapBytes(s, o, pageSize)) return false;
  const n = slotCount(s, o);
  openSlot(s, o, n, slot);
  setSlotCount(s, o, n + 1);
  const heap = heapSize(s, o) + size;
  setHeapSize(s, o, heap);
  const e = o + pageSize - heap;
  writeEntry(s, e, flags, entry, prefix);
  const heads = (o + PAGE_HEADER_BYTES) >> 2;
  s.i32[heads + slot] = headOf(entry.key, prefix, entry.keyLength);
  s.u16[(heads << 1) + 2 * (n + 1) + slot] = e - o;
  return true;
}

/**
 * Makes room for one more in the directory of `n` slots: heads move by 4 bytes, slots by 4 or 6.
 */
function openSlot(s: Segment, o: number, n: number, slot: number): void {
  const { i32, u16 } = s;
  const heads = (o + PAGE_HEADER_BYTES) >> 2;
  const slots = (heads << 1) + 2 * n;
  for (let i = n - 1; i >= slot; i--) u16[slots + i + 3] = u16[slots + i]!;
  for (let i = slot - 1; i >= 0; i--) u16[slots + i + 2] = u16[slots + i]!;
  for (let i = heads + n - 1; i >= heads + slot; i--) i32[i + 1] = i32[i]!;
}

/**
 * Gives the entry in `slot`, whose key is the new entry's, the new value. False, and nothing
 * changed: no room.
 */
export function replaceInLeaf(
  s: Segment,
  o: number,
  pageSize: number,
  slot: number,
  entry: NewEntry,
): boolean {
  const flags = pageFlags(s, o);
  const prefix = prefixLength(s, o);
  const n = slotCount(s, o);
  const e = leafEntry(s, o, n, slot);
  const old = leafEntryBytes(s, e, fixedBytes(flags));
  const size = entryBytes(flags, entry, prefix);
  if (size <= old) {
    if (entry.runPage === 0 && s.u16[(e >> 1) + 1] === entry.end - entry.start) {
      writeValue(s, e, flags, entry);
    } else {
      writeEntry(s, e, flags, entry, prefix);
      setHoleBytes(s, o, holeBytes(s, o) + old - size);
    }
    return true;
  }
  if (size > gapBytes(s, o, pageSize)) return false;
  const heap = heapSize(s, o) + size;
  setHeapSize(s, o, heap);
  setHoleBytes(s, o, holeBytes(s, o) + old);
  writeEntry(s, o + pageSize - heap, flags, entry, prefix);
  s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 2 * n + slot] = pageSize - heap;
  return true;
}

/** Takes entries [from, to) out of the leaf. It may be left without any. */
export function removeFromLeaf(
  s: Segment,
  o: number,
  pageSize: number,
  from: number,
  to: number,
): void {
  const { i32, u16 } = s;
  const n = slotCount(s, o);
  const fixed = fixedBytes(pageFlags(s, o));
  let holes = holeBytes(s, o);
  let heap = heapSize(s, o);
  for (let i = from; i < to; i++) {
    const e = leafEntry(s, o, n, i);
    const size = leafEntryBytes(s, e, fixed);
    // The lowest entry needs no hole: the heap just ends above it.
    if (e - o === pageSize - heap) heap -= size;
    else holes += size;
  }
  setHoleBytes(s, o, holes);
  setHeapSize(s, o, heap);
  const gone = to - from;
  const heads = (o + PAGE_HEADER_BYTES) >> 2;
  const slots = (heads << 1) + 2 * n;
  for (let i = heads + to; i < heads + n; i++) i32[i - gone] = i32[i]!;
  for (let i = 0; i < from; i++) u16[slots + i - 2 * gone] = u16[slots + i]!;
  for (let i = to; i < n; i++) u16[slots + i - 3 * gone] = u16[slots + i]!;
  setSlotCount(s, o, n - gone);
}
