/** The file after inserts in random order: Coppice, LMDB, and SQLite with both kinds of table. */

import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contenderNamed } from '../contenders/all.ts';
import { keyOf, shuffledRows } from '../data.ts';
import { inChild } from './child-process.ts';
import {
  type Figure,
  figure,
  type Measurement,
  mebibytes,
  type Outcome,
  type Part,
  type Place,
} from './measurement.ts';
import { ROW_BYTES, RowModel, stampedValue } from './row-model.ts';
import { type SqliteFill, sqliteFill } from './sqlite.ts';

interface Filling {
  readonly contender: string;
  readonly folder: string;
  readonly rows: number;
}

interface Filled {
  /** While the database is still open; and after it was closed. */
  readonly openBytes: number;
  readonly fileBytes: number;
  readonly liveBytes?: number;
}

const ROWS_EACH = 1_000;

const inserting: Part<Filling, Filled> = { name: 'fill', run: insert };

export const fillParts: readonly [Part<Filling, Filled>, typeof sqliteFill] = [
  inserting,
  sqliteFill,
];

export const fill: Measurement = {
  name: 'fill',
  title: 'inserts in random order, durable transactions of 1,000',
  rows: { quick: 200_000, full: 1_000_000 },
  run: measure,
};

async function measure({ folder, rows }: Place): Promise<Outcome> {
  const figures: Figure[] = [];
  const data: Record<string, unknown> = {};
  const told = (name: string, bytes: number): void => {
    const times = (bytes / (rows * ROW_BYTES)).toFixed(2);
    figures.push(figure(name, `${mebibytes(bytes)}, ${times} x data`));
  };
  const files = new Map<string, number>();
  for (const contender of ['coppice', 'lmdb']) {
    const own = join(folder, contender);
    mkdirSync(own);
    const filled = await inChild(inserting, { contender, folder: own, rows });
    rmSync(own, { recursive: true });
    files.set(contender, filled.fileBytes);
    data[contender] = filled;
    if (filled.liveBytes !== undefined) told(`${contender}: live`, filled.liveBytes);
    told(`${contender}: file while open`, filled.openBytes);
    told(`${contender}: file, closed`, filled.fileBytes);
  }
  let by: string | undefined;
  for (const table of ['WITHOUT ROWID', ''] satisfies SqliteFill['table'][]) {
    const path = join(folder, 'data.sqlite');
    const filled = await inChild(sqliteFill, { path, rows, rowsEach: ROWS_EACH, table });
    if (filled.by === undefined) break;
    rmSync(path);
    by = filled.by;
    const name = `sqlite, ${table === '' ? 'ordinary table' : table}`;
    files.set(name, filled.fileBytes);
    data[name] = filled;
    told(`${name}: file after the checkpoint`, filled.fileBytes);
  }
  const ours = files.get('coppice') ?? Number.NaN;
  const smallest = [...files].filter(([name]) => name.startsWith('sqlite')).sort(bySize)[0];
  if (smallest !== undefined) {
    const [name, bytes] = smallest;
    const ratio = (ours / bytes).toFixed(3);
    figures.push(figure(`coppice / ${name}`, ratio, 'below 1', ours < bytes));
  }
  return {
    figures,
    notes: [
      `${rows} rows, all read back afterwards.`,
      by === undefined
        ? 'SQLite was not measured: neither node:sqlite nor the command sqlite3 is there.'
        : `SQLite by ${by}: key BLOB PRIMARY KEY, value BLOB, pages of 4 KiB, WAL.`,
    ],
    data,
  };
}

function bySize([, a]: [string, number], [, b]: [string, number]): number {
  return a - b;
}

async function insert({ contender: name, folder, rows }: Filling): Promise<Filled> {
  const contender = contenderNamed(name);
  const session = await contender.open(folder);
  const write = session.writer(name === 'lmdb' ? 'transaction' : 'write');
  const order = shuffledRows(rows);
  for (let i = 0; i < rows; i += ROWS_EACH) {
    await write(Array.from(order.subarray(i, i + ROWS_EACH), keyOf), stampedValue(0));
  }
  new RowModel(rows).check(session.reader('get'));
  const file = contender.file(folder);
  const openBytes = statSync(file).size;
  const { liveBytes } = session.stats() ?? {};
  await session.close();
  const live = liveBytes === undefined ? {} : { liveBytes };
  return { openBytes, fileBytes: statSync(file).size, ...live };
}
