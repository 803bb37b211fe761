// Reads all of a database, in this thread and in workers, and ends without closing it.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open, say } from './program.mjs';

const path = isMainThread ? process.argv[2] : workerData.path;

function readAll() {
  const db = open(path);
  let bytes = 0;
  for (const value of db.store('s').values()) bytes += value.length;
  return [db, bytes];
}

const [db, bytes] = readAll();
globalThis.keptOpen = db;
if (isMainThread) {
  for (const how of ['terminate', 'end', 'exit']) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { path, how } });
    await new Promise((resolve) => worker.once('message', resolve));
    const over = new Promise((resolve) => worker.once('exit', resolve));
    if (how === 'terminate') await worker.terminate();
    else worker.postMessage(how);
    await over;
  }
  await db.store('s').put(-1, new Uint8Array(10));
  say(bytes, 'bytes');
} else {
  parentPort.postMessage('read');
  parentPort.once('message', (how) => {
    if (how === 'exit') process.exit(0);
  });
}
