/**
 * An entry put in the leaf that the path leads to.
 *
 * In place when the leaf has room in one piece; else by writing the leaf anew, which closes holes
 * and fits the prefix to the keys; else with the help of other leaves (split.ts).
 *
 * A key that does not begin with the leaf's prefix comes before or after all of its keys, and makes
 * all of them longer. Then the leaf may hold less than it did: it is cut where both parts fit, and
 * two parts are always enough, because beside the leaf as it was any one entry has room on a leaf
 * of its own (Geometry.maxLeafEntryBytes).
 */

import { LEAF_SLOT_BYTES } from '../format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  overflowLength,
  packedPage,
  VALUE_IN_OVERFLOW,
  valueWord,
} from '../format/leaf.ts';
import { holeBytes, PAGE_TYPE, pageFlags, prefixLength, slotCount } from '../format/page-header.ts';
import { type Edit, gapBytes } from './edit.ts';
import { sharedWithPrefix } from './keys.ts';
import { entryBytes, insertInLeaf, replaceInLeaf } from './leaf-edit.ts';
import { leafBytes, loadLeaf, writeLeaf } from './leaf-pack.ts';
import { OWN } from './scratch.ts';
import { makeRoom, pushOwn, splitAtEdge } from './split.ts';

/** The first entry of a tree that has none. */
export function insertFirst(edit: Edit): void {
  const { pages, root, path, entry } = edit;
  const page = pages.allocate(PAGE_TYPE.leaf, 0, edit.leafFlags);
  root.page = page;
  root.birth = pages.transaction;
  root.entries = 1;
  path.depth = 0;
  path.pages[0] = page;
  path.births[0] = pages.transaction;
  if (entry.runPage !== 0) edit.markOverflow();
  edit.findLeaf();
  insertInLeaf(path.segment, path.offset, pages.geometry.pageSize, 0, entry);
}

/**
 * Puts a new key at path.slot. The path has been touched. Returns whether the path still leads to
 * the entry.
 */
export function insertEntry(edit: Edit): boolean {
  const { path, entry } = edit;
  const { pageSize } = edit.pages.geometry;
  edit.addEntries(path.depth, 1);
  if (entry.runPage !== 0) edit.markOverflow();
  const s = path.segment;
  const o = path.offset;
  const prefix = prefixLength(s, o);
  const shares =
    prefix === 0 || sharedWithPrefix(s, o, pageSize, entry.key, entry.keyLength) === prefix;
  if (shares && insertInLeaf(s, o, pageSize, path.slot, entry)) return true;
  const size = entryBytes(pageFlags(s, o), entry, prefix) + LEAF_SLOT_BYTES;
  if (shares && size > gapBytes(s, o, pageSize) + holeBytes(s, o) && splitAtEdge(edit)) {
    return false;
  }
  return rewrite(edit, 0);
}

/** Gives the entry at path.slot the new value. The path has been touched. */
export function replaceEntry(edit: Edit): void {
  const { pages, path, entry } = edit;
  const { pageSize } = pages.geometry;
  if (entry.runPage !== 0) edit.markOverflow();
  const s = path.segment;
  const o = path.offset;
  freeRuns(edit, path.slot, path.slot + 1);
  if (!replaceInLeaf(s, o, pageSize, path.slot, entry)) rewrite(edit, 1);
}

/** Lets go of the overflow runs of entries [from, to) of the path's leaf. */
export function freeRuns(edit: Edit, from: number, to: number): void {
  const s = edit.path.segment;
  const o = edit.path.offset;
  const n = slotCount(s, o);
  const fixed = fixedBytes(pageFlags(s, o));
  for (let i = from; i < to; i++) {
    const e = leafEntry(s, o, n, i);
    if ((valueWord(s, e) & VALUE_IN_OVERFLOW) === 0) continue;
    edit.pages.freeRun(packedPage(s, e + fixed), overflowLength(s, e + fixed));
  }
}

/**
 * Writes the leaf anew with the new entry in place of `replaced` (0 or 1) old ones at path.slot.
 */
function rewrite(edit: Edit, replaced: number): boolean {
  const { path, scratch } = edit;
  const page = path.pages[path.depth]!;
  scratch.clear();
  loadLeaf(edit, OWN, path.segment, path.offset, page);
  pushOwn(edit, replaced);
  if (leafBytes(scratch, 0, scratch.count) > edit.pages.geometry.capacity) {
    // A key that shares less than the leaf's prefix may come after all others, too.
    if (replaced > 0 || !splitAtEdge(edit)) makeRoom(edit, replaced);
    return false;
  }
  writeLeaf(edit, page, 0, scratch.count);
  return true;
}
