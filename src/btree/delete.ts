/**
 * Entries and children taken out of the page that the path leads to.
 *
 * A page of which less than MERGE_BELOW is in use is joined with a neighbour, or shares with it. A
 * leaf without entries goes, and so does a root with one child; the tree without entries has no page.
 */

import { PAGE_TYPE, pageFlags, slotCount } from '../format/page-header.ts';
import { loadBranch, pushChildren, writeBranch } from './branch-pack.ts';
import { type Edit, usedBytes } from './edit.ts';
import { freeRuns } from './insert.ts';
import { removeFromLeaf } from './leaf-edit.ts';
import { mergeBranch, mergeLeaf } from './merge.ts';
import { PAGE_FLAG } from '../format/page-header.ts';
import { OWN } from './scratch.ts';
import { findOnPath } from './search.ts';

/**
 * A third, as SQLite does: two pages that were just cut in halves are well above it, so that a put
 * and a remove in turn do not cut and join each time; and the page that two such make has room left.
 */
const MERGE_BELOW = 1 / 3;

/** Takes entries [from, to) out of the path's leaf. The path has been touched. */
export function removeEntries(edit: Edit, from: number, to: number): void {
  const { pages, path, root } = edit;
  const pageSize = pages.geometry.pageSize;
  const s = path.segment;
  const o = path.offset;
  if ((pageFlags(s, o) & PAGE_FLAG.overflow) !== 0) freeRuns(edit, from, to);
  removeFromLeaf(s, o, pageSize, from, to);
  edit.addEntries(path.depth, from - to);
  if (slotCount(s, o) === 0) {
    pages.free(path.pages[path.depth]!);
    if (path.depth > 0) {
      const slot = path.slots[path.depth - 1]!;
      removeChildren(edit, path.depth - 1, slot, slot + 1);
    } else {
      root.page = 0;
      root.birth = 0;
    }
  } else if (path.depth > 0 && usedBytes(s, o) < pages.geometry.capacity * MERGE_BELOW) {
    mergeLeaf(edit);
  }
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
