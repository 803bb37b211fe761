/**
 * Where a commit's pages go. Copy-on-write chooses every page's place, so a commit chooses to be
 * sequential: its pages fill the fewest runs (docs/space.md).
 *
 * - A sweep: the allocator goes through the file and takes the good runs it meets. What it has
 *   passed has the longest time to die before it comes round again.
 * - When no good run is left, the file grows, while it is under `maxGrowth` times its live size.
 * - Beyond that the longest runs of the window that was looked at are taken, then the file grows.
 * - When less than a quarter of the file is live, low page numbers first: the tail empties by
 *   itself.
 */

import type { Geometry } from '../format/geometry.ts';
import type { FreePages } from './allocation-map.ts';

/** A run at least this long is good enough to stop at: writing more at once gains little. */
const GOOD_RUN = 32;
/** Pages that one choice looks at: bounds the work in large files (2 GiB at 4 KiB pages). */
const WINDOW_PAGES = 2 ** 19;

export interface SpacePolicy {
  /** Where the last sweep stopped. */
  readonly sweep: number;
  /** The first page past every retained snapshot. */
  readonly end: number;
  /** Pages in use by any retained snapshot, or a close lower bound. */
  readonly live: number;
  readonly maxGrowth: number;
}

/** Contiguous pages. */
export interface Run {
  readonly page: number;
  readonly count: number;
}

/** Hands out free pages for one commit. */
export class Allocator {
  /** The first page past the file as this commit leaves it. */
  end: number;
  /** Where the next commit's sweep begins. */
  sweep: number;
  private readonly free: FreePages;
  private readonly geometry: Geometry;
  private readonly live: number;
  private readonly maxGrowth: number;
  private readonly lowFirst: boolean;

  constructor(free: FreePages, geometry: Geometry, policy: SpacePolicy) {
    this.free = free;
    this.geometry = geometry;
    this.end = Math.max(policy.end, geometry.firstPage);
    this.live = policy.live;
    this.maxGrowth = policy.maxGrowth;
    this.lowFirst = policy.live * 4 < policy.end;
    const inFile = policy.sweep > geometry.firstPage && policy.sweep < this.end;
    this.sweep = inFile && !this.lowFirst ? policy.sweep : geometry.firstPage;
  }

  /** `count` pages in as few runs as the policy finds, ascending. */
  take(count: number): Run[] {
    if (count === 0) return [];
    const good = this.lowFirst ? 1 : Math.min(count, GOOD_RUN);
    const runs: Run[] = [];
    const short: Run[] = [];
    let missing = count;
    this.eachFreeRun((run) => {
      if (run.count < good) {
        short.push(run);
        return true;
      }
      const taken = Math.min(run.count, missing);
      runs.push({ page: run.page, count: taken });
      missing -= taken;
      this.sweep = run.page + taken;
      return missing > 0;
    });
    if (missing > 0 && this.end + missing > this.maxGrowth * this.live) {
      short.sort((a, b) => b.count - a.count);
      for (const run of short) {
        if (missing === 0) break;
        const taken = Math.min(run.count, missing);
        runs.push({ page: run.page, count: taken });
        missing -= taken;
      }
    }
    for (const run of runs) this.free.take(run.page, run.count);
    if (missing > 0) runs.push(this.grow(missing));
    return runs.sort((a, b) => a.page - b.page);
  }

  /** `count` contiguous pages inside one segment: an overflow run. */
  takeRun(count: number): number {
    let found = -1;
    this.eachFreeRun((run) => {
      const page = this.insideSegment(run.page, count);
      if (page + count > run.page + run.count) return true;
      found = page;
      return false;
    });
    if (found < 0) {
      found = this.insideSegment(this.end, count);
      this.end = found + count;
    } else {
      this.sweep = found + count;
    }
    this.free.take(found, count);
    return found;
  }

  private grow(count: number): Run {
    const page = this.end;
    this.end += count;
    this.free.take(page, count);
    return { page, count };
  }

  /** The first page >= `page` at which a run of `count` pages does not cross a segment's end. */
  private insideSegment(page: number, count: number): number {
    const { pagesPerSegment } = this.geometry;
    const inSegment = page % pagesPerSegment;
    return inSegment + count <= pagesPerSegment ? page : page - inSegment + pagesPerSegment;
  }

  /** Free runs from the sweep's place on, once round, until `fn` says stop or the window ends. */
  private eachFreeRun(fn: (run: Run) => boolean): void {
    const start = this.sweep;
    const { firstPage } = this.geometry;
    const windowEnd = start + WINDOW_PAGES;
    if (!this.freeRunsIn(start, Math.min(this.end, windowEnd), fn)) return;
    if (this.end >= windowEnd) {
      this.sweep = windowEnd < this.end ? windowEnd : firstPage;
      return;
    }
    const rest = WINDOW_PAGES - (this.end - start);
    this.freeRunsIn(firstPage, Math.min(start, firstPage + rest), fn);
  }

  private freeRunsIn(from: number, to: number, fn: (run: Run) => boolean): boolean {
    let at = from;
    for (;;) {
      const page = this.free.next(at, to, true);
      if (page >= to) return true;
      const end = this.free.next(page, to, false);
      if (!fn({ page, count: end - page })) return false;
      at = end;
    }
  }
}
