/**
 * Where a commit's pages go. Copy-on-write chooses every page's place, so a commit chooses to be
 * sequential: its pages fill the fewest runs (docs/space.md).
 *
 * - A sweep: each commit looks at the next stretch of the file, long enough to hold a few times the
 *   free pages that it wants, and takes the longest runs there. What it has passed has the longest
 *   time to die before the sweep comes round again.
 * - Of a file that may still grow only good runs are taken, and what is missing is added at its
 *   end; it may grow while it is under `maxGrowth` times its live size.
 * - When less than a quarter of the file is live, low page numbers first: the tail empties by
 *   itself.
 */

import type { Geometry } from '../format/geometry.ts';
import type { FreePages } from './allocation-map.ts';
import { FreeRuns, type Run } from './free-runs.ts';

/** A run at least this long is good enough not to grow for: writing more at once gains little. */
const GOOD_RUN = 32;
/**
 * A stretch holds this many times the free pages that are wanted. Simulated with a file of twice
 * the live size whose pages die at random, commits of 1,200 pages: 260 runs a commit when all free
 * pages are taken as they come, 190 when half of them are, 180 for a third.
 */
const SURPLUS = 3;
/** And is this long at least, so that small commits find one run for all their pages. */
const MIN_STRETCH_PAGES = 2048;
/** Pages that one choice looks at: bounds the work in large files (2 GiB at 4 KiB pages). */
const WINDOW_PAGES = 2 ** 19;
/** Where the file may grow instead, the search ends after so many runs. */
const MOST_SHORT_RUNS = 1024;

export interface SpacePolicy {
  /** Where the last sweep stopped. */
  readonly sweep: number;
  /** The first page past every retained snapshot. */
  readonly end: number;
  /** Pages in use by any retained snapshot, or a close lower bound. */
  readonly live: number;
  readonly maxGrowth: number;
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
  /** No overflow run of so many pages, or more, was found. */
  private noRunOf: number = Number.POSITIVE_INFINITY;

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
    const runs = this.lowFirst ? this.lowest(count) : this.best(count);
    let missing = count;
    for (const run of runs) {
      this.free.take(run.page, run.count);
      missing -= run.count;
    }
    if (missing > 0) runs.push(this.grow(missing));
    return runs.sort((a, b) => a.page - b.page);
  }

  /** `count` contiguous pages inside one segment: an overflow run. */
  takeRun(count: number): number {
    let found = -1;
    if (count < this.noRunOf) {
      this.look(WINDOW_PAGES, (page, length) => {
        const inside = this.insideSegment(page, count);
        if (inside + count > page + length) return false;
        found = inside;
        return true;
      });
      if (found < 0) this.noRunOf = count;
      else this.sweep = found + count;
    }
    if (found < 0) {
      found = this.insideSegment(this.end, count);
      this.end = found + count;
    }
    this.free.take(found, count);
    return found;
  }

  /** The first free pages of the file. */
  private lowest(count: number): Run[] {
    const found = new FreeRuns();
    this.look(WINDOW_PAGES, (page, length) => {
      found.add(page, length);
      return found.pages >= count;
    });
    return found.first(count);
  }

  /** The longest runs of the next stretch; only good ones when the file may grow instead. */
  private best(count: number): Run[] {
    const mayGrow = this.end + count <= this.maxGrowth * this.live;
    // Half of a small commit in one piece is good enough: to grow costs the file system more.
    const least = mayGrow ? Math.min(Math.ceil(count / 2), GOOD_RUN) : 1;
    const wanted = mayGrow ? count : SURPLUS * count;
    const found = new FreeRuns();
    let seen = 0;
    let last = -1;
    this.look(WINDOW_PAGES, (page, length, looked) => {
      seen++;
      if (length >= least) {
        found.add(page, length);
        last = page;
      }
      if (length >= count || (mayGrow && seen >= MOST_SHORT_RUNS)) return true;
      return found.pages >= wanted && looked >= MIN_STRETCH_PAGES;
    });
    const runs = found.longest(count, least);
    // What is left of a run that was more than enough comes first in the next stretch.
    for (const run of runs) if (run.page === last) this.sweep = run.page + run.count;
    return runs;
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

  /**
   * Tells `stop` of the free runs from the sweep's place on, once round, until it returns true or
   * `most` pages were looked at. The sweep goes as far. `looked` counts the pages before the run.
   */
  private look(
    most: number,
    stop: (page: number, length: number, looked: number) => boolean,
  ): void {
    const start = this.sweep;
    const { firstPage } = this.geometry;
    const end = Math.min(this.end, start + most);
    if (this.lookIn(start, end, 0, stop) || end < this.end) return;
    const looked = end - start;
    const rest = Math.min(start, firstPage + most - looked);
    this.sweep = firstPage;
    this.lookIn(firstPage, rest, looked, stop);
  }

  private lookIn(
    from: number,
    to: number,
    lookedBefore: number,
    stop: (page: number, length: number, looked: number) => boolean,
  ): boolean {
    const { free } = this;
    let at = from;
    while (at < to) {
      const page = free.next(at, to, true);
      at = page < to ? free.next(page, to, false) : to;
      if (page < to && stop(page, at - page, lookedBefore + page - from)) {
        this.sweep = at;
        return true;
      }
    }
    this.sweep = Math.max(from, to);
    return false;
  }
}
