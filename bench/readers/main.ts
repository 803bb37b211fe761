/** `npm run bench -- readers ARGS`: measures readers, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startChild } from '../child-process.ts';
import { optionsOrNothing } from '../command-line.ts';
import { contenderNamed } from '../contenders/all.ts';
import type { Contender } from '../contenders/contender.ts';
import { describeMachine, load } from '../machine.ts';
import { resultsFile, writeResults } from '../report.ts';
import { goalsTable, machineText } from '../table.ts';
import type { Kind } from './crew.ts';
import { measureReaders, type ReadersResult } from './measure.ts';
import { HELP, parseOptions, type ReaderOptions } from './options.ts';
import { READERS_VERSION, type ReadersReport } from './report.ts';
import { besideWriterTable, memoryTable, roundsText, scalingTable } from './tables.ts';
import { judgeReaders } from './verdicts.ts';

const options = optionsOrNothing(parseOptions, 'readers --help');
if (options?.help) console.log(HELP);
else if (options !== undefined) await main(options);

async function main(options: ReaderOptions): Promise<void> {
  const report = await measure(options);
  const { machine, results } = report;
  const verdicts = judgeReaders(report);
  const file = options.json ?? resultsFile('readers', machine);
  writeResults(file, report);

  console.log(`\n${machineText(machine)}\n${roundsText(report)}`);
  console.log(`\n${scalingTable(report)}`);
  console.log(`\n${besideWriterTable(results)}`);
  console.log(`\n${memoryTable(results)}`);
  if (verdicts.length > 0) console.log(`\n${goalsTable(verdicts)}`);
  console.log(`\n${file}`);
}

async function measure(options: ReaderOptions): Promise<ReadersReport> {
  const contenders = options.contenders.map(contenderNamed);
  const data = join(resolve(options.dir ?? 'out/bench-data'), `readers-${process.pid}`);
  const loadBefore = load();
  const results: ReadersResult[] = [];
  mkdirSync(data, { recursive: true });
  try {
    for (const contender of contenders) {
      for (const kind of ['processes', 'threads'] satisfies Kind[]) {
        process.stderr.write(`measuring ${contender.name}, ${kind} ...\n`);
        const folder = join(data, `${contender.name}-${kind}`);
        mkdirSync(folder);
        await fill(contender, folder, options.rows);
        results.push(await measureReaders(contender, kind, folder, options));
        rmSync(folder, { recursive: true });
      }
    }
    const machine = describeMachine(contenders, data, loadBefore);
    const { rows, rounds, roundMs, processors } = options;
    return { version: READERS_VERSION, machine, rows, rounds, roundMs, processors, results };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

/** In a process of its own: this one never has the file mapped, but by its threads. */
async function fill(contender: Contender, folder: string, rows: number): Promise<void> {
  const scale = { rows, gets: 0, transactions: 0, puts: 0, rounds: 0 };
  const task = { workload: 'fill', contender: contender.name, variant: 'fill', folder, scale };
  const child = startChild(task, contender);
  await child.ask('fill');
  await child.end();
}
