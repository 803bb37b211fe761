/** What `npm run bench -- readers` leaves as JSON. */

import type { Machine } from '../machine.ts';
import { hasVersion, reportAt } from '../report.ts';
import type { ReadersResult } from './measure.ts';

export interface ReadersReport {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof READERS_VERSION;
  readonly machine: Machine;
  readonly rows: number;
  readonly rounds: number;
  readonly roundMs: number;
  /** What `linear` is counted by. */
  readonly processors: number;
  readonly results: readonly ReadersResult[];
}

export const READERS_VERSION = 1;

export function readReadersReport(path: string): ReadersReport {
  return reportAt(path, isReadersReport);
}

function isReadersReport(value: unknown): value is ReadersReport {
  return hasVersion(value, READERS_VERSION) && 'roundMs' in value;
}
