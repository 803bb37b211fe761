/**
 * Order statistics: every branch knows how many entries lie below each of its children, so that a
 * position in the order, or the entry at a position, is found on one way from the root to a leaf.
 */

import { CorruptionError } from '../errors.ts';
import { entriesBelow } from '../format/branch.ts';
import { pageLevel, slotCount } from '../format/page-header.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { type Path, ROOT_TYPE } from './path.ts';
import { findChild, findOnPath } from './search.ts';

/** How many entries come before the slot that `path` leads to. */
export function rankOfPath(pages: PageReader, path: Path): number {
  let rank = path.slot;
  for (let d = 0; d < path.depth; d++) {
    const o = findOnPath(pages, path, d);
    const s = pages.segment;
    const n = slotCount(s, o);
    const slot = path.slots[d]!;
    for (let i = 0; i < slot; i++) rank += entriesBelow(s, o, n, i);
  }
  return rank;
}

/** The way to entry `index`, 0 <= index < entries of the tree. */
export function searchIndex(
  pages: PageReader,
  rootPage: number,
  rootBirth: number,
  index: number,
  path: Path,
): void {
  let o = pages.find(rootPage, rootBirth, ROOT_TYPE);
  path.pages[0] = rootPage;
  path.births[0] = rootBirth;
  path.depth = pageLevel(pages.segment, o);
  let left = index;
  for (let d = 0; d < path.depth; d++) {
    const s = pages.segment;
    const n = slotCount(s, o);
    let slot = 0;
    let below = entriesBelow(s, o, n, 0);
    while (left >= below) {
      left -= below;
      slot++;
      if (slot === n) wrongCount(path.pages[d]!, index);
      below = entriesBelow(s, o, n, slot);
    }
    path.slots[d] = slot;
    o = findChild(pages, o, d, path);
  }
  const s = pages.segment;
  if (left >= slotCount(s, o)) wrongCount(path.pages[path.depth]!, index);
  path.segment = s;
  path.offset = o;
  path.slot = left;
  path.found = true;
}

function wrongCount(page: number, index: number): never {
  throw new CorruptionError(page, `page ${page}: entry ${index} is not where the counts say`);
}
