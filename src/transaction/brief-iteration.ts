/**
 * Iterations of the newest state. The first entries are read in one short read, as `get` reads, and
 * most ranges end with them: they keep no snapshot, and nothing has to be noted for the case that
 * nobody ends them. Of one that goes on the snapshot is kept before the short read ends.
 */

import type { Tree } from '../btree/tree.ts';
import type { Pager } from '../pager/pager.ts';
import type { Abandoned } from './abandoned.ts';
import type { Iteration } from './entry-iterator.ts';
import type { PinnedSnapshots } from './pinned-snapshot.ts';
import type { StoreDefinition } from './store-definition.ts';

/** What such an iteration needs of its database. */
export interface BriefReader {
  readonly pager: Pager;
  readonly pins: PinnedSnapshots;
  readonly abandoned: Abandoned;
}

export class BriefIteration implements Iteration {
  readonly tree: Tree;
  readonly isStill = true;
  private readonly reader: BriefReader;
  private readonly definition: StoreDefinition<unknown, unknown>;
  private reading = true;

  /** In a short read, which this ends: that of `tree`, the newest of the store. */
  constructor(reader: BriefReader, definition: StoreDefinition<unknown, unknown>, tree: Tree) {
    this.reader = reader;
    this.definition = definition;
    this.tree = tree;
  }

  check(): void {
    this.reader.pager.requireUsable();
  }

  settle(over: boolean): Iteration {
    const { pager, pins, abandoned } = this.reader;
    try {
      return over ? this : abandoned.watch(pager, pins.acquire(), this.definition);
    } finally {
      this.release();
    }
  }

  release(): void {
    if (!this.reading) return;
    this.reading = false;
    this.reader.pager.readers.endShort();
  }
}
