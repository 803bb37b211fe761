/**
 * Pages of one write transaction: those of its base on the mapping, and the dirty ones, which lie
 * in private memory until the commit gives them a place in the file.
 *
 * 1. A page on the mapping is never changed: `touch` copies it first.
 * 2. A dirty page belongs to the part of the transaction that made it (`part`, which grows with
 *    each nested part). An inner part copies an outer part's pages before it changes them, so that
 *    rolling back is forgetting: restore the roots, drop the pages made since.
 * 3. A dirty page is reused only when no part can come back to it.
 *
 * A dirty page's number is -2^31 + its index; its birth is the transaction.
 */

import { assert } from '../assert.ts';
import { TransactionClosedError, ValueTooLargeError } from '../errors.ts';
import type { Geometry } from '../format/geometry.ts';
import { initialisePage, setOwnNumber, setPageBirth } from '../format/page-header.ts';
import { copyPage, NO_SEGMENT, type Segment } from '../format/segment.ts';
import { type DirtyRun, forEachPayload, movedRun, newRun, stagedRun } from './dirty-run.ts';
import type { MappedPages } from './mapped-pages.ts';
import type { PageWriter } from './page-reader.ts';
import { CHUNK_OF_PAGES_BYTES, type PrivateMemory } from './private-memory.ts';
import type { PayloadPiece, StagedPayload } from './staged-payload.ts';
import type { Storage } from './storage.ts';

const DIRTY = -0x8000_0000;
const FREE = -1;
/** Dirty pages for which there is room at first: as many as a put of one key makes. */
const FIRST_PARTS = 16;

/** The dirty page's index of a negative page number. */
export function dirtyIndex(page: number): number {
  return page & 0x7fff_ffff;
}

/** Where compaction wants the pages of a commit: from `from` on, and before `end` if they fit. */
export interface LowPlaces {
  readonly from: number;
  readonly end: number;
}

/** Where a part of a transaction began, to go back to. */
export interface Savepoint {
  readonly part: number;
  readonly outerPart: number;
  readonly made: number;
  readonly madeRuns: number;
  readonly freed: number;
  readonly freedRuns: number;
  readonly superseded: number;
  readonly supersededRuns: number;
}

/** The pages of one write transaction. */
export class WritePages implements PageWriter {
  readonly geometry: Geometry;
  readonly transaction: number;
  segment: Segment;
  visits = 0;
  /** Pages of the base that this transaction no longer uses. */
  freed: number[] = [];
  /** Overflow runs of the base that it no longer uses: first page, pages. */
  freedRuns: number[] = [];
  chunks: Segment[] = [];
  runs: DirtyRun[] = [];
  /** Set by compaction: free pages at the beginning of the file come first. */
  lowPlaces: LowPlaces | undefined;

  private readonly base: MappedPages;
  private readonly storage: Storage;
  private readonly memory: PrivateMemory;
  private readonly chunkShift: number;
  private readonly chunkMask: number;
  private readonly pageShift: number;
  /** The part that made each dirty page, FREE when it is not in use. */
  private parts: Int32Array = new Int32Array(FIRST_PARTS);
  private used = 0;
  private live = 0;
  private spare: number[] = [];
  private made: number[] = [];
  private superseded: number[] = [];
  private supersededRuns: number[] = [];
  /** Changes are allowed to pages of this part and later ones (invariant 2). */
  private part = 0;
  private lastPart = 0;

  constructor(storage: Storage, base: MappedPages, memory: PrivateMemory, transaction: number) {
    this.storage = storage;
    this.base = base;
    this.memory = memory;
    this.geometry = base.geometry;
    this.transaction = transaction;
    this.pageShift = this.geometry.pageShift;
    this.chunkShift = Math.log2(CHUNK_OF_PAGES_BYTES) - this.pageShift;
    this.chunkMask = (1 << this.chunkShift) - 1;
    this.segment = base.segment;
  }

  /** Dirty pages in use, runs apart. */
  get dirtyPages(): number {
    return this.live;
  }

  /** Pages of overflow runs. */
  get runPages(): number {
    return this.runs.reduce((sum, { pages }) => sum + pages, 0);
  }

  /** Whether anything was changed: pages made or freed. */
  get changed(): boolean {
    return this.live > 0 || this.freed.length > 0 || this.freedRuns.length > 0;
  }

