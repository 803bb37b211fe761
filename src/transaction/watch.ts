/**
 * A watch on a range: an iterator that is told of changes by any process.
 *
 * 1. It keeps no snapshot and no copy of the range between two looks: a few numbers say what it was
 *    like (btree/range-mark.ts), and each look compares the newest state with them. So commits are
 *    coalesced, and what changed while nobody asked is told by the next `next`.
 * 2. It listens for commits only while a `next` is pending, and only then keeps the process alive.
 *    Nothing else refers to it, so one that is left behind is simply collected.
 */

import { type KeyRange, markRange, type RangeMark, rangeHasChanged } from '../btree/range-mark.ts';
import type { Tree } from '../btree/tree.ts';
import type { CommitListener } from '../pager/commit-listeners.ts';
import type { Pager } from '../pager/pager.ts';
import type { LatestReader } from './latest.ts';
import { checkOptions, SIGNAL } from './long-work.ts';
import { offAbort, onAbort } from './on-abort.ts';
import { encodeRange, type RangeOptions } from './range.ts';
import type { StoreDefinition, StoreRef } from './store-definition.ts';

export interface WatchOptions {
  /** Ends the watch: `next` rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Something in the range may have changed, up to this transaction. */
interface Change {
  transaction: number;
}
type Told = IteratorResult<Change, undefined>;

/** A `next` that was called and not answered. */
interface Pending {
  readonly resolve: (told: Told) => void;
  readonly reject: (reason: unknown) => void;
}

const DONE: Told = { done: true, value: undefined };

/** Watches from the newest state on. Throws TypeError and RangeError for what is given. */
export function watchRange<K, V>(
  pager: Pager,
  latest: LatestReader,
  store: StoreRef<K, V>,
  range: RangeOptions<K> | undefined,
  options: WatchOptions | undefined,
): AsyncIterableIterator<Change> {
  const definition = latest.definitionOf(store);
  const { lower, upper } = encodeRange(definition, range);
  if (options !== undefined) checkOptions('watch', options, { signal: SIGNAL });
  return new RangeWatch(pager, latest, definition, { lower, upper }, options?.signal);
}

class RangeWatch<K, V> implements AsyncIterableIterator<Change>, CommitListener {
  private readonly pager: Pager;
  private readonly latest: LatestReader;
  private readonly definition: StoreDefinition<K, V>;
  private readonly range: KeyRange;
  private readonly signal: AbortSignal | undefined;
  /** In the order of the calls. */
  private readonly pending: Pending[] = [];
  private mark: RangeMark;
  private isOver = false;

  constructor(
    pager: Pager,
    latest: LatestReader,
    definition: StoreDefinition<K, V>,
    range: KeyRange,
    signal: AbortSignal | undefined,
  ) {
    this.pager = pager;
    this.latest = latest;
    this.definition = definition;
    this.range = range;
    this.signal = signal;
    this.mark = latest.look(definition, (tree, id) => markRange(tree, id, range));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Told> {
    if (this.pager.closed) this.end();
    if (this.isOver) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
      if (this.pending.length === 1) this.listen();
    });
  }

  return(value?: undefined): Promise<Told> {
    this.end();
    return Promise.resolve({ done: true, value });
  }

  published(): void {
    let change: Change | undefined;
    try {
      change = this.latest.look(this.definition, this.compare);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (change === undefined) return;
    this.pending.shift()?.resolve({ done: false, value: change });
    if (this.pending.length === 0) this.rest();
  }

  closed(): void {
    this.end();
  }

  private readonly aborted = (): void => {
    this.fail(this.signal?.reason);
  };

  private listen(): void {
    if (this.signal?.aborted === true) {
      this.aborted();
      return;
    }
    try {
      this.pager.commits.add(this, true);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.signal !== undefined) onAbort(this.signal, this.aborted);
    // Only now: what is published from here on is told.
    this.published();
  }

  private rest(): void {
    this.pager.commits.remove(this);
    if (this.signal !== undefined) offAbort(this.signal, this.aborted);
  }

  /** What to tell, if anything. The next look compares with what this one has seen. */
  private readonly compare = (tree: Tree, transaction: number): Change | undefined => {
    const { mark, range } = this;
    if (transaction === mark.transaction) return undefined;
    if (!rangeHasChanged(tree, mark, range)) {
      this.mark = { ...mark, transaction, page: tree.root.page, birth: tree.root.birth };
      return undefined;
    }
    this.mark = markRange(tree, transaction, range);
    return { transaction };
  };

  /** The first that waits is told why; the iteration is over. */
  private fail(reason: unknown): void {
    const first = this.pending.shift();
    this.end();
    first?.reject(reason);
  }

  private end(): void {
    this.isOver = true;
    this.rest();
    for (const { resolve } of this.pending.splice(0)) resolve(DONE);
  }
}
