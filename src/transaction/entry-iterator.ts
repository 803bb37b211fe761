/**
 * Iteration over a range. One object an iteration; a step makes nothing but its result.
 */

import type { Cursor } from '../btree/cursor.ts';
import type { Tree } from '../btree/tree.ts';
import { isExpired } from './expiry.ts';
import type { EncodedRange } from './range.ts';
import { readKey, readValue, type StoreDefinition } from './store-definition.ts';

/** What an iteration stands on. */
export interface Iteration {
  readonly tree: Tree;
  /** Throws when the snapshot or transaction has ended, or a page could not be read. */
  check(): void;
  /** Lets go of the snapshot. Called once. */
  release(): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What an iteration gives of each entry, from the entry that it stands at. */
export type Projection<K, V, T> = (
  entry: Pick<EntryIterator<K, V, T>, 'readKey' | 'readValue' | 'readEntry'>,
) => T;

export class EntryIterator<K, V, T> implements IterableIterator<T> {
  private readonly open: () => Iteration;
  protected readonly definition: StoreDefinition<K, V>;
  protected readonly range: EncodedRange;
  private readonly projection: Projection<K, V, T>;
  private iteration: Iteration | undefined;
  private cursor: Cursor | undefined;
  /** The bytes in the tree of the key that was read last: [0, keyLength). */
  protected key: Uint8Array | undefined;
  protected keyLength = 0;
  private left: number;
  /** When the iteration began: what had not expired then is given. */
  private now = 0;

  constructor(
    open: () => Iteration,
    definition: StoreDefinition<K, V>,
    range: EncodedRange,
    projection: Projection<K, V, T>,
  ) {
    this.open = open;
    this.definition = definition;
    this.range = range;
    this.projection = projection;
    this.left = range.limit;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this;
  }

  next(): IteratorResult<T, undefined> {
    if (this.left === 0) return this.finish();
    try {
      let moved = this.cursor === undefined ? this.begin() : this.advance(this.cursor);
      while (moved && this.now !== 0 && isExpired(this.cursor!, this.now)) {
        moved = this.step(this.cursor!);
      }
      // Before it ends, too: a page that could not be read is one of zeros, and has no entries.
      if (!moved) {
        this.iteration!.check();
        return this.finish();
      }
      this.left--;
      const value = this.projection(this);
      this.iteration!.check();
      return { done: false, value };
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

  /** The key that the iteration stands at. */
  readKey(): K {
    const key = this.key!;
    this.keyLength = this.cursor!.copyKey(key);
    return readKey(this.definition, key, this.keyLength);
  }

  /** The value that it stands at. */
  readValue(): V {
    return readValue(this.definition, this.iteration!.tree, this.cursor!);
  }

  /** Both. The key's bytes are copied first: a codec may be the user's, and change the tree. */
  readEntry(): [K, V] {
    const key = this.key!;
    const length = this.cursor!.copyKey(key);
    const value = this.readValue();
    return [readKey(this.definition, key, length), value];
  }

  private begin(): boolean {
    const iteration = this.open();
    this.iteration = iteration;
    const { tree } = iteration;
    const { lower, upper, reverse, offset } = this.range;
    const cursor = tree.cursor();
    this.cursor = cursor;
    this.key = new Uint8Array(tree.pages.geometry.maxKeyBytes);
    if (this.definition.expires) this.now = Date.now();
    cursor.setRange(lower, upper);
    if (offset === 0) return reverse ? cursor.last() : cursor.first();
    return cursor.seekIndex(
      reverse ? tree.rankOfUpper(upper) - 1 - offset : tree.rankOfLower(lower) + offset,
    );
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
    const { iteration } = this;
    this.iteration = undefined;
    iteration?.release();
    return DONE;
  }
}
