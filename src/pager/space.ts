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
import type { FreePages } from './free-pages.ts';
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
/** And where the file may grow instead: to look further costs more than to write at its end. */
const WINDOW_OF_GROWING_PAGES = 2 ** 17;

/** The free runs of the stretch that is looked at: scratch of one call. */
const found = new FreeRuns();

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
    let start = -1;
    if (count < this.noRunOf) {
      this.look(WINDOW_PAGES, count, (page, length) => {
        const inside = this.insideSegment(page, count);
        if (inside + count > page + length) return false;
        start = inside;
        return true;
      });
      if (start < 0) this.noRunOf = count;
      else this.sweep = start + count;
    }
    if (start < 0) {
      start = this.insideSegment(this.end, count);
      this.end = start + count;
    }
    this.free.take(start, count);
    return start;
  }

  /** The first free pages of the file. */
  private lowest(count: number): Run[] {
    found.clear();
    this.look(WINDOW_PAGES, 1, (page, length) => {
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
    const most = mayGrow ? WINDOW_OF_GROWING_PAGES : WINDOW_PAGES;
    found.clear();
    let last = -1;
    this.look(most, least, (page, length, looked) => {
      found.add(page, length);
      last = page;
      return length >= count || (found.pages >= wanted && looked >= MIN_STRETCH_PAGES);
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
   * Tells `stop` of the free runs of at least `least` pages, from the sweep's place on, once round,
   * until it returns true or `most` pages were looked at. The sweep goes as far. `looked` counts
   * the pages before the run.
   */
  private look(
    most: number,
    least: number,
    stop: (page: number, length: number, looked: number) => boolean,
  ): void {
    const { firstPage } = this.geometry;
    const start = this.sweep;
    const end = Math.min(this.end, start + most);
    const rest = end < this.end ? firstPage : Math.min(start, firstPage + most - (end - start));
    if (this.lookIn(start, end, 0, least, stop) || rest <= firstPage) return;
    this.sweep = firstPage;
    this.lookIn(firstPage, rest, end - start, least, stop);
  }

  private lookIn(
    from: number,
    to: number,
    lookedBefore: number,
    least: number,
    stop: (page: number, length: number, looked: number) => boolean,
  ): boolean {
    let stopped = false;
    this.sweep = this.free.scan(from, Math.max(from, to), least, (page, length) => {
      stopped = stop(page, length, lookedBefore + page - from);
      return stopped;
    });
    return stopped;
  }
}
