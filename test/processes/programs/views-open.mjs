// views-open.mjs PATH exit|end|close: ends with views open, in this thread and in workers that were
// terminated in the midst of making and dropping them. Prints how many are open, and for `close` the
// length of one after it.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open } from '../../../dist/bundle/coppice.js';

const path = isMainThread ? process.argv[2] : workerData;
const db = open(path);
const store = db.store('s', { key: 'u32', value: 'bytes' });
const openAll = () => Array.from({ length: 20 }, (_, i) => store.view(i));

if (isMainThread) {
  for (let i = 0; i < 20; i++) await store.put(i, new Uint8Array(1_000_000 + i).fill(i));
  const views = openAll();
  for (let round = 0; round < 3; round++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: path });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  const { bytes } = views[3];
  if (bytes[5] !== 3) throw new Error(`3 was put, ${bytes[5]} is seen`);
  // Its user may move it, where Node can.
  globalThis.moved = views[4].bytes.buffer.transfer?.();
  console.log(db.stats().open.views);
  if (process.argv[3] === 'exit') process.exit(0);
  if (process.argv[3] === 'close') {
    await db.close();
    console.log(bytes.length);
  }
} else {
  globalThis.views = openAll();
  globalThis.slice = store.blob(2).slice();
  parentPort.postMessage('open');
  setInterval(() => {
    store.view(1).dispose();
    store.view(2);
  }, 0);
}
