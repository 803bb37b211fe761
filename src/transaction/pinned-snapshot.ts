/**
 * Snapshots in use by this handle for longer than one call: iterators and explicit snapshots on the
 * same transaction share one, and its trees.
 */

import { Tree } from '../btree/tree.ts';
import { EMPTY_ROOT } from '../format/catalogue.ts';
import type { Pager } from '../pager/pager.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import { catalogueRoot, findRecord } from './catalogue.ts';
import type { StoreDefinition } from './store-definition.ts';
import { SnapshotShapes, type StoreShapes } from './store-shapes.ts';

/** The tree of a store in a snapshot; empty when the store is not there yet. */
export function openTree(
  pager: Pager,
  roots: SnapshotRoots,
  definition: StoreDefinition<unknown, unknown>,
): Tree {
  const catalogue = new Tree(pager.pages, catalogueRoot(pager.pages, roots));
  const { name, catalogueKey, description } = definition;
  const record = findRecord(catalogue, name, catalogueKey, description);
  if (record !== undefined) definition.requireSame(record.description);
  const tree = new Tree(pager.pages, record?.root ?? EMPTY_ROOT);
  const { shapes } = definition;
  if (shapes !== undefined) shapes.follow(tree, shapesIn(catalogue, shapes));
  // The tree is kept, and what zeros that stand for a page say of it must not be.
  pager.pages.throwOnFault();
  return tree;
}

function shapesIn(catalogue: Tree, shapes: StoreShapes): SnapshotShapes {
  const record = findRecord(catalogue, shapes.name, shapes.catalogueKey, shapes.description);
  if (record === undefined) return new SnapshotShapes(shapes, undefined);
  shapes.requireOurs(record);
  return new SnapshotShapes(shapes, new Tree(catalogue.pages, record.root));
}

/** A snapshot that is kept, with the trees opened on it. */
export class PinnedSnapshot {
  readonly roots: SnapshotRoots;
  private readonly pager: Pager;
  private readonly pins: PinnedSnapshots;
  private readonly trees = new Map<object, Tree>();
  users = 0;

  constructor(pager: Pager, pins: PinnedSnapshots, roots: SnapshotRoots) {
    this.pager = pager;
    this.pins = pins;
    this.roots = roots;
  }

  get path(): string {
    return this.pager.path;
  }

  tree<K, V>(definition: StoreDefinition<K, V>): Tree {
    let tree = this.trees.get(definition);
    if (tree === undefined) {
      tree = openTree(this.pager, this.roots, definition);
      this.trees.set(definition, tree);
    }
    return tree;
  }

  /** One user less. */
  release(): void {
    this.pins.release(this);
  }
}

/** All that a handle keeps. */
export class PinnedSnapshots {
  private readonly pager: Pager;
  private readonly byId = new Map<number, PinnedSnapshot>();
  /**
   * The one that was let go of last, which keeps no snapshot. Nothing that it knows of that one's
   * pages has become wrong if the same is pinned again: between two short scans its trees stay.
   */
  private idle: PinnedSnapshot | undefined;

  constructor(pager: Pager) {
    this.pager = pager;
  }

  /** The newest snapshot, kept until `release`. Throws READERS_FULL. */
  acquire(): PinnedSnapshot {
    this.pager.pages.healFaults();
    const roots = this.pager.readers.pin();
    let pinned = this.byId.get(roots.id);
    if (pinned === undefined) {
      const { idle } = this;
      const isSame = idle !== undefined && idle.roots.id === roots.id;
      pinned = isSame ? idle : new PinnedSnapshot(this.pager, this, roots);
      this.idle = undefined;
      this.byId.set(roots.id, pinned);
    }
    pinned.users++;
    return pinned;
  }

  /** One more user of one that is kept. */
  share(pinned: PinnedSnapshot): PinnedSnapshot {
    this.pager.readers.share(pinned.roots.id);
    pinned.users++;
    return pinned;
  }

  release(pinned: PinnedSnapshot): void {
    if (this.pager.closed) return;
    this.pager.readers.unpin(pinned.roots.id);
    if (--pinned.users > 0) return;
    this.byId.delete(pinned.roots.id);
    this.idle = pinned;
  }
}
