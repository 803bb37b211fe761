/** `npm run bench -- cold ARGS`: measures cold starts, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { optionsOrNothing } from '../command-line.ts';
import { coppice } from '../contenders/coppice.ts';
import { describeMachine, load } from '../machine.ts';
import { resultsFile, writeResults } from '../report.ts';
import { goalsTable, machineText } from '../table.ts';
import { makeFile, measureCold } from './measure.ts';
import { type ColdOptions, HELP, parseOptions } from './options.ts';
import { COLD_VERSION, type ColdReport } from './report.ts';
import { measureSlice } from './slice.ts';
import { coldTable, fileText, sliceTable } from './tables.ts';
import { judgeCold } from './verdicts.ts';

const options = optionsOrNothing(parseOptions, 'cold --help');
if (options?.help) console.log(HELP);
else if (options !== undefined) await main(options);

async function main(options: ColdOptions): Promise<void> {
  const data = join(resolve(options.dir ?? 'out/bench-data'), `cold-${process.pid}`);
  const loadBefore = load();
  mkdirSync(data, { recursive: true });
  try {
    const path = resolve(options.file ?? join(data, 'rows.coppice'));
    note(`${options.rows} rows ...`);
    const file = await makeFile(path, options.rows);
    note(`measuring ${options.steps.join(', ')} ...`);
    const results = await measureCold(path, options);
    if (options.file === undefined) rmSync(path);
    note('measuring slices ...');
    const slice =
      options.valueBytes === 0
        ? undefined
        : await measureSlice(join(data, 'value.coppice'), options);
    const machine = describeMachine([coppice], data, loadBefore);
    const { rows, rounds } = options;
    const version = COLD_VERSION;
    const report: ColdReport = { version, machine, rows, rounds, file, slice, results };
    const json = options.json ?? resultsFile('cold', machine);
    writeResults(json, report);

    console.log(`\n${machineText(machine)}\n${fileText(report)}`);
    console.log(`\n${coldTable(results)}`);
    if (slice !== undefined) console.log(`\n${sliceTable(slice)}`);
    console.log(`\n${goalsTable(judgeCold(report))}`);
    console.log(`\n${json}`);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function note(what: string): void {
  process.stderr.write(`${what}\n`);
}
