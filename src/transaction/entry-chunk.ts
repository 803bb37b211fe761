/**
 * Entries that are encoded and wait, one behind the other in one piece of memory, and their order.
 * An object and an array of bytes for each would cost more than what they hold.
 */

import { copyBytes } from '../btree/bytes.ts';
import { EncodedValue } from '../codec/codec.ts';
import type { EncodedShapes } from '../codec/shape-encoder.ts';
import { headOf } from '../format/leaf.ts';
import { putEntry } from './changes.ts';
import { NO_TERMS } from './put-options.ts';
import { putSharedBytes } from './shared-put.ts';
import type { StoreDefinition } from './store-definition.ts';
import type { WriteCore } from './write-core.ts';

/**
 * What a chunk holds at most, but for a last entry that is large. Smaller ones would write pages
 * more often that get entries from several: 1 M rows of 116 bytes at random came to 3.8 GB written
 * with 4,096 entries, 2.5 with 16,384, 1.7 with 32,768 (bench/micro/bulk-load.ts).
 */
const CHUNK_BYTES = 8 * 2 ** 20;
const CHUNK_ENTRIES = 2 ** 15;
/** Each entry may change a page of its own: together no more than this. */
const CHANGED_BYTES = 128 * 2 ** 20;
/** How long the event loop is held when it is put, and after how many entries that is looked at. */
const STEP_MS = 4;
const ENTRIES_PER_LOOK = 64;
/** The first memory of a chunk: it grows to what is needed. */
const FIRST_BYTES = 64 * 1024;

/** Above the number of every entry; 2^32 times as many whole numbers are apart as doubles. */
const HEAD_UNIT = 2 ** 20;

/** Points `out` at a value's bytes, of a store with shared structures. */
export type EncodeShared<V> = (value: V, out: EncodedValue) => EncodedShapes;

export class EntryChunk<K, V> {
  /** Entries. */
  count = 0;
  private readonly definition: StoreDefinition<K, V>;
  private readonly encoded = new EncodedValue();
  private readonly mostEntries: number;
  private readonly key: Uint8Array;
  private readonly encodeShared: EncodeShared<V> | undefined;
  /** Only with shared structures: what the values were encoded with. */
  private readonly shapes: EncodedShapes[] = [];
  private bytes: Uint8Array;
  /** Entry i is bytes[starts[i], starts[i + 1]); its value begins at keyEnds[i]. */
  private readonly starts: Float64Array;
  private readonly keyEnds: Float64Array;
  /** The keys come in their order. */
  private isSorted = true;

  /** `pageSize`: of the file that it is for. `encodeShared`: with shared structures. */
  constructor(
    definition: StoreDefinition<K, V>,
    pageSize: number,
    encodeShared: EncodeShared<V> | undefined,
  ) {
    this.definition = definition;
    this.encodeShared = encodeShared;
    this.mostEntries = Math.min(CHUNK_ENTRIES, CHANGED_BYTES / pageSize);
    this.starts = new Float64Array(this.mostEntries + 1);
    this.keyEnds = new Float64Array(this.mostEntries);
    this.key = new Uint8Array(definition.maxKeyBytes);
    this.bytes = new Uint8Array(FIRST_BYTES);
  }

  /** Bytes of keys and values. */
  get size(): number {
    return this.starts[this.count]!;
  }

  get isFull(): boolean {
    return this.count === this.mostEntries || this.size >= CHUNK_BYTES;
  }

  /**
   * Encodes an entry and keeps that: its objects are the caller's to change. It is not full.
   * Throws what a put throws, and is as it was then.
   */
  add(key: K, value: V): void {
    const { definition, encoded } = this;
    const shapes = this.encodeShared?.(value, encoded);
    if (shapes === undefined && definition.pairFormat === undefined) {
      definition.encodeValue(value, encoded);
    }
    // Noted before the key's codec runs: it may be the user's, and put something else.
    const { bytes, start, end } = encoded;
    encoded.clear();
    const keyStart = this.size;
    const keyEnd = this.writeKey(key, value, keyStart);
    const to = keyEnd + end - start;
    this.reserve(to);
    copyBytes(this.bytes, keyEnd, bytes, start, end);
    const i = this.count++;
    this.keyEnds[i] = keyEnd;
    this.starts[i + 1] = to;
    if (shapes !== undefined) this.shapes[i] = shapes;
    if (this.isSorted && i > 0) this.isSorted = this.compare(i - 1, i, 0) <= 0;
  }

