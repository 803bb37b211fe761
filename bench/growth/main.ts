/** `npm run bench -- growth ARGS`: measures in files of each size, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { optionsOrNothing } from '../command-line.ts';
import { findContenders } from '../contenders/all.ts';
import { describeMachine, load } from '../machine.ts';
import { resultsFile, writeResults } from '../report.ts';
import { fill, runWorkload, variantsOf } from '../runner.ts';
import { machineText } from '../table.ts';
import { GROWTH_HELP, type GrowthOptions, parseGrowthOptions } from './options.ts';
import { GROWTH_VERSION, type GrowthReport, type GrowthResult, growthTable } from './report.ts';

const options = optionsOrNothing(parseGrowthOptions, 'growth --help');
if (options?.help) console.log(GROWTH_HELP);
else if (options !== undefined) await main(options);

async function main({ json, ...what }: GrowthOptions): Promise<void> {
  const report = await measure(what);
  console.log(`\n${machineText(report.machine)}`);
  console.log(`15-byte keys, 100-byte values, ${report.rounds} rounds, ${report.seconds} s\n`);
  console.log(growthTable(report));
  const path = json ?? resultsFile('growth', report.machine);
  writeResults(path, report);
  console.log(`\n${path}`);
}

async function measure({
  workloads,
  sizes,
  contenders,
  each,
  dir,
}: Omit<GrowthOptions, 'json'>): Promise<GrowthReport> {
  const { entrants, absent } = findContenders(contenders);
  for (const { name, why } of absent) process.stderr.write(`without ${name}: ${why}\n`);
  const data = join(resolve(dir ?? 'out/bench-data'), `growth-${process.pid}`);
  const loadBefore = load();
  const start = performance.now();
  const results: GrowthResult[] = [];
  mkdirSync(data, { recursive: true });
  try {
    for (const rows of sizes) {
      const scale = { ...each, rows };
      const folder = join(data, String(rows));
      process.stderr.write(`${rows.toLocaleString('en-US')} rows ...\n`);
      if (workloads.some(({ starts }) => starts !== 'empty')) await fill(entrants, folder, scale);
      for (const workload of workloads) {
        process.stderr.write(`measuring ${workload.name} ...\n`);
        const able = entrants.filter((entrant) => variantsOf(workload, entrant).length > 0);
        const found = await runWorkload(workload, able, folder, scale);
        results.push(...found.map((result) => ({ ...result, rows })));
      }
      rmSync(folder, { recursive: true, force: true });
    }
    return {
      version: GROWTH_VERSION,
      machine: describeMachine(entrants, data, loadBefore),
      sizes,
      rounds: each.rounds,
      seconds: Math.round((performance.now() - start) / 1000),
      absent,
      results,
    };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}
