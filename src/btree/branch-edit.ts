/**
 * Changes of one branch: a child more, children fewer, another separator.
 *
 * In place when there is room in one piece and the separator begins with the branch's prefix; else
 * the branch is written anew; and cut in two, with a separator going up, when it no longer fits.
 * Two parts are always enough: a branch of three children fits, and of four or more either the new
 * separator goes up, or it stays beside one that does.
 */

import { CorruptionError } from '../errors.ts';
import {
  branchEntry,
  branchEntryBytes,
  childBirth,
  childPage,
  entriesBelow,
  setBranchHead,
  setChild,
  setEntriesBelow,
} from '../format/branch.ts';
import { BRANCH_ENTRY_BYTES, BRANCH_SLOT_BYTES, PAGE_HEADER_BYTES } from '../format/geometry.ts';
import { headOf, suffixLength } from '../format/leaf.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  prefixLength,
  setHeapSize,
  setHoleBytes,
  setSlotCount,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import {
  branchBytes,
  chooseBranchCut,
  loadBranch,
  middleCut,
  placeSeparator,
  pushChild,
  pushChildren,
  sumBelow,
  takeSeparator,
  writeBranch,
} from './branch-pack.ts';
import { type Edit, gapBytes } from './edit.ts';
import { sharedWithPrefix } from './keys.ts';
import { OWN, type Scratch } from './scratch.ts';
import { findOnPath } from './search.ts';

/**
 * A branch begins with one separator and no prefix. When it has so many children, enough to tell
 * what its separators share, it is written anew with a prefix.
 */
const PREFIX_AFTER = 8;

/** Is the page at `depth` of the path the last of its level, or the first? */
export function isAtEdge(edit: Edit, depth: number, last: boolean): boolean {
  const { pages, path } = edit;
  for (let d = depth - 1; d >= 0; d--) {
    const slot = path.slots[d]!;
    if (!last) {
      if (slot !== 0) return false;
    } else {
      const o = findOnPath(pages, path, d);
      if (slot !== slotCount(pages.segment, o) - 1) return false;
    }
  }
  return true;
}

/**
 * Puts another page in the place of the path's child of the branch at depth `d`; -1: of the root.
 */
export function replaceChild(edit: Edit, d: number, page: number): void {
  const { pages, path, root } = edit;
  const transaction = pages.transaction;
  path.pages[d + 1] = page;
  path.births[d + 1] = transaction;
  if (d < 0) {
    root.page = page;
    root.birth = transaction;
    return;
  }
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  setChild(s, o, slotCount(s, o), path.slots[d]!, page, transaction);
}

/**
 * Puts `page`, a page of this transaction with `below` entries, after the path's child of the
 * branch at depth `d`, with the scratch's separator between them. The entries were counted as that
 * child's until now. At depth -1 a new root is made of the two.
 */
export function insertChild(edit: Edit, d: number, page: number, below: number): void {
  if (d < 0) {
    growRoot(edit, page, below);
    return;
  }
  const { pages, path, scratch } = edit;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  const slot = path.slots[d]!;
  setEntriesBelow(s, o, n, slot, entriesBelow(s, o, n, slot) - below);
  const settled = n !== PREFIX_AFTER || prefixLength(s, o) > 0;
  if (settled && insertInBranch(s, o, edit, slot + 1, page, below)) return;
  scratch.clear();
  loadBranch(scratch, OWN, s, o);
  pushChildren(scratch, OWN, 0, slot + 1);
  pushChild(scratch, page, pages.transaction, below);
  placeSeparator(scratch, slot + 1);
  pushChildren(scratch, OWN, slot + 1, n);
  writeOrSplit(edit, d, slot + 1);
}

function growRoot(edit: Edit, page: number, below: number): void {
  const { pages, path, root, scratch } = edit;
  const transaction = pages.transaction;
  const type = path.depth === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
  const left = path.pages[0]!;
  scratch.clear();
  pushChild(scratch, left, transaction, root.entries - below);
  pushChild(scratch, page, transaction, below);
  placeSeparator(scratch, 1);
  for (let i = 0; i < 2; i++) {
    const o = pages.find(scratch.child[i]!, transaction, type);
    scratch.flags |= pageFlags(pages.segment, o) & PAGE_FLAG.overflow;
  }
  root.page = pages.allocate(PAGE_TYPE.branch, path.depth + 1, 0);
  root.birth = transaction;
  writeBranch(edit, root.page, path.depth + 1, 0, 2);
}

/**
 * Makes the list the children of the branch at depth `d`, and of a new one after it when they do
 * not fit; `changed` is the child whose separator is new.
 */
function writeOrSplit(edit: Edit, d: number, changed: number): void {
  const { pages, path, scratch } = edit;
  const page = path.pages[d]!;
  const level = path.depth - d;
  const count = scratch.count;
  if (branchBytes(scratch, 0, count) <= pages.geometry.capacity) {
    writeBranch(edit, page, level, 0, count);
    return;
  }
  // Loaded in order, up or down, branches stay full as leaves do.
  let wanted = middleCut(scratch);
  if (changed === count - 1 && isAtEdge(edit, d, true)) wanted = count - 2;
  else if (changed === 1 && isAtEdge(edit, d, false)) wanted = 2;
  const cut = chooseBranchCut(scratch, wanted);
  if (cut === 0) {
    throw new CorruptionError(page, `page ${page}: its separators are too large for two pages`);
  }
  takeSeparator(scratch, cut);
  const below = sumBelow(scratch, cut, count);
  const right = pages.allocate(PAGE_TYPE.branch, level, scratch.flags);
  writeBranch(edit, page, level, 0, cut);
  writeBranch(edit, right, level, cut, count);
  insertChild(edit, d - 1, right, below);
}

