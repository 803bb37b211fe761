/**
 * A pass of compaction over one tree, in steps that each fit a small transaction: leaves are filled
 * up from their right neighbours, or what lies at or past a page number is moved: overflow runs, or
 * pages.
 *
 * Moving is nothing but touching: the copy gets its place at the commit. Leaves are filled within
 * the branch of level 1 that they share; what its last leaf has to spare stays.
 *
 * 1. Each call leaves a whole tree, and in the pass a key that leads to where the next one goes on,
 *    whatever others have changed in between.
 */

import { CorruptionError } from '../errors.ts';
import { childBirth, childPage } from '../format/branch.ts';
import { LEAF_SLOT_BYTES } from '../format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  leafEntryBytes,
  overflowLength,
  packedBirth,
  packedPage,
  VALUE_IN_OVERFLOW,
  valueWord,
  writePackedPointer,
} from '../format/leaf.ts';
import { PAGE_FLAG, PAGE_TYPE, pageFlags, slotCount } from '../format/page-header.ts';
import { childAt } from './branch-edit.ts';
import { type Edit, usedBytes } from './edit.ts';
import { compareKeys, copySeparator } from './keys.ts';
import { leafBytes, loadLeaf, writeLeaf } from './leaf-pack.ts';
import { joinChildren, listLeaves } from './merge.ts';
import { OWN, type Scratch } from './scratch.ts';
import { findOnPath, search } from './search.ts';
import { writeBoth } from './split.ts';

/**
 * Leaves are filled where at least one of 32 neighbours goes away by it: the tree is then 97 % full
 * or more, and a tree that is full is not written again for nothing.
 */
const NEIGHBOURS = 64;
const WORTHWHILE = 1 / 32;

/** What a pass does: one of the three, so that each finds the places that the one before left. */
export type PackKind = 'fill' | 'runs' | 'pages';

/** A pass, and how far it is. */
export class PackPass {
  readonly kind: PackKind;
  /** Pages at or past this number are moved, runs that reach past it. */
  readonly end: number;
  /** Where the next step begins: key[0, keyLength). */
  readonly key: Uint8Array;
  keyLength = 0;
  finished = false;
  /** Pages that were written anew, those of runs among them. */
  moved = 0;
  /** Leaves that were looked at. */
  looked = 0;
  /** A step ends when `moved` has come as far. */
  stopAt: number = Number.POSITIVE_INFINITY;

  /** `keyBytes`: the size of a page, which no separator exceeds. */
  constructor(kind: PackKind, end: number, keyBytes: number) {
    this.kind = kind;
    this.end = end;
    this.key = new Uint8Array(keyBytes);
  }
}

/**
 * A place for an overflow run of `pages` pages that lies wholly before page `before`, set apart for
 * it; -1 when there is none.
 */
export type FindPlace = (pages: number, before: number) => number;

/** Does a step: leaves under one branch of level 1, no more than `most` of them. */
export function packStep(edit: Edit, pass: PackPass, most: number, findPlace: FindPlace): void {
  const { pages, path, root } = edit;
  search(pages, root.page, root.birth, pass.key, pass.keyLength, path);
  if (pass.kind === 'pages') moveBranches(edit, pass);
  if (pass.kind === 'runs' && !mayHaveRuns(edit, 0)) {
    pass.finished = true;
    return;
  }
  if (path.depth === 0) {
    pass.looked++;
    pass.finished = pass.kind !== 'runs' || moveRuns(edit, pass, findPlace);
    return;
  }
  const d = path.depth - 1;
  const first = path.slots[d]!;
  let slot = first;
  for (; slot < first + most && pass.moved < pass.stopAt; slot++) {
    const o = findOnPath(pages, path, d);
    const s = pages.segment;
    const n = slotCount(s, o);
    if (slot === n) break;
    pass.looked++;
    const page = childPage(s, o, n, slot);
    const birth = childBirth(s, o, n, slot);
    if (pass.kind === 'fill' && isWorthFilling(edit, d, slot, n)) {
      goToLeaf(edit, d, slot, page, birth);
      fillLeaf(edit, pass, d, slot);
      return;
    }
    if (pass.kind === 'pages' && page >= pass.end) {
      edit.touchPath(d);
      edit.touchChild(d, slot, page, birth, PAGE_TYPE.leaf);
      pass.moved++;
    }
    if (pass.kind === 'runs' && mayHaveRuns(edit, d)) {
      goToLeaf(edit, d, slot, page, birth);
      if (!moveRuns(edit, pass, findPlace)) break;
    }
  }
  // Stopped in the midst of the first leaf's runs: the next step finds the others.
  if (slot === first) return;
  goOnFrom(edit, pass, d, slot);
}

/** Whether a leaf below the page at `depth` of the path, or it itself, has an overflow run. */
function mayHaveRuns(edit: Edit, depth: number): boolean {
  const o = findOnPath(edit.pages, edit.path, depth);
  return (pageFlags(edit.pages.segment, o) & PAGE_FLAG.overflow) !== 0;
}

/** Touches the deepest branch of the path that has to move, and so all above it. */
function moveBranches(edit: Edit, pass: PackPass): void {
  const { path } = edit;
  for (let d = path.depth; d >= 0; d--) {
    // The leaf of a deeper tree is moved by the branch above it.
    if ((d === path.depth && d > 0) || path.pages[d]! < pass.end) continue;
    edit.touchPath(d);
    pass.moved += d + 1;
    return;
  }
}

