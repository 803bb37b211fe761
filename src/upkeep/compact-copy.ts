/**
 * A compact copy of a snapshot: a database of its own, with every store's entries packed full.
 *
 * It is built by the same code that writes any database, in a file that nobody else knows, by
 * transactions of bounded size; then its meta slots are made those of an image. It begins with the
 * id of the snapshot, so that transaction ids, and with them the versions of entries, go on
 * growing; it has a uuid of its own, because its pages have other numbers than those of the
 * original.
 */

import { Scratch } from '../btree/scratch.ts';
import { Tree } from '../btree/tree.ts';
import { WritableTree } from '../btree/writable-tree.ts';
import { CorruptionError } from '../errors.ts';
import { EMPTY_ROOT, encodeRecord, leafFlagsOf } from '../format/catalogue.ts';
import { META_SLOT_OFFSETS } from '../format/geometry.ts';
import { NO_ROLL_BACK } from '../format/meta.ts';
import { PAGE_FLAG } from '../format/page-header.ts';
import { initialise } from '../pager/create-file.ts';
import { FreePages } from '../pager/free-pages.ts';
import { imageMeta, openAlone } from '../pager/image.ts';
import { MappedStorage } from '../pager/mapped-storage.ts';
import type { Pager } from '../pager/pager.ts';
import { PrivateMemory } from '../pager/private-memory.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import type { WriteSession } from '../pager/write-session.ts';
import {
  allRecords,
  catalogueKey,
  catalogueRoot,
  findRecord,
  type NamedRecord,
} from '../transaction/catalogue.ts';
import type { BackedUpSnapshot } from './backup-piece.ts';
import type { TargetFile } from './target-file.ts';

/** Keys and values of one transaction: it holds the event loop while it is committed. */
const TRANSACTION_BYTES: number = 2 ** 20;
/** What an entry takes beside its key and value, about. */
const ENTRY_BYTES = 16;

/** What a copy has come to. */
export interface CompactCopyReport {
  /** In use. */
  readonly pages: number;
  readonly lengthBytes: number;
  readonly entries: number;
}

/** Makes the copy in `file`, which was just made. */
export async function compactCopy(
  source: BackedUpSnapshot,
  file: TargetFile,
): Promise<CompactCopyReport> {
  const { pageSize } = source.pages.geometry;
  const made = await file.guarded(async () => {
    const storage = new MappedStorage(file.path, { write: true, create: false, alone: true });
    try {
      initialise(storage, pageSize, undefined, source.roots.id);
    } finally {
      storage.close();
    }
    const pager = openAlone(file.path);
    try {
      const entries = await new CompactCopy(source, pager).run();
      await pager.flush();
      return { ...(await tidied(source, pager, file)), entries };
    } finally {
      pager.close();
    }
  });
  const { roots, head, entries } = made;
  await file.write(head, 0);
  await file.setLength(roots.filePages * pageSize);
  return { pages: roots.pagesInUse, lengthBytes: roots.filePages * pageSize, entries };
}

/** Zeroes what its transactions left behind; returns what its meta slots are to be. */
async function tidied(
  { pace }: BackedUpSnapshot,
  pager: Pager,
  file: TargetFile,
): Promise<{ roots: SnapshotRoots; head: Uint8Array }> {
  const roots = pager.readers.beginShort();
  pager.readers.endShort();
  const { firstPage, pageSize } = pager.pages.geometry;
  const free = new FreePages(pager.pages, [roots], new PrivateMemory());
  for (let page = firstPage; page < roots.filePages; page++) {
    if (free.isFree(page)) await file.write(new Uint8Array(pageSize), page * pageSize);
    if (pace.isDue) await pace.rest();
  }
  const head = new Uint8Array(firstPage * pageSize);
  head.set(imageMeta(pager.storage, pager.identity, roots, NO_ROLL_BACK), META_SLOT_OFFSETS[0]);
  return { roots, head };
}

