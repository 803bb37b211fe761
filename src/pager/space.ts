/**
 * Where a commit's pages go. Copy-on-write chooses every page's place, so a commit chooses to be
 * sequential: its pages fill the fewest runs (docs/space.md).
 *
 * - A sweep: each commit looks at the next stretch of the file, long enough to hold a few times the
 *   free pages that it wants, and takes the longest runs there. What it has passed has the longest
 *   time to die before the sweep comes round again.
 * - Of a file that may still grow only good runs are taken, and what is missing is added at its
 *   end; it may grow while it is under `maxGrowth` times its live size.
 * - A commit of few leaves goes from one run to another near by, and back.
 * - Low page numbers first for compaction, and when less than a quarter of the file is live: then
 *   the tail empties by itself.
 */

import type { Geometry } from '../format/geometry.ts';
import type { FreePages } from './free-pages.ts';
import { divideRuns, FreeRuns, type PlacesByLife, type Run } from './free-runs.ts';

/** A run at least this long is good enough not to grow for: writing more at once gains little. */
const GOOD_RUN = 32;
/**
 * A stretch holds this many times the free pages that are wanted. With 1 M rows overwritten at
 * random, 1,000 a transaction, in a file of twice the live size: 158 runs a commit for 3, 132 for
 * 12. A model gains nothing more by 24 (bench/micro/sweep.ts).
 */