  find(page: number, birth: number, type: number): number {
    if (page < 0) {
      this.visits++;
      const index = page & 0x7fff_ffff;
      this.segment = this.chunks[index >> this.chunkShift]!;
      return (index & this.chunkMask) << this.pageShift;
    }
    this.visits++;
    const o = this.base.find(page, birth, type);
    this.segment = this.base.segment;
    return o;
  }

  findRun(page: number, birth: number, length: number, from: number, to: number): number {
    if (page < 0) {
      const run = this.runs[page & 0x7fff_ffff]!;
      if (run.part === FREE) {
        throw new TransactionClosedError(
          'The value was replaced or removed in this transaction, or its part was undone.',
        );
      }
      if (run.staged !== undefined) {
        const { segment, start } = run.staged.find(from, to);
        this.segment = segment;
        return start;
      }
      if (run.source !== undefined) {
        return this.findRun(run.source.page, run.source.birth, length, from, to);
      }
      this.segment = run.segment;
      return run.heads << this.pageShift;
    }
    const o = this.base.findRun(page, birth, length, from, to);
    this.segment = this.base.segment;
    return o;
  }

  touch(page: number, birth: number, type: number): number {
    if (page < 0 && this.parts[page & 0x7fff_ffff]! >= this.part) return page;
    const from = this.find(page, birth, type);
    const source = this.segment;
    const copy = this.take();
    const to = this.find(copy, this.transaction, type);
    copyPage(source, from, this.segment, to, this.geometry.pageSize);
    setOwnNumber(this.segment, to, copy);
    setPageBirth(this.segment, to, this.transaction);
    this.letGo(page);
    return copy;
  }

  allocate(type: number, level: number, flags: number): number {
    const page = this.take();
    const o = this.find(page, this.transaction, type);
    const { pageSize } = this.geometry;
    initialisePage(this.segment, o, pageSize, page, this.transaction, type, level, flags);
    return page;
  }

  free(page: number): void {
    this.letGo(page);
  }

  allocateRun(value: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const { geometry } = this;
    if (length > geometry.maxValueBytes) {
      throw new ValueTooLargeError(length, geometry.maxValueBytes);
    }
    return this.addRun(
      newRun(this.storage, this.base, this.transaction, value.subarray(start, end)),
    );
  }

  allocateStaged(value: StagedPayload): number {
    return this.addRun(stagedRun(this.geometry, this.transaction, value));
  }

  moveRun(page: number, birth: number, length: number, place: number): number {
    const source = { page, birth, length };
    const moved = this.addRun(movedRun(this.storage, this.base, this.transaction, source, place));
    this.freeRun(page, length);
    return moved;
  }

  private addRun(run: Omit<DirtyRun, 'part'>): number {
    return DIRTY + this.runs.push({ ...run, part: this.lastPart }) - 1;
  }

  /** Calls `fn` for the pieces of memory, in order, in which the payload of a dirty run lies. */
  forEachPayload(run: DirtyRun, fn: PayloadPiece): void {
    forEachPayload(this.base, run, fn);
  }

  freeRun(page: number, length: number): void {
    if (page >= 0) {
      this.freedRuns.push(page, this.geometry.overflowPages(length));
      return;
    }
    const run = this.runs[page & 0x7fff_ffff]!;
    if (run.part >= this.part) this.dropRun(page);
    else this.supersededRuns.push(page);
  }

  /** Begins a nested part, which `rollback` undoes and `release` makes part of the outer one. */
  begin(): Savepoint {
    const savepoint: Savepoint = {
      part: ++this.lastPart,
      outerPart: this.part,
      made: this.made.length,
      madeRuns: this.runs.length,
      freed: this.freed.length,
      freedRuns: this.freedRuns.length,
      superseded: this.superseded.length,
      supersededRuns: this.supersededRuns.length,
    };
    this.part = savepoint.part;
    return savepoint;
  }

