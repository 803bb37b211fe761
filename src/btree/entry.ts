/**
 * One entry, read where it lies: nothing is copied or made until somebody asks for it.
 *
 * What it says holds until the tree changes or the snapshot ends.
 */

import { CorruptionError } from '../errors.ts';
import { LEAF_ENTRY_BYTES, STAMP_BYTES } from '../format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  overflowLength,
  packedBirth,
  packedPage,
  readStamp,
  storedValueBytes,
  suffixLength,
  VALUE_IN_OVERFLOW,
  VALUE_LENGTH_MASK,
  valueWord,
} from '../format/leaf.ts';
import { PAGE_FLAG, pageFlags, prefixLength, slotCount } from '../format/page-header.ts';
import { NO_SEGMENT, type Segment } from '../format/segment.ts';
import type { PageReader } from '../pager/page-reader.ts';

export class EntryView {
  readonly pages: PageReader;
  /** The leaf: its segment, and its byte offset there. */
  segment: Segment = NO_SEGMENT;
  leaf = 0;
  /** The entry's byte offset in the segment. */
  entry = 0;
  /** The leaf's flags. */
  flags = 0;
  /** After loadValue or loadPart: the bytes are valueSegment.bytes[valueStart, valueEnd). */
  valueSegment: Segment = NO_SEGMENT;
  valueStart = 0;
  valueEnd = 0;

  constructor(pages: PageReader) {
    this.pages = pages;
  }

  /** Turns to the entry in `slot` of the leaf at `leaf`. */
  show(segment: Segment, leaf: number, slot: number): void {
    this.segment = segment;
    this.leaf = leaf;
    this.flags = pageFlags(segment, leaf);
    this.entry = leafEntry(segment, leaf, slotCount(segment, leaf), slot);
  }

  get keyLength(): number {
    return prefixLength(this.segment, this.leaf) + suffixLength(this.segment, this.entry);
  }

  /**
   * Copies the key to target[0, length) and returns its length. `target` has room for it, which is
   * keyLength, or for the longest, geometry.maxKeyBytes: for one longer CorruptionError is thrown.
   */
  copyKey(target: Uint8Array): number {
    const s = this.segment;
    const bytes = s.bytes;
    const e = this.entry;
    const geometry = this.pages.geometry;
    const prefix = prefixLength(s, this.leaf);
    const suffix = suffixLength(s, e);
    if (prefix + suffix > geometry.maxKeyBytes) tooLong(geometry.maxKeyBytes, prefix + suffix);
    const at = this.leaf + geometry.pageSize - prefix;
    for (let k = 0; k < prefix; k++) target[k] = bytes[at + k]!;
    const from = e + fixedBytes(this.flags) + storedValueBytes(valueWord(s, e));
    for (let k = 0; k < suffix; k++) target[prefix + k] = bytes[from + k]!;
    return prefix + suffix;
  }

  /** Are the key's first bytes start[0, length)? */
  keyBeginsWith(start: Uint8Array, length: number): boolean {
    const { segment, leaf, entry } = this;
    const { bytes } = segment;
    const prefix = prefixLength(segment, leaf);
    if (length > prefix + suffixLength(segment, entry)) return false;
    const shared = Math.min(prefix, length);
    const at = leaf + this.pages.geometry.pageSize - prefix;
    for (let k = 0; k < shared; k++) if (bytes[at + k] !== start[k]) return false;
    const from = entry + fixedBytes(this.flags) + storedValueBytes(valueWord(segment, entry));
    for (let k = prefix; k < length; k++) {
      if (bytes[from + k - prefix] !== start[k]) return false;
    }
    return true;
  }

  /** Does the value lie in an overflow run of its own? */
  get inOverflow(): boolean {
    return (valueWord(this.segment, this.entry) & VALUE_IN_OVERFLOW) !== 0;
  }

  get valueLength(): number {
    const word = valueWord(this.segment, this.entry);
    if ((word & VALUE_IN_OVERFLOW) === 0) return word & VALUE_LENGTH_MASK;
    return overflowLength(this.segment, this.entry + fixedBytes(this.flags));
  }

  /** The overflow run's first page and birth. Only when `inOverflow`. */
  get runPage(): number {
    return packedPage(this.segment, this.entry + fixedBytes(this.flags));
  }
  get runBirth(): number {
    return packedBirth(this.segment, this.entry + fixedBytes(this.flags));
  }

  /** 0 when the store keeps none. */
  get version(): number {
    if ((this.flags & PAGE_FLAG.versions) === 0) return 0;
    return readStamp(this.segment, this.entry + LEAF_ENTRY_BYTES);
  }
  /** 0 when the store keeps none, or the entry never expires. */
  get expiry(): number {
    if ((this.flags & PAGE_FLAG.expires) === 0) return 0;
    const after = (this.flags & PAGE_FLAG.versions) !== 0 ? STAMP_BYTES : 0;
    return readStamp(this.segment, this.entry + LEAF_ENTRY_BYTES + after);
  }

  /** Finds the whole value: see valueSegment, valueStart, valueEnd. */
  loadValue(): void {
    const s = this.segment;
    const word = valueWord(s, this.entry);
    const at = this.entry + fixedBytes(this.flags);
    if ((word & VALUE_IN_OVERFLOW) === 0) {
      this.valueSegment = s;
      this.valueStart = at;
      this.valueEnd = at + (word & VALUE_LENGTH_MASK);
    } else {
      this.loadPart(0, overflowLength(s, at));
    }
  }

  /**
   * Finds the value's bytes [from, to), 0 <= from <= to <= valueLength. Of a value in an overflow
   * run only the chunks that hold them are read and checked.
   */
  loadPart(from: number, to: number): void {
    const s = this.segment;
    const word = valueWord(s, this.entry);
    const at = this.entry + fixedBytes(this.flags);
    let start = at;
    this.valueSegment = s;
    if ((word & VALUE_IN_OVERFLOW) !== 0) {
      const length = overflowLength(s, at);
      start = this.pages.findRun(packedPage(s, at), packedBirth(s, at), length, from, to);
      this.valueSegment = this.pages.segment;
    }
    this.valueStart = start + from;
    this.valueEnd = start + to;
  }

  /** The value was a copy, which may be large: nothing of it is kept here. */
  letGoOfCopy(): void {
    this.valueSegment = NO_SEGMENT;
    this.pages.segment = NO_SEGMENT;
  }
}

export function tooLong(maximum: number, length: number): never {
  throw new CorruptionError(0, `a key of ${length} bytes; no key is longer than ${maximum}`);
}
