/**
 * A full check of one tree: everything that its pages promise, beyond what `find` verifies of each.
 *
 * 1. Keys ascend over the whole tree; those below a child are >= its separator and < the next one.
 * 2. Heads are those of the keys; entries do not overlap, and the holes are what lies between them.
 * 3. A child's level is one less than its branch's; counts are what is there, up to the root's.
 * 4. Overflow flags stand on every page from the root to a leaf that has a run.
 * 5. No page is reached twice: so a file with a cycle in it ends the check like any other.
 */

import { CorruptionError } from '../errors.ts';
import {
  branchEntry,
  branchEntryBytes,
  branchHead,
  childBirth,
  childPage,
  entriesBelow,
} from '../format/branch.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import { BRANCH_SLOT_BYTES, CHUNK_BYTES, LEAF_SLOT_BYTES } from '../format/geometry.ts';
import {
  fixedBytes,
  headOf,
  leafEntry,
  leafEntryBytes,
  leafHead,
  overflowLength,
  packedBirth,
  packedPage,
  suffixLength,
  VALUE_IN_OVERFLOW,
  valueWord,
} from '../format/leaf.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageLevel,
  prefixLength,
  slotCount,
} from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { usedBytes } from './edit.ts';
import { compareKeys, copyLeafKey, copySeparator, leafSuffixAt } from './keys.ts';
import { ROOT_TYPE } from './path.ts';

/** Something that is not as it should be. */
export interface Problem {
  readonly code: string;
  readonly page: number;
  readonly message: string;
}

export interface CheckOptions {
  /** Problems are added here; without it the first one is thrown as CorruptionError. */
  readonly problems?: Problem[];
  /**
   * Told of each page, or run of `pages` pages, that the tree reaches. False: it was reached
   * before. Without it the check keeps a set of its own.
   */
  readonly reach?: (page: number, pages: number) => boolean;
  /** Reads every overflow run, so that its checksums are verified. */
  readonly values?: boolean;
}

/** What was found. */
export interface CheckReport {
  entries: number;
  /** Levels: 0 for an empty tree, 1 for a leaf alone. */
  depth: number;
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  /** Of all leaves: the bytes in use, headers apart. */
  leafBytes: number;
}

/** Checks the tree of that root. Throws STORAGE_FAULT, and see CheckOptions.problems. */
export function checkTree(
  pages: PageReader,
  root: TreeRoot,
  options: CheckOptions = {},
): CheckReport {
  return new TreeCheck(pages, options).run(root);
}

class TreeCheck {
  private readonly pages: PageReader;
  private readonly options: CheckOptions;
  private readonly seen: Set<number> = new Set();
  private readonly report: CheckReport = {
    entries: 0,
    depth: 0,
    branchPages: 0,
    leafPages: 0,
    overflowPages: 0,
    leafBytes: 0,
  };
  /** The last key, and the one that is looked at; they change places. */
  private last: Uint8Array;
  private lastLength = -1;
  private key: Uint8Array;
  /** The flags that all leaves have, overflow apart; -1: no leaf seen yet. */
  private leafFlags = -1;

  constructor(pages: PageReader, options: CheckOptions) {
    this.pages = pages;
    this.options = options;
    this.last = new Uint8Array(2 * pages.geometry.pageSize);
    this.key = new Uint8Array(2 * pages.geometry.pageSize);
  }

  run(root: TreeRoot): CheckReport {
    if (root.page !== 0) this.checkPage(root.page, root.birth, -1, undefined, undefined, true);
    if (this.report.entries !== root.entries) {
      this.problem('COUNT', root.page, `${this.report.entries} entries, not ${root.entries}`);
    }
    return this.report;
  }

