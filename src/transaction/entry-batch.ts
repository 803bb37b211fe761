/**
 * Entries of one leaf, decoded together: most of what a step of an iteration costs is asking and
 * being called, and text is made fastest of many keys at once.
 *
 * 1. A batch is read ahead of what is asked for only where the tree does not change and no code of
 *    the user runs: nobody can tell the difference. Else it is one entry.
 * 2. When something in a batch cannot be decoded the iteration goes on one by one: those before it
 *    are given, and the error is thrown when it is its turn.
 */

import type { Cursor } from '../btree/cursor.ts';
import type { Tree } from '../btree/tree.ts';
import { isExpired } from './expiry.ts';
import { readKey, readValue, type StoreDefinition } from './store-definition.ts';

const MOST_ENTRIES = 128;
/**
 * Without a limit the first batch is so large, and each later one twice the one before: who stops
 * after a few entries has caused the work of about twice as many. A limit says what is wanted.
 */
const FIRST_ENTRIES = 4;
/** Values in a batch end with the one that comes to this: memory stays bounded. */
const MOST_VALUE_BYTES = 32 * 1024;

/** So many values are made faster together; two took 0.4 us longer than one by one. */
const MANY_VALUES = 8;

/** What is read of each entry. */
export interface Wanted {
  readonly keys: boolean;
  readonly values: boolean;
}

/** Keys while no code of the user can run: then no two batches are being made at the same time. */
const scratch: Uint8Array = new Uint8Array(64 * 1024);
const scratchEnds: Int32Array = new Int32Array(MOST_ENTRIES);
/** The same of values. */
const starts: Int32Array = new Int32Array(MOST_ENTRIES);
const ends: Int32Array = new Int32Array(MOST_ENTRIES);

export class EntryBatch<K, V> {
  /** Of each entry in [0, count), where they are wanted. */
  readonly keys: K[] = [];
  readonly values: V[] = [];
  count = 0;
  /** With one entry only: the bytes of its key in the tree are [0, ends[0]). */
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
  private readonly definition: StoreDefinition<K, V>;
  private readonly wanted: Wanted;
  private readonly reverse: boolean;
  /** At most so many entries next time; 1 from then on, or from the beginning. */
  private most: number;
  /** What had not expired then is given; 0: all is. */
  private readonly now: number;

  /**
   * `readsAhead`: whether more than one entry may be read (1); `limit`: how many are wanted.
   */
  constructor(
    definition: StoreDefinition<K, V>,
    wanted: Wanted,
    reverse: boolean,
    readsAhead: boolean,
    limit: number,
    maxKeyBytes: number,
  ) {
    this.definition = definition;
    this.wanted = wanted;
    this.reverse = reverse;
    this.most = !readsAhead ? 1 : limit === Number.POSITIVE_INFINITY ? FIRST_ENTRIES : MOST_ENTRIES;
    this.bytes = readsAhead ? scratch : new Uint8Array(maxKeyBytes);
    this.ends = readsAhead ? scratchEnds : new Int32Array(1);
    this.now = definition.expires ? Date.now() : 0;
  }

  /**
   * Reads the entries from the one that the cursor stands at on, at most `limit`, and leaves it at
   * the last one that was read. `count` is 0 when the one that it stands at has expired.
   */
  fill(tree: Tree, cursor: Cursor, limit: number): void {
    const most = Math.min(this.most, limit, cursor.ahead(this.reverse));
    try {
      this.read(tree, cursor, most);
    } catch (error) {
      if (most === 1) throw error;
      this.most = 1;
      this.read(tree, cursor, 1);
      return;
    }
    if (this.most > 1) this.most = Math.min(2 * this.most, MOST_ENTRIES);
  }

  /** The cursor stays where it is when this throws. */
  private read(tree: Tree, cursor: Cursor, most: number): void {
    const { wanted, now } = this;
    let count = now === 0 ? most : this.beforeExpired(cursor, most);
    if (count > 0) {
      if (wanted.keys) count = cursor.copyKeys(count, this.reverse, this.bytes, this.ends);
      if (wanted.values) count = this.readValues(tree, cursor, count);
      // After the values: a codec may be the user's, and come back to this tree.
      if (wanted.keys) this.readKeys(count);
    }
    this.count = count;
    if (most > 1 && count > 0) cursor.skip(this.reverse ? 1 - count : count - 1);
  }

  /** How many of the next `most` entries there are before one that has expired. */
  private beforeExpired(cursor: Cursor, most: number): number {
    for (let i = 0; i < most; i++) {
      cursor.glance(this.reverse ? -i : i);
      if (isExpired(cursor, this.now)) return i;
    }
    return most;
  }

  /** Of at most `most` entries; returns how many were read. */
  private readValues(tree: Tree, cursor: Cursor, most: number): number {
    const { definition, values } = this;
    const { valueFormat, pairFormat } = definition;
    if (most >= MANY_VALUES && valueFormat.readMany !== undefined && pairFormat === undefined) {
      const count = this.findValues(cursor, most);
      if (count > 0) {
        valueFormat.readMany(cursor.segment.bytes, starts, ends, count, values);
        return count;
      }
    }
    let bytes = 0;
    for (let i = 0; i < most; i++) {
      cursor.glance(this.reverse ? -i : i);
      if (i > 0 && (bytes >= MOST_VALUE_BYTES || cursor.inOverflow)) return i;
      values[i] = readValue(definition, tree, cursor);
      const inKey = definition.pairFormat !== undefined;
      bytes += inKey ? cursor.keyLength : cursor.valueEnd - cursor.valueStart;
    }
    return most;
  }

  /** Where the values lie, up to one in an overflow run; returns how many were found. */
  private findValues(cursor: Cursor, most: number): number {
    let bytes = 0;
    for (let i = 0; i < most; i++) {
      cursor.glance(this.reverse ? -i : i);
      if (bytes >= MOST_VALUE_BYTES || cursor.inOverflow) return i;
      cursor.loadValue();
      starts[i] = cursor.valueStart;
      ends[i] = cursor.valueEnd;
      bytes += cursor.valueEnd - cursor.valueStart;
    }
    return most;
  }

  private readKeys(count: number): void {
    const { definition, bytes, ends, keys } = this;
    const { keyFormat, pairFormat } = definition;
    if (count > 1 && pairFormat === undefined && keyFormat.readMany !== undefined) {
      keyFormat.readMany(bytes, ends, count, keys);
      return;
    }
    for (let i = 0, start = 0; i < count; i++) {
      const end = ends[i]!;
      keys[i] = readKey(definition, bytes, start, end);
      start = end;
    }
  }
}