/** Makes the path lead to the leaf that is child `slot` of the branch at depth `d`. */
function goToLeaf(edit: Edit, d: number, slot: number, page: number, birth: number): void {
  const { path } = edit;
  path.slots[d] = slot;
  path.pages[d + 1] = page;
  path.births[d + 1] = birth;
  path.slot = 0;
  edit.findLeaf();
}

/** Whether pages are saved by filling the leaf, and those after it, from their neighbours. */
function isWorthFilling(edit: Edit, d: number, slot: number, n: number): boolean {
  if (slot === n - 1) return false;
  const { pages } = edit;
  const { capacity } = pages.geometry;
  const to = Math.min(n, slot + NEIGHBOURS);
  let bytes = 0;
  let free = 0;
  for (let i = slot; i < to; i++) {
    const { page, birth } = childAt(edit, d, i);
    const o = pages.find(page, birth, PAGE_TYPE.leaf);
    const s = pages.segment;
    const used = usedBytes(s, o);
    bytes += used;
    if (i === slot) free = capacity - used;
    if (i !== slot + 1) continue;
    const first = leafEntry(s, o, slotCount(s, o), 0);
    const size = LEAF_SLOT_BYTES + leafEntryBytes(s, first, fixedBytes(pageFlags(s, o)));
    if (free < size) return false;
  }
  const saved = to - slot - Math.ceil(bytes / capacity);
  return saved > 0 && saved >= (to - slot) * WORTHWHILE;
}

/**
 * Takes as many entries from the path's leaf's right neighbour as fit, and goes on from there. The
 * branch above may have been cut or joined afterwards: the path no longer holds.
 */
function fillLeaf(edit: Edit, pass: PackPass, d: number, slot: number): void {
  const { pages, path, scratch } = edit;
  const before = path.pages[path.depth]!;
  edit.touchPath(path.depth);
  const page = path.pages[path.depth]!;
  if (page !== before) pass.moved++;
  loadLeaf(edit, OWN, path.segment, path.offset, page);
  listLeaves(edit, d, slot + 1, false);
  const cut = fullCut(scratch);
  // On with the same leaf when it took all, else with the rest of its neighbour.
  rememberKey(scratch, cut === scratch.count ? 0 : cut, pass);
  const { page: next, birth } = childAt(edit, d, slot + 1);
  if (cut === scratch.count) {
    writeLeaf(edit, page, 0, cut);
    pages.free(next);
    joinChildren(edit, d, slot, page);
    return;
  }
  const right = edit.touchChild(d, slot + 1, next, birth, PAGE_TYPE.leaf);
  if (right !== next) pass.moved++;
  writeBoth(edit, page, slot, cut, right);
}

/** How many items of the list one leaf can hold; at least those that it held before. */
function fullCut(x: Scratch): number {
  const { capacity } = x.geometry;
  let cut = 1;
  while (cut < x.count && leafBytes(x, 0, cut + 1) <= capacity) cut++;
  return cut;
}

function rememberKey(x: Scratch, item: number, pass: PackPass): void {
  pass.keyLength = x.keyLength[item]!;
  x.copyKeyPart(item, 0, pass.keyLength, pass.key, 0);
}

/**
 * Moves the overflow runs of the path's leaf that reach past the end, where there is room. False:
 * enough was moved, and there may be more.
 */
function moveRuns(edit: Edit, pass: PackPass, findPlace: FindPlace): boolean {
  const { pages, path } = edit;
  const flags = pageFlags(path.segment, path.offset);
  if ((flags & PAGE_FLAG.overflow) === 0) return true;
  const fixed = fixedBytes(flags);
  const n = slotCount(path.segment, path.offset);
  for (let slot = 0; slot < n; slot++) {
    const e = leafEntry(path.segment, path.offset, n, slot);
    if ((valueWord(path.segment, e) & VALUE_IN_OVERFLOW) === 0) continue;
    const page = packedPage(path.segment, e + fixed);
    const birth = packedBirth(path.segment, e + fixed);
    const length = overflowLength(path.segment, e + fixed);
    const count = pages.geometry.overflowPages(length);
    if (page < 0 || page + count <= pass.end) continue;
    if (pass.moved >= pass.stopAt) return false;
    const place = findPlace(count, page);
    if (place < 0) continue;
    edit.touchPath(path.depth);
    const moved = pages.moveRun(page, birth, length, place);
    edit.findLeaf();
    const at = leafEntry(path.segment, path.offset, n, slot) + fixed;
    writePackedPointer(path.segment, at, moved, pages.transaction);
    pass.moved += count;
  }
  return true;
}

/**
 * The next step begins with child `slot` of the branch at depth `d`, or with what comes after.
 * Throws CorruptionError when that is not further on: a damaged tree must not keep a pass going.
 */
function goOnFrom(edit: Edit, pass: PackPass, d: number, slot: number): void {
  const { pages, path, scratch } = edit;
  const { pageSize } = pages.geometry;
  let next = slot;
  for (let depth = d; depth >= 0; depth--) {
    const o = findOnPath(pages, path, depth);
    const s = pages.segment;
    if (next < slotCount(s, o)) {
      const length = copySeparator(s, o, pageSize, next, scratch.separator);
      if (compareKeys(scratch.separator, length, pass.key, pass.keyLength) <= 0) {
        const page = path.pages[depth]!;
        throw new CorruptionError(
          page,
          `page ${page}: separator ${next} is not above those before`,
        );
      }
      pass.key.set(scratch.separator.subarray(0, length));
      pass.keyLength = length;
      return;
    }
    if (depth > 0) next = path.slots[depth - 1]! + 1;
  }
  pass.finished = true;
}
