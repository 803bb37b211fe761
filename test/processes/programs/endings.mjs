// endings.mjs MODE PATH: ends in different ways in the middle of things. See endings.test.ts.
import { Worker } from 'node:worker_threads';
import { fail, open, parameters, say, sleep, step, storesOf } from './program.mjs';

const [mode, path] = parameters;
const ID = 1;
const workerUrl = new URL('endings-worker.mjs', import.meta.url);

const modes = {
  async idle() {
    const db = open(path);
    const stores = storesOf(db);
    await db.write((tx) => step(tx, stores, ID));
    db.snapshot();
    say('ack', ID, 1);
  },
  async 'idle-interval'() {
    const db = open(path, { durability: 'interval', flushInterval: 3_600_000 });
    const stores = storesOf(db);
    await db.write((tx) => step(tx, stores, ID));
    say('ack', ID, 1);
  },
  async 'exit-interval'() {
    const db = open(path, { durability: 'interval', flushInterval: 3_600_000 });
    const stores = storesOf(db);
    for (let i = 1; i <= 3; i++) await db.write((tx) => step(tx, stores, ID));
    say('ack', ID, 3);
    process.exit(0);
  },
  // Its promise is not awaited: the process ends by itself when the commit is done.
  async 'not-awaited'() {
    const db = open(path);
    const stores = storesOf(db);
    void db.write((tx) => step(tx, stores, ID)).then(() => say('ack', ID, 1));
  },
  async 'exit-in-commit'() {
    const db = open(path);
    const stores = storesOf(db);
    let own = 0;
    void (async () => {
      for (;;) {
        ({ own } = await db.write((tx) => step(tx, stores, ID, 100_000)));
        say('ack', ID, own);
      }
    })();
    while (own < 3) await sleep(1);
    await sleep(Math.random() * 20);
    process.exit(0);
  },
  // A transaction of beginWrite is open: what it did was promised to nobody.
  async 'exit-in-transaction'() {
    const db = open(path);
    const stores = storesOf(db);
    const tx = await db.beginWrite();
    step(tx, stores, ID);
    process.exit(0);
  },
  async 'exit-while-waiting'() {
    const db = open(path, { lockTimeout: 60_000 });
    const stores = storesOf(db);
    void db.write((tx) => step(tx, stores, ID)).then(() => say('ack', ID, 1));
    await sleep(50);
    process.exit(0);
  },
  async 'throw-in-commit'() {
    const db = open(path);
    const stores = storesOf(db);
    void db.write((tx) => step(tx, stores, ID, 100_000));
    await sleep(1);
    process.on('uncaughtException', () => process.exit(7));
    throw new Error('not caught');
  },
  terminate: () => terminate(false),
  'terminate-interval': () => terminate(true),
};

/** Worker threads are terminated in the middle of commits and reads, while this thread goes on. */
async function terminate(interval) {
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  let own = 0;
  for (let round = 0; round < 3; round++) {
    const workers = ['commit', 'commit', 'read', 'sync', 'hold'].map(
      (kind, i) => new Worker(workerUrl, { workerData: [kind, path, 10 + i, interval] }),
    );
    // The one that holds a transaction stands in nobody's way for long.
    await Promise.all(
      workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))),
    );
    await sleep(Math.random() * 20);
    await Promise.all(workers.map((worker) => worker.terminate()));
    ({ own } = await db.write((tx) => step(tx, stores, ID)));
    say('ack', ID, own);
    const readers = db.stats().readers.filter(({ self }) => !self);
    if (readers.length > 0) throw new Error(`left in the slots: ${JSON.stringify(readers)}`);
  }
  say('lives', own);
  await db.close();
}

try {
  await modes[mode]();
} catch (error) {
  if (mode === 'throw-in-commit') throw error;
  fail(error);
}
