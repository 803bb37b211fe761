/**
 * Keys as they lie on pages: a prefix that the page's keys share, and a suffix in the entry.
 *
 * Keys compare as unsigned bytes; of two keys of which one begins the other, the shorter comes
 * first.
 */

import { branchEntry } from '../format/branch.ts';
import {
  fixedBytes,
  leafEntry,
  storedValueBytes,
  suffixLength,
  valueWord,
} from '../format/leaf.ts';
import { pageFlags, prefixLength, slotCount } from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';

/** One end of a range of keys: the key is key[0, length), and whether it is itself in the range. */
export interface Bound {
  readonly key: Uint8Array;
  readonly length: number;
  readonly inclusive: boolean;
}

/**
 * Negative, zero or positive, as the key in a[0, aLength) is below, equal to or above that in b.
 */
export function compareKeys(
  a: Uint8Array,
  aLength: number,
  b: Uint8Array,
  bLength: number,
): number {
  const both = aLength < bLength ? aLength : bLength;
  for (let k = 0; k < both; k++) {
    const difference = a[k]! - b[k]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Where the suffix of the entry at `e` of a leaf with those flags begins. */
export function leafSuffixAt(s: Segment, e: number, flags: number): number {
  return e + fixedBytes(flags) + storedValueBytes(valueWord(s, e));
}

/** How many bytes of the prefix of the page at `o` the key begins with. */
export function sharedWithPrefix(
  s: Segment,
  o: number,
  pageSize: number,
  key: Uint8Array,
  length: number,
): number {
  const prefix = prefixLength(s, o);
  const at = o + pageSize - prefix;
  const both = prefix < length ? prefix : length;
  let k = 0;
  while (k < both && s.bytes[at + k]! === key[k]!) k++;
  return k;
}

/** How many bytes all keys of the leaf at `o` share: its prefix and more. It has an entry. */
export function sharedByLeaf(s: Segment, o: number): number {
  const n = slotCount(s, o);
  const flags = pageFlags(s, o);
  const first = leafEntry(s, o, n, 0);
  const last = leafEntry(s, o, n, n - 1);
  const a = leafSuffixAt(s, first, flags);
  const b = leafSuffixAt(s, last, flags);
  const both = Math.min(suffixLength(s, first), suffixLength(s, last));
  let k = 0;
  while (k < both && s.bytes[a + k]! === s.bytes[b + k]!) k++;
  return prefixLength(s, o) + k;
}

/** As compareKeys, of the key in slot `i` of the leaf at `o` with key[0, length). */
export function compareLeafKey(
  s: Segment,
  o: number,
  pageSize: number,
  i: number,
  key: Uint8Array,
  length: number,
): number {
  const prefix = prefixLength(s, o);
  const shared = sharedWithPrefix(s, o, pageSize, key, length);
  if (shared < prefix) {
    return shared < length ? s.bytes[o + pageSize - prefix + shared]! - key[shared]! : 1;
  }
  const e = leafEntry(s, o, slotCount(s, o), i);
  const suffix = suffixLength(s, e);
  const at = leafSuffixAt(s, e, pageFlags(s, o));
  const rest = length - prefix;
  const both = suffix < rest ? suffix : rest;
  for (let k = 0; k < both; k++) {
    const difference = s.bytes[at + k]! - key[prefix + k]!;
    if (difference !== 0) return difference;
  }
  return suffix - rest;
}

/** As compareKeys, of the first keys of two leaves: at `o` of `s`, and at `p` of `t`. */
export function compareFirstKeys(
  s: Segment,
  o: number,
  t: Segment,
  p: number,
  pageSize: number,
): number {
  const e = leafEntry(s, o, slotCount(s, o), 0);
  const f = leafEntry(t, p, slotCount(t, p), 0);
  const prefix = prefixLength(s, o);
  const other = prefixLength(t, p);
  const length = prefix + suffixLength(s, e);
  const otherLength = other + suffixLength(t, f);
  const at = leafSuffixAt(s, e, pageFlags(s, o)) - prefix;
  const otherAt = leafSuffixAt(t, f, pageFlags(t, p)) - other;
  const prefixAt = o + pageSize - prefix;
  const otherPrefixAt = p + pageSize - other;
  const both = length < otherLength ? length : otherLength;
  for (let k = 0; k < both; k++) {
    const a = s.bytes[(k < prefix ? prefixAt : at) + k]!;
    const b = t.bytes[(k < other ? otherPrefixAt : otherAt) + k]!;
    if (a !== b) return a - b;
  }
  return length - otherLength;
}

/** The first slot of the leaf at `o` whose key is >= key, or > key when `after`; 0..count. */
export function leafLowerBound(
  s: Segment,
  o: number,
  pageSize: number,
  key: Uint8Array,
  length: number,
  after: boolean,
): number {
  const limit = after ? 0 : -1;
  let lo = 0;
  let hi = slotCount(s, o);
  // Before lo: keys that come before the bound. From hi on: keys that do not.
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (compareLeafKey(s, o, pageSize, mid, key, length) <= limit) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** Copies the key in slot `i` of the leaf at `o` to target[0, ...). Returns its length. */
export function copyLeafKey(
  s: Segment,
  o: number,
  pageSize: number,
  i: number,
  target: Uint8Array,
): number {
  const e = leafEntry(s, o, slotCount(s, o), i);
  return copyKey(s, o, pageSize, leafSuffixAt(s, e, pageFlags(s, o)), suffixLength(s, e), target);
}

/** Copies separator `i` (1 .. n-1) of the branch at `o` to target[0, ...). Returns its length. */
export function copySeparator(
  s: Segment,
  o: number,
  pageSize: number,
  i: number,
  target: Uint8Array,
): number {
  const e = branchEntry(s, o, slotCount(s, o), i);
  return copyKey(s, o, pageSize, e + 2, suffixLength(s, e), target);
}

/**
 * The last child of the branch at `o` whose separator is below the bound's key, or also equal to it
 * when `orAt`; child 0 has none. `separator` is scratch.
 */
export function lastBegun(
  s: Segment,
  o: number,
  pageSize: number,
  separator: Uint8Array,
  { key, length }: Bound,
  orAt: boolean,
): number {
  const limit = orAt ? 0 : -1;
  let lo = 0;
  let hi = slotCount(s, o) - 1;
  // Child lo begins in time; those after hi do not.
  while (lo < hi) {
    const mid = (lo + hi + 1) >>> 1;
    const separatorLength = copySeparator(s, o, pageSize, mid, separator);
    if (compareKeys(separator, separatorLength, key, length) <= limit) lo = mid;
    else hi = mid - 1;
  }
  return lo;
}

function copyKey(
  s: Segment,
  o: number,
  pageSize: number,
  suffixAt: number,
  suffix: number,
  target: Uint8Array,
): number {
  const prefix = prefixLength(s, o);
  const at = o + pageSize - prefix;
  for (let k = 0; k < prefix; k++) target[k] = s.bytes[at + k]!;
  for (let k = 0; k < suffix; k++) target[prefix + k] = s.bytes[suffixAt + k]!;
  return prefix + suffix;
}
