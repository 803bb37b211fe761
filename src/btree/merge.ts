/**
 * A page that has become too empty, and its neighbour: one page of both, or two that share.
 *
 * Two pages are one when their items fit with the prefix that all of them share, which is shorter
 * than either page's own. The merged page is the one that is too empty: it may be changed already,
 * and the neighbour need not be copied to be freed. When neither neighbour fits, the last one tried
 * gives of its items: it holds more than two thirds of a page.
 */

import { entriesBelow, setChild, setEntriesBelow } from '../format/branch.ts';
import { PAGE_TYPE, slotCount } from '../format/page-header.ts';
import { childAt, replaceSeparator } from './branch-edit.ts';
import {
  branchBytes,
  chooseBranchCut,
  loadBranch,
  middleCut,
  placeSeparator,
  pushChildren,
  sumBelow,
  takeSeparator,
  writeBranch,
} from './branch-pack.ts';
import { type Edit, usedBytes } from './edit.ts';
import { copySeparator } from './keys.ts';
import { chooseLeafCut, leafBytes, loadLeaf, pushEntries, writeLeaf } from './leaf-pack.ts';
import { NEIGHBOUR, OWN } from './scratch.ts';
import { findOnPath } from './search.ts';
import { writeBoth } from './split.ts';

/**
 * A third, as SQLite does: two pages that were just cut in halves are well above it, so that a put
 * and a remove in turn do not cut and join each time; and the page that two such make has room
 * left.
 */
export const MERGE_BELOW: number = 1 / 3;

/** Joins the path's leaf, which has a parent, with a neighbour; or they share. */
export function mergeLeaf(edit: Edit): void {
  const { pages, path, scratch } = edit;
  const d = path.depth - 1;
  const slot = path.slots[d]!;
  const page = path.pages[path.depth]!;
  const n = childrenAt(edit, d);
  loadLeaf(edit, OWN, path.segment, path.offset, page);
  let there = -1;
  for (let side = 0; side < 2; side++) {
    const next = side === 0 ? slot - 1 : slot + 1;
    if (next < 0 || next >= n) continue;
    there = next;
    listLeaves(edit, d, there, there < slot);
    if (leafBytes(scratch, 0, scratch.count) > pages.geometry.capacity) continue;
    writeLeaf(edit, page, 0, scratch.count);
    pages.free(childAt(edit, d, there).page);
    joinChildren(edit, d, Math.min(slot, there), page);
    return;
  }
  const cut = chooseLeafCut(scratch);
  if (cut === 0) return;
  const { page: other, birth } = childAt(edit, d, there);
  const touched = edit.touchChild(d, there, other, birth, PAGE_TYPE.leaf);
  const onLeft = there < slot;
  const left = onLeft ? touched : page;
  writeBoth(edit, left, Math.min(slot, there), cut, onLeft ? page : touched);
}

/** Makes the list the entries of the leaf in region OWN and of child `there`, in order. */
export function listLeaves(edit: Edit, d: number, there: number, onLeft: boolean): void {
  const { pages, scratch } = edit;
  const { page, birth } = childAt(edit, d, there);
  const o = pages.find(page, birth, PAGE_TYPE.leaf);
  const base = loadLeaf(edit, NEIGHBOUR, pages.segment, o, page);
  scratch.clear();
  const theirs = slotCount(scratch.segment, base);
  if (onLeft) pushEntries(edit, NEIGHBOUR, 0, theirs);
  pushEntries(edit, OWN, 0, slotCount(scratch.segment, 0));
  if (!onLeft) pushEntries(edit, NEIGHBOUR, 0, theirs);
}

/** Takes children [from, to), but not all, out of the branch at depth `d`; they have been freed. */
export function removeChildren(edit: Edit, d: number, from: number, to: number): void {
  const { pages, path, root, scratch } = edit;
  const page = path.pages[d]!;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  scratch.clear();
  loadBranch(scratch, OWN, s, o);
  pushChildren(scratch, OWN, 0, from);
  pushChildren(scratch, OWN, to, n);
  if (scratch.count === 1 && d === 0) {
    root.page = scratch.child[0]!;
    root.birth = scratch.birth[0]!;
    pages.free(page);
    return;
  }
  writeBranch(edit, page, path.depth - d, 0, scratch.count);
  if (d === 0) return;
  const at = pages.find(page, pages.transaction, PAGE_TYPE.branch);
  const used = usedBytes(pages.segment, at);
  if (scratch.count === 1 || used < pages.geometry.capacity * MERGE_BELOW) mergeBranch(edit, d);
}

