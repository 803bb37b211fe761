/** An explicit snapshot: one consistent state of all stores, for as long as it is open. */

import type { Tree } from '../btree/tree.ts';
import { DatabaseClosedError, TransactionClosedError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import type { Abandoned } from './abandoned.ts';
import { tellAbandoned } from './diagnostics.ts';
import type { Iteration } from './entry-iterator.ts';
import { requireOwn } from './latest.ts';
import type { OpenValues, ValueHold } from './open-values.ts';
import type { PinnedSnapshot, PinnedSnapshots } from './pinned-snapshot.ts';
import { BaseReader, type Reader } from './reader.ts';
import type { StoreDefinition } from './store-definition.ts';

/**
 * A state of the database that does not change. Close it, or the space of its pages stays in use.
 */
export interface Snapshot extends Reader, Disposable {
  /** The transaction that made this state. */
  readonly transaction: number;
  readonly closed: boolean;
  /** Lets go of the state. Safe to call twice. Reads afterwards throw TRANSACTION_CLOSED. */
  close(): void;
}

/** What is left of a snapshot that nobody closed. */
interface LeftOpen {
  readonly pager: Pager;
  readonly pinned: PinnedSnapshot;
  readonly onClose: (() => void) | undefined;
}

const leftOpen = new FinalizationRegistry(({ pager, pinned, onClose }: LeftOpen) => {
  onClose?.();
  // Closing the database closes its snapshots.
  if (pager.closed) return;
  pinned.release();
  tellAbandoned(pinned.path, 'snapshot', pinned.roots.id);
});

export class SnapshotReader extends BaseReader implements Snapshot {
  private readonly pager: Pager;
  private readonly pins: PinnedSnapshots;
  private readonly owner: object;
  private readonly abandoned: Abandoned;
  private readonly openValues: OpenValues;
  private readonly pinned: PinnedSnapshot;
  private isClosed = false;
  private readonly onClose: (() => void) | undefined;

  constructor(
    pager: Pager,
    pins: PinnedSnapshots,
    owner: object,
    abandoned: Abandoned,
    openValues: OpenValues,
    onClose?: () => void,
  ) {
    super();
    this.pager = pager;
    this.pins = pins;
    this.owner = owner;
    this.abandoned = abandoned;
    this.openValues = openValues;
    this.onClose = onClose;
    this.pinned = pins.acquire();
    leftOpen.register(this, { pager, pinned: this.pinned, onClose }, this);
  }

  get transaction(): number {
    return this.pinned.roots.id;
  }

  get closed(): boolean {
    return this.isClosed || this.pager.closed;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    leftOpen.unregister(this);
    this.pinned.release();
    this.onClose?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  protected enter<K, V>(definition: StoreDefinition<K, V>): Tree {
    this.requireOpen();
    return this.pinned.tree(definition);
  }

  protected leave(): void {
    if (!this.pager.closed) this.pager.pages.throwOnFault();
  }

  protected iteration<K, V>(definition: StoreDefinition<K, V>): Iteration {
    this.requireOpen();
    const iteration = this.abandoned.watch(this.pager, this.pins.share(this.pinned), definition);
    return {
      ...iteration,
      check: () => {
        this.requireOpen();
        iteration.check();
      },
    };
  }

  protected hold<K, V>(definition: StoreDefinition<K, V>): ValueHold {
    this.requireOpen();
    const { pager, pins, pinned, openValues: values } = this;
    return {
      tree: pinned.tree(definition),
      pager,
      values,
      share: () => pins.share(pinned),
      check: () => pager.pages.throwOnFault(),
      release: () => {},
    };
  }

  protected requireOwn(definition: StoreDefinition<unknown, unknown>): void {
    requireOwn(this.owner, this.pager.path, definition);
  }

  private requireOpen(): void {
    if (this.pager.closed) {
      throw new DatabaseClosedError(
        `${this.pager.path} is closed, and its snapshots with it. Open it again.`,
      );
    }
    if (this.isClosed) {
      throw new TransactionClosedError(
        `The snapshot of transaction ${this.transaction} is closed. Take a new one.`,
      );
    }
  }
}
