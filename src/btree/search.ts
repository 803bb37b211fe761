/**
 * The descent from the root to a leaf.
 *
 * `search` is one flat function: it runs for every get, put and seek. It makes no object and calls
 * nothing but `PageReader.find`, once a level. The accessors of format/ are written out in it,
 * because together they pass the 920 bytecodes that V8 inlines into one caller, and because a view
 * kept in a local constant is not loaded again for every probe (bench/micro/btree.ts, "search").
 * Layouts: format/page-header.ts, format/branch.ts, format/leaf.ts.
 */

import { childBirth, childPage } from '../format/branch.ts';
import { fixedBytes, headOf, storedValueBytes } from '../format/leaf.ts';
import { PAGE_TYPE, pageLevel, slotCount } from '../format/page-header.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { type Path, ROOT_TYPE, wrongLevel } from './path.ts';

/**
 * Finds the first entry whose key is >= key[0, length) and leaves the way to it in `path`; its slot
 * is the leaf's count when the leaf holds none (the next leaf may). Returns whether the key is
 * there. `rootPage` is not 0. Throws CorruptionError, STORAGE_FAULT.
 */
export function search(
  pages: PageReader,
  rootPage: number,
  rootBirth: number,
  key: Uint8Array,
  length: number,
  path: Path,
): boolean {
  const pageSize = pages.geometry.pageSize;
  let page = rootPage;
  let birth = rootBirth;
  let type: number = ROOT_TYPE;
  let level = -1;
  let depth = 0;
  let prefix = 0;
  // So many bytes of the key are on every page below: see where it is set.
  let certain = 0;
  let head = headOf(key, 0, length);
  for (;;) {
    const o = pages.find(page, birth, type);
    const s = pages.segment;
    const bytes = s.bytes;
    const u16 = s.u16;
    const i32 = s.i32;
    // What the search below reads one after the other, each time to find out what to read next: the
    // first heads, and the prefix. Asked for together, they come together: a get or a search among
    // 1 M rows takes 0.89 to 0.96 of the time, among 10,000, which the caches hold, as much.
    path.ahead = bytes[o + 64]! | bytes[o + 128]! | bytes[o + 192]! | bytes[o + pageSize - 1]!;
    const pageLevel = bytes[o + 21]!;
    if (pageLevel !== level) {
      if (depth > 0) wrongLevel(page, pageLevel, level);
      level = pageLevel;
      path.depth = pageLevel;
    }
    path.pages[depth] = page;
    path.births[depth] = birth;
    const n = u16[(o + 22) >> 1]!;

    // The prefix is a property of the keys on the page, not of the range that led here.
    const shared = u16[(o + 24) >> 1]!;
    let order = 0;
    if (shared !== 0) {
      const at = o + pageSize - shared;
      const both = shared < length ? shared : length;
      let k = certain < both ? certain : both;
      while (k < both && bytes[at + k]! === key[k]!) k++;
      if (k < both) order = key[k]! - bytes[at + k]!;
      else if (length < shared) order = -1;
    }
    if (shared !== prefix) {
      prefix = shared;
      head = headOf(key, prefix, length);
    }

    // Before lo: keys < key. From hi on: keys > key. `exact`: the slot that equals it.
    let lo = level === 0 ? 0 : 1;
    let hi = n;
    let exact = -1;
    if (order < 0) hi = lo;
    else if (order > 0) lo = hi;
    const heads = (o + 32) >> 2;
    // To the first head that is not below the key's, without a branch on the outcome, which no
    // processor can foresee: 26 ns among 32 heads instead of 37 (Node 20; 24: 25 instead of 32).
    for (let left = hi - lo; left > 0; ) {
      const half = (left + 1) >>> 1;
      lo += half & -+(i32[heads + lo + half - 1]! < head);
      left -= half;
    }
    for (let mid = lo; lo < hi; mid = (lo + hi) >>> 1) {
      const other = i32[heads + mid]!;
      if (other < head) lo = mid + 1;
      else if (other > head) hi = mid;
      else {
        const slots = (heads << 1) + (level === 0 ? 2 : 10) * n;
        const e = o + u16[slots + mid]!;
        if (level === 0) {
          // Most likely the entry that is sought, and in no cache. Its next two cache lines are
          // asked for here, so that they come together with its first and not one after the other:
          // a get of 100 bytes among 1 M took 1.15 us without, 1.03 with (Node 20; 24 the same).
          const last = o + pageSize - 1;
          path.ahead =
            bytes[e + 64 < last ? e + 64 : last]! | bytes[e + 127 < last ? e + 127 : last]!;
        }
        const suffix = u16[e >> 1]!;
        const at =
          level === 0
            ? e + fixedBytes(u16[(o + 30) >> 1]!) + storedValueBytes(u16[(e >> 1) + 1]!)
            : e + 2;
        const rest = length - prefix;
        const both = suffix < rest ? suffix : rest;
        // Equal heads: the first four bytes agree as far as both keys reach.
        let k = 4;
        while (k < both && bytes[at + k]! === key[prefix + k]!) k++;
        const difference = k < both ? bytes[at + k]! - key[prefix + k]! : suffix - rest;
        if (difference < 0) lo = mid + 1;
        else if (difference > 0) hi = mid;
        else {
          exact = mid;
          break;
        }
      }
    }

    if (level === 0) {
      path.segment = s;
      path.offset = o;
      path.slot = exact >= 0 ? exact : lo;
      path.found = exact >= 0;
      return exact >= 0;
    }
    const slot = exact >= 0 ? exact : lo - 1;
    path.slots[depth] = slot;
    // What lies between two separators of a page begins as they do.
    certain = slot > 0 && slot + 1 < n ? prefix : 0;
    const word = heads + n + slot;
    page = i32[word]!;
    birth = u16[(heads << 1) + 8 * n + slot]! * 0x1_0000_0000 + (i32[word + n]! >>> 0);
    level--;
    type = level === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
    depth++;
  }
}

