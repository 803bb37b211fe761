/**
 * Branches, taken apart and written again.
 */

import { CorruptionError } from '../errors.ts';
import {
  branchEntry,
  branchEntryBytes,
  branchSlotsAt,
  childBirth,
  childPage,
  entriesBelow,
  setBranchHead,
  setChild,
  setEntriesBelow,
} from '../format/branch.ts';
import { BRANCH_ENTRY_BYTES, BRANCH_SLOT_BYTES } from '../format/geometry.ts';
import { headOf, suffixLength } from '../format/leaf.ts';
import {
  initialisePage,
  PAGE_TYPE,
  pageFlags,
  setHeapSize,
  setPrefixLength,
  setSlotCount,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import type { Edit } from './edit.ts';
import { NEW, type Scratch } from './scratch.ts';

/** Copies the branch at `o` of `s` to a region. */
export function loadBranch(x: Scratch, region: number, s: Segment, o: number): void {
  x.load(region, s, o);
  x.flags |= pageFlags(s, o);
}

/** Appends children [from, to) of the branch in a region, each with the separator before it. */
export function pushChildren(x: Scratch, region: number, from: number, to: number): void {
  const s = x.segment;
  const base = region * x.geometry.pageSize;
  const n = slotCount(s, base);
  const prefix = x.prefixLength[region]!;
  for (let i = from; i < to; i++) {
    const item = x.count++;
    x.child[item] = childPage(s, base, n, i);
    x.birth[item] = childBirth(s, base, n, i);
    x.below[item] = entriesBelow(s, base, n, i);
    if (i === 0) clearSeparator(x, item, base);
    else {
      const e = branchEntry(s, base, n, i);
      x.at[item] = e;
      x.suffixAt[item] = e + BRANCH_ENTRY_BYTES;
      x.keyLength[item] = prefix + suffixLength(s, e);
      x.size[item] = BRANCH_SLOT_BYTES + branchEntryBytes(x.keyLength[item]!);
    }
  }
}

/** Appends a child that is on no page yet. */
export function pushChild(x: Scratch, page: number, birth: number, below: number): void {
  const item = x.count++;
  x.child[item] = page;
  x.birth[item] = birth;
  x.below[item] = below;
  clearSeparator(x, item, NEW * x.geometry.pageSize);
}

/** Puts the separator that is on its way (x.separator) before child `item`. One a list. */
export function placeSeparator(x: Scratch, item: number): void {
  const at = NEW * x.geometry.pageSize;
  x.prefixLength[NEW] = 0;
  x.prefixAt[NEW] = at;
  const length = x.separatorLength;
  for (let k = 0; k < length; k++) x.segment.bytes[at + k] = x.separator[k]!;
  x.at[item] = at;
  x.suffixAt[item] = at;
  x.keyLength[item] = length;
  x.size[item] = BRANCH_SLOT_BYTES + branchEntryBytes(length);
}

function clearSeparator(x: Scratch, item: number, at: number): void {
  x.at[item] = at;
  x.suffixAt[item] = at;
  x.keyLength[item] = 0;
  x.size[item] = BRANCH_SLOT_BYTES;
}

/** What children [from, to) of the list take of a page, its header apart. */
export function branchBytes(x: Scratch, from: number, to: number): number {
  const separators = to - from - 1;
  const prefix = x.prefixOf(from + 1, to);
  let bytes = BRANCH_SLOT_BYTES + (separators > 0 ? prefix - prefix * separators : 0);
  for (let i = from + 1; i < to; i++) bytes += x.size[i]!;
  return bytes;
}

/**
 * Where to cut the list in two branches of at least two children each, both fitting: the first
 * child of the right part, whose separator goes up. As near to `wanted` as can be. 0: no such
 * place.
 */
export function chooseBranchCut(x: Scratch, wanted: number): number {
  const count = x.count;
  const capacity = x.geometry.capacity;
  for (let step = 0; step < count; step++) {
    for (let side = 0; side < (step === 0 ? 1 : 2); side++) {
      const cut = side === 0 ? wanted + step : wanted - step;
      if (cut < 2 || cut > count - 2) continue;
      if (branchBytes(x, 0, cut) <= capacity && branchBytes(x, cut, count) <= capacity) return cut;
    }
  }
  return 0;
}

/** The cut that divides the list's bytes most evenly. */
export function middleCut(x: Scratch): number {
  let total = 0;
  for (let i = 0; i < x.count; i++) total += x.size[i]!;
  let cut = 0;
  for (let left = 0; cut < x.count && 2 * left + x.size[cut]! <= total; cut++) left += x.size[cut]!;
  return cut;
}

/** Makes the separator before child `m` of the list the one that is on its way. */
export function takeSeparator(x: Scratch, m: number): void {
  x.separatorLength = x.keyLength[m]!;
  x.copyKeyPart(m, 0, x.separatorLength, x.separator, 0);
}

/** The entries below children [from, to) of the list. */
export function sumBelow(x: Scratch, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += x.below[i]!;
  return sum;
}

/** Makes `page`, a dirty branch of that level, hold exactly children [from, to) of the list. */
export function writeBranch(
  edit: Edit,
  page: number,
  level: number,
  from: number,
  to: number,
): void {
  const x = edit.scratch;
  const { pageSize, capacity } = x.geometry;
  const transaction = edit.pages.transaction;
  const o = edit.pages.find(page, transaction, PAGE_TYPE.branch);
  const s = edit.pages.segment;
  initialisePage(s, o, pageSize, page, transaction, PAGE_TYPE.branch, level, x.flags);
  const n = to - from;
  const prefix = x.prefixOf(from + 1, to);
  // Only on a damaged page can fewer separators take more room than all of them did.
  if (branchBytes(x, from, to) > capacity) {
    throw new CorruptionError(page, `page ${page}: its separators lie on top of each other`);
  }
  setSlotCount(s, o, n);
  setPrefixLength(s, o, prefix);
  let e = o + pageSize - prefix;
  if (n > 1) x.copyKeyPart(from + 1, 0, prefix, s.bytes, e);
  const slots = branchSlotsAt(o, n) >> 1;
  for (let i = 0; i < n; i++) {
    const item = from + i;
    setChild(s, o, n, i, x.child[item]!, x.birth[item]!);
    setEntriesBelow(s, o, n, i, x.below[item]!);
    if (i === 0) continue;
    const suffix = x.keyLength[item]! - prefix;
    if (suffix < 0) {
      throw new CorruptionError(page, `page ${page}: its separators are out of order`);
    }
    e -= branchEntryBytes(suffix);
    s.u16[e >> 1] = suffix;
    const key = e + BRANCH_ENTRY_BYTES;
    x.copyKeyPart(item, prefix, suffix, s.bytes, key);
    setBranchHead(s, o, i, headOf(s.bytes, key, key + suffix));
    s.u16[slots + i] = e - o;
  }
  setHeapSize(s, o, o + pageSize - e);
}
