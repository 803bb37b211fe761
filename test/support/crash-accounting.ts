/**
 * Accounting: the pages that a snapshot reaches are those whose bits its allocation map has set, one
 * for one; and every sum in the map is right.
 */

import {
  mapBitsBelow,
  mapChild,
  mapChildBirth,
  mapWord,
  popCount,
} from '../../src/format/map-page.ts';
import { PAGE_TYPE, pageLevel } from '../../src/format/page-header.ts';
import { leavesBelow } from '../../src/pager/allocation-map.ts';
import type { MappedPages } from '../../src/pager/mapped-pages.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import type { Storage } from '../../src/pager/storage.ts';
import { walkBornSince } from '../../src/pager/walk.ts';

/** The pages that the snapshot reaches, meta slots' pages included. Throws when one is damaged. */
export function reachablePages(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
): Set<number> {
  const reached = new Set<number>();
  for (let page = 0; page < pages.geometry.firstPage; page++) reached.add(page);
  const fault = walkBornSince(storage, pages, roots, 0, (page, count) => {
    for (let p = page; p < page + count; p++) {
      if (reached.has(p)) throw new Error(`page ${p} is reached twice`);
      reached.add(p);
    }
  });
  if (fault !== undefined) {
    throw new Error(`snapshot ${roots.id}: page ${fault.page}: ${fault.what}`);
  }
  return reached;
}

/** The pages whose bits are set in the snapshot's map. Throws when a sum in the map is wrong. */
export function mappedPages(pages: MappedPages, roots: SnapshotRoots): Set<number> {
  const { geometry } = pages;
  const inUse = new Set<number>();
  const visit = (page: number, birth: number, level: number, index: number): number => {
    const o = pages.find(page, birth, PAGE_TYPE.map);
    const s = pages.segment;
    const found = pageLevel(s, o);
    if (level >= 0 && found !== level) throw new Error(`map page ${page} of level ${found}`);
    if (found === 0) {
      let bits = 0;
      for (let w = 0; w < geometry.mapLeafBits >> 5; w++) {
        const word = mapWord(s, o, w);
        if (word === 0) continue;
        bits += popCount(word);
        for (let b = 0; b < 32; b++) {
          if ((word & (1 << b)) !== 0) inUse.add(index * geometry.mapLeafBits + 32 * w + b);
        }
      }
      return bits;
    }
    let sum = 0;
    for (let i = 0; i < geometry.mapFanout; i++) {
      const child = mapChild(s, o, i);
      if (child === 0) continue;
      const childBirth = mapChildBirth(s, o, geometry.mapFanout, i);
      const leaf = index + i * leavesBelow(geometry, found - 1);
      const bits = visit(child, childBirth, found - 1, leaf);
      const said = mapBitsBelow(s, o, geometry.mapFanout, i);
      if (bits !== said) throw new Error(`map page ${page} counts ${said} below, not ${bits}`);
      sum += bits;
    }
    return sum;
  };
  const bits = visit(roots.mapPage, roots.mapBirth, -1, 0);
  if (bits !== roots.pagesInUse) {
    throw new Error(`snapshot ${roots.id} says ${roots.pagesInUse} pages in use, its map ${bits}`);
  }
  return inUse;
}

/** Throws unless reachable pages and bits agree, and the snapshot's file ends at its last page. */
export function checkAccounting(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
): Set<number> {
  const reached = reachablePages(storage, pages, roots);
  const inUse = mappedPages(pages, roots);
  let last = 0;
  for (const page of inUse) {
    if (!reached.has(page)) throw new Error(`snapshot ${roots.id}: page ${page} is leaked`);
    last = Math.max(last, page);
  }
  for (const page of reached) {
    if (!inUse.has(page)) throw new Error(`snapshot ${roots.id}: page ${page} is used, not marked`);
  }
  if (roots.filePages !== last + 1) {
    throw new Error(`snapshot ${roots.id}: ${roots.filePages} pages long, its last is ${last}`);
  }
  return reached;
}
