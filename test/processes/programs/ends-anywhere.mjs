// ends-anywhere.mjs HOW KIND PATH: does one thing for ever and ends in the middle of it. HOW:
//
//     terminate   a worker thread does it, and is terminated; again and again, while this thread
//                 goes on writing
//     exit        this thread does it, and calls process.exit(23)
//     exit-over   a worker thread does it, this one calls process.exit(23)
//     stay        this thread does it until it is killed, or told how to die
import { mkdirSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { commands, fail, open, restore, say, sleep, step, storesOf } from './program.mjs';

const [how, kind, path] = isMainThread ? process.argv.slice(2) : workerData;
const ROUNDS = 4;
const LOCK_TIMEOUT = 60_000;

/** Long enough for a turn of everything else. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Each opens the database for itself, calls `begun`, and goes on for ever. */
const KINDS = {
  async open(begun) {
    for (;;) {
      const db = open(path, { lockTimeout: LOCK_TIMEOUT });
      begun();
      db.closeSync();
      if (isMainThread) await turn();
    }
  },
  async get(begun) {
    const { stores } = opened();
    for (;;) {
      for (let k = 0; k < 24; k++) stores.left.get(k);
      begun();
      if (isMainThread) await turn();
    }
  },
  async iterator(begun) {
    const { db, stores } = opened();
    for (;;) {
      const kept = [];
      for (let i = 0; i < 5; i++) {
        const entries = db.snapshot().range(stores.left)[Symbol.iterator]();
        entries.next();
        kept.push(entries);
        begun();
        await turn();
      }
    }
  },
  async write(begun) {
    const { db, stores } = opened();
    for (;;) {
      const writing = db.write((tx) => step(tx, stores, 1, 200_000));
      begun();
      await writing;
    }
  },
  async group(begun) {
    const { db, stores } = opened({ durability: 'interval', flushInterval: 1 });
    for (;;) {
      const writing = [1, 2, 3].map(() => db.write((tx) => step(tx, stores, 1, 2000)));
      begun();
      await Promise.all(writing);
    }
  },
  async 'begin-write'(begun) {
    const { db, stores } = opened();
    for (;;) {
      const tx = await db.beginWrite();
      step(tx, stores, 1);
      begun();
      await sleep(2);
      const ended = tx.commit();
      begun();
      await ended;
    }
  },
  async flush(begun) {
    const { db, stores } = opened({ durability: 'manual' });
    for (;;) {
      await db.write((tx) => step(tx, stores, 1, 100_000));
      const flushing = db.flush();
      begun();
      await flushing;
    }
  },
  async compact(begun) {
    const { db } = opened();
    const ballast = db.store('ballast', { key: 'u32', value: 'bytes' });
    for (;;) {
      await ballast.putMany(Array.from({ length: 400 }, (_, k) => [k, Buffer.alloc(3000, k)]));
      await ballast.removeRange({ lt: 300 });
      const compacting = db.compact();
      begun();
      await compacting;
      await db.trim();
    }
  },
  async backup(begun) {
    const { db } = opened();
    for (let i = 0; ; i++) {
      const copying = db.backup(`${path}-backups/copy-${kind}`, { compact: i % 2 === 1 });
      begun();
      await copying;
    }
  },
  async restore(begun) {
    const { db } = opened();
    const piece = `${path}-backups/piece-${Math.random()}`;
    await db.backup(piece);
    for (;;) {
      const making = restore([piece], `${path}-backups/made`);
      begun();
      await making;
    }
  },
  async verify(begun) {
    const { db } = opened();
    for (;;) {
      const checking = db.verify();
      begun();
      await checking;
    }
  },
  // Somebody else has the lock.
  async waiting(begun) {
    const { db, stores } = opened();
    const writing = db.write((tx) => step(tx, stores, 1));
    await turn();
    begun();
    await writing;
    throw new Error('the lock was not held');
  },
  async 'waiting-sync'(begun) {
    const { db, stores } = opened();
    begun();
    db.writeSync((tx) => step(tx, stores, 1));
    throw new Error('the lock was not held');
  },
  async 'waiting-to-open'(begun) {
    begun();
    open(path, { lockTimeout: LOCK_TIMEOUT });
    throw new Error('the opener lock was not held');
  },
};

function opened(options = {}) {
  const db = open(path, { lockTimeout: LOCK_TIMEOUT, ...options });
  // Nobody closes it, and nothing collects it.
  globalThis.keptOpen = db;
  return { db, stores: storesOf(db) };
}

/** A worker that is in the middle of it. */
async function working() {
  const worker = new Worker(new URL(import.meta.url), { workerData: [how, kind, path] });
  worker.on('error', fail);
  await new Promise((resolve) => worker.once('message', resolve));
  return worker;
}

const waits = kind.startsWith('waiting');

async function terminate() {
  if (kind === 'waiting-to-open') return endThreads();
  const { db, stores } = opened();
  await endThreads(async () => {
    if (!waits) await db.write((tx) => step(tx, stores, 99));
    const left = db.stats().readers.filter(({ self }) => !self);
    if (left.length > 0) throw new Error(`left in the slots: ${JSON.stringify(left)}`);
  });
  await db.verify();
  await db.close();
}

/** Ends one thread after the other; `after` each. */
async function endThreads(after) {
  for (let round = 0; round < ROUNDS; round++) {
    const worker = await working();
    await sleep(waits ? 20 : Math.random() * 12);
    const start = performance.now();
    await worker.terminate();
    const took = performance.now() - start;
    if (took > 5000) throw new Error(`it took ${took} ms to end a thread`);
    await after?.();
  }
  say('lives');
}

async function main() {
  mkdirSync(`${path}-backups`, { recursive: true });
  if (how === 'terminate') return terminate();
  const end = async () => {
    await sleep(waits ? 20 : Math.random() * 12);
    process.exit(23);
  };
  if (how === 'exit-over') {
    await working();
    return end();
  }
  let begun = false;
  void KINDS[kind](() => {
    if (begun) return;
    begun = true;
    say('begun');
    if (how === 'exit') void end();
  }).catch(fail);
  if (how !== 'stay') return;
  for await (const command of commands()) {
    if (command === 'abort') process.abort();
    else process.kill(process.pid, command);
  }
}

if (isMainThread) main().catch(fail);
else KINDS[kind](() => parentPort.postMessage('begun')).catch(fail);
