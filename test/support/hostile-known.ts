/**
 * Damage that once ended in something else than a typed error, or that only one check finds: each
 * with the story of what went wrong. They are tried on the library as it is, and on copies of it in
 * which one check is missing (test/hostile/checks.test.ts).
 */

import { childPage, setChild } from '../../src/format/branch.ts';
import { META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { setLeafHead } from '../../src/format/leaf.ts';
import { mapWord, setMapBitsBelow, setMapChild, setMapWord } from '../../src/format/map-page.ts';
import { META_KIND } from '../../src/format/meta.ts';
import {
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageType,
  setHoleBytes,
  setPageFlags,
  slotCount,
} from '../../src/format/page-header.ts';
import { entryOf, pagesOf, shareAll, shareDeep, spoilMeta, write32 } from './hostile-aimed.ts';
import type { Base } from './hostile-bases.ts';
import type { Case, Verify } from './hostile-cases.ts';
import { Image, segmentOf } from './hostile-image.ts';
import { sealPage, sealPageAs, sealRun } from './hostile-seal.ts';

export interface KnownDamage {
  readonly story: string;
  /** The name of the base that is damaged. */
  readonly base: string;
  readonly damage: (image: Image, base: Base) => void;
  /** Checksums still tell. */
  readonly exact?: boolean;
  /** Recovery looks at what was damaged. */
  readonly walked?: boolean;
  readonly use?: 'immutable' | 'write';
  readonly verify?: Verify;
}

const DIRTY = -0x8000_0000;
const TREE = 'a deep tree';
const LEFT = 'a tree of pages of 512 bytes, not closed';
const RUNS = 'overflow runs';
const LEVELS = 'a map of three levels';
const SHAPES = 'shared structures';

export const KNOWN_DAMAGE: readonly KnownDamage[] = [
  {
    story: 'a child that is negative was taken for a dirty page of the transaction',
    base: TREE,
    damage: (image) => {
      for (const { page, birth } of pagesOf(image, PAGE_TYPE.branch, 1)) {
        const o = image.touchPage(page);
        const n = slotCount(image.segment, o);
        for (let i = 0; i < n; i++) setChild(image.segment, o, n, i, DIRTY + i, birth);
        sealPage(image, page);
      }
    },
  },
  {
    story: 'a run whose page is negative was taken for one that the transaction wrote',
    base: RUNS,
    damage: (image) => {
      const { page, at } = entryOf(image, PAGE_FLAG.overflow, true);
      write32(image, page, at, DIRTY);
    },
  },
  {
    story: 'a store whose root is negative',
    base: 'moved runs',
    damage: (image) => {
      const { page, at } = entryOf(image, PAGE_FLAG.catalogue, false);
      write32(image, page, at, DIRTY);
    },
  },
  {
    story: 'a root that is negative, in a leaf that does not say that it holds roots',
    base: 'moved runs',
    damage: (image) => {
      const { page, at } = entryOf(image, PAGE_FLAG.catalogue, false);
      setPageFlags(image.segment, page * image.pageSize, 0);
      write32(image, page, at, DIRTY);
    },
  },
  {
    story: 'a map that has pages in use as free was a broken invariant of the engine',
    base: TREE,
    damage: (image) => {
      const { page, birth } = pagesOf(image, PAGE_TYPE.map, 0)[0]!;
      const o = image.touchPage(page);
      for (let w = 2; w < 8; w++) setMapWord(image.segment, o, w, mapWord(image.segment, o, w) & 1);
      sealPageAs(image, page, birth);
    },
  },
  {
    story: 'counts of the map that are not those of its bits',
    base: LEVELS,
    damage: (image) => {
      const { page } = pagesOf(image, PAGE_TYPE.map, 1)[0]!;
      const { mapFanout } = image.content.geometry;
      setMapBitsBelow(image.segment, image.touchPage(page), mapFanout, 0, 77);
      sealPage(image, page);
    },
  },
  {
    story: 'a map whose root leads to itself',
    base: LEVELS,
    damage: (image) => {
      const { mapPage, mapBirth } = image.content.newest;
      const { mapFanout } = image.content.geometry;
      setMapChild(image.segment, image.touchPage(mapPage), mapFanout, 0, mapPage, mapBirth);
      sealPage(image, mapPage);
    },
  },
  {
    story: 'a file that ends, by its meta, before pages that it uses',
    base: TREE,
    damage: (image) => spoilMeta(image, 128, 60),
  },
  {
    story: 'a file of 2^32 - 1 pages, by its meta',
    base: TREE,
    damage: (image) => spoilMeta(image, 128, 2 ** 32 - 1),
  },
  {
    story: 'a transaction past the ids that there are',
    base: TREE,
    damage: (image) => spoilMeta(image, 68, 2 ** 20),
  },
  {
    story: 'leaves whose holes are as large as their heap',
    base: TREE,
    damage: (image) => {
      for (const { page } of pagesOf(image, PAGE_TYPE.leaf, 0)) {
        const o = image.touchPage(page);
        setHoleBytes(image.segment, o, 60);
        sealPage(image, page);
      }
    },
  },
  {
    story: 'a branch that leads to itself',
    base: TREE,
    damage: (image) => {
      for (const { page, birth } of image.content.used.filter(
        ({ type }) => type === PAGE_TYPE.branch,
      )) {
        const o = image.touchPage(page);
        const n = slotCount(image.segment, o);
        for (let i = 0; i < n; i++) setChild(image.segment, o, n, i, page, birth);
        sealPage(image, page);
      }
    },
  },
  { story: 'branches that share their children', base: TREE, damage: shareAll },
  { story: 'twenty levels of branches that share their children', base: LEVELS, damage: shareDeep },
  {
    story: 'branches that share their children, walked',
    base: LEFT,
    walked: true,
    damage: shareAll,
  },
  {
    story: 'a part of a value that looks like a page was taken for one that had been checked',
    base: RUNS,
    use: 'immutable',
    verify: 'first-read',
    damage: (image) => {
      const { runs, geometry } = image.content;
      const run = runs.reduce((a, b) => (a.length > b.length ? a : b));
      const first = run.page + geometry.overflowHeads(run.length);
      const pages = geometry.overflowPages(run.length);
      image.touch(run.page * image.pageSize, pages * image.pageSize);
      const root = pagesOf(image, PAGE_TYPE.branch, 1)[0]!;
      const at = image.touchPage(root.page);
      const n = slotCount(image.segment, at);
      // A leaf of entries that lie far past its end, in place of the last.
      const like = childPage(image.segment, at, n, 0) * image.pageSize;
      const o = first * image.pageSize;
      image.bytes.copyWithin(o, like, like + image.pageSize);
      image.bytes.fill(255, o + 22, o + image.pageSize);
      sealPageAs(image, first, run.birth);
      setChild(image.segment, at, n, n - 1, first, run.birth);
      sealRun(image, run);
      sealPage(image, root.page);
    },
  },
  {
    story: 'a value of 4 GiB',
    base: RUNS,
    damage: (image) => {
      const { page, at } = entryOf(image, PAGE_FLAG.overflow, true);
      write32(image, page, at + 10, 2 ** 32 - 1);
    },
  },
  {
    story: 'a value that goes on past the end of the file',
    base: RUNS,
    damage: (image) => {
      const { page, at } = entryOf(image, PAGE_FLAG.overflow, true);
      write32(image, page, at + 10, 60_000);
    },
  },
  {
    story: 'a flipped bit in a leaf',
    base: TREE,
    exact: true,
    use: 'immutable',
    damage: (image) => {
      for (const { page } of pagesOf(image, PAGE_TYPE.leaf, 0)) {
        const flags = pageFlags(image.segment, page * image.pageSize);
        if ((flags & PAGE_FLAG.catalogue) !== 0) continue;
        const at = (page + 1) * image.pageSize - 14;
        image.write(at, Uint8Array.of(image.bytes[at]! ^ 4));
      }
    },
  },
  {
    story: 'a flipped bit in a value that lies in a run',
    base: RUNS,
    exact: true,
    use: 'immutable',
    damage: (image) => {
      for (const { page } of image.content.runs) {
        const at = (page + 1) * image.pageSize + 100;
        image.write(at, Uint8Array.of(image.bytes[at]! ^ 4));
      }
    },
  },
  {
    story: 'writes that were lost: pages are as they were',
    base: TREE,
    exact: true,
    damage: (image, { older }) => {
      const before = segmentOf(older);
      for (const { page, type } of image.content.used) {
        const o = page * image.pageSize;
        if (type !== PAGE_TYPE.leaf || pageType(before, o) !== type) continue;
        if (pageFlags(before, o) !== pageFlags(image.segment, o)) continue;
        image.write(o, older.slice(o, o + image.pageSize));
      }
    },
  },
  {
    story: 'a shape was appended where a head says that greater keys come, which was a RangeError',
    base: SHAPES,
    use: 'write',
    damage: (image) => {
      for (const { page } of pagesOf(image, PAGE_TYPE.leaf, 0)) {
        const o = image.touchPage(page);
        const n = slotCount(image.segment, o);
        if (n > 1) setLeafHead(image.segment, o, n - 1, 0x7fff_ffff);
        sealPage(image, page);
      }
    },
  },
  {
    story: 'a flipped bit in the newest meta slot',
    base: LEFT,
    exact: true,
    damage: (image) => {
      const at = META_SLOT_OFFSETS[image.content.newest.slot]! + 64;
      image.write(at, Uint8Array.of(image.bytes[at]! ^ 1));
    },
  },
  {
    story: 'leaves that are cut off',
    base: TREE,
    exact: true,
    damage: (image) => {
      image.lengthBytes = image.bytes.length - 20 * image.pageSize;
    },
  },
];

/** Cases of all of them, in each way of using a file that matters, and who they are of. */
export function knownCases(bases: readonly Base[]): { cases: Case[]; stories: string[] } {
  const cases: Case[] = [];
  const stories: string[] = [];
  for (const known of KNOWN_DAMAGE) {
    const { story, base: name, damage, exact = false, walked = false, use, verify } = known;
    const base = bases.findIndex((each) => each.name === name);
    const found = bases[base]!;
    const image = new Image(found.bytes, found.content);
    // Recovery walks what a commit of one flush wrote, and would go a step back.
    if (!exact && !walked) spoilMeta(image, 36, META_KIND.twoFlushes);
    damage(image, found);
    const modes: readonly Verify[] =
      verify !== undefined
        ? [verify]
        : exact
          ? ['first-read', 'always']
          : ['first-read', 'structure'];
    for (const mode of modes) {
      // Of the variants these begin with puts, a range, a clear, and with nothing that reads first.
      for (const variant of use === 'immutable' ? [4, 8] : [0, 4, 6, 8, 9, 20]) {
        cases.push({
          id: cases.length,
          base,
          patches: image.patches(),
          lengthBytes: image.lengthBytes,
          verify: mode,
          use: use ?? 'write',
          recover: false,
          exact,
          variant,
        });
        stories.push(story);
      }
    }
  }
  return { cases, stories };
}
