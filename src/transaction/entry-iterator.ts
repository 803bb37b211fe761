/**
 * Iteration over a range: steps through batches of entries (entry-batch.ts), and the snapshot that
 * it keeps meanwhile.
 */

import type { Cursor } from '../btree/cursor.ts';
import type { Tree } from '../btree/tree.ts';
import { EntryBatch, type Wanted } from './entry-batch.ts';
import type { EncodedRange } from './range.ts';
import type { StoreDefinition } from './store-definition.ts';

/** What an iteration stands on. */
export interface Iteration {
  readonly tree: Tree;
  /** Whether the tree stays as it is until the iteration ends. */
  readonly isStill: boolean;
  /** Throws when the snapshot or transaction has ended, or a page could not be read. */
  check(): void;
  /** Lets go of the snapshot, when that has not been done. */
  release(): void;
  /**
   * Where it is there, called once, when the first entries have been read: what the rest stands on,
   * the same entries in another tree perhaps. `over`: there is no rest.
   */
  settle?(over: boolean): Iteration;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What an iteration gives of each entry, of a batch with those keys and values. */
export interface Projection<K, V, T> extends Wanted {
  item(keys: readonly K[], values: readonly V[], i: number): T;
}

const ENTRY = {
  keys: true,
  values: true,
  item: <K, V>(keys: readonly K[], values: readonly V[], i: number): [K, V] => [
    keys[i]!,
    values[i]!,
  ],
};
const KEY = {
  keys: true,
  values: false,
  item: <K>(keys: readonly K[], _values: readonly unknown[], i: number): K => keys[i]!,
};
const VALUE = {
  keys: false,
  values: true,
  item: <V>(_keys: readonly unknown[], values: readonly V[], i: number): V => values[i]!,
};

export function entriesOf<K, V>(): Projection<K, V, [K, V]> {
  return ENTRY;
}
export function keysOf<K, V>(): Projection<K, V, K> {
  return KEY;
}
export function valuesOf<K, V>(): Projection<K, V, V> {
  return VALUE;
}

export class EntryIterator<K, V, T> implements IterableIterator<T> {
  private readonly open: () => Iteration;
  protected readonly definition: StoreDefinition<K, V>;
  protected readonly range: EncodedRange;
  private readonly projection: Projection<K, V, T>;
  private iteration: Iteration | undefined;
  private cursor: Cursor | undefined;
  protected batch: EntryBatch<K, V> | undefined;
  /** Which of the batch comes next. */
  private at = 0;
  private filled = 0;
  /** How many are to be read, past those in the batch. */
  private left: number;
  private readonly readsAhead: boolean;

  /** `readsAhead`: whether entries may be read before they are asked for. */
  constructor(
    open: () => Iteration,
    definition: StoreDefinition<K, V>,
    range: EncodedRange,
    projection: Projection<K, V, T>,
    readsAhead: boolean = definition.readsAhead,
  ) {
    this.open = open;
    this.definition = definition;
    this.range = range;
    this.projection = projection;
    this.left = range.limit;
    this.readsAhead = readsAhead;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this;
  }

  next(): IteratorResult<T, undefined> {
    try {
      if (this.at >= this.filled && !this.more()) return this.finish();
      this.iteration!.check();
      return this.take();
    } catch (error) {
      const { iteration } = this;
      this.finish();
      // What went wrong with zeros that stand for a page is that it could not be read.
      iteration?.check();
      throw error;
    }
  }

  return(): IteratorResult<T, undefined> {
    return this.finish();
  }

  private take(): IteratorYieldResult<T> {
    const { keys, values } = this.batch!;
    return { done: false, value: this.projection.item(keys, values, this.at++) };
  }

  /** Reads the next entries. False: there are none. */
  private more(): boolean {
    this.filled = 0;
    if (this.left === 0) return false;
    const isFirst = this.cursor === undefined;
    let moved = this.cursor === undefined ? this.begin() : this.advance(this.cursor);
    while (moved) {
      const batch = this.batch!;
      batch.fill(this.iteration!.tree, this.cursor!, this.left);
      if (batch.count > 0) {
        this.at = 0;
        this.filled = batch.count;
        this.left -= batch.count;
        if (isFirst) this.settle();
        return true;
      }
      // It has expired.
      moved = this.step(this.cursor!);
    }
    // Before it ends, too: a page that could not be read is one of zeros, and has no entries.
    this.iteration!.check();
    return false;
  }

  private begin(): boolean {
    const iteration = this.open();
    this.iteration = iteration;
    const { tree } = iteration;
    const { lower, upper, reverse, offset } = this.range;
    const cursor = tree.cursor();
    this.cursor = cursor;
    this.batch = new EntryBatch(
      this.definition,
      this.projection,
      reverse,
      iteration.isStill && this.readsAhead,
      this.left,
      tree.pages.geometry.maxKeyBytes,
    );
    cursor.setRange(lower, upper);
    if (offset === 0) return reverse ? cursor.last() : cursor.first();
    return cursor.seekIndex(
      reverse ? tree.rankOfUpper(upper) - 1 - offset : tree.rankOfLower(lower) + offset,
    );
  }

  /** After the first entries have been read. */
  private settle(): void {
    const iteration = this.iteration!;
    if (iteration.settle === undefined) return;
    const cursor = this.cursor!;
    if (cursor.endsHere(this.range.reverse)) this.left = 0;
    this.iteration = iteration.settle(this.left === 0);
    if (this.left > 0) cursor.goOnIn(this.iteration.tree);
  }

  /** To what comes after the entry that was given. */
  protected advance(cursor: Cursor): boolean {
    return this.step(cursor);
  }

  /** One entry on. */
  protected step(cursor: Cursor): boolean {
    this.iteration!.check();
    return this.range.reverse ? cursor.previous() : cursor.next();
  }

  private finish(): IteratorReturnResult<undefined> {
    this.left = 0;
    this.filled = 0;
    // Its last values may be large.
    this.batch = undefined;
    const { iteration } = this;
    this.iteration = undefined;
    iteration?.release();
    return DONE;
  }
}
