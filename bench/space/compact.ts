/** What compaction and trim give back, and what compaction costs those who wait beside it. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { type Database, open, type Store } from 'coppice';
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
import { ROW_BYTES, RowModel, stampedValue } from './row-model.ts';

interface File {
  readonly path: string;
  readonly rows: number;
}

interface Size {
  readonly fileBytes: number;
  /** Blocks that the file system keeps for it. */
  readonly diskBytes: number;
  readonly liveBytes: number;
}

interface Compacted {
  readonly before: Size;
  readonly after: Size;
  readonly ms: number;
  readonly stallMs: number;
  readonly transactions: number;
  readonly commits: number;
  readonly bytesWritten: number;
}

interface Trimmed {
  readonly before: Size;
  readonly after: Size;
  readonly toldBytes: number;
}

type Rows = Store<string, Uint8Array>;

const ROWS_EACH = 1_000;
const GOAL = 1.15;
/** Some ticks of the timer that tells how long the event loop stood still. */
const TICKS_MS = 10;
/** Trim: the rows that stay, at both ends of the file. */
const KEPT_SHARE = 0.1;

const compacting: Part<File, Compacted> = { name: 'compact', run: compactFile };
const trimming: Part<File, Trimmed> = { name: 'trim', run: trimFile };

export const compactParts: readonly [typeof compacting, typeof trimming] = [compacting, trimming];

export const compact: Measurement = {
  name: 'compact',
  title: 'db.compact() after inserts in random order, durable transactions of 1,000',
  rows: { quick: 200_000, full: 1_000_000 },
  run: measureCompaction,
};

export const trim: Measurement = {
  name: 'trim',
  title: 'db.trim() after the middle of the file was deleted',
  rows: { quick: 200_000, full: 1_000_000 },
  run: measureTrim,
};

async function measureCompaction({ folder, rows }: Place): Promise<Outcome> {
  const path = join(folder, 'data.coppice');
  const result = await inChild(compacting, { path, rows });
  const { before, after } = result;
  const data = rows * ROW_BYTES;
  const fileBefore = figure('file before', mebibytes(before.fileBytes));
  const ratio = after.fileBytes / data;
  return {
    figures: [
      fileBefore,
      figure('live before', mebibytes(before.liveBytes)),
      figure('file after', mebibytes(after.fileBytes)),
      figure('live after', mebibytes(after.liveBytes)),
      figure('file after / data', ratio.toFixed(3), `at most ${GOAL}`, ratio <= GOAL),
      figure('time', `${(result.ms / 1000).toFixed(2)} s`),
      figure('longest stall of the event loop', `${result.stallMs.toFixed(1)} ms`),
      figure('commits', String(result.commits)),
      figure('bytes written', mebibytes(result.bytesWritten)),
    ],
    notes: [
      `${rows} rows, all read back and the file verified. The stall is the longest time between ` +
        'two ticks of a timer of 1 ms.',
    ],
    data: result,
  };
}

async function measureTrim({ folder, rows }: Place): Promise<Outcome> {
  const path = join(folder, 'data.coppice');
  const result = await inChild(trimming, { path, rows });
  const { before, after, toldBytes } = result;
  const figures = [
    figure('file before', mebibytes(before.fileBytes)),
    figure('on the disk before', mebibytes(before.diskBytes)),
    figure('live', mebibytes(before.liveBytes)),
  ];
  const given = before.diskBytes - after.diskBytes;
  return {
    figures: [
      ...figures,
      figure('file after', mebibytes(after.fileBytes)),
      figure('on the disk after', mebibytes(after.diskBytes)),
      figure('given back to the disk', mebibytes(given)),
      figure('told', mebibytes(toldBytes), 'as given back, 1 MiB', isNear(toldBytes, given)),
    ],
    notes: [`${rows} rows, ${KEPT_SHARE * 100} % kept at each end, read back and verified.`],
    data: result,
  };
}

/** The blocks of the file system's own lists count too. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 2 ** 20;
}

async function compactFile({ path, rows }: File): Promise<Compacted> {
  const db = open(path);
  const store: Rows = db.store('bench', { key: 'string', value: 'bytes' });
  await put(db, store, shuffledRows(rows));
  const before = sizeOf(db);
  const commits = db.stats().commits;
  const transaction = db.lastTransaction;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await setTimeout(TICKS_MS);
  const start = performance.now();
  await db.compact();
  const ms = performance.now() - start;
  // A stall is told by the tick that ends it.
  await setTimeout(TICKS_MS);
  delay.disable();
  const spent = db.stats().commits;
  const result = {
    before,
    after: sizeOf(db),
    ms,
    stallMs: delay.max / 1e6,
    transactions: db.lastTransaction - transaction,
    commits: spent.count - commits.count,
    bytesWritten: spent.bytes - commits.bytes,
  };
  new RowModel(rows).check((key) => store.get(key));
  await db.verify();
  await db.close();
  return result;
}

async function trimFile({ path, rows }: File): Promise<Trimmed> {
  const db = open(path);
  const store: Rows = db.store('bench', { key: 'string', value: 'bytes' });
  // In the order of the keys, so that keys beside each other lie beside each other.
  await put(
    db,
    store,
    Uint32Array.from({ length: rows }, (_, row) => row),
  );
  const kept = Math.floor(rows * KEPT_SHARE);
  await db.write((tx) => tx.removeRange(store, { gte: keyOf(kept), lt: keyOf(rows - kept) }));
  // The states before are let go.
  for (let i = 0; i < 3; i++) await store.put(keyOf(i), stampedValue(0));
  const before = sizeOf(db);
  const { bytes: toldBytes } = await db.trim();
  const after = sizeOf(db);
  const count = store.count();
  if (count !== 2 * kept) throw new Error(`${count} rows are left of ${2 * kept}`);
  new RowModel(kept).check((key) => store.get(key));
  await db.verify();
  await db.close();
  return { before, after, toldBytes };
}

async function put(db: Database, store: Rows, order: Uint32Array): Promise<void> {
  for (let i = 0; i < order.length; i += ROWS_EACH) {
    await db.write((tx) => {
      for (const row of order.subarray(i, i + ROWS_EACH)) {
        tx.put(store, keyOf(row), stampedValue(0));
      }
    });
  }
}

function sizeOf(db: Database): Size {
  const { size, blocks } = statSync(db.path);
  // A block of stat is 512 bytes, whatever the file system.
  return { fileBytes: size, diskBytes: blocks * 512, liveBytes: db.stats().liveBytes };
}
