/**
 * Iterations that nobody ended: `break` ends one, and so does its last item; one that is left in
 * the middle keeps its snapshot until the garbage collector finds it. Then it is let go of, and
 * told.
 */

import type { Tree } from '../btree/tree.ts';
import { DatabaseClosedError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import { tellAbandoned } from './diagnostics.ts';
import type { Iteration } from './entry-iterator.ts';
import type { PinnedSnapshot } from './pinned-snapshot.ts';

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

  /** An iteration on a kept snapshot, which lets go of it in any case. */
  watch(pager: Pager, pinned: PinnedSnapshot, tree: Tree): Iteration {
    const { registry } = this;
    this.iterators++;
    const iteration: Iteration = {
      tree,
      isStill: true,
      check: () => {
        if (pager.closed) throw new DatabaseClosedError(`${pager.path} is closed.`);
        pager.pages.throwOnFault();
      },
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
