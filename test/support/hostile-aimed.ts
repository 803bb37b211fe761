/** Damage that is aimed: at pages of one kind, at a record, at the way from the root to a leaf. */

import { childBirth, childPage, setChild } from '../../src/format/branch.ts';
import { META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  VALUE_IN_OVERFLOW,
  valueWord,
  writePackedPointer,
} from '../../src/format/leaf.ts';
import {
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageLevel,
  setPageLevel,
  slotCount,
} from '../../src/format/page-header.ts';
import type { Image, UsedPage } from './hostile-image.ts';
import { sealMeta, sealPage, sealPageAs } from './hostile-seal.ts';

/** Used pages of that type and level. */
export function pagesOf(
  { content, segment, pageSize }: Image,
  type: number,
  level: number,
): UsedPage[] {
  return content.used.filter(
    (used) => used.type === type && pageLevel(segment, used.page * pageSize) === level,
  );
}

/** The used leaf with that flag, and where the value of its first entry of that kind begins. */
export function entryOf(image: Image, flag: number, inRun: boolean): { page: number; at: number } {
  const { content, segment: s, pageSize } = image;
  for (const { page, type } of content.used) {
    const o = page * pageSize;
    if (type !== PAGE_TYPE.leaf || (pageFlags(s, o) & flag) === 0) continue;
    const n = slotCount(s, o);
    for (let i = 0; i < n; i++) {
      const e = leafEntry(s, o, n, i);
      if (((valueWord(s, e) & VALUE_IN_OVERFLOW) !== 0) !== inRun) continue;
      return { page, at: e + fixedBytes(pageFlags(s, o)) };
    }
  }
  throw new Error('the base has no such entry');
}

export function write32(image: Image, page: number, at: number, value: number): void {
  image.touchPage(page);
  new DataView(image.bytes.buffer).setUint32(at, value >>> 0, true);
  sealPage(image, page);
}

/** The branches of every level lead, from each of their children, to one page below. */
export function shareAll(image: Image): void {
  const s = image.segment;
  for (let level = 5; level > 0; level--) {
    for (const { page } of pagesOf(image, PAGE_TYPE.branch, level)) {
      const o = image.touchPage(page);
      const n = slotCount(s, o);
      const below = pagesOf(image, level === 1 ? PAGE_TYPE.leaf : PAGE_TYPE.branch, level - 1)[0]!;
      for (let i = 0; i < n; i++) setChild(s, o, n, i, below.page, below.birth);
      sealPage(image, page);
    }
  }
}

/** A tree of twenty levels with more ways to one leaf than can be gone. */
export function shareDeep(image: Image): void {
  const s = image.segment;
  const { newest } = image.content;
  const like = pagesOf(image, PAGE_TYPE.branch, 1)[0]!.page * image.pageSize;
  const n = slotCount(s, like);
  let below = { page: childPage(s, like, n, 0), birth: childBirth(s, like, n, 0) };
  for (let level = 1; level <= 20; level++) {
    // Pages that are free.
    const page = 20_000 + level;
    const o = image.touchPage(page);
    image.bytes.copyWithin(o, like, like + image.pageSize);
    setPageLevel(s, o, level);
    for (let i = 0; i < n; i++) setChild(s, o, n, i, below.page, below.birth);
    sealPageAs(image, page, newest.transaction);
    below = { page, birth: newest.transaction };
  }
  const { page, at } = entryOf(image, PAGE_FLAG.catalogue, false);
  image.touchPage(page);
  writePackedPointer(s, at, below.page, below.birth);
  sealPage(image, page);
}

/** A field of the newest meta slot. */
export function spoilMeta(image: Image, at: number, value: number): void {
  const { slot } = image.content.newest;
  const from = META_SLOT_OFFSETS[slot]!;
  image.touch(from, 512);
  const view = new DataView(image.bytes.buffer);
  view.setUint32(from + at, value, true);
  sealMeta(image, slot);
}
