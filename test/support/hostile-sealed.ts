/**
 * Damage by somebody who knows the format: checksum, number and birth are right afterwards, so that
 * the checks behind them are reached.
 */

import { branchEntry, setChild, setEntriesBelow } from '../../src/format/branch.ts';
import { CATALOGUE_RECORD_BYTES } from '../../src/format/catalogue.ts';
import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  VALUE_IN_OVERFLOW,
  valueWord,
  writeOverflowReference,
  writePackedPointer,
} from '../../src/format/leaf.ts';
import { setMapBitsBelow, setMapChild } from '../../src/format/map-page.ts';
import {
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageLevel,
  slotCount,
} from '../../src/format/page-header.ts';
import { boundary, type Draw, somePage } from './hostile-damage.ts';
import type { UsedPage } from './hostile-image.ts';
import { sealMeta, sealPage, sealPageAs, sealRun } from './hostile-seal.ts';

/** A used page of that type, undefined when there is none. */
function pageOf({ image, dice }: Draw, type: number): UsedPage | undefined {
  const pages = image.content.used.filter((page) => page.type === type);
  return pages.length === 0 ? undefined : dice.pick(pages);
}

/** A leaf whose flags have that bit. */
function leafWith(draw: Draw, flag: number): UsedPage | undefined {
  const { segment, pageSize, content } = draw.image;
  const leaves = content.used.filter(
    ({ page, type }) =>
      type === PAGE_TYPE.leaf && (pageFlags(segment, page * pageSize) & flag) !== 0,
  );
  return leaves.length === 0 ? undefined : draw.dice.pick(leaves);
}

/** Sets a field of 1, 2, 4 or 6 bytes that begins at an even byte, or adds a little to it. */
function spoil({ image, dice }: Draw, at: number, bytes: 1 | 2 | 4 | 6): void {
  // After another damage of the page, lengths and slots may lead anywhere.
  if (!(at >= 0 && at + bytes <= image.bytes.length)) return;
  image.touch(at, bytes);
  const view = new DataView(image.bytes.buffer);
  const near = dice.below(4) === 0 ? [-2, -1, 1, 2][dice.below(4)]! : undefined;
  const any = boundary(dice, 8 * bytes);
  if (bytes === 1) view.setUint8(at, near === undefined ? any : view.getUint8(at) + near);
  else if (bytes === 2) {
    view.setUint16(at, near === undefined ? any : view.getUint16(at, true) + near, true);
  } else if (bytes === 4) {
    view.setUint32(at, near === undefined ? any : view.getUint32(at, true) + near, true);
  } else {
    view.setUint32(at, any % 2 ** 32, true);
    view.setUint16(at + 4, Math.floor(any / 2 ** 32), true);
  }
}

/** A page to lead a pointer to, with the birth that it has when it is used; else with another. */
function target(draw: Draw, self: UsedPage): { page: number; birth: number } {
  const { dice, image } = draw;
  const { used, newest } = image.content;
  const kind = dice.below(9);
  if (kind < 5) return dice.pick(used);
  if (kind < 6) return self;
  if (kind < 7) return { page: somePage(draw), birth: newest.transaction };
  return { page: boundary(dice, 32) | 0, birth: kind === 7 ? self.birth : boundary(dice, 48) };
}

/** Where the value of an entry that begins a leaf's slot `i` lies, when its word says a run. */
function entryAt(draw: Draw, page: number, wanted: (word: number) => boolean): number | undefined {
  const { segment, pageSize } = draw.image;
  const o = page * pageSize;
  const n = slotCount(segment, o);
  const fixed = fixedBytes(pageFlags(segment, o));
  const places: number[] = [];
  for (let i = 0; i < n; i++) {
    const e = leafEntry(segment, o, n, i);
    if (wanted(valueWord(segment, e))) places.push(e + fixed);
  }
  return places.length === 0 ? undefined : draw.dice.pick(places);
}

