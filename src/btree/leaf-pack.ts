/**
 * Leaves, taken apart and written again.
 */

import { CorruptionError } from '../errors.ts';
import { LEAF_SLOT_BYTES, PAGE_HEADER_BYTES } from '../format/geometry.ts';
import {
  fixedBytes,
  headOf,
  leafEntry,
  storedValueBytes,
  suffixLength,
  VALUE_IN_OVERFLOW,
  valueWord,
} from '../format/leaf.ts';
import {
  initialisePage,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  setHeapSize,
  setPageFlags,
  setPrefixLength,
  setSlotCount,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import { copyPairs } from './bytes.ts';
import type { Edit } from './edit.ts';
import { entryBytes, writeEntry } from './leaf-edit.ts';
import { NEW, type Scratch } from './scratch.ts';

/**
 * Copies the leaf at `o` of `s`, number `page`, to a region. Returns its byte offset there.
 * Throws CorruptionError when its entries have other fields than the tree's.
 */
export function loadLeaf(edit: Edit, region: number, s: Segment, o: number, page: number): number {
  const flags = pageFlags(s, o);
  if ((flags & ~PAGE_FLAG.overflow) !== edit.leafFlags) {
    throw new CorruptionError(page, `page ${page}: flags ${flags}, the tree has ${edit.leafFlags}`);
  }
  return edit.scratch.load(region, s, o);
}

/** Appends entries [from, to) of the leaf in a region to the list. */
export function pushEntries(edit: Edit, region: number, from: number, to: number): void {
  const x = edit.scratch;
  const s = x.segment;
  const base = region * x.geometry.pageSize;
  const n = slotCount(s, base);
  const fixed = fixedBytes(edit.leafFlags);
  const prefix = x.prefixLength[region]!;
  let count = x.count;
  for (let i = from; i < to; i++) {
    const e = leafEntry(s, base, n, i);
    const suffix = suffixLength(s, e);
    const body = fixed + storedValueBytes(valueWord(s, e));
    x.at[count] = e;
    x.suffixAt[count] = e + body;
    x.keyLength[count] = prefix + suffix;
    x.size[count] = LEAF_SLOT_BYTES + ((body + suffix + prefix + 1) & ~1);
    count++;
  }
  x.count = count;
}

/** Appends the entry that is being put to the list. */
export function pushNewEntry(edit: Edit): void {
  const x = edit.scratch;
  const entry = edit.entry;
  const at = NEW * x.geometry.pageSize;
  x.prefixLength[NEW] = 0;
  x.prefixAt[NEW] = at;
  writeEntry(x.segment, at, edit.leafFlags, entry, 0);
  const i = x.count++;
  x.at[i] = at;
  x.suffixAt[i] = at + fixedBytes(edit.leafFlags) + entry.storedBytes;
  x.keyLength[i] = entry.keyLength;
  x.size[i] = LEAF_SLOT_BYTES + entryBytes(edit.leafFlags, entry, 0);
}

/** What entries [from, to) of the list take of a page, its header apart. */
export function leafBytes(x: Scratch, from: number, to: number): number {
  const prefix = x.prefixOf(from, to);
  let bytes = prefix - prefix * (to - from);
  for (let i = from; i < to; i++) bytes += x.size[i]!;
  return bytes;
}

/**
 * Where to cut the list so that both parts fit a page and are as equal as can be: the first item of
 * the right part. 0 when there is no such place.
 */
export function chooseLeafCut(x: Scratch): number {
  const { size, count } = x;
  const capacity = x.geometry.capacity;
  let total = 0;
  for (let i = 0; i < count; i++) total += size[i]!;
  let middle = 0;
  for (let left = 0; middle < count && 2 * left + size[middle]! <= total; middle++) {
    left += size[middle]!;
  }
  // Nearly always the middle fits: then both parts share at least what the whole list shares.
  for (let step = 0; step < count; step++) {
    for (let side = 0; side < (step === 0 ? 1 : 2); side++) {
      const cut = side === 0 ? middle + step : middle - step;
      if (cut < 1 || cut >= count) continue;
      if (leafBytes(x, 0, cut) <= capacity && leafBytes(x, cut, count) <= capacity) return cut;
    }
  }
  return 0;
}

/** Makes `page`, a dirty leaf, hold exactly entries [from, to) of the list. They fit. */
export function writeLeaf(edit: Edit, page: number, from: number, to: number): void {
  const x = edit.scratch;
  const { pageSize, capacity } = x.geometry;
  const transaction = edit.pages.transaction;
  const o = edit.pages.find(page, transaction, PAGE_TYPE.leaf);
  const s = edit.pages.segment;
  initialisePage(s, o, pageSize, page, transaction, PAGE_TYPE.leaf, 0, edit.leafFlags);
  const count = to - from;
  const prefix = x.prefixOf(from, to);
  // Only on damaged pages can entries that fit before take more room than a page has.
  if (leafBytes(x, from, to) > capacity) throw disordered(page);
  setSlotCount(s, o, count);
  setPrefixLength(s, o, prefix);
  let e = o + pageSize - prefix;
  x.copyKeyPart(from, 0, prefix, s.bytes, e);
  const heads = (o + PAGE_HEADER_BYTES) >> 2;
  const slots = (heads << 1) + 2 * count;
  let overflow = 0;
  for (let i = 0; i < count; i++) {
    const item = from + i;
    const suffix = x.keyLength[item]! - prefix;
    if (suffix < 0) throw disordered(page);
    e -= x.size[item]! - LEAF_SLOT_BYTES - prefix;
    const key = writeItem(x, s, item, e, prefix);
    overflow |= s.u16[(e >> 1) + 1]! & VALUE_IN_OVERFLOW;
    s.i32[heads + i] = headOf(s.bytes, key, key + suffix);
    s.u16[slots + i] = e - o;
  }
  setHeapSize(s, o, o + pageSize - e);
  if (overflow !== 0) setPageFlags(s, o, edit.leafFlags | PAGE_FLAG.overflow);
}

/** Keys between two that share a prefix do so too, unless they are out of order. */
function disordered(page: number): CorruptionError {
  return new CorruptionError(page, `page ${page}: keys of the pages it replaces are out of order`);
}

/** Writes one entry of the list at `e`, on a page with that prefix. Returns where its suffix is. */
function writeItem(x: Scratch, s: Segment, item: number, e: number, prefix: number): number {
  const at = x.at[item]!;
  const body = x.suffixAt[item]! - at;
  const suffix = x.keyLength[item]! - prefix;
  const own = x.prefixLength[x.regionOf(item)]!;
  if (prefix === own) {
    // The same prefix: the entry is copied as it is, its padding too.
    copyPairs(s.u16, e >> 1, x.segment.u16, at >> 1, (at + body + suffix + 1) >> 1);
  } else {
    copyPairs(s.u16, e >> 1, x.segment.u16, at >> 1, (at + body) >> 1);
    if ((body & 1) !== 0) s.bytes[e + body - 1] = x.segment.bytes[at + body - 1]!;
    x.copyKeyPart(item, prefix, suffix, s.bytes, e + body);
    s.u16[e >> 1] = suffix;
  }
  return e + body;
}
