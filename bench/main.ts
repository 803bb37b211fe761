/** `npm run bench -- ARGS`: measures, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { contenders, OURS } from './contenders/all.ts';
import { type HeapReport, measureHeap } from './heap.ts';
import { describeMachine, load, type Machine } from './machine.ts';
import { fill, folderOf, type Result, runWorkload } from './runner.ts';
import { type Summary, summarise } from './summary.ts';
import { countsTable, goalsTable, heapText, machineText, timesTable } from './table.ts';
import { workloadNamed, workloads } from './workloads/all.ts';
import type { Scale } from './workloads/workload.ts';

const HELP = `
Measures Coppice against its peers. Every contender and workload has a process of its own; the
processes take turns, round by round; medians count.

    npm run bench -- [--quick] [--only NAME]... [--rounds N] [--rows N] [--dir FOLDER]

    --quick       fewer and shorter rounds: ends within two minutes
    --only NAME   only this workload; may be given again. There are:
                  ${[...workloads.map(({ name }) => name), 'heap'].join(', ')}
    --rounds N    timed rounds of each contender
    --rows N      rows in the file
    --dir FOLDER  where the data is made, on the disk to be measured; removed afterwards
    --help        this text

The figures are left in bench/results/local/, as JSON.`;

const QUICK = { scale: { rows: 1_000_000, gets: 100_000, transactions: 15, puts: 100 }, rounds: 5 };
const FULL = { scale: { rows: 1_000_000, gets: 500_000, transactions: 50, puts: 100 }, rounds: 11 };

const { values: args } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    rows: { type: 'string' },
    dir: { type: 'string' },
  },
});

if (args.help) console.log(HELP.trim());
else await measure();

async function measure(): Promise<void> {
  const { scale: usual, rounds: usualRounds } = args.quick ? QUICK : FULL;
  const scale: Scale = { ...usual, rows: count('rows', args.rows, usual.rows) };
  const rounds = count('rounds', args.rounds, usualRounds);
  const names = args.only ?? [...workloads.map(({ name }) => name), 'heap'];
  const chosen = names.filter((name) => name !== 'heap').map(workloadNamed);
  const data = join(resolve(args.dir ?? 'out/bench-data'), String(process.pid));
  const loadBefore = load();
  const start = performance.now();
  const summaries: Summary[] = [];
  let heap: HeapReport | undefined;

  mkdirSync(data, { recursive: true });
  try {
    note(`${scale.rows} rows for each of ${contenders.map(({ name }) => name).join(', ')}`);
    await fill(data, scale);
    for (const workload of chosen) {
      note(workload.name);
      summaries.push(summarise(workload, await runWorkload(workload, data, scale, rounds)));
    }
    if (names.includes('heap')) {
      note('heap');
      const ours = contenders.find(({ name }) => name === OURS);
      if (ours !== undefined) heap = await measureHeap(folderOf(data, ours), scale.rows);
    }
    const machine = describeMachine(data, loadBefore);
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(`\n${machineText(machine)}`);
    console.log(
      `${scale.rows} rows, 15-byte keys, 100-byte values, ${rounds} rounds, ${seconds} s`,
    );
    for (const text of [timesTable, countsTable, goalsTable]) console.log(`\n${text(summaries)}`);
    if (heap !== undefined) console.log(`\n${heapText(heap)}`);
    save({ machine, scale, rounds, seconds, heap, results: summaries.flatMap((s) => s.results) });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

/** What is left as JSON. */
interface Report {
  readonly machine: Machine;
  readonly scale: Scale;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: readonly Result[];
  readonly heap: HeapReport | undefined;
}

function note(what: string): void {
  process.stderr.write(`measuring ${what} ...\n`);
}

function save(report: Report): void {
  const folder = resolve('bench/results/local');
  mkdirSync(folder, { recursive: true });
  const name = `${args.quick ? 'quick' : 'full'}-${report.machine.date.replaceAll(':', '-')}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nbench/results/local/${name}`);
}

function count(name: string, given: string | undefined, usual: number): number {
  if (given === undefined) return usual;
  const n = Number(given);
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`--${name} is a number from 1 on`);
  return n;
}
