/**
 * Single calls of the public API, in memory, with benny.
 *
 *     npm run build && npx tsc -p tsconfig.json --noEmit false --outDir out/bench-micro
 *     node out/bench-micro/bench/micro/calls.js [rows, default 100000]
 */

import benny from 'benny';
import { open } from 'coppice';
import { keyOf, randomKeys, valueBytes } from '../data.ts';

const rows = Number(process.argv[2] ?? 100_000);
const db = open(':memory:', { durability: 'manual' });
const store = db.store('calls', { key: 'string', value: 'bytes' });
const value = valueBytes();
await db.write((tx) => {
  for (let i = 0; i < rows; i++) tx.put(store, keyOf(i), value);
});

const keys = randomKeys(4096, rows, 1);
let turn = 0;
const next = (): string => keys[turn++ & 4095] ?? '';
const STEPS = 1000;
let steps = store.range()[Symbol.iterator]();

await benny.suite(
  `single calls, ${rows} rows`,
  benny.add('get', () => {
    store.get(next());
  }),
  benny.add('has', () => {
    store.has(next());
  }),
  benny.add('range: one step', () => {
    if (steps.next().done === true) steps = store.range()[Symbol.iterator]();
  }),
  benny.add(`put: ${STEPS} queued, one commit`, async () => {
    let last: Promise<boolean> | undefined;
    for (let i = 0; i < STEPS; i++) last = store.put(next(), value);
    await last;
  }),
  benny.add('writeSync: one put, one commit, not flushed', () => {
    db.writeSync((tx) => tx.put(store, next(), value));
  }),
  benny.cycle(),
  benny.complete(),
);
steps.return?.();
await db.close();
