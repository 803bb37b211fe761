/** The file after everything was deleted: the tail empties by itself, and is cut off. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Store } from 'coppice';
import { keyOf, shuffledRows } from '../data.ts';
import { inChild } from './child-process.ts';
import {
  figure,
  type Measurement,
  mebibytes,
  type Outcome,
  type Part,
  type Place,
} from './measurement.ts';
import { RowModel, stampedValue } from './row-model.ts';

interface Deleting {
  readonly path: string;
  readonly rows: number;
  /** Rows that a transaction deletes. */
  readonly rowsEach: number;
}

interface Deleted {
  readonly filledBytes: number;
  readonly deletedBytes: number;
  /** After each of the small commits. */
  readonly afterBytes: readonly number[];
}

const FILL_EACH = 1_000;
const SMALL_COMMITS = 3;
const STEP_BYTES = 2 ** 20;

const deleting: Part<Deleting, Deleted> = { name: 'delete', run: deleteAll };

export const shrinkParts: readonly [typeof deleting] = [deleting];

export const shrink: Measurement = {
  name: 'shrink',
  title: 'everything deleted, then three commits of one key',
  rows: { quick: 50_000, full: 200_000 },
  run: measure,
};

async function measure({ folder, rows }: Place): Promise<Outcome> {
  const outcomes: { how: string; deleted: Deleted }[] = [];
  for (const rowsEach of [FILL_EACH, rows]) {
    const path = join(folder, `by-${rowsEach}.coppice`);
    const how = rowsEach === rows ? 'in one transaction' : `${rowsEach} rows a transaction`;
    outcomes.push({ how, deleted: await inChild(deleting, { path, rows, rowsEach }) });
  }
  return {
    figures: outcomes.flatMap(({ how, deleted: { filledBytes, deletedBytes, afterBytes } }) => {
      const last = afterBytes.at(-1) ?? Number.NaN;
      return [
        figure(`${how}: file before`, mebibytes(filledBytes)),
        figure(`${how}: file when all was deleted`, mebibytes(deletedBytes)),
        figure(`${how}: after each commit`, afterBytes.map(mebibytes).join(', ')),
        figure(`${how}: file`, mebibytes(last), 'at most 1 MiB', last <= STEP_BYTES),
      ];
    }),
    notes: [`${rows} rows put and deleted in random order, all durable; the file while open.`],
    data: outcomes,
  };
}

async function deleteAll({ path, rows, rowsEach }: Deleting): Promise<Deleted> {
  const db = open(path);
  const store: Store<string, Uint8Array> = db.store('bench', { key: 'string', value: 'bytes' });
  const order = shuffledRows(rows);
  const fileBytes = (): number => statSync(path).size;
  for (let i = 0; i < rows; i += FILL_EACH) {
    await db.write((tx) => {
      for (const row of order.subarray(i, i + FILL_EACH)) {
        tx.put(store, keyOf(row), stampedValue(0));
      }
    });
  }
  new RowModel(rows).check((key) => store.get(key));
  const filledBytes = fileBytes();
  for (let i = 0; i < rows; i += rowsEach) {
    await db.write((tx) => {
      for (const row of order.subarray(i, i + rowsEach)) {
        if (!tx.remove(store, keyOf(row))) throw new Error(`row ${row} was not there`);
      }
    });
  }
  const deletedBytes = fileBytes();
  const afterBytes: number[] = [];
  for (let i = 0; i < SMALL_COMMITS; i++) {
    await store.put(keyOf(i), stampedValue(0));
    afterBytes.push(fileBytes());
  }
  new RowModel(SMALL_COMMITS).check((key) => store.get(key));
  const left = store.count();
  if (left !== SMALL_COMMITS) throw new Error(`${left} rows are left`);
  await db.verify();
  await db.close();
  return { filledBytes, deletedBytes, afterBytes };
}
