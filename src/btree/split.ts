/**
 * More room for a leaf that is full.
 *
 * A leaf at the edge of the tree that is added to at that edge keeps all it has, and the new entry
 * begins a leaf of its own: loading in order, up or down, leaves full leaves. Anywhere else the
 * neighbours are asked first: a leaf that shares with one that has room needs no new page, and a
 * leaf is cut in two only between full neighbours.
 */

import { assert } from '../assert.ts';
import { CorruptionError } from '../errors.ts';
import { childBirth, childPage, setEntriesBelow } from '../format/branch.ts';
import {
  PAGE_FLAG,
  PAGE_TYPE,
  setHeapSize,
  setPageFlags,
  setPrefixLength,
  slotCount,
} from '../format/page-header.ts';
import { insertChild, isAtEdge, replaceChild, replaceSeparator } from './branch-edit.ts';
import { type Edit, usedBytes } from './edit.ts';
import { copyLeafKey, sharedByLeaf } from './keys.ts';
import { insertInLeaf } from './leaf-edit.ts';
import {
  chooseLeafCut,
  leafBytes,
  loadLeaf,
  pushEntries,
  pushNewEntry,
  writeLeaf,
} from './leaf-pack.ts';
import { NEIGHBOUR, OWN } from './scratch.ts';
import { findOnPath } from './search.ts';

/**
 * A neighbour is asked to share when at least this part of both leaves is free afterwards: with
 * less, one of the next inserts would ask again. Random inserts leave leaves 79 % full with 1/8,
 * 81.6 % with 1/16, 83.5 % with 1/32, 84.6 % with 1/64 and 85.9 % with 1/128, and cost about a
 * tenth more at each step from 1/16 on (bench/micro/btree.ts, "random insert"). Without sharing it
 * is 69 %.
 */
const SHARE_FROM = 1 / 64;

/**
 * When the new entry comes after all others of the tree, or before them: puts it in a leaf of its
 * own and leaves the full leaf as it is. False, and nothing changed: it comes between others.
 */
export function splitAtEdge(edit: Edit): boolean {
  const { pages, path, scratch } = edit;
  const n = slotCount(path.segment, path.offset);
  const atEnd = path.slot === n && isAtEdge(edit, path.depth, true);
  if (!atEnd && !(path.slot === 0 && isAtEdge(edit, path.depth, false))) return false;
  const pageSize = pages.geometry.pageSize;
  const page = path.pages[path.depth]!;
  const fresh = allocateLeaf(edit);
  const { key, keyLength } = edit.entry;
  const other = scratch.separator;
  const at = atEnd ? n - 1 : 0;
  const length = copyLeafKey(path.segment, path.offset, pageSize, at, other);
  let common = 0;
  while (common < keyLength && common < length && key[common] === other[common]) common++;
  // The shortest beginning of the upper one of the two keys that is above the lower.
  scratch.separatorLength = common + 1;
  if (atEnd) {
    other[common] = key[common]!;
    insertChild(edit, path.depth - 1, fresh, 1);
  } else {
    // The new leaf takes the old one's place, and the old one comes after it.
    replaceChild(edit, path.depth - 1, fresh);
    insertChild(edit, path.depth - 1, page, n);
  }
  return true;
}

/**
 * A new leaf with the new entry alone. Its prefix is as long as what the keys of the path's leaf
 * share, for those to come will be as near to each other: few of them make the leaf shorten it. (A
 * prefix that is too short stays, and makes heads equal: measured with none, a search took 1.4
 * times as long.)
 */
function allocateLeaf(edit: Edit): number {
  const { pages, path, entry } = edit;
  const pageSize = pages.geometry.pageSize;
  const shared = sharedByLeaf(path.segment, path.offset);
  const prefix = Math.min(shared, entry.keyLength) & ~1;
  const page = pages.allocate(PAGE_TYPE.leaf, 0, edit.leafFlags);
  const o = pages.find(page, pages.transaction, PAGE_TYPE.leaf);
  const s = pages.segment;
  setPrefixLength(s, o, prefix);
  setHeapSize(s, o, prefix);
  for (let k = 0; k < prefix; k++) s.bytes[o + pageSize - prefix + k] = entry.key[k]!;
  if (entry.runPage !== 0) setPageFlags(s, o, edit.leafFlags | PAGE_FLAG.overflow);
  assert(insertInLeaf(s, o, pageSize, 0, entry), 'an entry fits a leaf of its own');
  return page;
}

