/**
 * Entries in order, after all others of the tree: one by one, or as many at once as the last leaf
 * has room for. Then its directory is moved once for them, and the branches above count them once.
 */

import { assert } from '../assert.ts';
import { LEAF_SLOT_BYTES, PAGE_HEADER_BYTES } from '../format/geometry.ts';
import { headOf } from '../format/leaf.ts';
import {
  heapSize,
  pageFlags,
  prefixLength,
  setHeapSize,
  setSlotCount,
  slotCount,
} from '../format/page-header.ts';
import { copyBytes } from './bytes.ts';
import { type Edit, gapBytes } from './edit.ts';
import { copyLeafKey, sharedWithPrefix } from './keys.ts';
import { entryBytes, insertInLeaf, writeEntry } from './leaf-edit.ts';

/** Entries to put, one behind the other in one array of bytes. */
export interface EntryList {
  readonly count: number;
  readonly bytes: Uint8Array;
  /** The key of entry i is bytes[starts[i], keyEnds[i]), */
  readonly starts: Float64Array;
  /** and its value bytes[keyEnds[i], starts[i + 1]). */
  readonly keyEnds: Float64Array;
  /** The entries in the order in which they are put; undefined: as they lie. */
  readonly order: Uint32Array | undefined;
}

/**
 * Whether `edit.entry`, whose value lies on the leaf, can be put behind all others of the path's
 * leaf, the last one of the tree, as it is. False also when only whole keys would tell.
 */
export function comesNext({ path, entry, pages }: Edit): boolean {
  const s = path.segment;
  const o = path.offset;
  const { pageSize } = pages.geometry;
  const prefix = prefixLength(s, o);
  const { key, keyLength } = entry;
  if (sharedWithPrefix(s, o, pageSize, key, keyLength) < prefix) return false;
  const lastHead = s.i32[((o + PAGE_HEADER_BYTES) >> 2) + slotCount(s, o) - 1]!;
  if (headOf(key, prefix, keyLength) <= lastHead) return false;
  const size = entryBytes(pageFlags(s, o), entry, prefix) + LEAF_SLOT_BYTES;
  return size <= gapBytes(s, o, pageSize);
}

/** Puts `edit.entry` there: `comesNext` said that it can be. The path has been touched. */
export function appendEntry(edit: Edit): void {
  const { path, entry, pages } = edit;
  const s = path.segment;
  const slot = slotCount(s, path.offset);
  const isPut = insertInLeaf(s, path.offset, pages.geometry.pageSize, slot, entry);
  assert(isPut, 'an entry that has room is put');
  edit.addEntries(path.depth, 1);
}

/**
 * Puts entries of the list, from place `from` of its order on, in the path's leaf, the last one of
 * the tree, which has been touched: as long as each comes after the one before, begins with the
 * leaf's prefix and has room in one piece. Returns how many; `insertEntry` is for the next one.
 */
export function appendEntries(edit: Edit, list: EntryList, from: number, version: number): number {
  const added = fitting(edit, list, from) - from;
  if (added === 0) return 0;
  const { path, entry, scratch } = edit;
  const { bytes, starts, keyEnds, order } = list;
  const { i32, u16 } = path.segment;
  const s = path.segment;
  const o = path.offset;
  const flags = pageFlags(s, o);
  const prefix = prefixLength(s, o);
  const before = slotCount(s, o);
  const heads = (o + PAGE_HEADER_BYTES) >> 2;
  const oldSlots = (heads << 1) + 2 * before;
  const slots = oldSlots + 2 * added;
  for (let slot = before - 1; slot >= 0; slot--) u16[slots + slot] = u16[oldSlots + slot]!;

  entry.key = scratch.key;
  entry.value = bytes;
  entry.version = version;
  entry.expiry = 0;
  entry.runPage = 0;
  let e = o + edit.pages.geometry.pageSize - heapSize(s, o);
  for (let n = 0; n < added; n++) {
    const i = order === undefined ? from + n : order[from + n]!;
    const start = starts[i]!;
    entry.start = keyEnds[i]!;
    entry.end = starts[i + 1]!;
    entry.keyLength = entry.start - start;
    copyBytes(entry.key, 0, bytes, start, entry.start);
    e -= entryBytes(flags, entry, prefix);
    writeEntry(s, e, flags, entry, prefix);
    i32[heads + before + n] = headOf(entry.key, prefix, entry.keyLength);
    u16[slots + before + n] = e - o;
  }
  setSlotCount(s, o, before + added);
  setHeapSize(s, o, o + edit.pages.geometry.pageSize - e);
  entry.letGo();
  edit.addEntries(path.depth, added);
  return added;
}

/** The place of the first entry that cannot be put with the others. */
function fitting(edit: Edit, list: EntryList, from: number): number {
  const { path, entry, pages, leafFlags, scratch } = edit;
  const { pageSize, maxLeafEntryBytes } = pages.geometry;
  const { bytes, starts, keyEnds, order, count } = list;
  const s = path.segment;
  const o = path.offset;
  const prefix = prefixLength(s, o);
  // The key before, and where it lies.
  let before = scratch.separator;
  let beforeAt = 0;
  let beforeLength = copyLeafKey(s, o, pageSize, slotCount(s, o) - 1, before);
  let room = gapBytes(s, o, pageSize);
  entry.runPage = 0;
  let n = from;
  for (; n < count; n++) {
    const i = order === undefined ? n : order[n]!;
    const start = starts[i]!;
    entry.start = keyEnds[i]!;
    entry.end = starts[i + 1]!;
    const length = entry.start - start;
    entry.keyLength = length;
    room -= entryBytes(leafFlags, entry, prefix) + LEAF_SLOT_BYTES;
    if (room < 0) break;
    // The value of one that is longer lies in an overflow run.
    if (entryBytes(leafFlags, entry, 0) + LEAF_SLOT_BYTES > maxLeafEntryBytes) break;
    const both = beforeLength < length ? beforeLength : length;
    let same = 0;
    while (same < both && before[beforeAt + same]! === bytes[start + same]!) same++;
    if (same < prefix) break;
    if (same === both ? length <= beforeLength : before[beforeAt + same]! > bytes[start + same]!) {
      break;
    }
    before = bytes;
    beforeAt = start;
    beforeLength = length;
  }
  return n;
}
