/** What is given on the command line of `npm run bench -- growth`, checked. */

import { parseArgs } from 'node:util';
import { wholeNumber } from '../command-line.ts';
import { contendersGiven } from '../options.ts';
import { workloadNamed } from '../workloads/all.ts';
import type { Scale, Workload } from '../workloads/workload.ts';

const SIZES = [1e4, 1e5, 1e6, 1e7];
const WORKLOADS = ['readrandom', 'readseq', 'fillsync', 'overwrite'];
const CONTENDERS = 'coppice,lmdb';
/** In one round: at ten million rows a scan of all has to fit, too. */
const EACH: Omit<Scale, 'rows'> = { gets: 200_000, transactions: 20, puts: 100, rounds: 5 };

export const GROWTH_HELP: string = `
Measures the same workloads in files of more and more rows: what an operation costs by the size.

    npm run bench -- growth [WORKLOAD]... [--sizes N,N,...] [--contenders NAME,NAME]
                            [--rounds N] [--json FILE] [--dir FOLDER]

    WORKLOAD      which, as in npm run bench -- --help; without any these:
                  ${WORKLOADS.join(', ')}
    --sizes       rows in the file; without it ${SIZES.map((n) => n.toExponential().replace('+', '')).join(',')}
    --contenders  whom to measure; without it ${CONTENDERS}
    --rounds N    timed rounds of each contender; ${EACH.rounds} without
    --json FILE   where the figures are left; without it, in bench/results/local/
    --dir FOLDER  where the data is made, on the disk to be measured; removed afterwards. Ten
                  million rows take 1.3 GB for each contender, and again for each way of writing
    --help        this text
`.trim();

export interface GrowthOptions {
  readonly help: boolean;
  readonly workloads: readonly Workload[];
  /** Ascending. */
  readonly sizes: readonly number[];
  readonly contenders: readonly string[];
  readonly each: Omit<Scale, 'rows'>;
  readonly json: string | undefined;
  readonly dir: string | undefined;
}

/** Throws a TypeError or RangeError that says what is wrong with them. */
export function parseGrowthOptions(args: readonly string[]): GrowthOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      sizes: { type: 'string' },
      contenders: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const names = positionals.length > 0 ? [...new Set(positionals)] : WORKLOADS;
  const sizes = values.sizes?.split(',').map((size) => wholeNumber('sizes', size, 1)) ?? SIZES;
  return {
    help: values.help === true,
    workloads: names.map(workloadNamed),
    sizes: [...new Set(sizes)].sort((a, b) => a - b),
    contenders: contendersGiven(values.contenders ?? CONTENDERS),
    each: {
      ...EACH,
      rounds: wholeNumber('rounds', values.rounds, EACH.rounds),
    },
    json: values.json,
    dir: values.dir,
  };
}