/**
 * Writes the leaf with the new entry, in place of `replaced` old ones, over more than this one
 * page. The leaf is in scratch region OWN; its entries with the new one are the list.
 */
export function makeRoom(edit: Edit, replaced: number): void {
  const { pages, path, scratch } = edit;
  if (path.depth > 0 && share(edit, replaced)) return;
  const page = path.pages[path.depth]!;
  const count = scratch.count;
  const cut = chooseLeafCut(scratch);
  if (cut === 0) noCut(page);
  scratch.separate(cut);
  const right = pages.allocate(PAGE_TYPE.leaf, 0, edit.leafFlags);
  writeLeaf(edit, page, 0, cut);
  writeLeaf(edit, right, cut, count);
  insertChild(edit, path.depth - 1, right, count - cut);
}

/** Appends the entries of the leaf in region OWN to the list, the new one among them. */
export function pushOwn(edit: Edit, replaced: number): void {
  const slot = edit.path.slot;
  pushEntries(edit, OWN, 0, slot);
  pushNewEntry(edit);
  pushEntries(edit, OWN, slot + replaced, slotCount(edit.scratch.segment, 0));
}

/** Shares the list with the neighbour that has more room. False: neither has enough. */
function share(edit: Edit, replaced: number): boolean {
  const { pages, path, scratch } = edit;
  const capacity = pages.geometry.capacity;
  const d = path.depth - 1;
  const slot = path.slots[d]!;
  const left = neighbourBytes(edit, d, slot - 1);
  const right = neighbourBytes(edit, d, slot + 1);
  const used = Math.min(left, right);
  const free = 2 * capacity - used - leafBytes(scratch, 0, scratch.count);
  if (free < 2 * capacity * SHARE_FROM) return false;

  const onLeft = left <= right;
  const there = onLeft ? slot - 1 : slot + 1;
  const parentAt = findOnPath(pages, path, d);
  const parent = pages.segment;
  const n = slotCount(parent, parentAt);
  const page = childPage(parent, parentAt, n, there);
  const birth = childBirth(parent, parentAt, n, there);
  const o = pages.find(page, birth, PAGE_TYPE.leaf);
  const s = pages.segment;
  loadLeaf(edit, NEIGHBOUR, s, o, page);
  scratch.clear();
  if (onLeft) pushEntries(edit, NEIGHBOUR, 0, slotCount(s, o));
  pushOwn(edit, replaced);
  if (!onLeft) pushEntries(edit, NEIGHBOUR, 0, slotCount(s, o));
  const cut = chooseLeafCut(scratch);
  if (cut === 0) {
    scratch.clear();
    pushOwn(edit, replaced);
    return false;
  }
  const touched = edit.touchChild(d, there, page, birth, PAGE_TYPE.leaf);
  writeBoth(
    edit,
    onLeft ? touched : path.pages[path.depth]!,
    onLeft ? slot - 1 : slot,
    cut,
    onLeft ? path.pages[path.depth]! : touched,
  );
  return true;
}

/**
 * Writes the list over two neighbouring leaves, cut before item `cut`. The left one is child `slot`
 * of the branch above the path's leaf.
 */
export function writeBoth(
  edit: Edit,
  left: number,
  slot: number,
  cut: number,
  right: number,
): void {
  const { pages, path, scratch } = edit;
  const d = path.depth - 1;
  const count = scratch.count;
  scratch.separate(cut);
  writeLeaf(edit, left, 0, cut);
  writeLeaf(edit, right, cut, count);
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  setEntriesBelow(s, o, n, slot, cut);
  setEntriesBelow(s, o, n, slot + 1, count - cut);
  replaceSeparator(edit, d, slot + 1);
}

/** The bytes in use on the leaf that is child `slot` of the branch at depth `d`; Infinity: none. */
function neighbourBytes(edit: Edit, d: number, slot: number): number {
  const { pages, path } = edit;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  if (slot < 0 || slot >= n) return Number.POSITIVE_INFINITY;
  const at = pages.find(childPage(s, o, n, slot), childBirth(s, o, n, slot), PAGE_TYPE.leaf);
  return usedBytes(pages.segment, at);
}

/** Throws: entries that are no larger than entries may be always divide. */
export function noCut(page: number): never {
  throw new CorruptionError(page, `page ${page}: its entries are too large for two pages`);
}
