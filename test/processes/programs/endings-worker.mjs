// A worker thread that does one thing for ever, to be terminated in the middle of it.
import { parentPort } from 'node:worker_threads';
import { checkState, fail, open, parameters, say, sleep, step, storesOf } from './program.mjs';

const [kind, path, id, interval] = parameters;
const durability = interval ? 'interval' : 'commit';
try {
  const db = open(path, { lockTimeout: 60_000, durability, flushInterval: 50 });
  const stores = storesOf(db);
  if (kind === 'hold') {
    // Its commit is awaited by nobody else before the message.
    parentPort.postMessage('ready');
    for (;;) {
      const tx = await db.beginWrite();
      step(tx, stores, id);
      await sleep(1);
      if (Math.random() < 0.5) await tx.commit();
      else tx.abort();
    }
  }
  parentPort.postMessage('ready');
  for (;;) {
    if (kind === 'commit') {
      const { own } = await db.write((tx) => step(tx, stores, id, 30_000));
      say('ack', id, own);
    } else if (kind === 'sync') {
      const { own } = db.writeSync((tx) => step(tx, stores, id, 1000));
      say('ack', id, own);
    } else {
      const snapshot = db.snapshot();
      checkState(snapshot, stores);
      await sleep(0);
      checkState(snapshot, stores);
      snapshot.close();
    }
  }
} catch (error) {
  fail(error);
}
