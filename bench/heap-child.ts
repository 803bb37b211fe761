/** One process of heap.ts: [open|none] FOLDER ROWS SEARCHES. */

import { writeSync } from 'node:fs';
import { type Database, open } from 'coppice';
import { coppice } from './contenders/coppice.ts';
import { randomKeys } from './data.ts';

const [, , what, folder = '', rows = '0', searches = '0'] = process.argv;
const keys = randomKeys(Number(searches), Number(rows), 3);
let found = 0;

globalThis.gc?.();
const before = process.memoryUsage();
say('BEGIN');
const db = what === 'open' ? open(coppice.file(folder)) : undefined;
if (db === undefined) for (const key of keys) found += key.length;
else search(db);
say('END');
globalThis.gc?.();
const after = process.memoryUsage();
say(
  JSON.stringify({
    heapBytes: after.heapUsed - before.heapUsed,
    externalBytes: after.external - before.external,
    mappedBytes: db?.stats().mapping.mappedBytes ?? 0,
    found,
  }),
);
await db?.close();

function search(open: Database): void {
  const store = open.store('bench', { key: 'string', value: 'bytes' });
  // Nothing is made of what is found.
  for (const key of keys) if (store.has(key)) found++;
}

/** At once, so that it stands between the lines of --trace-gc where it belongs. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}
