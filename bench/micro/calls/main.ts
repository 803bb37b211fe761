/** `npm run bench -- micro ARGS`: measures single calls, leaves the figures as JSON. */

import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { optionsOrNothing, wholeNumber } from '../../command-line.ts';
import { coppice } from '../../contenders/coppice.ts';
import { lmdb } from '../../contenders/lmdb.ts';
import { describeMachine, load } from '../../machine.ts';
import { resultsFile, writeResults } from '../../report.ts';
import { machineText } from '../../table.ts';
import { callNamed, calls, type SingleCall } from './calls.ts';
import { measureCall, requireSame } from './comparison.ts';
import { drawRows, openBothLmdb, openCoppice } from './databases.ts';
import {
  CALLS_NOTE,
  CALLS_VERSION,
  type CallResult,
  type CallsReport,
  callsTable,
} from './report.ts';

const ROWS = 100_000;
const SECONDS = 2;

const HELP = `
Measures single calls of Coppice beside those of lmdb-js with benny: keys of 15 bytes drawn at
random, values of 100 bytes, one process. Before a call is measured, all ways of making it have to
return, or write, the same.

    npm run bench -- micro [CALL]... [--rows N] [--seconds N] [--json FILE] [--dir FOLDER]

    CALL          only these; all without. There are:
                  ${calls
                    .map(({ name }) => name)
                    .join(', ')
                    .replace(/(.{60}\S*) /, '$1\n                  ')}
    --rows N      rows in each database; ${ROWS} without
    --seconds N   for which each is repeated, at most; ${SECONDS} without
    --json FILE   where the figures are left; without it, in bench/results/local/
    --dir FOLDER  where the databases are made; removed afterwards
    --help        this text
`.trim();

interface Options {
  readonly help: boolean;
  readonly chosen: readonly SingleCall[];
  readonly rows: number;
  readonly seconds: number;
  readonly json: string | undefined;
  readonly dir: string | undefined;
}

const options = optionsOrNothing(parse, 'micro --help');
if (options?.help) console.log(HELP);
else if (options !== undefined) await main(options);

async function main({ chosen, rows, seconds, json, dir }: Options): Promise<void> {
  const folder = join(resolve(dir ?? 'out/bench-data'), `micro-${process.pid}`);
  const loadBefore = load();
  const results: CallResult[] = [];
  mkdirSync(folder, { recursive: true });
  try {
    const databases = {
      coppice: await openCoppice(folder, rows),
      lmdb: openBothLmdb(folder, rows),
    };
    const drawn = drawRows(rows);
    for (const single of chosen) {
      requireSame(single, databases, drawn);
      const found = await measureCall(single, databases, drawn, seconds);
      console.log(`${callsTable(found)}\n`);
      results.push(...found);
    }
    const machine = describeMachine([coppice, lmdb], folder, loadBefore);
    console.log(`${rows.toLocaleString('en-US')} rows. ${CALLS_NOTE}\n${machineText(machine)}`);
    const path = json ?? resultsFile('micro', machine);
    const report: CallsReport = {
      version: CALLS_VERSION,
      machine,
      rows,
      secondsEach: seconds,
      results,
    };
    writeResults(path, report);
    console.log(`\n${path}`);
    await databases.coppice.db.close();
    await Promise.all([databases.lmdb.bytes.close(), databases.lmdb.objects.close()]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      rows: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const seconds = Number(values.seconds ?? SECONDS);
  if (!(seconds > 0)) throw new RangeError(`--seconds ${values.seconds}: more than 0 are wanted.`);
  return {
    help: values.help === true,
    chosen: positionals.length > 0 ? [...new Set(positionals)].map(callNamed) : calls,
    rows: wholeNumber('rows', values.rows, ROWS),
    seconds,
    json: values.json,
    dir: values.dir,
  };
}
