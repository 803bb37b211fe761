/** From the rounds to figures: medians, and how often ours goes into the best peer's time. */

import { OURS } from './contenders/all.ts';
import type { Result } from './runner.ts';
import type { Workload } from './workloads/workload.ts';

export interface Summary {
  readonly workload: Workload;
  readonly results: readonly Result[];
  /** The fastest of our variants. */
  readonly ours: Result;
  /** The fastest of all variants of the peers; undefined when there are none. */
  readonly peer: Result | undefined;
  /** The peer's time over ours: the median over the rounds of what each pair of rounds gives. */
  readonly ratio: number | undefined;
  readonly reached: boolean;
}

export function summarise(workload: Workload, results: readonly Result[]): Summary {
  const ours = fastest(results.filter(({ contender }) => contender === OURS));
  const peer = fastest(results.filter(({ contender }) => contender !== OURS));
  if (ours === undefined) throw new Error(`${workload.name} was not measured`);
  const ratio =
    peer === undefined ? undefined : median(peer.ms.map((ms, i) => ms / (ours.ms[i] ?? ms)));
  const { goal } = workload;
  const reached =
    goal.kind === 'ms' ? median(ours.ms) <= goal.atMost : ratio !== undefined && ratio >= goal.now;
  return { workload, results, ours, peer, ratio, reached };
}

/** Microseconds for one operation, by the median round. */
export function microseconds(result: Result): number {
  return (median(result.ms) * 1000) / result.operations;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}

function fastest(results: readonly Result[]): Result | undefined {
  return [...results].sort((a, b) => median(a.ms) - median(b.ms))[0];
}