/** A field of the header; then anything in the page. */
function spoilField(draw: Draw): void {
  const { image, dice } = draw;
  const { page, birth, type } = dice.pick(image.content.used);
  const o = image.touchPage(page);
  const s = image.segment;
  const n = slotCount(s, o);
  const kind = dice.below(6);
  if (kind < 2) {
    const [at, bytes] = dice.pick([
      [20, 1],
      [21, 1],
      [22, 2],
      [24, 2],
      [26, 2],
      [28, 2],
      [30, 2],
    ] as const);
    spoil(draw, o + at, bytes);
  } else if (kind < 3) {
    spoil(draw, o + 32 + 4 * dice.below((image.pageSize - 32) / 4), 4);
  } else if (kind < 4) {
    spoil(draw, o + 32 + 2 * dice.below((image.pageSize - 32) / 2), 2);
  } else if (type === PAGE_TYPE.leaf) {
    // A slot, or the lengths of an entry.
    const i = dice.below(n);
    if (kind === 4) spoil(draw, o + 32 + 4 * n + 2 * i, 2);
    else spoil(draw, leafEntry(s, o, n, i) + 2 * dice.below(2), 2);
  } else if (type === PAGE_TYPE.branch) {
    const i = dice.below(n);
    if (kind === 4) spoil(draw, o + 32 + 20 * n + 2 * i, 2);
    else if (i > 0) spoil(draw, branchEntry(s, o, n, i), 2);
    else setEntriesBelow(s, o, n, dice.below(n), boundary(dice, 48));
  } else {
    setMapBitsBelow(s, o, image.content.geometry.mapFanout, 0, boundary(dice, 32));
  }
  sealPageAs(image, page, birth);
}

/** A pointer of a branch or a map page leads elsewhere: up, beside, to itself, nowhere. */
function spoilPointer(draw: Draw): void {
  const { image, dice } = draw;
  const { mapFanout } = image.content.geometry;
  const from = dice.below(4) === 0 ? pageOf(draw, PAGE_TYPE.map) : pageOf(draw, PAGE_TYPE.branch);
  if (from === undefined) {
    spoilField(draw);
    return;
  }
  const o = image.touchPage(from.page);
  const s = image.segment;
  const { page, birth } = target(draw, from);
  if (from.type === PAGE_TYPE.map) {
    if (pageLevel(s, o) === 0) {
      spoilField(draw);
      return;
    }
    setMapChild(s, o, mapFanout, dice.below(Math.min(4, mapFanout)), page, birth);
  } else {
    const n = slotCount(s, o);
    setChild(s, o, n, dice.below(n), page, birth);
  }
  sealPage(image, from.page);
}

/** All children of a branch, or of several, are one and the same. */
function shareChildren(draw: Draw): void {
  const { image, dice } = draw;
  const s = image.segment;
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const from = pageOf(draw, PAGE_TYPE.branch);
    if (from === undefined) {
      spoilField(draw);
      return;
    }
    const o = image.touchPage(from.page);
    const n = slotCount(s, o);
    const one = image.content.used.filter(
      ({ page }) => pageLevel(s, page * image.pageSize) === pageLevel(s, o) - 1,
    );
    if (one.length === 0) continue;
    const { page, birth } = dice.pick(one);
    for (let i = 0; i < n; i++) setChild(s, o, n, i, page, birth);
    sealPage(image, from.page);
  }
}

/** The reference to a run names another length, place or birth. */
function spoilReference(draw: Draw): void {
  const { image, dice } = draw;
  const leaf = leafWith(draw, PAGE_FLAG.overflow);
  const at = leaf && entryAt(draw, leaf.page, (word) => (word & VALUE_IN_OVERFLOW) !== 0);
  if (leaf === undefined || at === undefined) {
    spoilField(draw);
    return;
  }
  image.touchPage(leaf.page);
  const s = image.segment;
  const run = dice.pick(image.content.runs);
  const { page, birth } = dice.below(3) === 0 ? target(draw, leaf) : run;
  const kind = dice.below(4);
  if (kind === 0) spoil(draw, at + 10, 4);
  else if (kind === 1) spoil(draw, at, 4);
  else writeOverflowReference(s, at, page, birth, kind === 2 ? run.length : boundary(dice, 32));
  sealPage(image, leaf.page);
}