  /**
   * Checks a page and what lies below. Keys are >= lower and < upper. Returns the number of
   * entries; -1 when it cannot be told.
   */
  private checkPage(
    page: number,
    birth: number,
    level: number,
    lower: Uint8Array | undefined,
    upper: Uint8Array | undefined,
    runs: boolean,
  ): number {
    if (!this.reach(page, 1)) {
      this.problem('REACHED_TWICE', page, 'more than one pointer leads to it');
      return -1;
    }
    let o: number;
    try {
      const type = level < 0 ? ROOT_TYPE : level === 0 ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
      o = this.pages.find(page, birth, type);
    } catch (error) {
      const problems = this.options.problems;
      if (problems === undefined || !(error instanceof CorruptionError)) throw error;
      problems.push({ code: error.code, page, message: error.message });
      return -1;
    }
    const s = this.pages.segment;
    const found = pageLevel(s, o);
    if (level >= 0 && found !== level) {
      this.problem('LEVEL', page, `level ${found}, its parent wants ${level}`);
      return -1;
    }
    if (level < 0) this.report.depth = found + 1;
    const flagged = (pageFlags(s, o) & PAGE_FLAG.overflow) !== 0;
    if (flagged && !runs) this.problem('FLAGS', page, 'overflow runs that its parent denies');
    if (found === 0) return this.checkLeaf(s, o, page, lower, upper);
    return this.checkBranch(s, o, page, found, lower, upper, flagged);
  }

  private checkBranch(
    s: Segment,
    o: number,
    page: number,
    level: number,
    lower: Uint8Array | undefined,
    upper: Uint8Array | undefined,
    runs: boolean,
  ): number {
    const { pageSize, maxKeyBytes } = this.pages.geometry;
    const n = slotCount(s, o);
    this.report.branchPages++;
    const offsets: number[] = [];
    const separators: Uint8Array[] = [];
    for (let i = 1; i < n; i++) {
      const e = branchEntry(s, o, n, i);
      const suffix = suffixLength(s, e);
      offsets.push((e - o) * pageSize * 2 + branchEntryBytes(suffix));
      const length = copySeparator(s, o, pageSize, i, this.key);
      const separator = this.key.slice(0, length);
      if (length > maxKeyBytes) this.problem('KEY_SIZE', page, `separator ${i}: ${length} bytes`);
      if (branchHead(s, o, i) !== headOf(s.bytes, e + 2, e + 2 + suffix)) {
        this.problem('HEAD', page, `separator ${i} has another head than its bytes`);
      }
      const before = separators.at(-1) ?? lower;
      if (before !== undefined && !isAbove(separator, before, separators.length === 0)) {
        this.problem('ORDER', page, `separator ${i} is not above the one before it`);
      }
      separators.push(separator);
    }
    const last = separators.at(-1);
    if (upper !== undefined && last !== undefined && !isAbove(upper, last, false)) {
      this.problem('ORDER', page, `its last separator is not below its parent's next`);
    }
    this.checkHeap(s, o, page, BRANCH_SLOT_BYTES * n, offsets);
    let entries = 0;
    for (let i = 0; i < n; i++) {
      const below = entriesBelow(s, o, n, i);
      const from = i === 0 ? lower : separators[i - 1];
      const to = i === n - 1 ? upper : separators[i];
      const child = childPage(s, o, n, i);
      const found = this.checkPage(child, childBirth(s, o, n, i), level - 1, from, to, runs);
      if (found >= 0 && found !== below) {
        this.problem('COUNT', page, `child ${i} has ${found} entries, not ${below}`);
      }
      entries += found >= 0 ? found : below;
    }
    return entries;
  }

  private checkLeaf(
    s: Segment,
    o: number,
    page: number,
    lower: Uint8Array | undefined,
    upper: Uint8Array | undefined,
  ): number {
    const { pageSize, maxKeyBytes, maxLeafEntryBytes } = this.pages.geometry;
    const n = slotCount(s, o);
    const flags = pageFlags(s, o);
    const kind = flags & ~PAGE_FLAG.overflow;
    const fixed = fixedBytes(flags);
    this.report.leafPages++;
    this.report.entries += n;
    this.report.leafBytes += usedBytes(s, o);
    if (this.leafFlags < 0) this.leafFlags = kind;
    if (kind !== this.leafFlags)
      this.problem('FLAGS', page, `flags ${kind}, not ${this.leafFlags}`);
    const offsets: number[] = [];
    for (let i = 0; i < n; i++) {
      const e = leafEntry(s, o, n, i);
      const suffix = suffixLength(s, e);
      const size = leafEntryBytes(s, e, fixed);
      offsets.push((e - o) * pageSize * 2 + size);
      const length = copyLeafKey(s, o, pageSize, i, this.key);
      if (length > maxKeyBytes) this.problem('KEY_SIZE', page, `slot ${i}: ${length} bytes`);
      if (LEAF_SLOT_BYTES + size > maxLeafEntryBytes) {
        this.problem('ENTRY_SIZE', page, `slot ${i}: an entry of ${size} bytes`);
      }
      const at = leafSuffixAt(s, e, flags);
      if (leafHead(s, o, i) !== headOf(s.bytes, at, at + suffix)) {
        this.problem('HEAD', page, `slot ${i} has another head than its key`);
      }
      this.checkOrder(page, i, length, lower, upper);
      if ((valueWord(s, e) & VALUE_IN_OVERFLOW) !== 0) this.checkRun(s, e + fixed);
    }
    this.checkHeap(s, o, page, LEAF_SLOT_BYTES * n, offsets);
    return n;
  }