const SURPLUS = 12;
/** And is this long at least, so that small commits find one run for all their pages. */
const MIN_STRETCH_PAGES = 2048;
/** Of a commit's own pages so many count as live, in parts of what was live before. */
const MOST_BESIDE = 1 / 8;
/** A commit of so many leaves or fewer writes each where a single page is free. */
const FEW_LEAVES = 4;
/** How far from the last commit's places those of one with few leaves are looked for. */
const NEAR_PAGES = 512;
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
  /** For compaction: the first free pages from this one on are taken. */
  readonly lowFrom?: number | undefined;
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
  private readonly isCompacting: boolean;
  /** Where the sweep stood at first. */
  private readonly start: number;
  /** The stretch [from, to) that is looked at now; after it comes [firstPage, rest). */
  private from = 0;
  private to = 0;
  private rest = 0;
  private lookedBefore = 0;
  /** Where the run found last begins. */
  private page = 0;
  /** No overflow run of so many pages, or more, was found. */
  private noRunOf: number = Number.POSITIVE_INFINITY;

  constructor(free: FreePages, geometry: Geometry, policy: SpacePolicy) {
    this.free = free;
    this.geometry = geometry;
    this.end = Math.max(policy.end, geometry.firstPage);
    this.live = policy.live;
    this.maxGrowth = policy.maxGrowth;
    const mostlyFree = policy.live * 4 < policy.end;
    this.isCompacting = policy.lowFrom !== undefined;
    this.lowFirst = mostlyFree || this.isCompacting;
    const from = policy.lowFrom ?? (mostlyFree ? 0 : policy.sweep);
    const inFile = from > geometry.firstPage && from < this.end;
    this.start = inFile ? from : geometry.firstPage;
    this.sweep = this.start;
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
    if (missing > 0) runs.push(this.freeRun(missing) ?? this.grow(missing));
    return runs.sort((a, b) => a.page - b.page);
  }

  /**
   * Places for pages that last, and for those that the next commit replaces: the path to the root,
   * the catalogue, the map. Among the places of a commit the longest runs go to the second kind,
   * which will be free, and whole, again.
   *
   * A commit of few leaves takes a run for the second kind around the page `near` of the last one,
   * and its leaves go elsewhere, to where single pages are free. So such commits go from one run to
   * another and back, and the file stays as long as it is. They leave alone what the last one
   * replaced, `spared`: so the state before that one stays whole for `recover: 'previous'`, as the
   * sweep of larger commits leaves it by itself.
   */
  takeByLife(
    lasting: number,
    passing: number,
    near: number,
    spared: readonly number[] = [],
  ): PlacesByLife {
    if (this.lowFirst || lasting > FEW_LEAVES || passing > GOOD_RUN) {
      return divideRuns(this.take(lasting + passing), lasting);
    }
    for (const page of spared) this.free.take(page, 1);
    const { sweep } = this;
    const run = this.runNear(near, passing) ?? this.freeRun(passing);
    const places = run === undefined ? this.growOrTake(passing) : [run];
    // What lasts goes round the whole file, and not after these.
    this.sweep = sweep;
    return { passing: places, lasting: this.awayFrom(near, lasting) };
  }

  /** `count` contiguous pages inside one segment: an overflow run. */
  takeRun(count: number): number {
    let start = count < this.noRunOf ? this.runInside(count) : -1;
    if (start < 0) {
      this.noRunOf = Math.min(this.noRunOf, count);
      start = this.insideSegment(this.end, count);
      this.end = start + count;
    } else {
      this.sweep = start + count;
    }
    this.free.take(start, count);
    return start;
  }

  /** Where `count` free pages lie in one segment, -1 when they lie nowhere. */
  private runInside(count: number): number {
    this.begin(WINDOW_PAGES);
    while (this.next(count)) {
      const inside = this.insideSegment(this.page, count);
      if (inside + count <= this.page + this.free.runLength) return inside;
    }
    return -1;
  }

  /** The first `count` free pages in one run around a page. */
  private runNear(page: number, count: number): Run | undefined {
    const from = Math.max(this.geometry.firstPage, page - NEAR_PAGES);
    const to = Math.min(this.end, page + NEAR_PAGES);
    const first = this.free.nextRun(from, to, count);
    if (first >= to) return undefined;
    this.free.take(first, count);
    return { page: first, count };
  }

  /** The next free pages that are not around a page; where there are not enough, others. */
  private awayFrom(page: number, count: number): Run[] {
    const distance = Math.min(NEAR_PAGES, this.end >> 4);
    found.clear();
    this.begin(WINDOW_OF_GROWING_PAGES);
    while (found.pages < count && this.next(1)) {
      if (Math.abs(this.page - page) > distance) found.add(this.page, this.free.runLength);
      else this.sweep = Math.max(this.sweep, Math.min(page + distance, this.to));
    }
    const runs = found.first(count);
    for (const run of runs) {
      this.free.take(run.page, run.count);
      this.sweep = run.page + run.count;
    }
    const missing = count - Math.min(count, found.pages);
    if (missing > 0) runs.push(...this.growOrTake(missing));
    return runs.sort((a, b) => a.page - b.page);
  }

  /** The first free run that is long enough; or the first free pages, however scattered. */
  private lowest(count: number): Run[] {
    found.clear();
    // Compaction wants no page further back than it must be.
    if (!this.isCompacting) {
      this.begin(WINDOW_PAGES);
      if (this.next(count)) return [{ page: this.page, count }];
    }
    this.begin(WINDOW_PAGES);
    while (found.pages < count && this.next(1)) found.add(this.page, this.free.runLength);
    return found.first(count);
  }

  /** Whether the file is short enough to be made longer by so many pages. */
  private mayGrow(count: number): boolean {
    // What the commit writes lives beside what it replaces, until it is durable; of a commit that
    // is large beside the file only a part, so that this stays a bound for small files too.
    const beside = Math.min(count, this.live * MOST_BESIDE);
    return this.end + count <= this.maxGrowth * (this.live + beside);
  }

  /** The longest runs of the next stretch; only good ones when the file may grow instead. */
  private best(count: number): Run[] {
    const mayGrow = this.mayGrow(count);
    // Half of a small commit in one piece is good enough: to grow costs the file system more.
    const least = mayGrow ? Math.min(Math.ceil(count / 2), GOOD_RUN) : 1;
    const wanted = mayGrow ? count : SURPLUS * count;
    found.clear();
    let last = -1;
    this.begin(mayGrow ? WINDOW_OF_GROWING_PAGES : WINDOW_PAGES);
    while (this.next(least)) {
      const { runLength } = this.free;
      found.add(this.page, runLength);
      last = this.page;
      if (runLength >= count || (found.pages >= wanted && this.looked >= MIN_STRETCH_PAGES)) break;
    }
    const runs = found.longest(count, least);
    // What is left of a run that was more than enough comes first in the next stretch.
    for (const run of runs) if (run.page === last) this.sweep = run.page + run.count;
    return runs;
  }

  /** A free run of so many pages: as good as new ones at the file's end, which would be one run. */
  private freeRun(count: number): Run | undefined {
    this.begin(WINDOW_OF_GROWING_PAGES);
    if (!this.next(count)) return undefined;
    const run = { page: this.page, count };
    this.sweep = run.page + count;
    this.free.take(run.page, count);
    return run;
  }

  private growOrTake(count: number): Run[] {
    return this.mayGrow(count) ? [this.grow(count)] : this.take(count);
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
   * Begins to look at free runs: from the sweep's place on, once round, at `most` pages. Low first:
   * always from where the sweep stood at first.
   */
  private begin(most: number): void {
    const { firstPage } = this.geometry;
    if (this.lowFirst) this.sweep = this.start;
    this.from = this.sweep;
    this.to = Math.max(this.from, Math.min(this.end, this.from + most));
    this.lookedBefore = 0;
    this.rest = this.to < this.end ? firstPage : firstPage + most - (this.to - this.from);
    this.rest = Math.min(this.from, this.rest);
  }

  /**
   * Goes to the next free run of at least `least` pages: it begins at `page`, and is
   * `free.runLength` long. The sweep goes as far. False: there is none.
   */
  private next(least: number): boolean {
    const { firstPage } = this.geometry;
    for (;;) {
      this.page = this.free.nextRun(this.sweep, this.to, least);
      if (this.page < this.to) {
        this.sweep = this.page + this.free.runLength;
        return true;
      }
      this.sweep = this.to;
      if (this.rest <= firstPage) return false;
      // Round the end of the file, to where it began.
      this.lookedBefore += this.to - this.from;
      this.from = firstPage;
      this.sweep = firstPage;
      this.to = this.rest;
      this.rest = firstPage;
    }
  }

  /** The pages looked at before the run at `page`. */
  private get looked(): number {
    return this.lookedBefore + this.page - this.from;
  }
}
