// watch.mjs MODE PATH [OPTIONS]: watches, or writes for those who do. See watch.test.ts.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fail, open, parameters, say, sleep } from './program.mjs';

const [mode, path, given] = parameters;
const options = JSON.parse(given ?? '{}');
const NUMBERS = { key: 'u32', value: 'json' };
const storeOf = (db) => db.store('numbers', NUMBERS);

const modes = {
  // Tells of each change, with what it then finds, until the number is that of the end.
  async tell() {
    const db = open(path, options);
    const store = storeOf(db);
    const watch = db.watch(store);
    say('watches');
    for await (const { transaction } of watch) {
      const n = store.get(1);
      say('told', transaction, n, Number(process.hrtime.bigint()));
      if (n === 'end') break;
    }
  },
  // Commits as fast as it can, in the main thread or by the thread of the addon.
  async write() {
    const db = open(path, options);
    const store = storeOf(db);
    say('writes');
    for (let i = 0; ; i++) {
      if (i % 2 === 0) db.writeSync((tx) => tx.put(store, 1, i), { durability: 'manual' });
      else await store.put(1, i);
      if (i % 50 === 0) await sleep(0);
    }
  },
  // Many watchers that wait for what does not come, beside a handle that could write.
  async idle() {
    const db = open(path, options);
    const store = storeOf(db);
    await store.put(1, 'idle');
    const next = (_, i) => db.watch(store, { gte: i, lt: i + 10 }).next();
    const told = Array.from({ length: 300 }, next);
    say('idle');
    await Promise.all(told);
    say('told');
  },
  // Nothing keeps it alive but what the name says.
  async 'left-behind'() {
    const db = open(path);
    db.watch(storeOf(db));
  },
  async 'between-two'() {
    const db = open(path);
    const watch = db.watch(storeOf(db));
    const told = watch.next();
    await storeOf(db).put(1, 1);
    await told;
  },
  async aborted() {
    const db = open(path);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const watch = db.watch(storeOf(db), {}, { signal: controller.signal });
    await watch.next().catch(({ name }) => say(name));
  },
  async returned() {
    const db = open(path);
    const watch = db.watch(storeOf(db));
    setTimeout(() => watch.return(), 50);
    say('done', (await watch.next()).done);
  },
  async closed() {
    const db = open(path);
    const watch = db.watch(storeOf(db));
    setTimeout(() => db.close(), 50);
    say('done', (await watch.next()).done);
  },
  async exit() {
    const db = open(path);
    void db.watch(storeOf(db)).next();
    setTimeout(() => process.exit(0), 50);
  },
  async terminated() {
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(new URL(import.meta.url), { workerData: ['in-worker', path] });
      worker.on('error', fail);
      await new Promise((resolve) => worker.once('message', resolve));
      say('terminated', await worker.terminate());
    }
  },
  async 'in-worker'() {
    const db = open(path);
    void db.watch(storeOf(db)).next();
    parentPort.postMessage('waits');
  },
};

try {
  if (isMainThread || mode === 'in-worker') await modes[mode]();
} catch (error) {
  fail(error);
}
