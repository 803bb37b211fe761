/** Reads of the newest published snapshot: what the methods of a store do. */

import { Tree } from '../btree/tree.ts';
import type { ShapeList } from '../codec/shapes.ts';
import { DatabaseClosedError } from '../errors.ts';
import type { StoreDescription } from '../format/catalogue.ts';
import type { Pager } from '../pager/pager.ts';
import type { Abandoned } from './abandoned.ts';
import { BriefIteration, type BriefReader } from './brief-iteration.ts';
import { catalogueRoot, findRecord } from './catalogue.ts';
import type { Iteration } from './entry-iterator.ts';
import type { OpenValues, ValueHold } from './open-values.ts';
import { openTree, type PinnedSnapshots } from './pinned-snapshot.ts';
import { BaseReader } from './reader.ts';
import type { StoreDefinition, StoreRef } from './store-definition.ts';
import type { StoreShapes } from './store-shapes.ts';

export class LatestReader extends BaseReader {
  private readonly pager: Pager;
  private readonly pins: PinnedSnapshots;
  private readonly owner: object;
  private readonly parts: BriefReader;
  private readonly openValues: OpenValues;

  constructor(
    pager: Pager,
    pins: PinnedSnapshots,
    owner: object,
    abandoned: Abandoned,
    openValues: OpenValues,
  ) {
    super();
    this.pager = pager;
    this.pins = pins;
    this.owner = owner;
    this.parts = { pager, pins, abandoned };
    this.openValues = openValues;
  }

  /** What the newest snapshot records of a store; undefined when it has none of that name. */
  describe(name: string, key: Uint8Array): StoreDescription | undefined {
    const { pager } = this;
    const roots = pager.readers.beginShort();
    try {
      const catalogue = new Tree(pager.pages, catalogueRoot(pager.pages, roots));
      return findRecord(catalogue, name, key)?.description;
    } finally {
      this.leave();
    }
  }

  /** The shapes of a store with shared structures in the newest snapshot. */
  shapes<K, V>(definition: StoreDefinition<K, V>, shapes: StoreShapes): ShapeList {
    return this.look(definition, (tree) => shapes.listOf(tree));
  }

  /** What the engine knows of a store of this database; a TypeError for anything else. */
  definitionOf<K, V>(store: StoreRef<K, V>): StoreDefinition<K, V> {
    return this.definition(store);
  }

  /** Calls `fn` with the store's tree in the newest snapshot, and that one's transaction. */
  look<K, V, R>(definition: StoreDefinition<K, V>, fn: (tree: Tree, transaction: number) => R): R {
    const tree = this.enter(definition);
    try {
      // What `enter` has left there is of the snapshot that it entered.
      return fn(tree, definition.latest!.id);
    } finally {
      this.leave();
    }
  }

  protected enter<K, V>(definition: StoreDefinition<K, V>): Tree {
    const { pager } = this;
    if (pager.closed) throw new DatabaseClosedError(`${pager.path} is closed.`);
    const roots = pager.readers.beginShort();
    const { latest } = definition;
    if (latest !== undefined && latest.id === roots.id) return latest.tree;
    try {
      return this.refresh(definition);
    } catch (error) {
      pager.readers.endShort();
      throw error;
    }
  }

  protected leave(): void {
    this.pager.readers.endShort();
    this.pager.pages.throwOnFault();
  }

  protected iteration<K, V>(definition: StoreDefinition<K, V>): Iteration {
    const { pager, pins, abandoned } = this.parts;
    if (pager.closed) throw new DatabaseClosedError(`${pager.path} is closed.`);
    // Code of the user may come back to the tree, or take its time.
    if (!definition.readsAhead) return abandoned.watch(pager, pins.acquire(), definition);
    return new BriefIteration(this.parts, definition, this.enter(definition));
  }

  protected hold<K, V>(definition: StoreDefinition<K, V>): ValueHold {
    const { pager, pins, openValues: values } = this;
    if (pager.closed) throw new DatabaseClosedError(`${pager.path} is closed.`);
    const pinned = pins.acquire();
    try {
      return {
        tree: pinned.tree(definition),
        pager,
        values,
        share: () => pins.share(pinned),
        check: () => pager.pages.throwOnFault(),
        release: () => pinned.release(),
      };
    } catch (error) {
      pinned.release();
      throw error;
    }
  }

  protected requireOwn(definition: StoreDefinition<unknown, unknown>): void {
    requireOwn(this.owner, this.pager.path, definition);
  }

  private refresh<K, V>(definition: StoreDefinition<K, V>): Tree {
    const roots = this.pager.readers.beginShort();
    try {
      this.pager.pages.healFaults();
      const fresh = openTree(this.pager, roots, definition);
      const { latest } = definition;
      if (latest === undefined) {
        definition.latest = { id: roots.id, tree: fresh };
        return fresh;
      }
      // The object stays the same, so that the engine's inline caches do.
      latest.tree.reset(fresh.root);
      definition.shapes?.turn(latest.tree, fresh);
      latest.id = roots.id;
      return latest.tree;
    } finally {
      this.pager.readers.endShort();
    }
  }
}

/** Throws when a store is one of another database, or of another handle on this one. */
export function requireOwn(
  owner: object,
  path: string,
  definition: StoreDefinition<unknown, unknown>,
): void {
  if (definition.owner !== owner) {
    throw new TypeError(
      `Store "${definition.name}" belongs to another database object than the one on ${path}.`,
    );
  }
}
