/**
 * Iterations that nobody ended: `break` ends one, and so does its last item; one that is left in
 * the middle keeps its snapshot until the garbage collector finds it. Then it is let go of, and
 * told.
 */

import type { Tree } from '../btree/tree.ts';
import type { Pager } from '../pager/pager.ts';
import { tellAbandoned } from './diagnostics.ts';
import type { Iteration } from './entry-iterator.ts';
import type { PinnedSnapshot } from './pinned-snapshot.ts';
import type { StoreDefinition } from './store-definition.ts';

/** What is known of an iteration that nobody has any more. */
interface Left {
  readonly pager: Pager;
  readonly pinned: PinnedSnapshot;
}

export class Abandoned {
  /** Iterations and snapshots that have begun and not ended. */
  iterators = 0;
  private readonly registry = new FinalizationRegistry(({ pager, pinned }: Left) => {
    this.iterators--;
    pinned.release();
    // Closing the database has ended it.
    if (!pager.closed) tellAbandoned(pinned.path, 'iterator', pinned.roots.id);
  });

  /**
   * An iteration of a store on a kept snapshot, which lets go of it in any case; so does this, when
   * it throws.
   */
  watch<K, V>(pager: Pager, pinned: PinnedSnapshot, definition: StoreDefinition<K, V>): Iteration {
    const { registry } = this;
    let tree: Tree;
    try {
      tree = pinned.tree(definition);
    } catch (error) {
      pinned.release();
      throw error;
    }
    this.iterators++;
    const iteration: Iteration = {
      tree,
      isStill: true,
      check: () => pager.requireUsable(),
      release: () => {
        this.iterators--;
        registry.unregister(iteration);
        pinned.release();
      },
    };
    registry.register(iteration, { pager, pinned }, iteration);
    return iteration;
  }
}
