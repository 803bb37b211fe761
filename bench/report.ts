/** What a run leaves as JSON, and reads again to judge the goals. */

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
  readonly absent: readonly { readonly name: string; readonly why: string }[];
  readonly results: readonly Result[];
  readonly heap: HeapReport | undefined;
}

export const REPORT_VERSION = 2;

export function writeReport(path: string, report: Report): void {
  writeJson(path, report);
}

/** Makes the folder where need be. */
export function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(resolve(path)), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Where the figures of a run are left that was given no file. */
export function resultsFile(kind: string, { date }: Machine): string {
  return join('bench/results/local', `${kind}-${date.replaceAll(':', '-')}.json`);
}

/** undefined when there is no such file. */
export function readReport(path: string): Report | undefined {
  if (!existsSync(path)) return undefined;
  const report: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!isReport(report)) {
    throw new RangeError(`${path} is no report of this version of the benchmarks; run them again.`);
  }
  return report;
}

function isReport(value: unknown): value is Report {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === REPORT_VERSION
  );
}
