/**
 * The walk: every page that a snapshot reaches and that was born after a given transaction. A
 * pointer to an older page is not followed: what it leads to was durable when that transaction was.
 *
 * Used by recovery (to verify what a one-flush commit wrote), by a takeover (to write it again),
 * and by backups (of everything, or of what an increment holds).
 *
 * 1. Each page is checked in full before its pointers are used; levels go down by one at each step
 *    and no page is reached twice, so the walk of a damaged file ends.
 * 2. Every byte of what is reached is checked: of an overflow run also those after the value's end,
 *    which are zero.
 */

import { CHUNK_BYTES, type Geometry } from '../format/geometry.ts';
import { PAGE_TYPE, pageLevel, slotCount } from '../format/page-header.ts';
import { visitPointers } from '../format/pointers.ts';
import type { MappedPages } from './mapped-pages.ts';
import { checksumsOn, chunkOfRunIsIntact } from './mapped-run.ts';
import { PageSet } from './page-set.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** What the walk found wrong, and where. */
export interface WalkFault {
  readonly page: number;
  readonly what: string;
}

interface Target {
  readonly page: number;
  readonly birth: number;
  readonly type: number;
  readonly level: number;
  /** Bytes of the value, for an overflow run; -1 for a page. */
  readonly length: number;
}

/**
 * Walks what was born after `since`. `reached` is told of every such page or run, checked. Returns
 * the first fault, or undefined. A page that cannot be read at all throws STORAGE_FAULT.
 */
export function walkBornSince(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  since: number,
  reached: (page: number, count: number) => void,
): WalkFault | undefined {
  const walk = new Walk(storage, pages, roots, since, reached);
  while (!walk.step(Number.POSITIVE_INFINITY));
  return walk.fault;
}

/** A walk that goes on by steps, so that others can work in between. */
export class Walk {
  /** Every page reached so far, those of the meta slots apart. */
  readonly reached: PageSet = new PageSet();
  /** The first thing found wrong, where the walk ended. */
  fault: WalkFault | undefined;
  private readonly storage: Storage;
  private readonly pages: MappedPages;
  private readonly geometry: Geometry;
  private readonly roots: SnapshotRoots;
  private readonly since: number;
  private readonly tell: (page: number, count: number) => void;
  private readonly stack: Target[] = [];
  /** The run whose chunks are being checked, and the next one. */
  private run: Target | undefined;
  private chunk = 0;
  private readonly visitor = {
    page: (page: number, birth: number, type: number, level: number): void => {
      this.push(page, birth, type, level, -1);
    },
    run: (page: number, birth: number, length: number): void => {
      this.push(page, birth, PAGE_TYPE.overflow, 0, length);
    },
  };

  /** As `walkBornSince`. The snapshot's pages must stay as they are until the walk has ended. */
  constructor(
    storage: Storage,
    pages: MappedPages,
    roots: SnapshotRoots,
    since: number,
    reached: (page: number, count: number) => void = () => {},
  ) {
    this.storage = storage;
    this.pages = pages;
    this.geometry = pages.geometry;
    this.roots = roots;
    this.since = since;
    this.tell = reached;
    this.push(roots.mapPage, roots.mapBirth, PAGE_TYPE.map, -1, -1);
    this.push(roots.cataloguePage, roots.catalogueBirth, 0, -1, -1);
  }

  /** Looks at about `pages` pages more. Returns whether the walk has ended: see `fault` then. */
  step(pages: number): boolean {
    const chunkPages = Math.ceil(CHUNK_BYTES / this.geometry.pageSize);
    for (let looked = 0; looked < pages; ) {
      if (this.run !== undefined) {
        looked += chunkPages;
        if (!this.checkChunk(this.run)) return true;
        continue;
      }
      const target = this.stack.pop();
      if (target === undefined) return true;
      looked++;
      if (!this.visit(target)) return true;
    }
    return false;
  }

