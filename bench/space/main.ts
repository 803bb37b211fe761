/** `npm run bench -- space ARGS`: measures space, prints tables, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { coppice } from '../contenders/coppice.ts';
import { lmdb } from '../contenders/lmdb.ts';
import { describeMachine, load } from '../machine.ts';
import { writeResults } from '../report.ts';
import { machineText } from '../table.ts';
import { measurementNamed, measurements } from './all.ts';
import { figuresTable, SPACE_VERSION, type SpaceReport, type SpaceResult } from './report.ts';

const HELP = `
Measures what Coppice's file, its commits and its deletions take, beside its peers.

    npm run bench -- space [--quick] [--only NAME]... [--rows N] [--json FILE] [--dir FOLDER]

    --quick       fewer rows
    --only NAME   only this measurement; may be given again. There are:
                  ${measurements.map(({ name }) => name).join(', ')}
    --rows N      rows in the file, for all of them
    --json FILE   where the figures are left; otherwise in bench/results/local/
    --dir FOLDER  where the data is made, on the disk to be measured; removed afterwards
    --help        this text`;

const { values: args } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    rows: { type: 'string' },
    json: { type: 'string' },
    dir: { type: 'string' },
  },
});

if (args.help) console.log(HELP.trim());
else await measureAll();

async function measureAll(): Promise<void> {
  const chosen = args.only?.map(measurementNamed) ?? measurements;
  const quick = args.quick ?? false;
  const rowsGiven = args.rows === undefined ? undefined : rowCount(args.rows);
  const data = join(resolve(args.dir ?? 'out/bench-data'), `space-${process.pid}`);
  const loadBefore = load();
  const results: SpaceResult[] = [];
  mkdirSync(data, { recursive: true });
  try {
    for (const { name, title, rows: usual, run } of chosen) {
      process.stderr.write(`measuring ${name} ...\n`);
      const folder = join(data, name);
      mkdirSync(folder);
      const rows = rowsGiven ?? (quick ? usual.quick : usual.full);
      const outcome = await run({ folder, rows, quick });
      rmSync(folder, { recursive: true });
      results.push({ name, title, rows, ...outcome });
      console.log(`\n${name}: ${title}\n\n${figuresTable(outcome.figures)}\n`);
      for (const note of outcome.notes) console.log(note);
    }
    const machine = describeMachine([coppice, lmdb], data, loadBefore);
    console.log(`\n${machineText(machine)}`);
    const isQuick = quick || rowsGiven !== undefined;
    save({ version: SPACE_VERSION, machine, quick: isQuick, results });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function save(report: SpaceReport): void {
  const name = `space-${report.machine.date.replaceAll(':', '-')}.json`;
  const file = args.json ?? join('bench/results/local', name);
  writeResults(file, report);
  console.log(`\n${file}`);
}

function rowCount(given: string): number {
  const n = Number(given);
  if (!Number.isSafeInteger(n) || n < 1000) throw new RangeError('--rows is a number from 1000 on');
  return n;
}
