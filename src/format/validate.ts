/**
 * The structure of one page: is every count, offset and length inside the page, so that whatever
 * reads it afterwards stays inside. It says nothing of checksums, keys' order or other pages.
 *
 * 1. Entries, holes and prefix are together as large as the heap: a page that is written anew with
 *    what is on it does not overflow.
 * 2. No key is longer than any key may be, no entry larger than half a page: there is room for
 *    every key, and a full page can be cut in two.
 *
 * Each function returns undefined, or what is wrong, for the message of a CorruptionError.
 */

import { branchDirectoryEnd, branchEntry, branchEntryBytes } from './branch.ts';
import { CATALOGUE_RECORD_BYTES } from './catalogue.ts';
import { BRANCH_SLOT_BYTES, type Geometry, LEAF_SLOT_BYTES } from './geometry.ts';
import {
  fixedBytes,
  leafDirectoryEnd,
  leafSlotsAt,
  storedValueBytes,
  suffixLength,
  VALUE_IN_OVERFLOW,
} from './leaf.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageLevel,
  pageType,
  prefixLength,
  slotCount,
} from './page-header.ts';
import { visitPointers } from './pointers.ts';
import type { Segment } from './segment.ts';

const KNOWN_LEAF_FLAGS =
  PAGE_FLAG.versions | PAGE_FLAG.expires | PAGE_FLAG.catalogue | PAGE_FLAG.overflow;
/** No tree of 2^48 entries with two children a branch is deeper. */
const MAX_LEVEL = 48;
/** A map of this level covers more than 2^31 pages, whatever the page size from 256 on. */
const MAX_MAP_LEVEL = 8;

/** What is wrong with the page at `o`, or undefined. */
export function structureFault(s: Segment, o: number, geometry: Geometry): string | undefined {
  switch (pageType(s, o)) {
    case PAGE_TYPE.leaf:
      return leafFault(s, o, geometry);
    case PAGE_TYPE.branch:
      return branchFault(s, o, geometry);
    case PAGE_TYPE.map:
      return pageLevel(s, o) > MAX_MAP_LEVEL ? `map level ${pageLevel(s, o)}` : undefined;
    case PAGE_TYPE.overflow:
      return slotCount(s, o) > geometry.checksumsPerHead
        ? `${slotCount(s, o)} chunk checksums, but a page holds ${geometry.checksumsPerHead}`
        : undefined;
    default:
      return `type ${pageType(s, o)} is not known`;
  }
}

function heapFault(
  s: Segment,
  o: number,
  directoryEnd: number,
  pageSize: number,
): string | undefined {
  const heap = heapSize(s, o);
  const prefix = prefixLength(s, o);
  if (((prefix + 1) & ~1) > heap) return `prefix of ${prefix} bytes in a heap of ${heap}`;
  if (directoryEnd - o + heap > pageSize) {
    return `directory ends at ${directoryEnd - o}, heap takes ${heap} of ${pageSize} bytes`;
  }
  if (holeBytes(s, o) > heap) return `${holeBytes(s, o)} bytes of holes in a heap of ${heap}`;
  return undefined;
}

/** What `total` bytes of entries leave of the heap must be its holes and its prefix. */
function sumFault(s: Segment, o: number, total: number): string | undefined {
  const heap = heapSize(s, o);
  if (total + holeBytes(s, o) + paddedPrefix(s, o) === heap) return undefined;
  return `entries of ${total} bytes, ${holeBytes(s, o)} bytes of holes in a heap of ${heap}`;
}

/** The prefix takes an even number of bytes, so that entries end where the next may begin. */
function paddedPrefix(s: Segment, o: number): number {
  return (prefixLength(s, o) + 1) & ~1;
}

