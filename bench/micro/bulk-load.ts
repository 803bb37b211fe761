/**
 * Loading many rows: `bulkLoad`, `putMany` of 1,000 and transactions of 1,000 puts, durable, with
 * keys of 16 and values of 100 bytes, in order and not. Each on a new file, in turn; and in random
 * order into a file that holds as many rows already.
 *
 *     npm run build && npx tsc -p tsconfig.json --noEmit false --outDir out/bench-micro
 *     node out/bench-micro/bench/micro/bulk-load.js [rows, default 1000000] [rounds, default 3] [case]
 *
 * Case: 0, 1 or 2, that one alone.
 */

import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Database, open, type Store } from 'coppice';
import { shuffledRows, valueBytes } from '../data.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);
const only = process.argv[4] === undefined ? undefined : Number(process.argv[4]);
const GROUP = 1000;

type Rows = Store<string, Uint8Array>;
type Entry = readonly [string, Uint8Array];
type Way = (db: Database, store: Rows, entries: readonly Entry[]) => Promise<void>;
interface Figures {
  seconds: number;
  cpuSeconds: number;
  fileBytes: number;
  written: number;
  longestMs: number;
}

const WAYS: Readonly<Record<string, Way>> = {
  'tx.put': async (db, store, entries) => {
    for (let from = 0; from < entries.length; from += GROUP) {
      await db.write((tx) => {
        for (const [key, value] of entries.slice(from, from + GROUP)) tx.put(store, key, value);
      });
    }
  },
  putMany: async (_db, store, entries) => {
    for (let from = 0; from < entries.length; from += GROUP) {
      await store.putMany(entries.slice(from, from + GROUP));
    }
  },
  bulkLoad: async (_db, store, entries) => {
    await store.bulkLoad(entries);
  },
};

const value = valueBytes();
const sorted: Entry[] = Array.from({ length: rows }, (_, i) => [keyOf(2 * i), value]);
const order = shuffledRows(rows);
const shuffled = Array.from(order, (row) => sorted[row]!);
/** Between those of the other rows. */
const others = Array.from(order, (row): Entry => [keyOf(2 * row + 1), value]);

const folder = mkdtempSync(join(tmpdir(), 'coppice-load-'));
const base = join(folder, 'base');
try {
  const making = open(base);
  await making.store('rows', { key: 'string', value: 'bytes' }).bulkLoad(sorted);
  await making.close();
  console.log(`${rows} rows of 16 + 100 bytes, median of ${rounds} rounds`);
  const cases = [
    () => compare('in order', sorted, undefined),
    () => compare('at random', shuffled, undefined),
    () => compare(`at random beside ${rows} rows`, others, base),
  ];
  for (const [i, each] of cases.entries()) if (only === undefined || i === only) await each();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function compare(
  what: string,
  entries: readonly Entry[],
  beside: string | undefined,
): Promise<void> {
  const figures = new Map<string, Figures[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, way] of Object.entries(WAYS)) {
      const all = figures.get(name) ?? [];
      all.push(await measure(way, entries, beside));
      figures.set(name, all);
    }
  }
  console.log(
    `\n${what}: s, s of processors, us a row, MiB of file, MiB written, longest turn in ms`,
  );
  for (const [name, all] of figures) {
    const median = (of: (each: Figures) => number): number =>
      all.map(of).sort((a, b) => a - b)[all.length >> 1]!;
    const seconds = median((each) => each.seconds);
    const cells = [
      seconds.toFixed(2),
      median((each) => each.cpuSeconds).toFixed(2),
      ((seconds * 1e6) / rows).toFixed(2),
      (median((each) => each.fileBytes) / 2 ** 20).toFixed(1),
      (median((each) => each.written) / 2 ** 20).toFixed(0),
      median((each) => each.longestMs).toFixed(0),
    ];
    console.log(name.padEnd(10), cells.map((cell) => cell.padStart(9)).join(' '));
  }
}

async function measure(
  way: Way,
  entries: readonly Entry[],
  beside: string | undefined,
): Promise<Figures> {
  const path = join(folder, 'data');
  if (beside !== undefined) copyFileSync(beside, path);
  const db = open(path);
  const store = db.store('rows', { key: 'string', value: 'bytes' });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpuBefore = process.cpuUsage();
  delay.enable();
  const begun = performance.now();
  await way(db, store, entries);
  const seconds = (performance.now() - begun) / 1000;
  delay.disable();
  const { user, system } = process.cpuUsage(cpuBefore);
  const longestMs = delay.max / 1e6;
  const written = db.stats().commits.bytes;
  await db.close();
  const fileBytes = statSync(path).size;
  rmSync(path);
  rmSync(`${path}-lock`, { force: true });
  return { seconds, cpuSeconds: (user + system) / 1e6, fileBytes, written, longestMs };
}

function keyOf(i: number): string {
  return String(i).padStart(16, '0');
}
