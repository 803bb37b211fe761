/**
 * What every change of a tree works on, and the steps that all of them begin with.
 *
 * 1. A page that this transaction may change in place stands below pages that it may change in
 *    place: whoever touches a page touches the way to it. So `touchPath` stops at the first page,
 *    from the leaf up, that was touched before.
 * 2. `path` leads to the leaf that is changed. A change goes up the path, one level at a time, and
 *    looks at no level below the one that it has reached.
 * 3. The entries below each page of the path are counted before the pages are rearranged:
 *    rearranging moves counts between siblings and leaves their parent's sum as it is.
 */

import { entriesBelow, setChild, setEntriesBelow } from '../format/branch.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import {
  BRANCH_SLOT_BYTES,
  LEAF_SLOT_BYTES,
  OVERFLOW_REFERENCE_BYTES,
  PAGE_HEADER_BYTES,
} from '../format/geometry.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageType,
  setPageFlags,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import type { PageWriter } from '../pager/page-reader.ts';
import { Path } from './path.ts';
import type { Scratch } from './scratch.ts';
import { findOnPath } from './search.ts';

const NO_BYTES = new Uint8Array(0);

/** The entry that is being put. */
export class NewEntry {
  key: Uint8Array = NO_BYTES;
  keyLength = 0;
  /** The value is value[start, end), */
  value: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  /** or lies in an overflow run, when this is not 0. */
  runPage = 0;
  runBirth = 0;
  version = 0;
  expiry = 0;

  /** All but the value. */
  begin(key: Uint8Array, keyLength: number, version: number, expiry: number): void {
    this.key = key;
    this.keyLength = keyLength;
    this.version = version;
    this.expiry = expiry;
  }

  /** Keeps nothing of what was put, which may be large. */
  letGo(): void {
    this.key = NO_BYTES;
    this.value = NO_BYTES;
  }

  /** What the value, or the reference to it, takes of the entry. */
  get storedBytes(): number {
    return this.runPage !== 0 ? OVERFLOW_REFERENCE_BYTES : this.end - this.start;
  }
}

export class Edit {
  readonly pages: PageWriter;
  readonly root: TreeRoot;
  readonly scratch: Scratch;
  /** Flags of the tree's leaves, PAGE_FLAG.overflow apart. */
  readonly leafFlags: number;
  readonly path: Path = new Path();
  readonly entry: NewEntry = new NewEntry();

  constructor(pages: PageWriter, root: TreeRoot, scratch: Scratch, leafFlags: number) {
    this.pages = pages;
    this.root = root;
    this.scratch = scratch;
    this.leafFlags = leafFlags;
  }

  /**
   * Makes the page at `depth` of the path, and all above it, pages that may be changed. When that
   * is the leaf, finds it again.
   */
  touchPath(depth: number): void {
    const { pages, path, root } = this;
    const transaction = pages.transaction;
    let d = depth;
    let page = path.pages[d]!;
    const type = d === path.depth ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
    let touched = pages.touch(page, path.births[d]!, type);
    while (touched !== page) {
      path.pages[d] = touched;
      path.births[d] = transaction;
      if (d === 0) {
        root.page = touched;
        root.birth = transaction;
        break;
      }
      d--;
      page = path.pages[d]!;
      const parent = pages.touch(page, path.births[d]!, PAGE_TYPE.branch);
      const o = pages.find(parent, transaction, PAGE_TYPE.branch);
      const s = pages.segment;
      setChild(s, o, slotCount(s, o), path.slots[d]!, touched, transaction);
      touched = parent;
    }
    if (depth === path.depth) this.findLeaf();
  }

  /** Finds the path's leaf again, after pages were touched or written. */
  findLeaf(): void {
    const path = this.path;
    path.offset = findOnPath(this.pages, path, path.depth);
    path.segment = this.pages.segment;
  }

  /** Adds to the counts of all branches above `depth`, and to the tree's. */
  addEntries(depth: number, entries: number): void {
    const { pages, path } = this;
    for (let d = depth - 1; d >= 0; d--) {
      const o = findOnPath(pages, path, d);
      const s = pages.segment;
      const n = slotCount(s, o);
      const slot = path.slots[d]!;
      setEntriesBelow(s, o, n, slot, entriesBelow(s, o, n, slot) + entries);
    }
    this.root.entries += entries;
  }

  /** Notes on the path that its leaf has a value in an overflow run: see PAGE_FLAG.overflow. */
  markOverflow(): void {
    const { pages, path } = this;
    for (let d = path.depth; d >= 0; d--) {
      const o = findOnPath(pages, path, d);
      setPageFlags(pages.segment, o, pageFlags(pages.segment, o) | PAGE_FLAG.overflow);
    }
    this.findLeaf();
  }

  /**
   * Touches a child, not on the path, of the branch at `depth`, and notes where it went. Returns
   * its number.
   */
  touchChild(depth: number, slot: number, page: number, birth: number, type: number): number {
    const { pages, path } = this;
    const touched = pages.touch(page, birth, type);
    if (touched !== page) {
      const o = findOnPath(pages, path, depth);
      const s = pages.segment;
      setChild(s, o, slotCount(s, o), slot, touched, pages.transaction);
    }
    return touched;
  }
}

/** The bytes of a page that are in use, its header apart. */
export function usedBytes(s: Segment, o: number): number {
  const slot = pageType(s, o) === PAGE_TYPE.leaf ? LEAF_SLOT_BYTES : BRANCH_SLOT_BYTES;
  return slot * slotCount(s, o) + heapSize(s, o) - holeBytes(s, o);
}

/** The bytes between a page's directory and its heap. */
export function gapBytes(s: Segment, o: number, pageSize: number): number {
  const slot = pageType(s, o) === PAGE_TYPE.leaf ? LEAF_SLOT_BYTES : BRANCH_SLOT_BYTES;
  return pageSize - PAGE_HEADER_BYTES - slot * slotCount(s, o) - heapSize(s, o);
}
