/**
 * The working state of a write transaction: the catalogue, the trees that were opened, and going
 * back to where a part of it began.
 *
 * 1. Every tree keeps all that it knows in its root: a savepoint is a copy of the roots, and the
 *    pages' own savepoint.
 * 2. The catalogue is brought up to date once, at the commit.
 */

import { assert } from '../assert.ts';
import type { Scratch } from '../btree/scratch.ts';
import { WritableTree } from '../btree/writable-tree.ts';
import type { StoreDescription, TreeRoot } from '../format/catalogue.ts';
import { EMPTY_ROOT, encodeRecord, leafFlagsOf, STORE_FLAG } from '../format/catalogue.ts';
import { PAGE_FLAG } from '../format/page-header.ts';
import type { Savepoint } from '../pager/write-pages.ts';
import type { WriteSession } from '../pager/write-session.ts';
import { catalogueKey, catalogueRoot, findRecord, type StoreRecord } from './catalogue.ts';
import type { StoreDefinition } from './store-definition.ts';
import { type StoreShapes, shapesName } from './store-shapes.ts';

type Definition = StoreDefinition<unknown, unknown>;
const NO_NAMES: ReadonlySet<string> = new Set();

/** What the catalogue has to know of a store that changed. */
type Recorded = Pick<Definition, 'name' | 'catalogueKey' | 'description'>;

/** A store as this transaction sees it. */
interface OpenStore {
  readonly definition: Recorded;
  readonly tree: WritableTree;
  /** What the catalogue says of it now: undefined when it has no record. */
  recorded: TreeRoot | undefined;
  /** What it said when the transaction began. */
  readonly record: StoreRecord | undefined;
  /** The version that the piece with that number gives to what it writes. */
  given: { piece: number; version: number };
}

/** Where a part of the transaction began. */
export interface CorePoint {
  readonly pages: Savepoint;
  readonly catalogue: TreeRoot;
  readonly dropped: ReadonlySet<string>;
  readonly stores: readonly {
    store: OpenStore;
    root: TreeRoot;
    recorded: TreeRoot | undefined;
  }[];
}

export class WriteCore {
  readonly session: WriteSession;
  private readonly scratch: Scratch;
  private readonly catalogue: WritableTree;
  private readonly stores = new Map<string, OpenStore>();
  private droppedNames = new Set<string>();
  /** Pieces of the group so far. */
  private piece = 0;
  /** The first time at which something expires that was put, in ms since 1970. */
  soonestExpiry: number = Number.POSITIVE_INFINITY;

  constructor(session: WriteSession, scratch: Scratch) {
    this.session = session;
    this.scratch = scratch;
    const root = catalogueRoot(session.pages, session.base);
    this.catalogue = new WritableTree(session.pages, root, scratch, PAGE_FLAG.catalogue);
  }

  /** The store's tree. A store that is not in the file yet is made by the commit. */
  tree<K, V>(definition: StoreDefinition<K, V>): WritableTree {
    return this.store(definition as Definition).tree;
  }

  /** The tree of the shapes of a store. It is made by the commit, when any are in it. */
  shapesTree(shapes: StoreShapes): WritableTree {
    const { name } = shapes;
    const open = this.stores.get(name);
    if (open !== undefined) return open.tree;
    const record = this.record(name, shapes.catalogueKey, shapes.description);
    if (record !== undefined) shapes.requireOurs(record);
    return this.open(shapes, record?.root ?? EMPTY_ROOT, record).tree;
  }

  /** What comes now is another callback or single call: it gives versions of its own. */
  beginPiece(): void {
    this.piece++;
  }

  /**
   * The version of what the present piece writes in a store: greater than all before, and the same
   * for all of it. It is given when `giveVersion` says so, after the write: one that is refused
   * changes nothing.
   */
  nextVersion<K, V>(definition: StoreDefinition<K, V>): number {
    const { given, tree } = this.store(definition as Definition);
    const { version } = tree.root;
    // After a part that was undone the root knows nothing of the version that it gave.
    return given.piece === this.piece && given.version === version ? version : version + 1;
  }

  /** An entry of the store has that version now, which `nextVersion` returned. */
  giveVersion<K, V>(definition: StoreDefinition<K, V>, version: number): void {
    const { given, tree } = this.store(definition as Definition);
    tree.root.version = version;
    given.piece = this.piece;
    given.version = version;
  }

  /**
   * The tree of a store as the file records it, whoever uses it: for compaction, which knows no
   * codecs. Undefined when it is not there.
   */
  treeNamed(name: string, key: Uint8Array): WritableTree | undefined {
    const open = this.stores.get(name);
    if (open !== undefined) return open.tree;
    const record = this.record(name, key);
    if (record === undefined) return undefined;
    const { description, root } = record;
    return this.open({ name, catalogueKey: key, description }, root, record).tree;
  }

  /** The tree of store names: for compaction. */
  get catalogueTree(): WritableTree {
    return this.catalogue;
  }

  /** Names given to `dropStore`: whoever asked for such a store has to ask again. */
  get dropped(): ReadonlySet<string> {
    return this.droppedNames;
  }

  /** False after a change of a tree stopped half-way: nothing may be committed then. */
  get isWhole(): boolean {
    for (const { tree } of this.stores.values()) if (!tree.isWhole) return false;
    return this.catalogue.isWhole;
  }

  /** Throws unless it is whole. */
  requireWhole(): void {
    assert(this.isWhole, 'a tree is used after a change of it failed');
  }

  /** Removes a store with all its entries. Returns whether it was there. */
  dropStore(name: string, key: Uint8Array): boolean {
    this.droppedNames.add(name);
    this.dropShapes(name);
    return this.drop(name, key);
  }

  private dropShapes(store: string): void {
    const name = shapesName(store);
    this.drop(name, catalogueKey(name));
  }

