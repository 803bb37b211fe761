/** What `npm run bench -- micro` leaves as JSON, and its table. */

import { OURS } from '../../contenders/names.ts';
import type { Machine } from '../../machine.ts';
import { hasVersion, reportAt } from '../../report.ts';
import { ratioText, table } from '../../table.ts';
import { callNamed } from './calls.ts';

export interface CallsReport {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof CALLS_VERSION;
  readonly machine: Machine;
  readonly rows: number;
  /** For which each call was repeated, at most. */
  readonly secondsEach: number;
  readonly results: readonly CallResult[];
}

export interface CallResult {
  readonly call: string;
  readonly contender: string;
  readonly variant: string;
  /** Whether it does less than the call asks for. */
  readonly borrows: boolean;
  /** Of one operation: the mean of the samples, by the clock. */
  readonly ns: number;
  /** Half of the interval that holds the mean with a probability of 95 %, in parts of it. */
  readonly marginPercent: number;
  readonly samples: number;
}

export const CALLS_VERSION = 1;

export function readCallsReport(path: string): CallsReport {
  return reportAt(path, isCallsReport);
}

function isCallsReport(value: unknown): value is CallsReport {
  return hasVersion(value, CALLS_VERSION) && 'secondsEach' in value;
}

export function callsTable(results: readonly CallResult[]): string {
  const rows = results.map((result, i) => {
    const { call, contender, variant, borrows, ns, marginPercent } = result;
    const ours = Math.min(
      ...results.filter((r) => r.call === call && r.contender === OURS).map((r) => r.ns),
    );
    return [
      results[i - 1]?.call === call ? '' : callNamed(call).title,
      `${contender} ${variant}${borrows ? ' *' : ''}`,
      ns.toLocaleString('en-US', { maximumFractionDigits: ns < 100 ? 1 : 0 }),
      `± ${marginPercent.toFixed(1)} %`,
      Math.round(1e9 / ns).toLocaleString('en-US'),
      contender === OURS && ns === ours ? '1' : ratioText(ns / ours),
    ];
  });
  return table(['call', 'by', 'ns', 'margin', 'a second', 'x ours'], rows, 'llrrrr');
}

export const CALLS_NOTE: string =
  'ns: of one operation, the mean; margin: of its interval of confidence of 95 %; a second: ' +
  'operations; x ours: how many times as long as ours takes. *: overwritten by the next read.';
