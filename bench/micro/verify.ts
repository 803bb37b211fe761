/**
 * What each mode of `verify` costs: the first touch of every page by a handle, and reads of pages that
 * the handle has touched before. All modes on one file in one process, in turn, in processor time.
 *
 *     npm run build && npx tsc -p tsconfig.json --noEmit false --outDir out/bench-micro
 *     node out/bench-micro/bench/micro/verify.js [rows, default 300000] [rounds, default 7]
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type Store } from 'coppice';
import { keyOf, randomKeys, valueBytes } from '../data.ts';

const rows = Number(process.argv[2] ?? 300_000);
const rounds = Number(process.argv[3] ?? 7);
const MODES = ['structure', 'first-read', 'always'] as const;
type Mode = (typeof MODES)[number];

const folder = mkdtempSync(join(tmpdir(), 'coppice-verify-'));
const path = join(folder, 'data');
const making = open(path, { durability: 'manual' });
const made = making.store('rows', { key: 'string', value: 'bytes' });
const value = valueBytes();
for (let from = 0; from < rows; from += 10_000) {
  await making.write((tx) => {
    for (let i = from; i < Math.min(rows, from + 10_000); i++) tx.put(made, keyOf(i), value);
  });
}
await making.close();

const keys = randomKeys(rows, rows, 1);

/** Processor time of `work`, in ns for each of `count`. */
function spent(count: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / count;
}

type Row = Record<'first scan' | 'get, warm' | 'scan, warm', number[]>;
const figures = new Map<Mode, Row>(
  MODES.map((mode) => [mode, { 'first scan': [], 'get, warm': [], 'scan, warm': [] }]),
);
let bytes = 0;

function scan(store: Store<string, Uint8Array>): void {
  for (const [, found] of store.range()) bytes += found.length;
}
function getAll(store: Store<string, Uint8Array>): void {
  for (const key of keys) bytes += store.get(key)!.length;
}

for (let round = -1; round < rounds; round++) {
  for (const mode of MODES) {
    const db = open(path, { verify: mode, readOnly: true });
    const store = db.store<string, Uint8Array>('rows');
    const row = figures.get(mode)!;
    const first = spent(rows, () => scan(store));
    const get = spent(rows, () => getAll(store));
    const warm = spent(rows, () => scan(store));
    // The first round is for the compiler.
    if (round >= 0) {
      row['first scan'].push(first);
      row['get, warm'].push(get);
      row['scan, warm'].push(warm);
    }
    db.closeSync();
  }
}
rmSync(folder, { recursive: true, force: true });

function median(of: number[]): number {
  return of.sort((a, b) => a - b)[of.length >> 1]!;
}
console.log(`${rows} rows of 15 + 100 bytes, median of ${rounds} rounds, ns of a processor a row`);
for (const what of ['first scan', 'scan, warm', 'get, warm'] as const) {
  const [base] = MODES.map((mode) => median(figures.get(mode)![what]));
  const line = MODES.map((mode) => {
    const ns = median(figures.get(mode)![what]);
    return `${mode} ${ns.toFixed(0)} (${(ns / base!).toFixed(2)})`;
  });
  console.log(`${what.padEnd(12)} ${line.join('   ')}`);
}
if (bytes < 0) console.log(bytes);