  /** Puts all of them, of equal keys the last one last. It yields every few milliseconds. */
  *put(core: WriteCore): Generator<undefined, void> {
    const { definition, key, bytes, starts, keyEnds, count } = this;
    const order = this.isSorted ? undefined : this.inOrder();
    const list = { count, bytes, starts, keyEnds, order };
    const tree = core.tree(definition);
    const version = definition.versions ? core.nextVersion(definition) : 0;
    const isShared = this.encodeShared !== undefined;
    let looked = 0;
    let begun = performance.now();
    for (let n = 0; n < count; n++) {
      if (n >= looked + ENTRIES_PER_LOOK) {
        looked = n;
        if (performance.now() - begun >= STEP_MS) {
          yield undefined;
          begun = performance.now();
        }
      }
      if (!isShared) {
        const appended = tree.append(list, n, version);
        if (appended > 0 && definition.versions) core.giveVersion(definition, version);
        n += appended;
        if (n === count) break;
      }
      const i = order === undefined ? n : order[n]!;
      const start = starts[i]!;
      const keyEnd = keyEnds[i]!;
      copyBytes(key, 0, bytes, start, keyEnd);
      const end = starts[i + 1]!;
      if (isShared) {
        this.putShared(core, i);
        continue;
      }
      putEntry(core, definition, key, keyEnd - start, bytes, keyEnd, end, NO_TERMS);
    }
  }

  /** An entry of a store with shared structures: its shapes may have to be added. */
  private putShared(core: WriteCore, i: number): void {
    const { definition, bytes, starts, keyEnds } = this;
    const { shapes } = definition;
    if (shapes === undefined) return;
    const start = starts[i]!;
    const entry = bytes.slice(start, starts[i + 1]!);
    const keyLength = keyEnds[i]! - start;
    putSharedBytes(core, definition, shapes, entry, keyLength, this.shapes[i]!, NO_TERMS);
  }

  /** Makes it empty; memory that was made for a large entry is let go. */
  clear(): void {
    this.count = 0;
    this.isSorted = true;
    this.shapes.length = 0;
    if (this.bytes.length > 2 * CHUNK_BYTES) this.bytes = new Uint8Array(FIRST_BYTES);
  }

  /** Writes an entry's key at `at`; returns its end. */
  private writeKey(key: K, value: V, at: number): number {
    const { definition, bytes } = this;
    const { pairFormat, keyFormat, maxKeyBytes, key: buffer } = definition;
    if (pairFormat === undefined) {
      // Where it is to lie, if it has room there.
      const end = keyFormat.write(key, bytes, at);
      if (end >= 0 && end - at <= maxKeyBytes) return end;
    }
    const length =
      pairFormat === undefined
        ? buffer.encode(keyFormat, key)
        : buffer.encode(pairFormat, [key, definition.requireValue(value)]);
    this.reserve(at + length);
    copyBytes(this.bytes, at, buffer.bytes, 0, length);
    return at + length;
  }

  private reserve(size: number): void {
    if (size <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(size, 2 * this.bytes.length));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /**
   * The entries by their keys, equal ones as they came.
   *
   * Four bytes of the key, from the first in which any two differ, and the entry's number are one
   * number: those are sorted without a comparison that is called. Only where these four bytes are
   * the same the keys are compared.
   */
  private inOrder(): Uint32Array {
    const { bytes, starts, keyEnds, count } = this;
    const shared = this.sharedBytes();
    const numbers = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      numbers[i] = headOf(bytes, starts[i]! + shared, keyEnds[i]!) * HEAD_UNIT + i;
    }
    numbers.sort();
    const order = new Uint32Array(count);
    const byKey = (a: number, b: number): number => this.compare(a, b, shared) || a - b;
    for (let from = 0; from < count; ) {
      const head = Math.floor(numbers[from]! / HEAD_UNIT);
      let to = from;
      for (; to < count && numbers[to]! < (head + 1) * HEAD_UNIT; to++) {
        order[to] = numbers[to]! - head * HEAD_UNIT;
      }
      if (to - from > 1) order.subarray(from, to).sort(byKey);
      from = to;
    }
    return order;
  }

  /** How many bytes all keys have in common from their start. */
  private sharedBytes(): number {
    const { bytes, starts, keyEnds, count } = this;
    const first = starts[0]!;
    let shared = keyEnds[0]! - first;
    for (let i = 1; i < count; i++) {
      const start = starts[i]!;
      const both = Math.min(shared, keyEnds[i]! - start);
      shared = 0;
      while (shared < both && bytes[first + shared]! === bytes[start + shared]!) shared++;
    }
    return shared;
  }

  /**
   * Negative, zero or positive, as the key of entry `i` is below, equal to or above that of `j`.
   * Their first `shared` bytes are the same.
   */
  private compare(i: number, j: number, shared: number): number {
    const { bytes, starts, keyEnds } = this;
    const a = starts[i]!;
    const b = starts[j]!;
    const aLength = keyEnds[i]! - a;
    const bLength = keyEnds[j]! - b;
    const both = Math.min(aLength, bLength);
    for (let k = shared; k < both; k++) {
      const difference = bytes[a + k]! - bytes[b + k]!;
      if (difference !== 0) return difference;
    }
    return aLength - bLength;
  }
}