  private checkOrder(
    page: number,
    slot: number,
    length: number,
    lower: Uint8Array | undefined,
    upper: Uint8Array | undefined,
  ): void {
    const key = this.key;
    if (this.lastLength >= 0 && compareKeys(this.last, this.lastLength, key, length) >= 0) {
      this.problem('ORDER', page, `slot ${slot}: its key is not above the one before it`);
    }
    if (lower !== undefined && compareKeys(key, length, lower, lower.length) < 0) {
      this.problem('ORDER', page, `slot ${slot}: its key is below the leaf's separator`);
    }
    if (upper !== undefined && compareKeys(key, length, upper, upper.length) >= 0) {
      this.problem('ORDER', page, `slot ${slot}: its key is not below the next separator`);
    }
    this.key = this.last;
    this.last = key;
    this.lastLength = length;
  }

  private checkRun(s: Segment, at: number): void {
    const page = packedPage(s, at);
    const birth = packedBirth(s, at);
    const length = overflowLength(s, at);
    const pages = this.pages.geometry.overflowPages(length);
    this.report.overflowPages += pages;
    if (!this.reach(page, pages)) {
      this.problem('REACHED_TWICE', page, 'more than one value has this overflow run');
    } else if (this.options.values === true) {
      try {
        // A chunk at a time: what lies in two windows of the mapping is copied to be looked at.
        let from = 0;
        do {
          const to = Math.min(length, from + CHUNK_BYTES);
          this.pages.findRun(page, birth, length, from, to);
          from = to;
        } while (from < length);
      } catch (error) {
        const problems = this.options.problems;
        if (problems === undefined || !(error instanceof CorruptionError)) throw error;
        problems.push({ code: error.code, page, message: error.message });
      }
    }
  }

  /**
   * Entries, given as offset * 2 * pageSize + size, must not overlap; what is between them in the
   * heap must be the holes.
   */
  private checkHeap(
    s: Segment,
    o: number,
    page: number,
    directory: number,
    entries: number[],
  ): void {
    const { pageSize, capacity } = this.pages.geometry;
    entries.sort((a, b) => a - b);
    let end = pageSize - heapSize(s, o);
    let holes = 0;
    for (const entry of entries) {
      const at = Math.floor(entry / (2 * pageSize));
      if (at < end) this.problem('OVERLAP', page, `entries overlap at ${at}`);
      holes += at - end;
      end = at + (entry % (2 * pageSize));
    }
    holes += pageSize - ((prefixLength(s, o) + 1) & ~1) - end;
    if (holes !== holeBytes(s, o)) {
      this.problem('HOLES', page, `${holes} bytes in holes, not ${holeBytes(s, o)}`);
    }
    if (directory + heapSize(s, o) > capacity) {
      this.problem('OVERLAP', page, 'the directory reaches into the heap');
    }
  }

  private reach(page: number, pages: number): boolean {
    if (this.options.reach !== undefined) return this.options.reach(page, pages);
    if (this.seen.has(page)) return false;
    this.seen.add(page);
    return true;
  }

  private problem(code: string, page: number, message: string): void {
    const text = `page ${page}: ${message}`;
    if (this.options.problems === undefined) throw new CorruptionError(page, text);
    this.options.problems.push({ code, page, message: text });
  }
}

/** Is `a` above `b`, or, when `orEqual`, equal to it? */
function isAbove(a: Uint8Array, b: Uint8Array, orEqual: boolean): boolean {
  const order = compareKeys(a, a.length, b, b.length);
  return order > 0 || (orEqual && order === 0);
}