/** The way to the first entry of a tree, or to its last. */
export function searchEdge(
  pages: PageReader,
  rootPage: number,
  rootBirth: number,
  last: boolean,
  path: Path,
): void {
  const o = pages.find(rootPage, rootBirth, ROOT_TYPE);
  path.pages[0] = rootPage;
  path.births[0] = rootBirth;
  path.depth = pageLevel(pages.segment, o);
  descendEdge(pages, o, 0, last, path);
}

/**
 * Goes on from the page at `o`, found last, which stands at `depth` of the path, to the first or
 * last entry below it.
 */
export function descendEdge(
  pages: PageReader,
  o: number,
  depth: number,
  last: boolean,
  path: Path,
): void {
  let d = depth;
  let at = o;
  while (d < path.depth) {
    const s = pages.segment;
    const n = slotCount(s, at);
    path.slots[d] = last ? n - 1 : 0;
    at = findChild(pages, at, d, path);
    d++;
  }
  const s = pages.segment;
  path.segment = s;
  path.offset = at;
  path.slot = last ? slotCount(s, at) - 1 : 0;
  path.found = true;
}

/**
 * Finds the child that slots[depth] names, of the branch at `o`, found last at `depth`. Returns the
 * child's byte offset in `pages.segment`, its level checked, and notes it in the path.
 */
export function findChild(pages: PageReader, o: number, depth: number, path: Path): number {
  const s = pages.segment;
  const n = slotCount(s, o);
  const slot = path.slots[depth]!;
  const page = childPage(s, o, n, slot);
  const birth = childBirth(s, o, n, slot);
  const level = path.depth - depth - 1;
  const at = pages.find(page, birth, level === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch);
  const found = pageLevel(pages.segment, at);
  if (found !== level) wrongLevel(page, found, level);
  path.pages[depth + 1] = page;
  path.births[depth + 1] = birth;
  return at;
}

/** Finds the page that stands at `depth` of the path again. Returns its byte offset. */
export function findOnPath(pages: PageReader, path: Path, depth: number): number {
  const type = depth === path.depth ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
  return pages.find(path.pages[depth]!, path.births[depth]!, type);
}
