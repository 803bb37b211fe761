/**
 * What compaction may count on: the free pages before a page number, as they are when its
 * transaction begins. No page of it is taken by anyone else until the commit, since the writer lock
 * is held, and a snapshot that readers let go of meanwhile only adds to it.
 */

import type { Geometry } from '../format/geometry.ts';
import type { FreePages } from './free-pages.ts';

export class LowSpace {
  /** The first free page, `end` when there is none before it. */
  readonly first: number;
  /** How many there are; those past the first `enough` are not all counted. */
  readonly pages: number;
  private readonly free: FreePages;
  private readonly geometry: Geometry;
  /** No run of so many pages, or more, was found before `noRunBefore`. */
  private noRunOf: number = Number.POSITIVE_INFINITY;
  private noRunBefore = 0;

  constructor(free: FreePages, geometry: Geometry, end: number, enough: number) {
    this.free = free;
    this.geometry = geometry;
    let first = end;
    let pages = 0;
    for (let page = free.nextRun(geometry.firstPage, end, 1); page < end && pages < enough; ) {
      first = Math.min(first, page);
      pages += free.runLength;
      page = free.nextRun(page + free.runLength, end, 1);
    }
    this.first = first;
    this.pages = pages;
  }

  /**
   * Sets a run of `count` pages apart that lies before page `before` and inside one segment;
   * returns its first page, -1 when there is none.
   */
  takeRun(count: number, before: number): number {
    if (count >= this.noRunOf && before <= this.noRunBefore) return -1;
    const { pagesPerSegment } = this.geometry;
    for (let page = this.free.nextRun(this.first, before, count); page < before; ) {
      const end = page + this.free.runLength;
      const inSegment = page % pagesPerSegment;
      const fits = inSegment + count <= pagesPerSegment;
      const start = fits ? page : page - inSegment + pagesPerSegment;
      if (start + count <= end) {
        this.free.take(start, count);
        return start;
      }
      page = this.free.nextRun(end, before, count);
    }
    this.noRunOf = count;
    this.noRunBefore = before;
    return -1;
  }

  /** Gives its memory back. */
  dispose(): void {
    this.free.dispose();
  }
}
