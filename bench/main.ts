/** `npm run bench -- ARGS`: measures, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { optionsOrNothing } from './command-line.ts';
import { findContenders } from './contenders/all.ts';
import { OURS } from './contenders/names.ts';
import { judge } from './goals.ts';
import { type HeapReport, measureHeap } from './heap.ts';
import { describeMachine, load } from './machine.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { REPORT_VERSION, type Report, readReport, resultsFile, writeReport } from './report.ts';
import { fill, folderOf, type Result, runWorkload, variantsOf } from './runner.ts';
import { summariesOf } from './summary.ts';
import {
  countsTable,
  goalsTable,
  heapText,
  machineText,
  memoryTable,
  timesTable,
} from './table.ts';

const options = optionsOrNothing(parseOptions, '--help');
if (options?.help) console.log(HELP);
else if (options !== undefined) await main(options);

async function main(options: Options): Promise<void> {
  const { goals, json } = options;
  const earlier = goals && json !== undefined ? readReport(json) : undefined;
  const report = earlier ?? (await measure(options));
  console.log(`\n${machineText(report.machine)}`);
  const { rows, rounds } = report.scale;
  console.log(`${rows} rows, 15-byte keys, 100-byte values, ${rounds} rounds, ${report.seconds} s`);
  for (const { name, why } of report.absent) console.log(`${name} was left out: ${why}`);
  if (!goals) {
    const summaries = summariesOf(report.results);
    for (const text of [timesTable, countsTable, memoryTable]) console.log(`\n${text(summaries)}`);
  }
  const verdicts = judge(report.results, rows);
  const told = goals ? verdicts : verdicts.filter(({ met }) => met !== undefined);
  if (told.length > 0) console.log(`\n${goalsTable(told)}`);
  if (report.heap !== undefined) console.log(`\n${heapText(report.heap)}`);
  if (earlier !== undefined) return;
  const kind = goals ? 'goals' : options.quick ? 'quick' : 'full';
  const path = json ?? resultsFile(kind, report.machine);
  writeReport(path, report);
  console.log(`\n${path}`);
}

async function measure({ scale, workloads, heap, contenders, dir }: Options): Promise<Report> {
  const { entrants, absent } = findContenders(contenders);
  for (const { name, why } of absent) note(`without ${name}: ${why}`);
  const data = join(resolve(dir ?? 'out/bench-data'), String(process.pid));
  const loadBefore = load();
  const start = performance.now();
  const results: Result[] = [];
  let heapReport: HeapReport | undefined;

  mkdirSync(data, { recursive: true });
  try {
    const filled = heap || workloads.some(({ starts }) => starts !== 'empty');
    if (filled) {
      note(`${scale.rows} rows for each of ${entrants.map(({ name }) => name).join(', ')} ...`);
      await fill(entrants, data, scale);
    }
    for (const workload of workloads) {
      note(`measuring ${workload.name} ...`);
      const able = entrants.filter((entrant) => variantsOf(workload, entrant).length > 0);
      results.push(...(await runWorkload(workload, able, data, scale)));
    }
    if (heap) {
      note('measuring heap ...');
      const ours = entrants.find(({ name }) => name === OURS);
      if (ours !== undefined) heapReport = await measureHeap(folderOf(data, ours), scale.rows);
    }
    return {
      version: REPORT_VERSION,
      machine: describeMachine(entrants, data, loadBefore),
      scale,
      seconds: Math.round((performance.now() - start) / 1000),
      absent,
      results,
      heap: heapReport,
    };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function note(what: string): void {
  process.stderr.write(`${what}\n`);
}
