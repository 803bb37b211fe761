/** What `npm run bench -- growth` leaves as JSON, and its table. */

import { OURS } from '../contenders/names.ts';
import type { Machine } from '../machine.ts';
import { type Absent, hasVersion, reportAt } from '../report.ts';
import type { Result } from '../runner.ts';
import { fastestOf, microseconds, ratioOf } from '../summary.ts';
import { ratioText, table, time } from '../table.ts';
import { workloadNamed } from '../workloads/all.ts';
import type { Workload } from '../workloads/workload.ts';

export interface GrowthReport {
  /** Of the report's shape; another one is not read. */
  readonly version: typeof GROWTH_VERSION;
  readonly machine: Machine;
  /** Rows in the file, ascending. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly absent: readonly Absent[];
  readonly results: readonly GrowthResult[];
}

export interface GrowthResult extends Result {
  readonly rows: number;
}

export const GROWTH_VERSION = 1;

export function readGrowthReport(path: string): GrowthReport {
  return reportAt(path, isGrowthReport);
}

function isGrowthReport(value: unknown): value is GrowthReport {
  return hasVersion(value, GROWTH_VERSION) && 'sizes' in value;
}

/** What one operation of a contender costs in files of each size. */
export interface Growth {
  readonly workload: Workload;
  readonly contender: string;
  readonly costs: readonly {
    readonly rows: number;
    readonly us: number;
    /** How many times as long as ours. */
    readonly overOurs: number | undefined;
  }[];
}

/** Of each workload and contender, in their order; at each size its fastest variant counts. */
export function growthOf({ results, sizes }: GrowthReport): Growth[] {
  const names = [...new Set(results.map(({ workload }) => workload))];
  const contenders = [...new Set(results.map(({ contender }) => contender))];
  return names.flatMap((name) => {
    const workload = workloadNamed(name);
    return contenders.map((contender) => ({
      workload,
      contender,
      costs: sizes.flatMap((rows) => {
        const there = results.filter((result) => result.rows === rows);
        const fastest = fastestOf(workload, there, contender);
        const ours = fastestOf(workload, there, OURS);
        if (fastest === undefined) return [];
        const overOurs = ours === undefined ? undefined : ratioOf(workload, fastest, ours);
        return [{ rows, us: microseconds(fastest, workload.clock), overOurs }];
      }),
    }));
  });
}

/** A column for each size; in brackets how many times as fast we are. */
export function growthTable(report: GrowthReport): string {
  const rows = growthOf(report).map(({ workload, contender, costs }) => [
    workload.name,
    workload.clock,
    contender,
    ...report.sizes.map((size) => {
      const cost = costs.find((each) => each.rows === size);
      if (cost === undefined) return '';
      if (contender === OURS || cost.overOurs === undefined) return time(cost.us);
      return `${time(cost.us)} (${ratioText(cost.overOurs)})`;
    }),
  ]);
  const head = ['workload', 'by', 'contender'];
  const sizes = report.sizes.map((size) => `${size.toLocaleString('en-US')} rows`);
  return table([...head, ...sizes], rows, `lll${'r'.repeat(sizes.length)}`);
}
