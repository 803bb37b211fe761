/**
 * A model of the allocator's sweep: pages that die at random, commits that write as many anew, and how
 * many runs a commit is in. It says what the constants of src/pager/space.ts rest on, and what it would
 * bring to move live pages out of the sweep's way (docs/space.md).
 *
 *     npx tsc -p tsconfig.json --noEmit false --outDir out/micro
 *     node out/micro/bench/micro/sweep.js [COMMITS]
 *
 * 33,000 leaves, as 1 M rows of 15 + 100 bytes have; a commit replaces 970 of them at random, as 1,000
 * overwrites do, and 230 branches, which are always the same. A page let go of by one commit is free
 * for the next but one.
 */

const LEAVES = 33_000;
const LEAVES_A_COMMIT = 970;
const BRANCHES = 230;

interface Setting {
  /** Length of the file in times its live size. */
  readonly growth: number;
  /** Free pages of the stretch that is looked at, in times what is wanted. */
  readonly stretch: number;
  /** Whether branches get the longest runs, else what comes last. */
  readonly longestForBranches: boolean;
  /** Live pages moved at most, those that stand alone between free runs of the next stretch. */
  readonly moves: number;
}

type Run = readonly [page: number, count: number];

/** mulberry32: the same numbers in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FREE = -1;
const BRANCH = -2;

class Model {
  /** Of each page: the leaf that lies there, FREE or BRANCH. */
  private readonly pages: Int32Array;
  private readonly placeOf = new Int32Array(LEAVES);
  private branches: number[] = [];
  private leaving: number[] = [];
  private sweep = 0;
  private readonly setting: Setting;
  private readonly random = dice(42);

  constructor(setting: Setting) {
    this.setting = setting;
    this.pages = new Int32Array(Math.floor((LEAVES + BRANCHES) * setting.growth)).fill(FREE);
    for (let leaf = 0; leaf < LEAVES; leaf++) this.put(leaf, leaf);
    for (let i = 0; i < BRANCHES; i++) {
      this.pages[LEAVES + i] = BRANCH;
      this.branches.push(LEAVES + i);
    }
  }

  /** One commit. Returns its runs and its pages. */
  commit(): { runs: number; pages: number } {
    const { moves, longestForBranches } = this.setting;
    const changed = new Set<number>();
    while (changed.size < LEAVES_A_COMMIT) changed.add(Math.floor(this.random() * LEAVES));
    const found = this.stretch(LEAVES_A_COMMIT + BRANCHES + moves);
    for (const leaf of this.inTheWay(moves)) changed.add(leaf);
    const runs = cut(found, changed.size + BRANCHES);
    if (!longestForBranches) runs.sort((a, b) => a[0] - b[0]).reverse();
    const places = runs.flatMap(([page, count]) =>
      Array.from({ length: count }, (_, i) => page + i),
    );
    for (const page of this.leaving.splice(0)) this.pages[page] = FREE;
    this.leaving.push(...this.branches);
    this.branches = places.splice(0, BRANCHES);
    for (const page of this.branches) this.pages[page] = BRANCH;
    places.sort((a, b) => a - b);
    for (const leaf of changed) {
      this.leaving.push(this.placeOf[leaf]!);
      this.put(leaf, places.shift()!);
    }
    return { runs: runs.length, pages: changed.size + BRANCHES };
  }

  private put(leaf: number, page: number): void {
    this.placeOf[leaf] = page;
    this.pages[page] = leaf;
  }

  /** The free runs of the next stretch, the longest first. The sweep goes past it. */
  private stretch(wanted: number): Run[] {
    const runs: Run[] = [];
    let free = 0;
    let page = this.sweep;
    for (let seen = 0; seen < this.pages.length && free < wanted * this.setting.stretch; ) {
      let count = 0;
      while (page + count < this.pages.length && this.pages[page + count] === FREE) count++;
      if (count > 0) runs.push([page, count]);
      free += count;
      page += Math.max(1, count);
      seen += Math.max(1, count);
      if (page >= this.pages.length) page = 0;
    }
    this.sweep = page;
    return runs.sort((a, b) => b[1] - a[1]);
  }

  /** Leaves that stand alone between free runs of the next stretch, the longest of these first. */
  private inTheWay(most: number): number[] {
    const found: { leaf: number; gain: number }[] = [];
    const until = Math.min(this.pages.length - 1, this.sweep + 20 * (LEAVES_A_COMMIT + BRANCHES));
    let before = 0;
    for (let page = this.sweep + 1; most > 0 && page < until; page++) {
      if (this.pages[page] === FREE) {
        before++;
        continue;
      }
      let after = 0;
      while (page + after + 1 < until && this.pages[page + after + 1] === FREE) after++;
      const gain = Math.min(before, after);
      if (this.pages[page]! >= 0 && gain > 0) found.push({ leaf: this.pages[page]!, gain });
      before = 0;
    }
    found.sort((a, b) => b.gain - a.gain);
    return found.slice(0, most).map(({ leaf }) => leaf);
  }
}

/** The first of the runs that have `pages` pages, the last one cut to fit. */
function cut(runs: readonly Run[], pages: number): Run[] {
  const taken: Run[] = [];
  let missing = pages;
  for (const [page, count] of runs) {
    if (missing === 0) break;
    taken.push([page, Math.min(count, missing)]);
    missing -= Math.min(count, missing);
  }
  if (missing > 0) throw new Error('the file is too small for this setting');
  return taken;
}

function measure(setting: Setting, commits: number): { runs: number; pages: number } {
  const model = new Model(setting);
  let runs = 0;
  let pages = 0;
  for (let i = 0; i < 2 * commits; i++) {
    const made = model.commit();
    // The first half is for the file to come into its steady state.
    if (i < commits) continue;
    runs += made.runs;
    pages += made.pages;
  }
  return { runs: runs / commits, pages: pages / commits };
}

const commits = Number(process.argv[2] ?? 250);
const base: Setting = { growth: 2, stretch: 12, longestForBranches: true, moves: 0 };
const settings: readonly (readonly [string, Setting])[] = [
  ['as the allocator does it', base],
  ['all free pages as they come', { ...base, stretch: 1, longestForBranches: false }],
  ['stretch of 3', { ...base, stretch: 3 }],
  ['stretch of 24', { ...base, stretch: 24 }],
  ['branches anywhere', { ...base, longestForBranches: false }],
  ['file of 1.5 x live', { ...base, growth: 1.5 }],
  ['file of 2.5 x live', { ...base, growth: 2.5 }],
  ...[20, 40, 80, 160].map(
    (moves) => [`${moves} live pages moved out of the way`, { ...base, moves }] as const,
  ),
];
console.log('runs a commit   pages a commit   setting');
for (const [name, setting] of settings) {
  const { runs, pages } = measure(setting, commits);
  console.log(`${runs.toFixed(1).padStart(13)}   ${pages.toFixed(1).padStart(14)}   ${name}`);
}
