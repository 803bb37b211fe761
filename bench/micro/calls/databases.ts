/** Both databases with the same rows in them, as files on the same disk. */

import { join } from 'node:path';
import { type Database, open, type Store } from 'coppice';
import { open as openLmdb, type RootDatabase } from 'lmdb';
import { ascendingRows, keyOf, randomRows, rowValue } from '../../data.ts';

/** Writes are not flushed: what a call costs is compared, not what a disk does. */
export interface Coppice {
  readonly db: Database;
  readonly bytes: Store<string, Uint8Array>;
  readonly objects: Store<string, object>;
}

export interface Lmdb {
  readonly bytes: RootDatabase<Uint8Array, string>;
  readonly objects: RootDatabase<object, string>;
}

/** What calls are told: rows drawn at random, the same ones for both. */
export interface Rows {
  readonly numbers: readonly number[];
  readonly keys: readonly string[];
  /** Keys that are not there. */
  readonly absentKeys: readonly string[];
  /** What is put: other values than the rows have at first. */
  readonly values: readonly Uint8Array[];
  /** The index after `i`, the first one after the last. */
  after(i: number): number;
}

/** A power of two. */
const DRAWN = 4096;

export function drawRows(rows: number): Rows {
  const numbers = randomRows(DRAWN, rows, 1);
  const keys = numbers.map(keyOf);
  const values = numbers.map((row) => rowValue(row).fill(0x2a, 3, 8));
  const absentKeys = keys.map((key) => `${key}5`);
  return { numbers, keys, absentKeys, values, after: (i) => (i + 1) & (DRAWN - 1) };
}

export async function openCoppice(folder: string, rows: number): Promise<Coppice> {
  const db = open(join(folder, 'data.coppice'), { durability: 'manual' });
  const bytes = db.store<string, Uint8Array>('bytes', { key: 'string', value: 'bytes' });
  const objects = db.store<string, object>('objects', {
    key: 'string',
    value: 'msgpack',
    sharedStructures: true,
  });
  await bytes.bulkLoad(ascendingRows(rows));
  await objects.bulkLoad(ascendingObjects(rows));
  return { db, bytes, objects };
}

export function openBothLmdb(folder: string, rows: number): Lmdb {
  const bytes = openLmdb<Uint8Array, string>({
    path: join(folder, 'bytes.mdb'),
    encoding: 'binary',
    overlappingSync: false,
    noSync: true,
  });
  const objects = openLmdb<object, string>({
    path: join(folder, 'objects.mdb'),
    sharedStructuresKey: Symbol.for('structures'),
    overlappingSync: false,
    noSync: true,
  });
  bytes.transactionSync(() => {
    for (const [key, value] of ascendingRows(rows)) bytes.putSync(key, value);
  });
  objects.transactionSync(() => {
    for (const [key, value] of ascendingObjects(rows)) objects.putSync(key, value);
  });
  return { bytes, objects };
}

function* ascendingObjects(rows: number): Generator<[string, object]> {
  for (let row = 0; row < rows; row++) {
    const name = `customer ${row}`;
    const object = {
      id: row,
      name,
      active: row % 3 === 0,
      balance: row / 2,
      tags: ['a'],
      note: null,
    };
    yield [keyOf(row), object];
  }
}