  release(savepoint: Savepoint): void {
    this.part = savepoint.outerPart;
    // Of what the inner part replaced, the outer part can only come back to what is older still.
    const { superseded, supersededRuns } = this;
    let kept = savepoint.superseded;
    for (let i = kept; i < superseded.length; i++) {
      const page = superseded[i]!;
      if (this.parts[dirtyIndex(page)]! >= this.part) this.recycle(page);
      else superseded[kept++] = page;
    }
    shorten(superseded, kept);
    kept = savepoint.supersededRuns;
    for (let i = kept; i < supersededRuns.length; i++) {
      const page = supersededRuns[i]!;
      if (this.runs[dirtyIndex(page)]!.part >= this.part) this.dropRun(page);
      else supersededRuns[kept++] = page;
    }
    shorten(supersededRuns, kept);
    // The outermost part is only ever given up as a whole.
    if (this.part === 0) this.made = [];
  }

  rollback(savepoint: Savepoint): void {
    this.part = savepoint.outerPart;
    for (let i = savepoint.made; i < this.made.length; i++) {
      const index = this.made[i]!;
      if (this.parts[index]! >= savepoint.part) this.recycle(DIRTY + index);
    }
    shorten(this.made, savepoint.made);
    for (let i = savepoint.madeRuns; i < this.runs.length; i++) this.dropRun(DIRTY + i);
    shorten(this.freed, savepoint.freed);
    shorten(this.freedRuns, savepoint.freedRuns);
    shorten(this.superseded, savepoint.superseded);
    shorten(this.supersededRuns, savepoint.supersededRuns);
  }

  /**
   * The next dirty page in use after `index`, -1 to begin with, in the order in which they were
   * first made; -1 when there is none. It begins at byte `offsetOf` of `segmentOf`.
   */
  nextDirty(index: number): number {
    for (let next = index + 1; next < this.used; next++) {
      if (this.parts[next] !== FREE) return next;
    }
    return -1;
  }
  segmentOf(index: number): Segment {
    return this.chunks[index >> this.chunkShift]!;
  }
  offsetOf(index: number): number {
    return (index & this.chunkMask) << this.pageShift;
  }

  /** Indices of dirty pages are below this. */
  get indices(): number {
    return this.used;
  }

  /**
   * Gives the private memory back; the transaction is over and nothing reads its pages any more.
   */
  dispose(): void {
    this.memory.giveBackChunks(this.chunks);
    this.chunks = [];
    this.runs = [];
    this.used = 0;
    // Whoever keeps this object keeps no more than that.
    this.parts = new Int32Array(FIRST_PARTS);
    this.freed = [];
    this.freedRuns = [];
    this.spare = [];
    this.made = [];
    this.superseded = [];
    this.supersededRuns = [];
    this.lowPlaces = undefined;
  }

  private take(): number {
    let index = this.spare.pop();
    if (index === undefined) {
      index = this.used++;
      if (index >> this.chunkShift === this.chunks.length)
        this.chunks.push(this.memory.takeChunk());
      if (index === this.parts.length) {
        const larger = new Int32Array(2 * index);
        larger.set(this.parts);
        this.parts = larger;
      }
    }
    this.parts[index] = this.lastPart;
    if (this.part > 0) this.made.push(index);
    this.live++;
    return DIRTY + index;
  }

  private letGo(page: number): void {
    if (page >= 0) {
      // In a damaged tree two branches may lead to one page, and the pages below it be met again
      // and again: what lets go of more pages than there are ends here.
      if (!this.base.exists(0, this.freed.push(page))) {
        throw this.base.corruption(page, 'it is let go of again and again');
      }
    } else if (this.parts[dirtyIndex(page)]! >= this.part) this.recycle(page);
    else this.superseded.push(page);
  }

  private recycle(page: number): void {
    const index = dirtyIndex(page);
    assert(this.parts[index] !== FREE, 'a dirty page is freed twice', index);
    this.parts[index] = FREE;
    this.spare.push(index);
    this.live--;
  }

  private dropRun(page: number): void {
    const index = dirtyIndex(page);
    const run = this.runs[index]!;
    this.runs[index] = {
      ...run,
      bytes: NO_BYTES,
      segment: NO_SEGMENT,
      pages: 0,
      source: undefined,
      staged: undefined,
      part: FREE,
    };
  }
}

const NO_BYTES = new Uint8Array(0);

/** A list's length is set by a call into V8, also when it is that already. */
function shorten(list: number[], length: number): void {
  if (list.length > length) list.length = length;
}