  private drop(name: string, key: Uint8Array): boolean {
    const record = this.record(name, key);
    const open = this.stores.get(name);
    if (open === undefined && record === undefined) return false;
    const tree =
      open?.tree ??
      new WritableTree(
        this.session.pages,
        record?.root ?? EMPTY_ROOT,
        this.scratch,
        leafFlagsOf(record?.description.flags ?? 0),
      );
    const entries = tree.clear();
    // Whoever uses it again in this transaction makes it anew.
    this.stores.delete(name);
    return this.catalogue.remove(key, key.length) || entries > 0;
  }

  /**
   * Writes the records of the stores that changed, and of those in `asked` that are new. A store
   * that is not recorded, was not asked for and has no entries is not made.
   */
  finish(asked: Iterable<Definition>): { page: number; birth: number } {
    this.requireWhole();
    const wanted = this.session.pages.changed ? this.make(asked) : NO_NAMES;
    const isMade = ({ recorded, tree, definition }: OpenStore): boolean =>
      recorded !== undefined || tree.root.page !== 0 || wanted.has(definition.name);
    for (const store of this.stores.values()) {
      const { name, description } = store.definition;
      if ((description.flags & STORE_FLAG.sharedStructures) === 0 || isMade(store)) continue;
      // Nobody would ever drop them. (Of a Map that is iterated over, entries may be deleted.)
      this.dropShapes(name);
    }
    for (const store of this.stores.values()) {
      const { root } = store.tree;
      const { recorded, definition } = store;
      if (recorded !== undefined && sameRoot(recorded, root)) continue;
      if (!isMade(store)) continue;
      const bytes = encodeRecord(definition.description, root);
      const key = definition.catalogueKey;
      this.catalogue.put(key, key.length, bytes, 0, bytes.length);
      store.recorded = copyRoot(root);
    }
    return this.catalogue.root;
  }

  /** Opens those of the stores that are new. Returns the names of all that are to stay. */
  private make(asked: Iterable<Definition>): ReadonlySet<string> {
    let wanted: Set<string> | undefined;
    for (const definition of asked) {
      const { name, catalogueKey } = definition;
      if (this.droppedNames.has(name)) continue;
      wanted ??= new Set();
      wanted.add(name);
      // Made by someone else meanwhile, perhaps with other codecs: its users will be told.
      if (this.stores.has(name) || this.record(name, catalogueKey) !== undefined) continue;
      this.store(definition);
    }
    return wanted ?? NO_NAMES;
  }

  /** Begins a part that can be undone by itself. */
  begin(): CorePoint {
    const stores: { store: OpenStore; root: TreeRoot; recorded: TreeRoot | undefined }[] = [];
    for (const store of this.stores.values()) {
      stores.push({ store, root: copyRoot(store.tree.root), recorded: store.recorded });
    }
    return {
      pages: this.session.pages.begin(),
      catalogue: copyRoot(this.catalogue.root),
      dropped: this.droppedNames.size === 0 ? NO_NAMES : new Set(this.droppedNames),
      stores,
    };
  }

  /** The part stays. */
  release(point: CorePoint): void {
    this.session.pages.release(point.pages);
  }

  /** Everything is as it was when the part began. */
  rollback(point: CorePoint): void {
    this.catalogue.reset(point.catalogue);
    this.droppedNames = new Set(point.dropped);
    // Stores that the part opened go back to what the catalogue said of them before.
    const before = new Set(point.stores.map(({ store }) => store));
    for (const store of this.stores.values()) {
      if (before.has(store)) continue;
      const { name, catalogueKey } = store.definition;
      store.recorded = this.record(name, catalogueKey)?.root;
      store.tree.reset(store.recorded ?? EMPTY_ROOT);
    }
    for (const { store, root, recorded } of point.stores) {
      store.tree.reset(root);
      store.recorded = recorded;
      this.stores.set(store.definition.name, store);
    }
    this.session.pages.rollback(point.pages);
  }

  private store(definition: Definition): OpenStore {
    const open = this.stores.get(definition.name);
    // Two definitions of one name are two `db.store` calls with the same codecs.
    if (open?.definition === definition) return open;
    if (open !== undefined) {
      definition.requireSame(open.definition.description);
      this.showShapes(definition, open.tree);
      return open;
    }
    const { name, catalogueKey, description } = definition;
    const record = this.record(name, catalogueKey, description);
    if (record !== undefined) definition.requireSame(record.description);
    const store = this.open(definition, record?.root ?? EMPTY_ROOT, record);
    this.showShapes(definition, store.tree);
    return store;
  }

  private showShapes({ shapes }: Definition, tree: WritableTree): void {
    // The tree of the shapes is asked for each time: a part that is undone may put it in question.
    shapes?.follow(tree, { list: () => shapes.load(this.shapesTree(shapes)) });
  }

  private open(definition: Recorded, root: TreeRoot, record: StoreRecord | undefined): OpenStore {
    const flags = leafFlagsOf(definition.description.flags);
    const tree = new WritableTree(this.session.pages, root, this.scratch, flags);
    const store: OpenStore = {
      definition,
      tree,
      recorded: record?.root,
      record,
      given: { piece: -1, version: 0 },
    };
    this.stores.set(definition.name, store);
    return store;
  }

  /** `known`: what the record is expected to say. */
  private record(name: string, key: Uint8Array, known?: StoreDescription): StoreRecord | undefined {
    return findRecord(this.catalogue, name, key, known);
  }
}

function copyRoot(root: TreeRoot): TreeRoot {
  return { ...root };
}

function sameRoot(a: TreeRoot, b: TreeRoot): boolean {
  return (
    a.page === b.page && a.birth === b.birth && a.entries === b.entries && a.version === b.version
  );
}
