/** Reading allocation maps: the bitmap page that covers a page of the file, and its bits. */

import { CorruptionError } from '../errors.ts';
import type { Geometry } from '../format/geometry.ts';
import { copyMapWords, mapChild, mapChildBirth, mapWord } from '../format/map-page.ts';
import { PAGE_TYPE, pageLevel } from '../format/page-header.ts';
import type { PageReader } from './page-reader.ts';
import type { SnapshotRoots } from './snapshot.ts';

/** Where a bitmap page lies: its pointer, or page 0 when none of its pages is in use. */
export interface MapPointer {
  readonly page: number;
  readonly birth: number;
}

const NOTHING: MapPointer = { page: 0, birth: 0 };

/** Bitmap pages under one map page of that level. */
export function leavesBelow(geometry: Geometry, level: number): number {
  let leaves = 1;
  for (let above = level; above > 0; above--) leaves *= geometry.mapFanout;
  return leaves;
}

/**
 * The bitmap page that covers the pages [index x mapLeafBits, ...) in that snapshot's map. `path`,
 * when given, receives the interior pages passed, root first.
 */
export function findMapLeaf(
  pages: PageReader,
  roots: Pick<SnapshotRoots, 'mapPage' | 'mapBirth'>,
  index: number,
  path?: MapPointer[],
): MapPointer {
  const { geometry } = pages;
  let page = roots.mapPage;
  let birth = roots.mapBirth;
  let o = pages.find(page, birth, PAGE_TYPE.map);
  let level = pageLevel(pages.segment, o);
  let inSubtree = index;
  if (index >= leavesBelow(geometry, level)) return NOTHING;
  while (level > 0) {
    path?.push({ page, birth });
    const below = leavesBelow(geometry, level - 1);
    const slot = Math.floor(inSubtree / below);
    inSubtree -= slot * below;
    const s = pages.segment;
    page = mapChild(s, o, slot);
    if (page === 0) return NOTHING;
    birth = mapChildBirth(s, o, geometry.mapFanout, slot);
    level--;
    o = findMapPage(pages, page, birth, level);
  }
  return { page, birth };
}

/** As `find` of a map page, which its parent wants to be of that level. */
export function findMapPage(pages: PageReader, page: number, birth: number, level: number): number {
  const o = pages.find(page, birth, PAGE_TYPE.map);
  const found = pageLevel(pages.segment, o);
  if (found === level) return o;
  throw new CorruptionError(page, `map page ${page}: level ${found}, its parent wants ${level}`);
}

/** Copies the bits of a bitmap page, or of nothing, into `words`, OR-ing them when `or` is set. */
export function readMapLeaf(
  pages: PageReader,
  pointer: MapPointer,
  words: Int32Array,
  or: boolean,
): void {
  if (pointer.page === 0) {
    if (!or) words.fill(0);
    return;
  }
  const o = pages.find(pointer.page, pointer.birth, PAGE_TYPE.map);
  const s = pages.segment;
  if (or) for (let w = 0; w < words.length; w++) words[w]! |= mapWord(s, o, w);
  else copyMapWords(s, o, words);
}
