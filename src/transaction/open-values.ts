/**
 * Views and blobs that are open on one handle. Each keeps a snapshot until it is disposed of; one
 * that is left is found by the garbage collector, let go of then, and told.
 *
 * The bytes of a view are a mapping of their own. They may outlive the object that came with them,
 * and its user may move them to another ArrayBuffer: so its snapshot is kept until the addon says
 * that nobody has the bytes any more.
 */

import type { Tree } from '../btree/tree.ts';
import type { RunReference } from '../pager/mapped-run.ts';
import type { Pager } from '../pager/pager.ts';
import type { PrivateBytes } from '../pager/storage.ts';
import { tellAbandoned } from './diagnostics.ts';
import type { PinnedSnapshot } from './pinned-snapshot.ts';

/** What a view or a blob is made from. Its maker lets go of it; what is to stay, shares it. */
export interface ValueHold {
  readonly tree: Tree;
  readonly pager: Pager;
  readonly values: OpenValues;
  /** One more user of the snapshot; undefined in a write transaction, whose state ends with it. */
  readonly share: (() => PinnedSnapshot) | undefined;
  /** Throws when the reader has ended, or a page could not be read. */
  check(): void;
  release(): void;
}

/** A mapped view: what is known of it while anybody has its bytes. */
export class OpenView {
  private readonly values: OpenValues;
  private readonly pinned: PinnedSnapshot;
  private readonly mapped: PrivateBytes;
  private isDisposed = false;
  private isReleased = false;

  constructor(values: OpenValues, pager: Pager, pinned: PinnedSnapshot, run: RunReference) {
    this.values = values;
    this.pinned = pinned;
    this.mapped = pager.pages.viewRun(run, () => this.released());
  }

  /** The bytes, for whoever makes the view: nothing here keeps them. */
  takeBytes(): Uint8Array {
    return new Uint8Array(this.mapped.buffer() ?? new ArrayBuffer(0));
  }

  /** Whether a page of it could not be read. */
  get isFaulty(): boolean {
    return this.mapped.faults() > 0;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    if (this.mapped.close()) this.release();
  }

  /** Nobody has the bytes any more. */
  private released(): void {
    const wasLeft = !this.isDisposed;
    this.dispose();
    this.release();
    if (wasLeft) tellAbandoned(this.pinned.path, 'view', this.pinned.roots.id);
  }

  private release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.pinned.release();
    this.values.ended(this);
  }
}

/** What is left of a blob, or of a view that is a copy, that nobody has any more. */
interface Left {
  readonly kind: string;
  readonly pinned: PinnedSnapshot | undefined;
}

export class OpenValues {
  /** Those that are neither disposed of nor collected. */
  count = 0;
  private readonly views = new Set<OpenView>();
  private readonly collected = new FinalizationRegistry(({ kind, pinned }: Left) => {
    this.count--;
    if (pinned === undefined) return;
    pinned.release();
    tellAbandoned(pinned.path, kind, pinned.roots.id);
  });

  /** A view of a run of the snapshot, of which it is a user until it ends. */
  view(pager: Pager, pinned: PinnedSnapshot, run: RunReference): OpenView {
    try {
      const view = new OpenView(this, pager, pinned, run);
      this.views.add(view);
      this.count++;
      return view;
    } catch (error) {
      pinned.release();
      throw error;
    }
  }

  ended(view: OpenView): void {
    if (this.views.delete(view)) this.count--;
  }

  /** Counts `value` until the function that is returned is called, and keeps its snapshot. */
  watch(value: object, kind: string, pinned: PinnedSnapshot | undefined): () => void {
    this.count++;
    this.collected.register(value, { kind, pinned }, value);
    const token = new WeakRef(value);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.count--;
      const watched = token.deref();
      if (watched !== undefined) this.collected.unregister(watched);
      pinned?.release();
    };
  }

  /** The database is closed: the bytes of views are gone. */
  close(): void {
    for (const view of [...this.views]) view.dispose();
  }
}
