/**
 * How much the power-loss simulator does in one run: images for each workload, a clock that a seed can
 * repeat, and the report at the end.
 *
 * `npm test` tries about 145,000 images, a long run a hundred times as many; COPPICE_SEED goes on from
 * another place.
 */

import { afterAll, beforeAll } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases } from '../frame/size.ts';
import {
  DEFAULT_EXPLORER,
  Explorer,
  type ExplorerOptions,
  type Met,
  type Moment,
} from './crash-explorer.ts';
import type { MachineCounts } from './sim-machine.ts';

const SCALE: number = cases(1, 100);

/** A workload with that number (0, 1, ..) of its variants; undefined: there are no more of them. */
export type Workload = (explorer: Explorer, turn: number) => Turn | Promise<Turn>;
export type Turn = readonly Moment[] | undefined;

export interface Total {
  met: Met;
  counts: MachineCounts;
  images: number;
  cpuSeconds: number;
}

const totals: Total[] = [];

/**
 * Runs the workload, turn after turn, until `images` were tried. When it has no more turns it begins again
 * with other random numbers. Every turn of it runs at least once, whatever the number of images.
 */
export async function explore(
  images: number,
  workload: Workload,
  options: Partial<ExplorerOptions> = {},
): Promise<Total> {
  const explorer = new Explorer({ ...DEFAULT_EXPLORER, seed, ...options });
  const start = process.cpuUsage();
  const wanted = images * SCALE;
  let round = 0;
  for (let turn = 0; round === 0 || explorer.met.images < wanted; turn++) {
    const moments = await workload(explorer, turn);
    if (moments === undefined) {
      if (turn === 0) throw new Error('a workload without a turn');
      round++;
      turn = -1;
      continue;
    }
    explorer.explore(moments);
    if (ENDLESS.has(workload) && explorer.met.images >= wanted) round++;
  }
  const { user, system } = process.cpuUsage(start);
  const total: Total = {
    met: explorer.met,
    counts: explorer.counts,
    images: explorer.met.images,
    cpuSeconds: (user + system) / 1e6,
  };
  totals.push(total);
  return total;
}

const ENDLESS = new WeakSet<Workload>();

/** Marks a workload that has a next turn always. */
export function endless(workload: Workload): Workload {
  ENDLESS.add(workload);
  return workload;
}

/** The simulator's time: no two calls have the same, and each run has it again. */
export function useSimulatedClock(): void {
  const real = Date.now;
  let now = Date.UTC(2026, 0, 1);
  beforeAll(() => {
    // No mock of vitest's: that remembers every call.
    Date.now = () => ++now;
  });
  afterAll(() => {
    Date.now = real;
  });
}

/** Prints what all workloads of this file met together. */
export function reportTotals(title: string): void {
  afterAll(() => {
    const images = totals.reduce((n, t) => n + t.images, 0);
    const seconds = totals.reduce((n, t) => n + t.cpuSeconds, 0);
    const sum = (pick: (t: Total) => object): Record<string, number> => {
      const into: Record<string, number> = {};
      for (const total of totals) {
        for (const [name, n] of Object.entries(pick(total))) {
          if (name === 'deepest') into[name] = Math.max(into[name] ?? 0, Number(n));
          else if (typeof n === 'number') into[name] = (into[name] ?? 0) + n;
        }
      }
      return into;
    };
    console.log(
      `${title}: ${images} images, ${Math.round(images / seconds)} per second of CPU time, seed ${seed}`,
      { ...sum((t) => t.met), ...sum((t) => t.counts) },
    );
  });
}
