/**
 * The file that `restore` makes: pieces are written into it one after the other, each is checked
 * where it lies, and at last it becomes a database.
 *
 * 1. `held` are the pages of it that were written, those of the meta slots apart. All others are
 *    zero: zeros are written only over something else, so the file has holes where no page is.
 * 2. After a full image every held page is one that its snapshot reaches; after an increment the
 *    pages born since are those that it brought, one for one. So there is no byte in any piece that
 *    was not checked, also of pages that later pieces replace or no longer use.
 */

import { CorruptionError } from '../errors.ts';
import { Geometry, META_SLOT_OFFSETS, SEGMENT_BYTES } from '../format/geometry.ts';
import { type MetaHash, NO_ROLL_BACK } from '../format/meta.ts';
import { FreePages } from '../pager/free-pages.ts';
import { IMAGE_ADDRESS_SPACE, imageMeta, withNewUuid } from '../pager/image.ts';
import { MappedPages, WINDOW_BYTES } from '../pager/mapped-pages.ts';
import { MappedStorage } from '../pager/mapped-storage.ts';
import type { DatabaseIdentity } from '../pager/metas.ts';
import { PageSet } from '../pager/page-set.ts';
import { PrivateMemory } from '../pager/private-memory.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import type { Pace } from '../transaction/pace.ts';
import { checkPages } from './check-pages.ts';
import type { TargetFile } from './target-file.ts';

/** What the pieces so far lead to. */
export interface RestoredState {
  readonly identity: DatabaseIdentity;
  readonly roots: SnapshotRoots;
  /** Checked, and every page that it reaches. */
  readonly reached: PageSet;
}

export class RestoredFile {
  readonly storage: MappedStorage;
  readonly held: PageSet = new PageSet();
  readonly pace: Pace;
  private readonly file: TargetFile;
  private readonly mappedBytes: number;

  /** `file` was just made. */
  constructor(file: TargetFile, pace: Pace) {
    this.file = file;
    this.pace = pace;
    this.storage = new MappedStorage(file.path, { write: true, create: false, alone: true });
    try {
      this.mappedBytes = this.storage.map(IMAGE_ADDRESS_SPACE, SEGMENT_BYTES);
    } catch (error) {
      this.storage.close();
      throw error;
    }
  }

  /** The hash of meta slots. */
  readonly metaHash: MetaHash = (bytes, start, end, target) =>
    this.storage.hash(bytes, start, end, 0, 0, target, 0);

  /** Writes whole pages to where they belong, but those that are zero where zeros are. */
  async writePages(bytes: Uint8Array, firstPage: number, pageSize: number): Promise<void> {
    const count = bytes.length / pageSize;
    const zero = Buffer.alloc(pageSize);
    const isZero = (i: number): boolean =>
      !this.held.has(firstPage + i) &&
      zero.equals(bytes.subarray(i * pageSize, (i + 1) * pageSize));
    for (let i = 0; i < count; ) {
      if (isZero(i)) {
        i++;
        continue;
      }
      let end = i + 1;
      while (end < count && !isZero(end)) end++;
      const part = bytes.subarray(i * pageSize, end * pageSize);
      for (let page = firstPage + i; page < firstPage + end; page++) {
        if (!this.held.has(page)) this.held.add(page, 1);
      }
      await this.file.write(part, (firstPage + i) * pageSize);
      await this.pace.goOn();
      i = end;
    }
  }

  /** The file has that many pages now; what lay after them is gone. */
  async setPages(filePages: number, pageSize: number): Promise<void> {
    await this.file.setLength(filePages * pageSize);
    for (let page = this.held.next(filePages); page >= 0; page = this.held.next(page + 1)) {
      this.held.delete(page);
    }
    this.pace.resume();
  }

  /** What the snapshot reaches that was born after `since`, checked. Throws CORRUPTION. */
  async check(
    identity: DatabaseIdentity,
    roots: SnapshotRoots,
    since: number,
    name: string,
  ): Promise<PageSet> {
    const pages = this.pagesOf(identity);
    return checkPages(this.storage, pages, roots, since, name, this.pace);
  }

  /** Throws CORRUPTION unless all pages found are reached. */
  async requireReached(found: PageSet, reached: PageSet, name: string): Promise<void> {
    for (let page = found.next(0); page >= 0; page = found.next(page + 1)) {
      if (!reached.has(page)) {
        throw new CorruptionError(
          page,
          `${name}: page ${page} is not zero, but nothing leads to it.`,
        );
      }
      if (this.pace.isDue) await this.pace.rest();
    }
  }

  /** Makes it a database with a uuid of its own, in the state that the pieces led to. */
  async finish({ identity, roots, reached }: RestoredState): Promise<void> {
    const { pageSize } = identity;
    await this.requireMap(identity, roots, reached);
    // What was in use once and is free now: an image has zeros there.
    for (let page = this.held.next(0); page >= 0; page = this.held.next(page + 1)) {
      if (!reached.has(page)) await this.file.write(new Uint8Array(pageSize), page * pageSize);
      if (this.pace.isDue) await this.pace.rest();
    }
    const meta = imageMeta(this.storage, withNewUuid(identity), roots, NO_ROLL_BACK);
    await this.file.write(meta, META_SLOT_OFFSETS[0]!);
  }

  close(): void {
    this.storage.close();
  }

  /** Throws CORRUPTION unless the pages reached are the bits set in the allocation map. */
  private async requireMap(
    identity: DatabaseIdentity,
    roots: SnapshotRoots,
    reached: PageSet,
  ): Promise<void> {
    const pages = this.pagesOf(identity);
    const { firstPage } = pages.geometry;
    // A snapshot ends with its last page in use; one that says more keeps this going for ever.
    if (!reached.has(roots.filePages - 1)) {
      const message = `The snapshot has ${roots.filePages} pages, but does not use the last one.`;
      throw new CorruptionError(roots.filePages - 1, message);
    }
    const map = new FreePages(pages, [roots], new PrivateMemory());
    let used = 0;
    for (let page = 0; page < roots.filePages; page++) {
      const isUsed = !map.isFree(page);
      if (isUsed) used++;
      if (isUsed !== (page < firstPage || reached.has(page))) {
        throw new CorruptionError(page, `page ${page}: the allocation map does not fit the trees.`);
      }
      if (this.pace.isDue) await this.pace.rest();
    }
    if (used === roots.pagesInUse) return;
    const message = `${used} pages are in use, but the snapshot says ${roots.pagesInUse}.`;
    throw new CorruptionError(0, message);
  }

  private pagesOf({ pageSize, secretLow, secretHigh }: DatabaseIdentity): MappedPages {
    const geometry = new Geometry(pageSize, SEGMENT_BYTES);
    const secret = { low: secretLow, high: secretHigh };
    const { storage, mappedBytes } = this;
    return new MappedPages(storage, geometry, secret, 'always', mappedBytes, WINDOW_BYTES);
  }
}
