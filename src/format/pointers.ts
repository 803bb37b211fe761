/**
 * Every pointer that a page holds, whatever its type: for the recovery walk, for the commit that
 * gives dirty pages their numbers, and for the checker. It knows pages, not trees.
 */

import { childBirth, childPage, setChildPage } from './branch.ts';
import {
  fixedBytes,
  leafEntry,
  overflowLength,
  packedBirth,
  packedPage,
  VALUE_IN_OVERFLOW,
  valueWord,
  writeHalves,
} from './leaf.ts';
import { mapChild, mapChildBirth } from './map-page.ts';
import { PAGE_FLAG, PAGE_TYPE, pageFlags, pageLevel, pageType, slotCount } from './page-header.ts';
import type { Segment } from './segment.ts';

/** What a pointer leads to. */
export interface PointerVisitor {
  /** A page of that type and level; level -1: any (the root of a store). */
  page(page: number, birth: number, type: number, level: number): void;
  /** An overflow run with a value of `length` bytes. */
  run(page: number, birth: number, length: number): void;
}

/** Tells `visitor` of each pointer on the page at `o`, whose structure has been checked. */
export function visitPointers(
  s: Segment,
  o: number,
  fanout: number,
  visitor: PointerVisitor,
): void {
  const type = pageType(s, o);
  if (type === PAGE_TYPE.branch) visitBranch(s, o, visitor);
  else if (type === PAGE_TYPE.leaf) visitLeaf(s, o, visitor);
  else if (type === PAGE_TYPE.map && pageLevel(s, o) > 0) visitMap(s, o, fanout, visitor);
}

function visitBranch(s: Segment, o: number, visitor: PointerVisitor): void {
  const n = slotCount(s, o);
  const level = pageLevel(s, o) - 1;
  const type = level === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
  for (let i = 0; i < n; i++) {
    visitor.page(childPage(s, o, n, i), childBirth(s, o, n, i), type, level);
  }
}

function visitLeaf(s: Segment, o: number, visitor: PointerVisitor): void {
  const flags = pageFlags(s, o);
  if ((flags & (PAGE_FLAG.overflow | PAGE_FLAG.catalogue)) === 0) return;
  const n = slotCount(s, o);
  const fixed = fixedBytes(flags);
  for (let i = 0; i < n; i++) {
    const e = leafEntry(s, o, n, i);
    const at = e + fixed;
    if ((valueWord(s, e) & VALUE_IN_OVERFLOW) !== 0) {
      visitor.run(packedPage(s, at), packedBirth(s, at), overflowLength(s, at));
    } else if ((flags & PAGE_FLAG.catalogue) !== 0 && packedPage(s, at) !== 0) {
      visitor.page(packedPage(s, at), packedBirth(s, at), 0, -1);
    }
  }
}

function visitMap(s: Segment, o: number, fanout: number, visitor: PointerVisitor): void {
  const level = pageLevel(s, o) - 1;
  for (let i = 0; i < fanout; i++) {
    const page = mapChild(s, o, i);
    if (page !== 0) visitor.page(page, mapChildBirth(s, o, fanout, i), PAGE_TYPE.map, level);
  }
}

/**
 * Gives the dirty targets of a page their places in the file: each pointer to a negative page
 * number is rewritten. `pages[i]` is the place of the dirty page with index i, `runs[i]` that of
 * the dirty overflow run; the index is the number's low 31 bits.
 */
export function placePointers(
  s: Segment,
  o: number,
  pages: Int32Array,
  runs: readonly number[],
): void {
  const type = pageType(s, o);
  const n = slotCount(s, o);
  if (type === PAGE_TYPE.branch) {
    for (let i = 0; i < n; i++) {
      const page = childPage(s, o, n, i);
      if (page < 0) setChildPage(s, o, n, i, pages[page & 0x7fff_ffff]!);
    }
    return;
  }
  const flags = pageFlags(s, o);
  if (type !== PAGE_TYPE.leaf || (flags & (PAGE_FLAG.overflow | PAGE_FLAG.catalogue)) === 0) return;
  const fixed = fixedBytes(flags);
  for (let i = 0; i < n; i++) {
    const e = leafEntry(s, o, n, i);
    const inOverflow = (valueWord(s, e) & VALUE_IN_OVERFLOW) !== 0;
    if (!inOverflow && (flags & PAGE_FLAG.catalogue) === 0) continue;
    const page = packedPage(s, e + fixed);
    if (page >= 0) continue;
    const place = inOverflow ? runs[page & 0x7fff_ffff]! : pages[page & 0x7fff_ffff]!;
    writeHalves(s, e + fixed, place);
  }
}