/** Puts the scratch's separator before child `slot` (1 .. n-1) of the branch at depth `d`. */
export function replaceSeparator(edit: Edit, d: number, slot: number): void {
  const { pages, path, scratch } = edit;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  if (replaceInBranch(s, o, edit, slot)) return;
  scratch.clear();
  loadBranch(scratch, OWN, s, o);
  pushChildren(scratch, OWN, 0, n);
  placeSeparator(scratch, slot);
  writeOrSplit(edit, d, slot);
}

/** The separator's length beyond the branch's prefix; -1 when it does not begin with the prefix. */
function suffixFor(s: Segment, o: number, pageSize: number, x: Scratch): number {
  const prefix = prefixLength(s, o);
  const shared = sharedWithPrefix(s, o, pageSize, x.separator, x.separatorLength);
  return shared === prefix ? x.separatorLength - prefix : -1;
}

/** Replaces a separator in place. False, and nothing changed: no room, or another prefix. */
function replaceInBranch(s: Segment, o: number, edit: Edit, slot: number): boolean {
  const x = edit.scratch;
  const pageSize = x.geometry.pageSize;
  const suffix = suffixFor(s, o, pageSize, x);
  if (suffix < 0) return false;
  const n = slotCount(s, o);
  let e = branchEntry(s, o, n, slot);
  const old = branchEntryBytes(suffixLength(s, e));
  const size = branchEntryBytes(suffix);
  if (size > old) {
    if (size > gapBytes(s, o, pageSize)) return false;
    const heap = heapSize(s, o) + size;
    setHeapSize(s, o, heap);
    setHoleBytes(s, o, holeBytes(s, o) + old);
    e = o + pageSize - heap;
  } else setHoleBytes(s, o, holeBytes(s, o) + old - size);
  writeSeparator(s, o, n, slot, e, x);
  return true;
}

/** Adds a child in place. False, and nothing changed: no room, or another prefix. */
function insertInBranch(
  s: Segment,
  o: number,
  edit: Edit,
  slot: number,
  page: number,
  below: number,
): boolean {
  const x = edit.scratch;
  const pageSize = x.geometry.pageSize;
  const suffix = suffixFor(s, o, pageSize, x);
  if (suffix < 0) return false;
  const size = branchEntryBytes(suffix);
  if (size + BRANCH_SLOT_BYTES > gapBytes(s, o, pageSize)) return false;
  const n = slotCount(s, o);
  openChild(s, o, n, slot);
  setSlotCount(s, o, n + 1);
  const heap = heapSize(s, o) + size;
  setHeapSize(s, o, heap);
  setChild(s, o, n + 1, slot, page, edit.pages.transaction);
  setEntriesBelow(s, o, n + 1, slot, below);
  writeSeparator(s, o, n + 1, slot, o + pageSize - heap, x);
  return true;
}

/** Writes the scratch's separator at `e`, as that of child `slot` of `n`. */
function writeSeparator(
  s: Segment,
  o: number,
  n: number,
  slot: number,
  e: number,
  x: Scratch,
): void {
  const prefix = prefixLength(s, o);
  const suffix = x.separatorLength - prefix;
  s.u16[e >> 1] = suffix;
  if ((suffix & 1) !== 0) s.bytes[e + BRANCH_ENTRY_BYTES + suffix] = 0;
  for (let k = 0; k < suffix; k++) s.bytes[e + BRANCH_ENTRY_BYTES + k] = x.separator[prefix + k]!;
  setBranchHead(s, o, slot, headOf(x.separator, prefix, x.separatorLength));
  s.u16[((o + PAGE_HEADER_BYTES) >> 1) + 10 * n + slot] = e - o;
}

/**
 * Makes room for one more at `slot` in each of the seven arrays of the directory, last array first.
 */
function openChild(s: Segment, o: number, n: number, slot: number): void {
  const halves = (o + PAGE_HEADER_BYTES) >> 1;
  for (let array = 10; array >= 8; array--) {
    openItem(s.u16, halves + array * n, halves + array * (n + 1), n, slot);
  }
  const words = (o + PAGE_HEADER_BYTES) >> 2;
  for (let array = 3; array >= 0; array--) {
    openItem(s.i32, words + array * n, words + array * (n + 1), n, slot);
  }
}

/** Moves an array of `n` items from `from` up to `to`, leaving a free item at `slot`. */
function openItem(
  array: Int32Array | Uint16Array,
  from: number,
  to: number,
  n: number,
  slot: number,
): void {
  for (let i = n - 1; i >= slot; i--) array[to + i + 1] = array[from + i]!;
  if (to !== from) for (let i = slot - 1; i >= 0; i--) array[to + i] = array[from + i]!;
}

/** The page and birth of child `slot` of the branch at depth `d`, as a pair for a neighbour. */
export function childAt(
  edit: Edit,
  d: number,
  slot: number,
): { page: number; birth: number; below: number } {
  const { pages, path } = edit;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  return {
    page: childPage(s, o, n, slot),
    birth: childBirth(s, o, n, slot),
    below: entriesBelow(s, o, n, slot),
  };
}
