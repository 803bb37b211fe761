/**
 * Entries taken out of the leaf that the path leads to.
 *
 * A page of which less than MERGE_BELOW is in use is joined with a neighbour, or shares with it. A
 * leaf without entries goes, and so does a root with one child; the tree without entries has no
 * page, but still a birth: the transaction that emptied it (range-mark.ts).
 */

import { PAGE_FLAG, pageFlags, slotCount } from '../format/page-header.ts';
import { type Edit, usedBytes } from './edit.ts';
import { freeRuns } from './insert.ts';
import { removeFromLeaf } from './leaf-edit.ts';
import { MERGE_BELOW, mergeLeaf, removeChildren } from './merge.ts';

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
      root.birth = pages.transaction;
    }
  } else if (path.depth > 0 && usedBytes(s, o) < pages.geometry.capacity * MERGE_BELOW) {
    mergeLeaf(edit);
  }
}
