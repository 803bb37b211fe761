/**
 * The shapes of a store with shared structures (codec/shapes.ts): where the file has them, and what
 * a handle knows of them.
 *
 * They are the entries of a tree of their own in the catalogue, which is called as the store with a
 * prefix that no name given by a user has: u32 keys, the indices from 0 on, and as values the names
 * as JSON. So recovery, backups, compaction and `verify` treat them as any other tree.
 *
 * 1. Only a write transaction adds shapes, in the store's tree of shapes as that transaction has
 *    it: no two processes give one index to two shapes, and a shape is undone with what added it.
 * 2. What is known of a tree is believed while its root is the same: page, birth and entries. A
 *    page of the file is never written twice with one birth, since ids of transactions are never
 *    used twice. In a transaction all that adds a shape asks for the list first.
 */

import { assert } from '../assert.ts';
import type { Tree } from '../btree/tree.ts';
import type { WritableTree } from '../btree/writable-tree.ts';
import { u32Key } from '../codec/integers.ts';
import { ShapeEncoder } from '../codec/shape-encoder.ts';
import { LAST_SHAPE, NO_SHAPES, type Shape, ShapeList, shapeOfText } from '../codec/shapes.ts';
import { CorruptionError } from '../errors.ts';
import type { StoreDescription, TreeRoot } from '../format/catalogue.ts';
import { catalogueKey, type StoreRecord } from './catalogue.ts';

/** Names of trees that are no stores of a user begin so. */
const HIDDEN = '\0';
const SHAPES = `${HIDDEN}shapes${HIDDEN}`;

/** Bytes of a store's name that its tree of shapes has beside it. */
export const SHAPES_PREFIX_BYTES: number = catalogueKey(SHAPES).length;

/** How the catalogue records a tree of shapes. */
export const SHAPES_DESCRIPTION: StoreDescription = { key: 'u32', value: 'json', flags: 0 };

export function isHidden(name: string): boolean {
  return name.startsWith(HIDDEN);
}

/** The name in the catalogue of the shapes of a store. */
export function shapesName(store: string): string {
  return SHAPES + store;
}

/** Longer text is no shape's; names take far less. */
const MOST_TEXT_BYTES = 1024 * 1024;
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/** The shapes of the state that a store's tree belongs to. */
export interface ShapeSource {
  list(): ShapeList;
}

/** Those of a snapshot, which are looked at when a value is read. */
export class SnapshotShapes implements ShapeSource {
  private readonly shapes: StoreShapes;
  private tree: Tree | undefined;
  private loaded: ShapeList | undefined;

  /** `tree`: of the shapes; undefined when the snapshot has none. */
  constructor(shapes: StoreShapes, tree: Tree | undefined) {
    this.shapes = shapes;
    this.tree = tree;
  }

  list(): ShapeList {
    this.loaded ??= this.tree === undefined ? NO_SHAPES : this.shapes.load(this.tree);
    this.tree = undefined;
    return this.loaded;
  }
}

/** What a handle knows of the shapes of one store. */
export class StoreShapes {
  readonly store: string;
  readonly name: string;
  readonly catalogueKey: Uint8Array;
  readonly description: StoreDescription = SHAPES_DESCRIPTION;
  readonly encoder: ShapeEncoder = new ShapeEncoder();
  private readonly sources = new WeakMap<Tree, ShapeSource>();
  /** The list of the tree that was looked at last. */
  private known = NO_SHAPES;
  private page = 0;
  private birth = 0;
  private entries = 0;

  constructor(store: string) {
    this.store = store;
    this.name = shapesName(store);
    this.catalogueKey = catalogueKey(this.name);
  }

  /** Says where the shapes are that the values of that tree of the store name. */
  follow(tree: Tree, source: ShapeSource): void {
    this.sources.set(tree, source);
  }

  /** That tree has turned to the root that the other one stands for. */
  turn(tree: Tree, other: Tree): void {
    this.follow(tree, this.sourceOf(other));
  }

