/** From the rounds to figures: medians, and how often ours goes into the best peer's time. */

import { contenderNamed, OURS } from './contenders/all.ts';
import type { Result } from './runner.ts';
import type { Workload } from './workloads/workload.ts';

export interface Summary {
  readonly workload: Workload;
  readonly results: readonly Result[];
  /** The fastest of our variants. */
  readonly ours: Result;
  /** The fastest of the peers' variants that do the whole task; undefined when there are none. */
  readonly peer: Result | undefined;
  /** The peer's time over ours: the median over the rounds of what each pair of rounds gives. */
  readonly ratio: number | undefined;
  readonly reached: boolean;
}

export function summarise(workload: Workload, results: readonly Result[]): Summary {
  const ours = fastest(workload, ({ contender }) => contender === OURS, results);
  const peer = fastest(
    workload,
    ({ contender, variant }) =>
      contender !== OURS && !contenderNamed(contender).borrowing.includes(variant),
    results,
  );
  if (ours === undefined) throw new Error(`${workload.name} was not measured`);
  const ratio = peer === undefined ? undefined : ratioOf(workload, peer, ours);
  const { goal } = workload;
  const reached =
    goal.kind === 'ms'
      ? median(judged(workload, ours)) <= goal.atMost
      : ratio !== undefined && ratio >= goal.now;
  return { workload, results, ours, peer, ratio, reached };
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

function fastest(
  workload: Workload,
  among: (result: Result) => boolean,
  results: readonly Result[],
): Result | undefined {
  const time = (result: Result): number => median(judged(workload, result));
  return results.filter(among).sort((a, b) => time(a) - time(b))[0];
}
