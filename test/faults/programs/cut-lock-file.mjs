// cut-lock-file.mjs PATH: two threads commit and read for ever; each tells with which error it ends.
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { open } from '../../../dist/bundle/coppice.js';

const path = isMainThread ? process.argv[2] : workerData;
const db = open(path, { lockTimeout: 60_000 });
const store = db.store('s', { key: 'u32' });
if (isMainThread) new Worker(new URL(import.meta.url), { workerData: path });

try {
  for (let i = 0; ; i++) {
    await store.put(i % 100, i);
    let sum = 0;
    for (const value of store.values({ limit: 200 })) sum += value;
    if (i === 20 && !Number.isNaN(sum)) writeSync(1, 'goes on\n');
  }
} catch (error) {
  writeSync(1, `ended ${error.code}\n`);
}
try {
  await db.close();
} catch (error) {
  if (error.code !== 'STORAGE_FAULT') writeSync(1, `closed ${error.stack}\n`);
}
