/** Whether figures may be quoted, or are those of a trial: and why. */

import type { ColdReport } from '../cold/report.ts';
import type { GrowthReport } from '../growth/report.ts';
import type { Machine } from '../machine.ts';
import type { CallsReport } from '../micro/calls/report.ts';
import type { ReadersReport } from '../readers/report.ts';
import type { Report } from '../report.ts';
import type { SpaceReport } from '../space/report.ts';
import type { FullResults, Results } from './results.ts';

/** What is asked of figures that are told to others. */
const LEAST = {
  rows: 1_000_000,
  rounds: 5,
  growthRows: 10_000_000,
  callSeconds: 2,
  readerRounds: 25,
  readerMs: 300,
  /** A file of 1 GB. */
  coldRows: 8_700_000,
  valueBytes: 900_000_000,
};

/** Stands before the title of a chart. */
export const TRIAL = 'A trial, not to be quoted: ';

/** All of them, with what they are of; empty where every figure may be quoted. */
export function trialReasons(results: Results): string[] {
  const { full, growth, micro, space, readers, cold } = results;
  const of = (what: string, reasons: readonly string[]): string[] =>
    reasons.map((reason) => `${what}: ${reason}`);
  return [
    ...of('workloads', whyFullTrial(full)),
    ...(growth === undefined ? [] : of('growth', whyGrowthTrial(growth))),
    ...(micro === undefined ? [] : of('single calls', whyCallsTrial(micro))),
    ...(space === undefined ? [] : of('space', whySpaceTrial(space))),
    ...(readers === undefined ? [] : of('readers', whyReadersTrial(readers))),
    ...(cold === undefined ? [] : of('cold starts', whyColdTrial(cold))),
  ];
}

/** Of all versions of Node. */
export function whyFullTrial(full: readonly FullResults[]): string[] {
  return full.flatMap(({ node, report }) =>
    whyTrial(report).map((reason) => `Node ${node}: ${reason}`),
  );
}

export function whyTrial({ scale, machine }: Report): string[] {
  return [
    ...fewer(scale.rows, LEAST.rows, 'rows'),
    ...fewer(scale.rounds, LEAST.rounds, 'rounds'),
    ...busy(machine),
  ];
}

export function whyGrowthTrial({ sizes, rounds, machine }: GrowthReport): string[] {
  return [
    ...fewer(sizes.at(-1) ?? 0, LEAST.growthRows, 'rows at most'),
    ...fewer(rounds, LEAST.rounds, 'rounds'),
    ...busy(machine),
  ];
}

export function whyCallsTrial({ secondsEach, machine }: CallsReport): string[] {
  return [...fewer(secondsEach, LEAST.callSeconds, 's each'), ...busy(machine)];
}

/** Sizes and counts: nothing else on the machine changes them. */
export function whySpaceTrial({ quick }: SpaceReport): string[] {
  return quick ? ['fewer rows than usual'] : [];
}

export function whyReadersTrial({ rows, rounds, roundMs, machine }: ReadersReport): string[] {
  return [
    ...fewer(rows, LEAST.rows, 'rows'),
    ...fewer(rounds, LEAST.readerRounds, 'rounds'),
    ...fewer(roundMs, LEAST.readerMs, 'ms each'),
    ...busy(machine),
  ];
}

export function whyColdTrial({ rows, rounds, slice, machine }: ColdReport): string[] {
  return [
    ...fewer(rows, LEAST.coldRows, 'rows'),
    ...fewer(rounds, LEAST.rounds, 'rounds'),
    ...fewer(slice?.valueBytes ?? 0, LEAST.valueBytes, 'bytes of the large value'),
    ...busy(machine),
  ];
}

function fewer(found: number, least: number, what: string): string[] {
  return found < least ? [`${grouped(found)} ${what}, not ${grouped(least)}`] : [];
}

/** Whether all cores had something else to do when it began. */
function busy({ loadBefore, cores }: Machine): string[] {
  return loadBefore < cores ? [] : [`a load of ${loadBefore} on ${cores} cores before it began`];
}

function grouped(n: number): string {
  return n.toLocaleString('en-US');
}
