/**
 * What a tree looks like: its pages, for tests that say which shape an operation must leave.
 */

import type { Tree } from '../../src/btree/tree.ts';
import { childBirth, childPage } from '../../src/format/branch.ts';
import {
  heapSize,
  holeBytes,
  pageFlags,
  pageLevel,
  prefixLength,
  slotCount,
} from '../../src/format/page-header.ts';

export interface PageShape {
  readonly page: number;
  readonly birth: number;
  readonly level: number;
  readonly count: number;
  readonly prefix: number;
  readonly flags: number;
  readonly heap: number;
  readonly holes: number;
}

/** All pages of a tree, each branch before what lies below it. */
export function pagesOf(tree: Tree): PageShape[] {
  const shapes: PageShape[] = [];
  const visit = (page: number, birth: number): void => {
    const o = tree.pages.find(page, birth, 0);
    const s = tree.pages.segment;
    const count = slotCount(s, o);
    const level = pageLevel(s, o);
    shapes.push({
      page,
      birth,
      level,
      count,
      prefix: prefixLength(s, o),
      flags: pageFlags(s, o),
      heap: heapSize(s, o),
      holes: holeBytes(s, o),
    });
    if (level === 0) return;
    for (let i = 0; i < count; i++) visit(childPage(s, o, count, i), childBirth(s, o, count, i));
  };
  if (tree.root.page !== 0) visit(tree.root.page, tree.root.birth);
  return shapes;
}

export function leavesOf(tree: Tree): PageShape[] {
  return pagesOf(tree).filter((shape) => shape.level === 0);
}