/** Joins the branch at depth `d` > 0 with a neighbour; or they share. */
export function mergeBranch(edit: Edit, d: number): void {
  const { pages, path, scratch } = edit;
  const above = d - 1;
  const level = path.depth - d;
  const slot = path.slots[above]!;
  const page = path.pages[d]!;
  const n = childrenAt(edit, above);
  let there = -1;
  for (let side = 0; side < 2; side++) {
    const next = side === 0 ? slot - 1 : slot + 1;
    if (next < 0 || next >= n) continue;
    there = next;
    listBranches(edit, d, there);
    if (branchBytes(scratch, 0, scratch.count) > pages.geometry.capacity) continue;
    writeBranch(edit, page, level, 0, scratch.count);
    pages.free(childAt(edit, above, there).page);
    joinChildren(edit, above, Math.min(slot, there), page);
    return;
  }
  const cut = chooseBranchCut(scratch, middleCut(scratch));
  if (cut === 0) return;
  const { page: other, birth } = childAt(edit, above, there);
  const touched = edit.touchChild(above, there, other, birth, PAGE_TYPE.branch);
  const leftSlot = Math.min(slot, there);
  const count = scratch.count;
  takeSeparator(scratch, cut);
  writeBranch(edit, there < slot ? touched : page, level, 0, cut);
  writeBranch(edit, there < slot ? page : touched, level, cut, count);
  const o = findOnPath(pages, path, above);
  const s = pages.segment;
  setEntriesBelow(s, o, n, leftSlot, sumBelow(scratch, 0, cut));
  setEntriesBelow(s, o, n, leftSlot + 1, sumBelow(scratch, cut, count));
  replaceSeparator(edit, above, leftSlot + 1);
}

/**
 * Makes the list the children of the branch at depth `d` and of its neighbour `there`, in order.
 */
function listBranches(edit: Edit, d: number, there: number): void {
  const { pages, path, scratch } = edit;
  const slot = path.slots[d - 1]!;
  const { page, birth } = childAt(edit, d - 1, there);
  const above = findOnPath(pages, path, d - 1);
  const pageSize = pages.geometry.pageSize;
  // The separator between the two in the branch above comes down between their children.
  scratch.separatorLength = copySeparator(
    pages.segment,
    above,
    pageSize,
    Math.max(slot, there),
    scratch.separator,
  );
  scratch.clear();
  const own = findOnPath(pages, path, d);
  loadBranch(scratch, OWN, pages.segment, own);
  const other = pages.find(page, birth, PAGE_TYPE.branch);
  loadBranch(scratch, NEIGHBOUR, pages.segment, other);
  const left = there < slot ? NEIGHBOUR : OWN;
  const right = there < slot ? OWN : NEIGHBOUR;
  pushChildren(scratch, left, 0, slotCount(scratch.segment, left * pageSize));
  const first = scratch.count;
  pushChildren(scratch, right, 0, slotCount(scratch.segment, right * pageSize));
  placeSeparator(scratch, first);
}

/**
 * Makes children `slot` and `slot + 1` of the branch at depth `d` one: `page`, with both's entries.
 */
export function joinChildren(edit: Edit, d: number, slot: number, page: number): void {
  const { pages, path } = edit;
  const o = findOnPath(pages, path, d);
  const s = pages.segment;
  const n = slotCount(s, o);
  setChild(s, o, n, slot, page, pages.transaction);
  const both = entriesBelow(s, o, n, slot) + entriesBelow(s, o, n, slot + 1);
  setEntriesBelow(s, o, n, slot, both);
  removeChildren(edit, d, slot + 1, slot + 2);
}

function childrenAt(edit: Edit, d: number): number {
  const o = findOnPath(edit.pages, edit.path, d);
  return slotCount(edit.pages.segment, o);
}