function leafFault(s: Segment, o: number, geometry: Geometry): string | undefined {
  const n = slotCount(s, o);
  const flags = pageFlags(s, o);
  if (pageLevel(s, o) !== 0) return `leaf of level ${pageLevel(s, o)}`;
  if ((flags & ~KNOWN_LEAF_FLAGS) !== 0) return `unknown flags ${flags}`;
  if (n === 0 || n * LEAF_SLOT_BYTES > geometry.capacity) return `leaf with ${n} entries`;
  const fault = heapFault(s, o, leafDirectoryEnd(o, n), geometry.pageSize);
  if (fault !== undefined) return fault;
  const end = o + geometry.pageSize - paddedPrefix(s, o);
  const start = o + geometry.pageSize - heapSize(s, o);
  const fixed = fixedBytes(flags);
  const longestSuffix = geometry.maxKeyBytes - prefixLength(s, o);
  const largest = geometry.maxLeafEntryBytes - LEAF_SLOT_BYTES;
  // A reader beside a writer does this for every page that it comes upon: the accessors of leaf.ts
  // are written out, as in btree/search.ts.
  const { u16 } = s;
  const slots = leafSlotsAt(o, n) >> 1;
  const isCatalogue = (flags & PAGE_FLAG.catalogue) !== 0;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const e = o + u16[slots + i]!;
    if (e < start || e + fixed > end || (e & 1) !== 0) {
      return `slot ${i} starts at ${e - o}, outside the heap at ${start - o}..${end - o}`;
    }
    const suffix = u16[e >> 1]!;
    const word = u16[(e >> 1) + 1]!;
    const size = (fixed + storedValueBytes(word) + suffix + 1) & ~1;
    if (e + size > end) {
      return `slot ${i} at ${e - o} takes ${size} bytes, past the heap's end at ${end - o}`;
    }
    if (suffix > longestSuffix || size > largest) {
      return `slot ${i} has a key or an entry larger than any: ${size} bytes`;
    }
    total += size;
    if (word >= VALUE_IN_OVERFLOW || isCatalogue) {
      const fault = recordFault(i, word, flags);
      if (fault !== undefined) return fault;
    }
  }
  return sumFault(s, o, total);
}

/** What is wrong with the value in slot `i` of a leaf: a run's reference or a store's record. */
function recordFault(i: number, word: number, flags: number): string | undefined {
  const isCatalogue = (flags & PAGE_FLAG.catalogue) !== 0;
  if (word < VALUE_IN_OVERFLOW) {
    if (!isCatalogue || word >= CATALOGUE_RECORD_BYTES) return undefined;
    return `slot ${i} has a catalogue record of ${word} bytes`;
  }
  if ((flags & PAGE_FLAG.overflow) === 0) return `slot ${i} has a run, the page's flags deny it`;
  // A walk, and the commit that gives pages their places, look for roots in leaves.
  return isCatalogue ? `slot ${i} has its record in a run` : undefined;
}

function branchFault(s: Segment, o: number, geometry: Geometry): string | undefined {
  const n = slotCount(s, o);
  const level = pageLevel(s, o);
  if (level === 0 || level > MAX_LEVEL) return `branch of level ${level}`;
  if ((pageFlags(s, o) & ~PAGE_FLAG.overflow) !== 0) return `unknown flags ${pageFlags(s, o)}`;
  if (n < 2 || n * BRANCH_SLOT_BYTES > geometry.capacity) return `branch with ${n} children`;
  const fault = heapFault(s, o, branchDirectoryEnd(o, n), geometry.pageSize);
  if (fault !== undefined) return fault;
  const end = o + geometry.pageSize - paddedPrefix(s, o);
  const start = o + geometry.pageSize - heapSize(s, o);
  const longestSuffix = geometry.maxKeyBytes - prefixLength(s, o);
  let total = 0;
  for (let i = 1; i < n; i++) {
    const e = branchEntry(s, o, n, i);
    if (e < start || e + 2 > end || (e & 1) !== 0) {
      return `slot ${i} starts at ${e - o}, outside the heap at ${start - o}..${end - o}`;
    }
    const size = branchEntryBytes(suffixLength(s, e));
    if (e + size > end) {
      return `slot ${i} at ${e - o} takes ${size} bytes, past the heap's end at ${end - o}`;
    }
    if (suffixLength(s, e) > longestSuffix) return `slot ${i} has a separator longer than any key`;
    total += size;
  }
  return sumFault(s, o, total);
}

/**
 * A pointer of the page at `o`, whose structure was checked, to no page of the file, or undefined.
 * Provisional numbers of dirty pages are negative: one in the file must not be taken for one of
 * these.
 */
export function pointerFault(s: Segment, o: number, geometry: Geometry): string | undefined {
  let fault: string | undefined;
  const look = (page: number) => {
    if (page < geometry.firstPage) fault ??= `a pointer leads to page ${page >>> 0}`;
  };
  visitPointers(s, o, geometry.mapFanout, { page: look, run: look });
  return fault;
}
