/** What is given on the command line of `npm run bench`, checked. */

import { parseArgs } from 'node:util';
import { wholeNumber } from './command-line.ts';
import { contenderNames, OURS } from './contenders/names.ts';
import { goalWorkloads } from './goals.ts';
import { workloadNamed, workloads } from './workloads/all.ts';
import type { Scale, Workload } from './workloads/workload.ts';

/** What scripts/bench.mjs has no packages to install for. */
const QUICK_CONTENDERS = ['coppice', 'lmdb'];
const QUICK: Scale = { rows: 1_000_000, gets: 100_000, transactions: 10, puts: 100, rounds: 5 };
const FULL: Scale = { rows: 1_000_000, gets: 500_000, transactions: 50, puts: 100, rounds: 11 };
/** Not a workload like the others: two processes of ours, with --trace-gc. */
const HEAP = 'heap';

export const HELP: string = `
Measures Coppice against its peers. Every contender and workload has a process of its own; the
processes take turns, round by round; medians count. What is read is checked: wrong data fails.

    npm run bench -- [WORKLOAD]... [--quick] [--goals] [--contenders NAME,NAME] [--rows N]
                     [--gets N] [--rounds N] [--json FILE] [--dir FOLDER]
    npm run bench -- space ARGS       the file's size and what is written; --help tells more
    npm run bench -- readers ARGS     many readers of one file, alone and beside a writer
    npm run bench -- cold ARGS        what is loaded when nothing is in memory, and how fast
    npm run bench -- growth ARGS      files of more and more rows
    npm run bench -- micro ARGS       single calls of the API
    npm run bench -- record ARGS      all of these into bench/results/, then the charts
    npm run bench -- charts           charts and docs/benchmarks.md from bench/results/

    WORKLOAD      only these; all without. There are:
${listed([...workloads.map(({ name }) => name), HEAP])}
    --quick       the most telling ones, fewer and shorter rounds, against lmdb only: ends within
                  two minutes
    --goals       the goals one by one: figure, goal, met or not. Judges the run in the --json FILE
                  where there is one; else it runs what the goals need, and leaves that there
    --contenders  whom to measure, with commas between. There are:
${listed(contenderNames)}
                  One that is not installed and cannot be is left out, which the run says
    --rows N      rows in the file; 1e7 is a number too
    --gets N      gets in a round of the reads
    --rounds N    timed rounds of each contender; goals ask for five at least
    --json FILE   where the figures are left; without it, in bench/results/local/
    --dir FOLDER  where the data is made, on the disk to be measured; removed afterwards
    --only NAME   the same as WORKLOAD
    --help        this text
`.trim();

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  readonly goals: boolean;
  readonly workloads: readonly Workload[];
  readonly heap: boolean;
  readonly contenders: readonly string[];
  readonly scale: Scale;
  readonly json: string | undefined;
  readonly dir: string | undefined;
}

/** Throws a TypeError or RangeError that says what is wrong with them. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean' },
      goals: { type: 'boolean' },
      only: { type: 'string', multiple: true },
      contenders: { type: 'string' },
      rows: { type: 'string' },
      gets: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const quick = values.quick === true;
  const goals = values.goals === true;
  const usual = quick ? QUICK : FULL;
  const given = [...positionals, ...(values.only ?? [])];
  const names = given.length > 0 ? [...new Set(given)] : usualWorkloads(quick, goals);
  return {
    help: values.help === true,
    quick,
    goals,
    workloads: names.filter((name) => name !== HEAP).map(workloadNamed),
    heap: names.includes(HEAP),
    contenders:
      values.contenders === undefined ? usualContenders(quick) : contendersGiven(values.contenders),
    scale: {
      ...usual,
      rows: wholeNumber('rows', values.rows, usual.rows),
      gets: wholeNumber('gets', values.gets, usual.gets),
      rounds: wholeNumber('rounds', values.rounds, goals ? 5 : usual.rounds),
    },
    json: values.json,
    dir: values.dir,
  };
}

function usualWorkloads(quick: boolean, goals: boolean): string[] {
  if (goals) return [...goalWorkloads];
  const chosen = workloads.filter((workload) => workload.quick || !quick);
  return [...chosen.map(({ name }) => name), HEAP];
}

function usualContenders(quick: boolean): string[] {
  return quick ? QUICK_CONTENDERS : [...contenderNames];
}

/** Ours is always among them, first: it is what the others are compared with. */
export function contendersGiven(given: string): string[] {
  const names = given.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!contenderNames.includes(name)) {
      throw new RangeError(
        `There is no contender "${name}". There are: ${contenderNames.join(', ')}.`,
      );
    }
  }
  return [...new Set([OURS, ...names])];
}

function listed(names: readonly string[]): string {
  const indent = ' '.repeat(18);
  const lines = [''];
  for (const name of names) {
    const line = lines.at(-1) ?? '';
    if (line.length + name.length > 76) lines.push(name);
    else lines[lines.length - 1] = line === '' ? name : `${line}, ${name}`;
  }
  return lines.map((line) => `${indent}${line}`).join(',\n');
}