class CompactCopy {
  private readonly source: BackedUpSnapshot;
  private readonly pager: Pager;
  private readonly scratch: Scratch;
  private readonly key: Uint8Array;
  private done = 0;
  private total = 0;
  /** The transaction that is being built, its catalogue, and what it holds so far. */
  private session: WriteSession | undefined;
  private catalogue: WritableTree | undefined;
  private bytes = 0;

  constructor(source: BackedUpSnapshot, pager: Pager) {
    this.source = source;
    this.pager = pager;
    this.scratch = new Scratch(pager.pages.geometry);
    this.key = new Uint8Array(pager.pages.geometry.maxKeyBytes);
  }

  /** Returns the entries of all stores. */
  async run(): Promise<number> {
    const { pages, roots } = this.source;
    this.source.pace.resume();
    const records = allRecords(pages, roots);
    pages.throwOnFault();
    for (const { root } of records) this.total += root.entries;
    try {
      for (const record of records) await this.store(record);
      await this.commit();
      return this.total;
    } finally {
      if (this.session !== undefined) this.pager.abort(this.session);
    }
  }

  private async store(record: NamedRecord): Promise<void> {
    const { pages, pace, progress } = this.source;
    const cursor = new Tree(pages, record.root).cursor();
    let tree = await this.open(record);
    pace.resume();
    for (let more = cursor.first(); more; more = cursor.next()) {
      const keyLength = cursor.copyKey(this.key);
      const { version, expiry } = cursor;
      cursor.loadValue();
      const { valueStart: start, valueEnd: end } = cursor;
      // What could not be read must not get into a page of ours.
      pages.throwOnFault();
      const { bytes } = cursor.valueSegment;
      tree.put(this.key, keyLength, bytes, start, end, true, version, expiry);
      if (cursor.valueSegment.isCopy) cursor.letGoOfCopy();
      this.bytes += keyLength + (end - start) + ENTRY_BYTES;
      this.done++;
      if (this.bytes >= TRANSACTION_BYTES) {
        this.record(record, tree);
        // The commit takes a turn of its own.
        await pace.rest();
        await this.commit();
        await pace.rest();
        tree = await this.open(record);
        pace.resume();
      }
      if (!pace.isDue) continue;
      progress(this.done, this.total);
      await pace.rest();
    }
    if (tree.root.entries !== record.root.entries) {
      throw new CorruptionError(
        record.root.page,
        `${this.source.pager.path}: store "${record.name}" has ${tree.root.entries} entries, but ` +
          `its record says ${record.root.entries}.`,
      );
    }
    this.record(record, tree);
  }

  /** The store's tree in the transaction that is being built; one is begun when there is none. */
  private async open({ name, description, root }: NamedRecord): Promise<WritableTree> {
    if (this.session === undefined) {
      this.session = await this.pager.beginWrite();
      const names = catalogueRoot(this.session.pages, this.session.base);
      const { catalogue } = PAGE_FLAG;
      this.catalogue = new WritableTree(this.session.pages, names, this.scratch, catalogue);
    }
    const recorded = findRecord(this.catalogue!, name, catalogueKey(name));
    const soFar = recorded?.root ?? { ...EMPTY_ROOT, version: root.version };
    const leafFlags = leafFlagsOf(description.flags);
    return new WritableTree(this.session.pages, soFar, this.scratch, leafFlags);
  }

  private record({ name, description }: NamedRecord, tree: WritableTree): void {
    const bytes = encodeRecord(description, tree.root);
    const key = catalogueKey(name);
    this.catalogue?.put(key, key.length, bytes, 0, bytes.length);
  }

  private async commit(): Promise<void> {
    const { session, catalogue } = this;
    if (session === undefined || catalogue === undefined) return;
    this.session = undefined;
    this.bytes = 0;
    const { page, birth } = catalogue.root;
    await this.pager.commit(session, page, birth, 'manual');
  }
}