/** A catalogue record names another root, count, kind or codec. */
function spoilRecord(draw: Draw): void {
  const { image, dice } = draw;
  const leaf = leafWith(draw, PAGE_FLAG.catalogue);
  const at = leaf && entryAt(draw, leaf.page, (word) => word >= CATALOGUE_RECORD_BYTES);
  if (leaf === undefined || at === undefined) {
    spoilField(draw);
    return;
  }
  image.touchPage(leaf.page);
  const kind = dice.below(4);
  if (kind === 0) {
    const { page, birth } = target(draw, leaf);
    writePackedPointer(image.segment, at, page, birth);
  } else if (kind === 1) spoil(draw, at + 10, 6);
  else spoil(draw, at + 2 * dice.below(CATALOGUE_RECORD_BYTES / 2 + 4), 2);
  sealPage(image, leaf.page);
}

/** One or two fields of a meta slot. */
function spoilMeta(draw: Draw): void {
  const { image, dice } = draw;
  const slot = dice.below(2) === 0 ? image.content.newest.slot : dice.below(3);
  const at = META_SLOT_OFFSETS[slot]!;
  image.touch(at, META_SLOT_BYTES);
  for (let n = 1 + dice.below(2); n > 0; n--) {
    const field = 36 + 4 * dice.below(29);
    if (field < 64 && dice.below(4) > 0) continue;
    spoil(draw, at + field, 4);
  }
  if (dice.below(3) === 0) {
    const { page, birth } = dice.pick(image.content.used);
    const view = new DataView(image.bytes.buffer);
    const root = at + (dice.below(2) === 0 ? 96 : 112);
    view.setUint32(root, page, true);
    view.setUint32(root + 8, birth % 2 ** 32, true);
    view.setUint32(root + 12, Math.floor(birth / 2 ** 32), true);
  }
  sealMeta(image, slot);
}

/** A page takes another's place, under its name. */
function takePlace(draw: Draw): void {
  const { image, dice, older } = draw;
  const to = dice.pick(image.content.used);
  const from = somePage(draw) * image.pageSize;
  const source = dice.below(4) === 0 && older.length > 0 ? older : image.bytes;
  image.touchPage(to.page);
  image.bytes.set(source.slice(from, from + image.pageSize), to.page * image.pageSize);
  sealPageAs(image, to.page, to.birth);
}

/** Bytes of a value, sealed: also bytes that look like a page of the tree. */
function spoilRun(draw: Draw): void {
  const { image, dice } = draw;
  const { geometry, runs, used } = image.content;
  if (runs.length === 0) {
    spoilField(draw);
    return;
  }
  const run = dice.pick(runs);
  const first = run.page + geometry.overflowHeads(run.length);
  const pages = geometry.overflowPages(run.length);
  image.touch(run.page * image.pageSize, pages * image.pageSize);
  if (dice.below(2) === 0 && pages > 2) {
    // A page in the run, which a branch leads to.
    const like = dice.pick(used);
    const o = first * image.pageSize;
    image.bytes.copyWithin(o, like.page * image.pageSize, (like.page + 1) * image.pageSize);
    spoil(draw, o + 22, 2);
    sealPageAs(image, first, run.birth);
    const from = pageOf(draw, PAGE_TYPE.branch);
    if (from !== undefined) {
      const at = image.touchPage(from.page);
      const n = slotCount(image.segment, at);
      setChild(image.segment, at, n, dice.below(n), first, run.birth);
      sealPage(image, from.page);
    }
  } else {
    const at = dice.below(pages * image.pageSize);
    image.bytes[run.page * image.pageSize + at]! ^= 1 << dice.below(8);
  }
  sealRun(image, run);
}

/** Any bytes of a page. */
function spoilBytes(draw: Draw): void {
  const { image, dice } = draw;
  const { page, birth } = dice.pick(image.content.used);
  const o = image.touchPage(page);
  for (let n = 1 + dice.below(8); n > 0; n--) {
    image.bytes[o + 20 + dice.below(image.pageSize - 20)] = dice.below(256);
  }
  sealPageAs(image, page, birth);
}

export const SEALED_DAMAGE: readonly ((draw: Draw) => void)[] = [
  spoilField,
  spoilField,
  spoilField,
  spoilPointer,
  spoilPointer,
  shareChildren,
  spoilReference,
  spoilRecord,
  spoilMeta,
  takePlace,
  spoilRun,
  spoilBytes,
];
