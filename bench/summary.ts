/** From the rounds to figures: medians, and how often ours goes into the best peer's time. */

import { OURS } from './contenders/names.ts';
import type { Result } from './runner.ts';
import { workloadNamed } from './workloads/all.ts';
import type { Workload } from './workloads/workload.ts';

export interface Summary {
  readonly workload: Workload;
  readonly results: readonly Result[];
  /** The fastest of our variants; undefined when ours did not take part. */
  readonly ours: Result | undefined;
}

function summarise(workload: Workload, results: readonly Result[]): Summary {
  return { workload, results, ours: fastestOf(workload, results, OURS) };
}

/** Of each workload, in the order in which they ran. */
export function summariesOf(results: readonly Result[]): Summary[] {
  const names = [...new Set(results.map(({ workload }) => workload))];
  return names.map((name) =>
    summarise(
      workloadNamed(name),
      results.filter(({ workload }) => workload === name),
    ),
  );
}

/** The contender's fastest variant that does the whole task. */
export function fastestOf(
  workload: Workload,
  results: readonly Result[],
  contender: string,
): Result | undefined {
  const time = (result: Result): number => median(judged(workload, result));
  return results
    .filter((result) => result.workload === workload.name && result.contender === contender)
    .filter(({ borrows }) => !borrows)
    .sort((a, b) => time(a) - time(b))[0];
}

/** How many times as long `a` takes as `b`: the median of what each pair of rounds gives. */
export function ratioOf(workload: Workload, a: Result, b: Result): number {
  const [of, by] = [judged(workload, a), judged(workload, b)];
  return median(of.map((ms, i) => ms / (by[i] ?? ms)));
}

/** The rounds' times by the clock that the workload is judged by. */
function judged(workload: Workload, result: Result): readonly number[] {
  return workload.clock === 'cpu' ? result.cpuMs : result.ms;
}

/** Microseconds for one operation, in the median of these rounds. */
export function microseconds(result: Result, clock: 'cpu' | 'wall'): number {
  return (median(clock === 'cpu' ? result.cpuMs : result.ms) * 1000) / result.operations;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}
