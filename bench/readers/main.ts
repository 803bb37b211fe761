/** `npm run bench -- readers ARGS`: measures readers, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startChild } from '../child-process.ts';
import { optionsOrNothing } from '../command-line.ts';
import { contenderNamed } from '../contenders/all.ts';
import type { Contender } from '../contenders/contender.ts';
import { describeMachine, load, type Machine } from '../machine.ts';
import { resultsFile, writeResults } from '../report.ts';
import { goalsTable, machineText } from '../table.ts';
import type { Kind } from './crew.ts';
import { measureReaders, type ReadersResult } from './measure.ts';
import { HELP, parseOptions, type ReaderOptions } from './options.ts';
import { besideWriterTable, memoryTable, scalingTable } from './tables.ts';
import { judgeReaders } from './verdicts.ts';

const options = optionsOrNothing(parseOptions, 'readers --help');
if (options?.help) console.log(HELP);
else if (options !== undefined) await main(options);

async function main(options: ReaderOptions): Promise<void> {
  const { rows, rounds, roundMs, processors } = options;
  const { machine, results } = await measure(options);
  const verdicts = judgeReaders(results, processors);
  const file = options.json ?? resultsFile('readers', machine);
  const report = { version: 1, machine, rows, rounds, roundMs, processors, results, verdicts };
  writeResults(file, report);

  console.log(`\n${machineText(machine)}`);
  console.log(`${rows} rows, gets at random, ${rounds} rounds of ${roundMs} ms; medians`);
  console.log(`\n${scalingTable(results, processors)}`);
  console.log(`\n${besideWriterTable(results)}`);
  console.log(`\n${memoryTable(results)}`);
  if (verdicts.length > 0) console.log(`\n${goalsTable(verdicts)}`);
  console.log(`\n${file}`);
}

async function measure(
  options: ReaderOptions,
): Promise<{ machine: Machine; results: ReadersResult[] }> {
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
    return { machine: describeMachine(contenders, data, loadBefore), results };
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
