/**
 * The full check of one snapshot: every page's checksum and structure, the order and counts of
 * every tree, and that the pages reached are the bits set in the allocation map, one for one.
 */

import { checkTree, type Problem } from '../btree/check.ts';
import { CorruptionError } from '../errors.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import { PAGE_TYPE, pageLevel } from '../format/page-header.ts';
import { visitPointers } from '../format/pointers.ts';
import { FreePages } from '../pager/free-pages.ts';
import type { MappedPages } from '../pager/mapped-pages.ts';
import { PrivateMemory } from '../pager/private-memory.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import { allRecords, catalogueRoot } from './catalogue.ts';
import { checkLongWork, FLAG, type LongWork } from './long-work.ts';

export interface VerifyOptions extends LongWork {
  /** Gathers all damage in `problems` instead of rejecting at the first. false */
  collect?: boolean;
}

/** What a check found. */
export interface VerifyReport {
  /** Pages reached. */
  pages: number;
  entries: number;
  /** Empty unless `collect` was given. */
  problems: { code: string; page: number; message: string }[];
}

/** Pages between two reports of progress. */
const PROGRESS_PAGES = 4096;

/** Throws TypeError for what are no options of `verify`. */
export function checkVerifyOptions(options: unknown): void {
  checkLongWork('verify', options, { collect: FLAG });
}

/**
 * Checks the snapshot, which the caller keeps. `pages` verifies at each touch. `requireGoing`
 * throws when the work is to stop: others ran in between.
 */
export async function verifySnapshot(
  pages: MappedPages,
  roots: SnapshotRoots,
  options: VerifyOptions,
  requireGoing: () => void,
): Promise<VerifyReport> {
  const check = new SnapshotCheck(pages, roots, options);
  check.mapPages();
  check.catalogue();
  for (const record of check.records()) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    requireGoing();
    check.store(record.root);
  }
  check.accounting();
  return check.report;
}

class SnapshotCheck {
  readonly report: VerifyReport = { pages: 0, entries: 0, problems: [] };
  private readonly pages: MappedPages;
  private readonly roots: SnapshotRoots;
  private readonly options: VerifyOptions;
  private readonly problems: Problem[] | undefined;
  private readonly filePages: number;
  private readonly reached: Uint8Array;

  constructor(pages: MappedPages, roots: SnapshotRoots, options: VerifyOptions) {
    this.pages = pages;
    this.roots = roots;
    this.options = options;
    this.problems = options.collect === true ? this.report.problems : undefined;
    // Not by what a damaged file says of itself.
    this.filePages = pages.pagesOf(roots);
    this.reached = new Uint8Array(this.filePages);
    for (let page = 0; page < pages.geometry.firstPage; page++) this.reach(page, 1);
  }

  records(): ReturnType<typeof allRecords> {
    try {
      return allRecords(this.pages, this.roots);
    } catch (error) {
      this.damage(error);
      return [];
    }
  }

  catalogue(): void {
    this.damaged(() => this.tree(catalogueRoot(this.pages, this.roots)));
  }

  store(root: TreeRoot): void {
    this.damaged(() => {
      this.report.entries += this.tree(root);
    });
  }

  private tree(root: TreeRoot): number {
    const { signal, onProgress } = this.options;
    const found = checkTree(this.pages, root, {
      ...(this.problems === undefined ? {} : { problems: this.problems }),
      values: true,
      reach: (page, count) => {
        const before = this.report.pages;
        const isNew = this.reach(page, count);
        const after = this.report.pages;
        if (Math.floor(before / PROGRESS_PAGES) !== Math.floor(after / PROGRESS_PAGES)) {
          signal?.throwIfAborted();
          onProgress?.({ done: after, total: this.roots.pagesInUse });
        }
        return isNew;
      },
    });
    return found.entries;
  }

  mapPages(): void {
    const stack = [{ page: this.roots.mapPage, birth: this.roots.mapBirth, level: -1 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { page, birth, level } = next;
      try {
        const o = this.pages.find(page, birth, PAGE_TYPE.map);
        const s = this.pages.segment;
        if (level >= 0 && pageLevel(s, o) !== level) {
          throw new CorruptionError(page, `map page ${page} has level ${pageLevel(s, o)}`);
        }
        if (!this.reach(page, 1)) throw new CorruptionError(page, `page ${page} is reached twice`);
        visitPointers(s, o, this.pages.geometry.mapFanout, {
          page: (child, childBirth, _type, childLevel) => {
            stack.push({ page: child, birth: childBirth, level: childLevel });
          },
          run: () => {},
        });
      } catch (error) {
        this.damage(error);
      }
    }
  }

  /** Pages reached against bits set. */
  accounting(): void {
    const { filePages } = this;
    if (filePages < this.roots.filePages) {
      const message = `the file has ${filePages} pages, the snapshot needs ${this.roots.filePages}`;
      this.damage(new CorruptionError(filePages, message));
    }
    const map = new FreePages(this.pages, [this.roots], new PrivateMemory());
    let used = 0;
    for (let page = 0; page < filePages; page++) {
      const inUse = !map.isFree(page);
      if (inUse) used++;
      if (inUse === (this.reached[page] === 1)) continue;
      this.damage(
        new CorruptionError(
          page,
          inUse
            ? `page ${page} is marked as in use, but nothing leads to it`
            : `page ${page} is in use, but marked as free`,
        ),
      );
    }
    if (used !== this.roots.pagesInUse) {
      const { pagesInUse } = this.roots;
      const message = `${used} pages are marked as in use, the snapshot says ${pagesInUse}`;
      this.damage(new CorruptionError(0, message));
    }
    this.options.onProgress?.({ done: this.report.pages, total: this.roots.pagesInUse });
  }

  private reach(page: number, count: number): boolean {
    let isNew = true;
    // A length that is false, of a run, may go on past the file: findRun says so.
    for (let p = page; p < Math.min(page + count, this.filePages); p++) {
      if (this.reached[p] === 1) isNew = false;
      this.reached[p] = 1;
    }
    this.report.pages += count;
    return isNew;
  }

  private damaged(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.damage(error);
    }
  }

  private damage(error: unknown): void {
    if (this.problems === undefined || !(error instanceof CorruptionError)) throw error;
    this.problems.push({ code: error.code, page: error.page, message: error.message });
  }
}
