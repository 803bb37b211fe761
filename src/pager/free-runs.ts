/** The free runs of a stretch of the file, and the choice among them. */

/** Contiguous pages. */
export interface Run {
  readonly page: number;
  readonly count: number;
}

/** Places by how long what lies there will live. */
export interface PlacesByLife {
  readonly lasting: Run[];
  /** The longest run comes last. */
  readonly passing: Run[];
}

/** Runs of so many pages and more are one as good as another. */
const LONG_RUN = 1024;

/** Scratch of `longest`. */
const pagesByLength = new Int32Array(LONG_RUN + 1);

/** Runs in the order in which they were found. */
export class FreeRuns {
  /** How many, and the pages in all of them. */
  count = 0;
  pages = 0;
  private starts: Int32Array = new Int32Array(64);
  private lengths: Int32Array = new Int32Array(64);

  clear(): void {
    this.count = 0;
    this.pages = 0;
  }

  add(page: number, length: number): void {
    if (this.count === this.starts.length) {
      this.starts = twice(this.starts);
      this.lengths = twice(this.lengths);
    }
    this.starts[this.count] = page;
    this.lengths[this.count++] = length;
    this.pages += length;
  }

  /**
   * The first of them that have `count` pages, the last one cut to fit; all when they have fewer.
   */
  first(count: number): Run[] {
    const runs: Run[] = [];
    let missing = count;
    for (let i = 0; missing > 0 && i < this.count; i++) {
      const taken = Math.min(this.lengths[i]!, missing);
      runs.push({ page: this.starts[i]!, count: taken });
      missing -= taken;
    }
    return runs;
  }

  /**
   * The longest of them that have `count` pages, none shorter than `least`, one or more cut to fit;
   * all of these when they have fewer. In the order in which they were found.
   */
  longest(count: number, least: number): Run[] {
    pagesByLength.fill(0);
    for (let i = 0; i < this.count; i++) {
      const length = this.lengths[i]!;
      pagesByLength[Math.min(length, LONG_RUN)]! += length;
    }
    // All runs of the classes above `shortest` are taken, and of that class what is still missing.
    let shortest = LONG_RUN;
    let missing = count;
    while (shortest > least && pagesByLength[shortest]! < missing) {
      missing -= pagesByLength[shortest]!;
      shortest--;
    }
    const runs: Run[] = [];
    for (let i = 0; i < this.count; i++) {
      const page = this.starts[i]!;
      const length = this.lengths[i]!;
      if (Math.min(length, LONG_RUN) > shortest) {
        runs.push({ page, count: length });
      } else if (length >= shortest && missing > 0) {
        const taken = Math.min(length, missing);
        runs.push({ page, count: taken });
        missing -= taken;
      }
    }
    return runs;
  }
}

/**
 * Divides runs: the first `lasting` pages for what lives long, the longest runs for the rest, the
 * longest one last.
 */
export function divideRuns(runs: readonly Run[], lasting: number): PlacesByLife {
  const first: Run[] = [];
  const longest: Run[] = [];
  let missing = lasting;
  for (const run of [...runs].sort((a, b) => a.count - b.count)) {
    const here = Math.min(missing, run.count);
    if (here > 0) first.push({ page: run.page, count: here });
    if (here < run.count) longest.push({ page: run.page + here, count: run.count - here });
    missing -= here;
  }
  return { lasting: first.sort((a, b) => a.page - b.page), passing: longest };
}

function twice(array: Int32Array): Int32Array {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}