  /** The shapes that the values of that tree of the store name. */
  listOf(tree: Tree): ShapeList {
    return this.sourceOf(tree).list();
  }

  /** Throws CORRUPTION unless it is the record of a tree of shapes. */
  requireOurs({ description, root }: StoreRecord): void {
    const { key, value, flags } = description;
    const ours = SHAPES_DESCRIPTION;
    if (key === ours.key && value === ours.value && flags === ours.flags) return;
    throw this.damage(root, 'its record says something else');
  }

  /** What a tree of shapes holds. Throws CORRUPTION. */
  load(tree: Tree): ShapeList {
    const { page, birth, entries } = tree.root;
    if (page === this.page && birth === this.birth && entries === this.entries) return this.known;
    // A page that could not be read is one of zeros, and no list comes of it.
    const list = this.readAll(tree);
    this.note(tree, list);
    return list;
  }

  /** Adds to the tree what the list has beyond it: `before` is what the tree holds. */
  save(tree: WritableTree, before: ShapeList, list: ShapeList): void {
    const key = new Uint8Array(4);
    for (let index = before.length; index < list.length; index++) {
      const text = utf8.encode(list.shapes[index]!.text);
      if (tree.put(key, u32Key.write(index, key, 0), text, 0, text.length)) continue;
      throw this.damage(tree.root, `number ${index} was there already`);
    }
    this.note(tree, list);
  }

  /** Takes back from the tree what `save` added. */
  takeBack(tree: WritableTree, before: ShapeList, list: ShapeList): void {
    tree.removeSpan(before.length, list.length - before.length);
    this.note(tree, before);
  }

  private sourceOf(tree: Tree): ShapeSource {
    const source = this.sources.get(tree);
    assert(source !== undefined, 'nobody has said where the shapes of a tree are');
    return source;
  }

  private note(tree: Tree, list: ShapeList): void {
    const { page, birth, entries } = tree.root;
    this.page = page;
    this.birth = birth;
    this.entries = entries;
    this.known = list;
  }

  private readAll(tree: Tree): ShapeList {
    const { root } = tree;
    if (root.entries > LAST_SHAPE + 1) throw this.damage(root, `${root.entries} of them`);
    const near = [this.encoder.list ?? NO_SHAPES, this.known];
    const shapes: Shape[] = [];
    const cursor = tree.cursor();
    const key = new Uint8Array(tree.pages.geometry.maxKeyBytes);
    for (let more = cursor.first(); more; more = cursor.next()) {
      const index = shapes.length;
      if (cursor.copyKey(key) !== 4 || u32Key.read(key, 0, 4) !== index) {
        throw this.damage(root, `number ${index} is missing`);
      }
      if (index === root.entries || cursor.valueLength > MOST_TEXT_BYTES) {
        throw this.damage(root, `number ${index} is too much`);
      }
      cursor.loadValue();
      const { valueSegment, valueStart, valueEnd } = cursor;
      const shape = this.shapeOf(valueSegment.bytes.slice(valueStart, valueEnd), near, index);
      if (shape === undefined) throw this.damage(root, `number ${index} is no list of names`);
      shapes.push(shape);
    }
    if (shapes.length !== root.entries) {
      throw this.damage(root, `${shapes.length} are there, and not ${root.entries}`);
    }
    const list = new ShapeList(shapes);
    for (const same of near) {
      if (same.length === list.length && same.startsWith(list)) return same;
    }
    return list;
  }

  /** Where a list that is known has the same shape, that one: msgpackr keeps its reader there. */
  private shapeOf(bytes: Uint8Array, near: readonly ShapeList[], index: number): Shape | undefined {
    let text: string;
    try {
      text = fromUtf8.decode(bytes);
    } catch {
      return undefined;
    }
    for (const { shapes } of near) if (shapes[index]?.text === text) return shapes[index];
    return shapeOfText(text, index);
  }

  private damage({ page }: TreeRoot, what: string): CorruptionError {
    return new CorruptionError(
      page,
      `The shared structures of store "${this.store}" cannot be read: ${what}.`,
    );
  }
}
