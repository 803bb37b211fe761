/** The trees in which stores with shared structures have their shapes, looked at and damaged. */

import type { WritableTree } from '../../src/btree/writable-tree.ts';
import { encodeRecord, type StoreDescription } from '../../src/format/catalogue.ts';
import type { Database } from '../../src/index.ts';
import { catalogueKey } from '../../src/transaction/catalogue.ts';
import { shapesName } from '../../src/transaction/store-shapes.ts';
import type { WriteCore } from '../../src/transaction/write-core.ts';
import type { WriteQueue } from '../../src/transaction/write-queue.ts';

/** Runs `run` as a piece of the group that is queued now. */
export function inCore<R>(db: Database, run: (core: WriteCore) => R): Promise<R> {
  const { queue } = db as unknown as { queue: WriteQueue };
  return queue.add({ run, undoable: true, bytes: 0, durability: 'manual' });
}

/** Runs `fn` with the tree; undefined when there is none. */
function withTree<R>(db: Database, store: string, fn: (tree: WritableTree) => R): Promise<R> {
  const name = shapesName(store);
  return inCore(db, (core) => {
    const tree = core.treeNamed(name, catalogueKey(name));
    return tree === undefined ? (undefined as R) : fn(tree);
  });
}

/** The names of each shape, in order. */
export function shapesIn(db: Database, store: string): Promise<string[][]> {
  return withTree(db, store, (tree) => {
    const shapes: string[][] = [];
    const cursor = tree.cursor();
    for (let more = cursor.first(); more; more = cursor.next()) {
      cursor.loadValue();
      const { valueSegment, valueStart, valueEnd } = cursor;
      shapes.push(
        JSON.parse(Buffer.from(valueSegment.bytes.slice(valueStart, valueEnd)).toString()),
      );
    }
    return shapes;
  });
}

const keyOf = (index: number): Uint8Array => Uint8Array.of(0, 0, index >> 8, index & 0xff);

export function removeShape(db: Database, store: string, index: number): Promise<void> {
  return withTree(db, store, (tree) => {
    tree.remove(keyOf(index), 4);
  });
}

export function writeShape(
  db: Database,
  store: string,
  index: number,
  text: string | Uint8Array,
): Promise<void> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return withTree(db, store, (tree) => {
    tree.put(keyOf(index), 4, bytes, 0, bytes.length);
  });
}

/** Writes another record for the tree, with its root, and so many entries. */
export function recordShapesAs(
  db: Database,
  store: string,
  description: StoreDescription,
  entries?: number,
): Promise<void> {
  const key = catalogueKey(shapesName(store));
  return inCore(db, (core) => {
    const { root } = core.treeNamed(shapesName(store), key)!;
    const bytes = encodeRecord(description, { ...root, entries: entries ?? root.entries });
    core.catalogueTree.put(key, key.length, bytes, 0, bytes.length);
  });
}
