/** What `npm run bench -- cold` leaves as JSON. */

import type { Machine } from '../machine.ts';
import { hasVersion, reportAt } from '../report.ts';
import type { ColdFile, ColdResult } from './measure.ts';
import type { SliceResult } from './slice.ts';

export interface ColdReport {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof COLD_VERSION;
  readonly machine: Machine;
  readonly rows: number;
  /** Of the gets and of the slices. */
  readonly rounds: number;
  readonly file: ColdFile;
  readonly slice: SliceResult | undefined;
  readonly results: readonly ColdResult[];
}

export const COLD_VERSION = 1;

export function readColdReport(path: string): ColdReport {
  return reportAt(path, isColdReport);
}

function isColdReport(value: unknown): value is ColdReport {
  return hasVersion(value, COLD_VERSION) && 'file' in value;
}
