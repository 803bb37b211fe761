/**
 * The goals: what Coppice has to reach against whom, and whether the figures of a run say that it
 * does. A row that no figure is there for says so; none is left out.
 */

import { OURS } from './contenders/names.ts';
import { ROW_BYTES } from './data.ts';
import type { Result } from './runner.ts';
import { fastestOf, median, ratioOf } from './summary.ts';
import { workloadNamed } from './workloads/all.ts';

/** What a goal is judged by. */
type Measure =
  /** So many times as fast as the peer's fastest variant. */
  | { readonly kind: 'times as fast'; readonly peer: string; readonly atLeast: number }
  /** The median of our fastest variant. */
  | { readonly kind: 'ms'; readonly atMost: number }
  /** The closed file over that of the peer, all after the same workload: the smallest variant's. */
  | { readonly kind: 'file over peer'; readonly peer: string; readonly below: number }
  /** The closed file over the keys and values in it. */
  | { readonly kind: 'file over data'; readonly atMost: number };

export interface Goal {
  readonly text: string;
  readonly by:
    | { readonly workload: string; readonly measure: Measure }
    /** Measured by another command, which judges it itself. */
    | { readonly not: string };
}

export interface Verdict {
  readonly goal: string;
  readonly figure: string;
  readonly target: string;
  /** undefined: there is no figure. */
  readonly met: boolean | undefined;
}

export const goals: readonly Goal[] = [
  faster('readrandom, value bytes copied out', 'readrandom', 'lmdb', 3),
  faster('readrandom, value bytes copied out', 'readrandom', 'better-sqlite3', 5),
  faster('readrandom, search only', 'searchrandom', 'lmdb-c', 1.5),
  faster('readmissing', 'readmissing', 'lmdb', 3),
  faster('readhot (1 %)', 'readhot', 'lmdb', 3),
  faster('readseq, key strings and value copies', 'readseq', 'lmdb', 3),
  faster('readseq, keys only', 'readkeys', 'lmdb', 3),
  faster('count of a range, O(log n)', 'count', 'lmdb', 3),
  faster('offset, O(log n)', 'offset', 'lmdb', 3),
  faster('seekrandom, 100 entries each', 'seekrandom', 'lmdb', 3),
  faster('get of a 10-field object, msgpack', 'objects', 'lmdb', 1.5),
  faster('fillseq, one transaction', 'fillseq', 'lmdb', 2),
  {
    text: 'fillseq, file over raw data',
    by: { workload: 'fillseq', measure: { kind: 'file over data', atMost: 1.1 } },
  },
  faster('fillrandom, durable transactions of 1,000', 'fillrandom', 'lmdb', 4),
  faster('overwrite, durable transactions of 1,000', 'overwrite', 'lmdb', 4),
  faster('durable single put, one at a time', 'fillsync', 'lmdb', 1.7),
  faster('durable puts, 100 awaiting at once', 'fillgroup', 'lmdb', 2),
  faster("'interval', single puts, against noSync", 'fillinterval', 'lmdb', 3),
  {
    text: 'file size after fillrandom',
    by: {
      workload: 'fillrandom',
      measure: { kind: 'file over peer', peer: 'better-sqlite3', below: 1 },
    },
  },
  elsewhere('overwrite 20 x the data, one reader open: file', 'space --only longreader'),
  elsewhere('runs per commit, at most 1/8 of that of LMDB', 'space --only runs'),
  {
    text: 'open a file (64 GiB, of a hole) and get one key',
    by: { workload: 'openlarge', measure: { kind: 'ms', atMost: 5 } },
  },
  elsewhere('open a file of 10 GB and get one key, cold: at most 1 MiB', 'cold --rows 87e6'),
  elsewhere('1 to 4 reader processes: linear; Pss', 'readers'),
  elsewhere('readers beside a writer: within 5 %', 'readers'),
  elsewhere('slice of 1 MB out of 900 MB: loads at most 1.2 MB', 'cold'),
];

/** The workloads that the goals need. */
export const goalWorkloads: readonly string[] = [
  ...new Set(goals.flatMap(({ by }) => ('workload' in by ? [by.workload] : []))),
];

/** `rows`: how many the run had. */
export function judge(results: readonly Result[], rows: number): Verdict[] {
  return goals.map((goal) => verdictOf(goal, results, rows));
}

function verdictOf({ text, by }: Goal, results: readonly Result[], rows: number): Verdict {
  if ('not' in by) return { goal: text, figure: by.not, target: '', met: undefined };
  const { measure } = by;
  const target = targetOf(measure);
  const workload = workloadNamed(by.workload);
  const value = figureOf(by.workload, measure, results, rows);
  if (typeof value === 'string') return { goal: text, figure: value, target, met: undefined };
  const said = `${value.toFixed(2)} ${measure.kind === 'ms' ? 'ms' : 'x'}`;
  const clock = measure.kind === 'times as fast' && workload.clock === 'cpu' ? ', cpu' : '';
  return { goal: text, figure: `${said}${clock}`, target, met: isMet(measure, value) };
}

/** The figure; or, in words, why there is none. */
function figureOf(
  name: string,
  measure: Measure,
  results: readonly Result[],
  rows: number,
): number | string {
  const workload = workloadNamed(name);
  const of = (contender: string): Result[] =>
    results.filter((r) => r.workload === name && r.contender === contender && !r.borrows);
  const ours = fastestOf(workload, results, OURS);
  if (ours === undefined) return 'not in this run';
  switch (measure.kind) {
    case 'ms':
      return median(ours.ms);
    case 'file over data':
      return smallest(of(OURS)) / (rows * ROW_BYTES);
    case 'file over peer':
      if (of(measure.peer).length === 0) return `no ${measure.peer} in this run`;
      return smallest(of(OURS)) / smallest(of(measure.peer));
    case 'times as fast': {
      const peer = fastestOf(workload, results, measure.peer);
      return peer === undefined ? `no ${measure.peer} in this run` : ratioOf(workload, peer, ours);
    }
  }
}

function smallest(results: readonly Result[]): number {
  return Math.min(...results.map(({ closedBytes }) => closedBytes));
}

function isMet(measure: Measure, value: number): boolean {
  switch (measure.kind) {
    case 'times as fast':
      return value >= measure.atLeast;
    case 'file over peer':
      return value < measure.below;
    default:
      return value <= measure.atMost;
  }
}

function targetOf(measure: Measure): string {
  switch (measure.kind) {
    case 'times as fast':
      return `${measure.atLeast} x ${measure.peer}`;
    case 'file over peer':
      return `below ${measure.peer}'s`;
    case 'ms':
      return `at most ${measure.atMost} ms`;
    case 'file over data':
      return `at most ${measure.atMost} x`;
  }
}

function faster(text: string, workload: string, peer: string, atLeast: number): Goal {
  return { text, by: { workload, measure: { kind: 'times as fast', peer, atLeast } } };
}

function elsewhere(text: string, command: string): Goal {
  return { text, by: { not: `npm run bench -- ${command}` } };
}
