/**
 * A range of entries taken out, whole subtrees at a time.
 *
 * The range is two positions in the order. Each step goes down from the root to where it begins,
 * and takes out what it can as high up as it can: the children of one branch that lie in the range
 * with all their entries, or, where there are none on the way, entries of one leaf. Each step
 * leaves a whole tree, and a level is done in at most three: so the pages that are read are a few
 * for every level, and those that must be freed one by one.
 *
 * 1. Leaves are freed without being read, unless the branch above them says that one of them may
 *    have a value in an overflow run.
 */

import { CorruptionError } from '../errors.ts';
import { childBirth, childPage, entriesBelow } from '../format/branch.ts';
import {
  fixedBytes,
  leafEntry,
  overflowLength,
  packedPage,
  VALUE_IN_OVERFLOW,
  valueWord,
} from '../format/leaf.ts';
import { PAGE_FLAG, PAGE_TYPE, pageFlags, pageLevel, slotCount } from '../format/page-header.ts';
import { removeEntries } from './delete.ts';
import type { Edit } from './edit.ts';
import { removeChildren } from './merge.ts';
import { ROOT_TYPE, wrongLevel } from './path.ts';
import { findChild } from './search.ts';

/** Takes out `entries` entries, but not all of the tree's, from `index` on. */
export function removeRange(edit: Edit, index: number, entries: number): void {
  let left = entries;
  while (left > 0) left -= removeStep(edit, index, left);
}

/** Takes out some of the entries [index, index + entries), at least one. Returns how many. */
function removeStep(edit: Edit, index: number, entries: number): number {
  const { pages, path, root } = edit;
  let o = pages.find(root.page, root.birth, ROOT_TYPE);
  path.pages[0] = root.page;
  path.births[0] = root.birth;
  path.depth = pageLevel(pages.segment, o);
  // In the page at depth d: `before` entries come before the range, `inside` of it are wanted.
  let before = index;
  let inside = entries;
  for (let d = 0; d < path.depth; d++) {
    const s = pages.segment;
    const n = slotCount(s, o);
    let slot = 0;
    while (slot < n - 1 && before >= entriesBelow(s, o, n, slot)) {
      before -= entriesBelow(s, o, n, slot);
      slot++;
    }
    path.slots[d] = slot;
    const here = entriesBelow(s, o, n, slot) - before;
    const from = before === 0 ? slot : slot + 1;
    let rest = before === 0 ? inside : inside - here;
    let to = from;
    while (to < n && rest > 0 && entriesBelow(s, o, n, to) <= rest) {
      rest -= entriesBelow(s, o, n, to);
      to++;
    }
    if (to > from && to - from < n) return dropChildren(edit, d, from, to);
    inside = Math.min(inside, here);
    o = findChild(pages, o, d, path);
  }
  const n = slotCount(pages.segment, o);
  const to = Math.min(before + inside, n);
  if (to <= before) throw wrongCounts(path.pages[path.depth]!);
  edit.touchPath(path.depth);
  removeEntries(edit, before, to);
  return to - before;
}

function wrongCounts(page: number): CorruptionError {
  return new CorruptionError(page, `page ${page}: it has fewer entries than the branches count`);
}

/** Frees children [from, to) of the branch at depth `d`, and takes them out. */
function dropChildren(edit: Edit, d: number, from: number, to: number): number {
  const { pages, path } = edit;
  edit.touchPath(d);
  const o = pages.find(path.pages[d]!, path.births[d]!, PAGE_TYPE.branch);
  const s = pages.segment;
  const n = slotCount(s, o);
  let dropped = 0;
  for (let i = from; i < to; i++) dropped += entriesBelow(s, o, n, i);
  freeChildren(edit, o, from, to);
  edit.addEntries(d, -dropped);
  removeChildren(edit, d, from, to);
  return dropped;
}

/** Frees children [from, to) of the branch at `o`, found last, and all that lies below them. */
function freeChildren(edit: Edit, o: number, from: number, to: number): void {
  const pages = edit.pages;
  const s = pages.segment;
  const n = slotCount(s, o);
  const level = pageLevel(s, o) - 1;
  const runs = (pageFlags(s, o) & PAGE_FLAG.overflow) !== 0;
  for (let i = from; i < to; i++) {
    const page = childPage(s, o, n, i);
    if (level > 0 || runs) freeBelow(edit, page, childBirth(s, o, n, i), level);
    pages.free(page);
  }
}

/** Frees what lies below a page of that level, but not the page. */
function freeBelow(edit: Edit, page: number, birth: number, level: number): void {
  const pages = edit.pages;
  const o = pages.find(page, birth, level === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch);
  const s = pages.segment;
  const found = pageLevel(s, o);
  if (found !== level) wrongLevel(page, found, level);
  const n = slotCount(s, o);
  if (level > 0) {
    freeChildren(edit, o, 0, n);
    return;
  }
  const flags = pageFlags(s, o);
  if ((flags & PAGE_FLAG.overflow) === 0) return;
  const fixed = fixedBytes(flags);
  for (let i = 0; i < n; i++) {
    const e = leafEntry(s, o, n, i);
    if ((valueWord(s, e) & VALUE_IN_OVERFLOW) === 0) continue;
    pages.freeRun(packedPage(s, e + fixed), overflowLength(s, e + fixed));
  }
}

/** Frees every page of a tree that is not empty. */
export function freeTree(edit: Edit): void {
  const { pages, root } = edit;
  const o = pages.find(root.page, root.birth, ROOT_TYPE);
  freeBelow(edit, root.page, root.birth, pageLevel(pages.segment, o));
  pages.free(root.page);
  root.page = 0;
  root.birth = pages.transaction;
  root.entries = 0;
}
