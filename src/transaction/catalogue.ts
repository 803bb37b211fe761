/**
 * The catalogue: the tree of store names. Each value is a record with the root of a store's tree
 * (format/catalogue.ts).
 */

import type { EntryView } from '../btree/entry.ts';
import { Tree } from '../btree/tree.ts';
import { CorruptionError } from '../errors.ts';
import { entriesBelow } from '../format/branch.ts';
import { decodeRecord, type StoreDescription, type TreeRoot } from '../format/catalogue.ts';
import { PAGE_FLAG, PAGE_TYPE, pageType, slotCount } from '../format/page-header.ts';
import type { PageReader } from '../pager/page-reader.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';

/** A store as the catalogue records it. */
export interface StoreRecord {
  readonly description: StoreDescription;
  readonly root: TreeRoot;
}
export interface NamedRecord extends StoreRecord {
  readonly name: string;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The key of a store in the catalogue. */
export function catalogueKey(name: string): Uint8Array {
  return utf8.encode(name);
}

/** The catalogue's own tree in a snapshot. Its count stands nowhere: its root page tells it. */
export function catalogueRoot(pages: PageReader, roots: SnapshotRoots): TreeRoot {
  const { cataloguePage: page, catalogueBirth: birth } = roots;
  if (page === 0) return { page, birth, entries: 0, version: 0 };
  const o = pages.find(page, birth, 0);
  const s = pages.segment;
  const n = slotCount(s, o);
  let entries = n;
  if (pageType(s, o) === PAGE_TYPE.branch) {
    entries = 0;
    for (let i = 0; i < n; i++) entries += entriesBelow(s, o, n, i);
  }
  return { page, birth, entries, version: 0 };
}

/**
 * The record of a store, undefined when it is not there. `catalogue` is a Tree on its root.
 * `known`: what the record is expected to say.
 */
export function findRecord(
  catalogue: Tree,
  name: string,
  key: Uint8Array,
  known?: StoreDescription,
): StoreRecord | undefined {
  if (!catalogue.find(key, key.length)) return undefined;
  return readRecord(catalogue.found, name, known);
}

/** All records, in the order of the names' bytes. */
export function allRecords(pages: PageReader, roots: SnapshotRoots): NamedRecord[] {
  const records: NamedRecord[] = [];
  const tree = new Tree(pages, catalogueRoot(pages, roots));
  const cursor = tree.cursor();
  const name = new Uint8Array(pages.geometry.maxKeyBytes);
  for (let more = cursor.first(); more; more = cursor.next()) {
    const length = cursor.copyKey(name);
    const text = fromUtf8.decode(name.subarray(0, length));
    records.push({ name: text, ...readRecord(cursor, text) });
  }
  return records;
}

function readRecord(entry: EntryView, name: string, known?: StoreDescription): StoreRecord {
  // Only of leaves that say so were the roots looked at when the page was checked.
  if ((entry.flags & PAGE_FLAG.catalogue) !== 0) {
    entry.loadValue();
    const { valueSegment, valueStart, valueEnd } = entry;
    const record = decodeRecord(valueSegment.bytes, valueStart, valueEnd, known);
    if (record !== undefined) return record;
  }
  throw new CorruptionError(0, `The catalogue's record of store "${name}" cannot be read.`);
}
