/**
 * A tree beside a sorted array that says what it should hold.
 */

import { strict as assert } from 'node:assert';
import type { Cursor } from '../../src/btree/cursor.ts';
import type { Bound } from '../../src/btree/keys.ts';
import { Scratch } from '../../src/btree/scratch.ts';
import { Tree } from '../../src/btree/tree.ts';
import { WritableTree } from '../../src/btree/writable-tree.ts';
import type { TreeRoot } from '../../src/format/catalogue.ts';
import { Geometry } from '../../src/format/geometry.ts';
import { MemoryPages } from './memory-pages.ts';

export interface ModelEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export const EMPTY_ROOT: Readonly<TreeRoot> = { page: 0, birth: 0, entries: 0, version: 0 };

export function bound(key: Uint8Array, inclusive: boolean): Bound {
  return { key, length: key.length, inclusive };
}

/** The bytes of a cursor's key. */
export function keyAt(cursor: Cursor): Buffer {
  const key = Buffer.alloc(cursor.pages.geometry.maxKeyBytes);
  return key.subarray(0, cursor.copyKey(key));
}

/** The bytes of a cursor's value. */
export function valueAt(cursor: Cursor): Buffer {
  cursor.loadValue();
  return Buffer.from(cursor.valueSegment.bytes.subarray(cursor.valueStart, cursor.valueEnd));
}

export class TreeModel {
  readonly pages: MemoryPages;
  readonly tree: WritableTree;
  /** In the order of keys. */
  entries: ModelEntry[] = [];

  constructor(pageSize: number, leafFlags = 0, segmentBytes: number = 2 ** 20) {
    this.pages = new MemoryPages(new Geometry(pageSize, segmentBytes));
    const scratch = new Scratch(this.pages.geometry);
    this.tree = new WritableTree(this.pages, EMPTY_ROOT, scratch, leafFlags);
  }

  /** The index of the first entry >= key, or > key when `after`. */
  lowerBound(key: Uint8Array, after: boolean): number {
    let lo = 0;
    let hi = this.entries.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      const order = Buffer.compare(this.entries[mid]!.key, key);
      if (order < 0 || (after && order === 0)) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  put(key: Uint8Array, value: Uint8Array, append = false): boolean {
    const at = this.lowerBound(key, false);
    const old = this.entries[at];
    const found = old !== undefined && Buffer.compare(old.key, key) === 0;
    const entry = { key: Buffer.from(key), value: Buffer.from(value) };
    const added = this.tree.put(key, key.length, value, 0, value.length, append);
    assert.equal(added, !found, 'put says whether the key is new');
    this.entries.splice(at, found ? 1 : 0, entry);
    return added;
  }

  remove(key: Uint8Array): boolean {
    const at = this.lowerBound(key, false);
    const old = this.entries[at];
    const found = old !== undefined && Buffer.compare(old.key, key) === 0;
    assert.equal(this.tree.remove(key, key.length), found, 'remove says whether the key was there');
    if (found) this.entries.splice(at, 1);
    return found;
  }

  rangeOf(lower: Bound | undefined, upper: Bound | undefined): [number, number] {
    const from = lower === undefined ? 0 : this.lowerBound(lower.key, !lower.inclusive);
    const to =
      upper === undefined ? this.entries.length : this.lowerBound(upper.key, upper.inclusive);
    return [from, Math.max(from, to)];
  }

  removeRange(lower: Bound | undefined, upper: Bound | undefined): number {
    const [from, to] = this.rangeOf(lower, upper);
    assert.equal(this.tree.removeRange(lower, upper), to - from, 'entries removed');
    this.entries.splice(from, to - from);
    return to - from;
  }

  clear(): void {
    assert.equal(this.tree.clear(), this.entries.length);
    this.entries = [];
  }

  /** Ends the transaction; the next one begins on the committed root. */
  commit(): void {
    const root = { ...this.tree.root };
    this.tree.reset(root);
    this.pages.commit([root]);
    this.tree.reset(root);
  }

  checkGet(key: Uint8Array): void {
    const at = this.lowerBound(key, false);
    const entry = this.entries[at];
    const found = entry !== undefined && Buffer.compare(entry.key, key) === 0;
    assert.equal(this.tree.get(key, key.length), found, 'get finds what is there');
    if (!found) return;
    const { valueSegment, valueStart, valueEnd } = this.tree.found;
    const value = valueSegment.bytes.subarray(valueStart, valueEnd);
    assert(Buffer.compare(value, entry.value) === 0, 'get finds the value');
  }

  checkRank(key: Uint8Array): void {
    assert.equal(this.tree.rank(key, key.length, false), this.lowerBound(key, false), 'rank');
    assert.equal(this.tree.rank(key, key.length, true), this.lowerBound(key, true), 'rank after');
  }

  checkAt(index: number): void {
    const entry = this.entries[index];
    assert.equal(this.tree.at(index), entry !== undefined, 'at');
    if (entry === undefined) return;
    const key = Buffer.alloc(this.pages.geometry.maxKeyBytes);
    const length = this.tree.found.copyKey(key);
    assert(key.subarray(0, length).equals(entry.key), 'at finds the key');
  }

  checkRange(lower: Bound | undefined, upper: Bound | undefined, reverse: boolean): void {
    const [from, to] = this.rangeOf(lower, upper);
    assert.equal(this.tree.count(lower, upper), to - from, 'count');
    const cursor = this.tree.cursor();
    cursor.setRange(lower, upper);
    const expected = this.entries.slice(from, to);
    if (reverse) expected.reverse();
    let steps = 0;
    for (
      let there = reverse ? cursor.last() : cursor.first();
      there;
      there = reverse ? cursor.previous() : cursor.next()
    ) {
      const entry = expected[steps++];
      assert(entry !== undefined, 'the cursor goes past the end of its range');
      assert(keyAt(cursor).equals(entry.key), `key ${steps} of the range`);
      assert(valueAt(cursor).equals(entry.value), `value ${steps} of the range`);
    }
    assert.equal(steps, to - from, 'the cursor reaches the end of its range');
  }

  /** Everything, and that all pages are accounted for. */
  checkAll(): void {
    this.pages.account([this.tree.root]);
    assert.equal(this.tree.root.entries, this.entries.length);
    this.checkRange(undefined, undefined, false);
    this.checkRange(undefined, undefined, true);
  }

  /** A tree that only reads what this one holds now. */
  reader(): Tree {
    return new Tree(this.pages, this.tree.root);
  }
}