  private push(page: number, birth: number, type: number, level: number, length: number): void {
    if (page !== 0 && birth > this.since) this.stack.push({ page, birth, type, level, length });
  }

  /** Checks one page, or the head pages of a run. False: it is not sound. */
  private visit(target: Target): boolean {
    const { pages, roots, geometry } = this;
    const { page, birth, type, level, length } = target;
    if (birth > roots.id) {
      return this.stop(page, `born in ${birth}, after the snapshot ${roots.id}`);
    }
    if (page < geometry.firstPage || page >= roots.filePages) {
      return this.stop(page, 'outside the file');
    }
    if (length >= 0) {
      const fault = this.headsFault(target);
      if (fault !== undefined) return this.stop(page, fault);
      const count = geometry.overflowPages(length);
      if (!this.reached.add(page, count)) return this.stop(page, 'reached twice');
      this.run = target;
      this.chunk = 0;
      return true;
    }
    if (!this.reached.add(page, 1)) return this.stop(page, 'reached twice');
    const fault = pages.faultOf(page, birth, type);
    if (fault !== undefined) return this.stop(page, fault);
    const o = pages.bytesAt(page, 0, geometry.pageSize);
    const s = pages.segment;
    if (level >= 0 && pageLevel(s, o) !== level) {
      return this.stop(page, `of level ${pageLevel(s, o)}, its parent expects ${level}`);
    }
    this.tell(page, 1);
    visitPointers(s, o, geometry.mapFanout, this.visitor);
    return true;
  }

  /** What is wrong with where a run lies, or with its head pages. */
  private headsFault({ page, birth, length }: Target): string | undefined {
    const { pages, geometry } = this;
    const count = geometry.overflowPages(length);
    const inSegment = page % geometry.pagesPerSegment;
    if (length > geometry.maxValueBytes) return `a run of ${length} bytes`;
    if (page + count > this.roots.filePages) return 'an overflow run that leaves the file';
    if (inSegment + count > geometry.pagesPerSegment) {
      return 'an overflow run that leaves its segment';
    }
    if (!pages.exists(page, count)) return 'an overflow run that is past the end of the file';
    const heads = geometry.overflowHeads(length);
    for (let head = 0; head < heads; head++) {
      const found = pages.faultOf(page + head, birth, PAGE_TYPE.overflow);
      if (found !== undefined) return found;
      const expected = checksumsOn(geometry, length, head);
      const o = pages.bytesAt(page + head, 0, geometry.pageSize);
      if (slotCount(pages.segment, o) !== expected) {
        return `overflow head ${head} has not ${expected} chunk checksums`;
      }
    }
    return undefined;
  }

  /** Checks the next chunk of the run, and after the last one what follows it. */
  private checkChunk(run: Target): boolean {
    const { page, length } = run;
    const { chunk } = this;
    if (chunk * CHUNK_BYTES < length) {
      if (!chunkOfRunIsIntact(this.pages, this.storage, run, chunk)) {
        return this.stop(page, `chunk ${chunk} of its value does not match its checksum`);
      }
      this.chunk++;
      return true;
    }
    if (!this.endIsZero(run)) {
      return this.stop(page, 'what follows its value is not zero');
    }
    this.run = undefined;
    this.tell(page, this.geometry.overflowPages(length));
    return true;
  }

  private endIsZero({ page, length }: Target): boolean {
    const { pageSize } = this.geometry;
    const rest = (pageSize - (length % pageSize)) % pageSize;
    if (rest === 0) return true;
    const from = this.geometry.overflowHeads(length) * pageSize + length;
    const o = this.pages.bytesAt(page, from, rest);
    const { bytes } = this.pages.segment;
    for (let i = o; i < o + rest; i++) if (bytes[i] !== 0) return false;
    return true;
  }

  /** Ends the walk; false. STORAGE_FAULT when what is wrong may be that it cannot be read. */
  private stop(page: number, what: string): false {
    this.pages.requireReadable(page);
    this.fault = { page, what };
    return false;
  }
}
