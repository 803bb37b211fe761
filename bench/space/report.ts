/** What `npm run bench -- space` leaves as JSON, and its tables. */

import type { Machine } from '../machine.ts';
import { hasVersion, reportAt } from '../report.ts';
import { table } from '../table.ts';
import type { Figure, Outcome } from './measurement.ts';

export interface SpaceReport {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof SPACE_VERSION;
  readonly machine: Machine;
  /** Whether it was measured with fewer rows than usual. */
  readonly quick: boolean;
  readonly results: readonly SpaceResult[];
}

export interface SpaceResult extends Outcome {
  readonly name: string;
  readonly title: string;
  readonly rows: number;
}

export const SPACE_VERSION = 1;

export function readSpaceReport(path: string): SpaceReport {
  return reportAt(path, isSpaceReport);
}

export function figuresTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, value, goal, met }) => [
    what,
    value,
    goal ?? '',
    met === undefined ? '' : met ? 'met' : 'NOT met',
  ]);
  return table(['what', 'figure', 'goal', ''], rows, 'lrll');
}

function isSpaceReport(value: unknown): value is SpaceReport {
  return hasVersion(value, SPACE_VERSION) && 'quick' in value;
}
