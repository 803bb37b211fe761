/**
 * What a run leaves as JSON, and reads again to judge the goals and to draw charts. It says what
 * machine that was, but neither its name nor any path of it: the files can be published.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { HeapReport } from './heap.ts';
import type { Machine } from './machine.ts';
import type { Result } from './runner.ts';
import type { Scale } from './workloads/workload.ts';

export interface Report {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof REPORT_VERSION;
  readonly machine: Machine;
  readonly scale: Scale;
  readonly seconds: number;
  readonly absent: readonly Absent[];
  readonly results: readonly Result[];
  readonly heap: HeapReport | undefined;
}

/** A contender that was left out. */
export interface Absent {
  readonly name: string;
  readonly why: string;
}

export const REPORT_VERSION = 2;

/** Digits that are kept of a time: far more than are the same the next time. */
const DIGITS = 6;

export function writeReport(path: string, report: Report): void {
  writeResults(path, report);
}

/** Any report: a line for each of its results, so that files stay small and changes readable. */
export function writeResults(
  path: string,
  { results, ...rest }: { readonly results: readonly unknown[] },
): void {
  const head = JSON.stringify(rest, rounded, 2).replace(/\n\}$/, '');
  const lines = results.map((result) => `    ${JSON.stringify(result, rounded)}`);
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${head},\n  "results": [\n${lines.join(',\n')}\n  ]\n}\n`);
}

/** Where the figures of a run are left that was given no file. */
export function resultsFile(kind: string, { date }: Machine): string {
  return join('bench/results/local', `${kind}-${date.replaceAll(':', '-')}.json`);
}

/** undefined when there is no such file. */
export function readReport(path: string): Report | undefined {
  return existsSync(path) ? reportAt(path, isReport) : undefined;
}

/** Throws a RangeError when it is another kind of report, or of another version of its shape. */
export function reportAt<Kind>(path: string, isKind: (value: unknown) => value is Kind): Kind {
  const report: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (isKind(report)) return report;
  throw new RangeError(`${path} is no report of this version of the benchmarks; run them again.`);
}

function isReport(value: unknown): value is Report {
  return hasVersion(value, REPORT_VERSION) && 'scale' in value;
}

/** Whether it is a report of that version of its shape. */
export function hasVersion(value: unknown, version: number): value is { version: number } {
  return (
    typeof value === 'object' && value !== null && 'version' in value && value.version === version
  );
}

function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return Number(value.toPrecision(DIGITS));
}
