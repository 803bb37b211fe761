// readers.mjs PATH THREADS: the same work in the main thread and in as many worker threads at once,
// as told on stdin; answers 'COMMAND [RESULT, ...]' with the code of the error, or what was read.
//     fill N    2,000 values, about N MiB
//     all       every value, from the newest snapshot       old     from the first snapshot
//     each      of every eleventh key: how many were read right, and how many were STORAGE_FAULT; or
//               the first that was neither            alone   the same, in the main thread only
//     warm      the first hundred keys
//     get       one key after another, how many are there
//     begin     takes an iterator a few steps                rest    the rest of it
//     verify    backup   compact   put   flush   close           soft    a put that is only published
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { commands, open, parameters, say } from './program.mjs';

const [path, threads] = isMainThread ? parameters : workerData;
const db = open(path, { lockTimeout: 20_000 });
const data = db.store('data', { key: 'u32', value: 'bytes' });
const snapshot = db.snapshot();
let iterator;

function sum(entries) {
  let total = 0;
  for (const [key, value] of entries) total += (key + 1) * (value[0] + value.at(-1) + value.length);
  return total;
}

const work = {
  fill: (factor) => {
    const bytes = (k) => Number(factor) * (k % 50 === 0 ? 9000 : 200);
    return data
      .putMany(Array.from({ length: 2000 }, (_, k) => [k, Buffer.alloc(bytes(k), k)]))
      .then(() => 'filled');
  },
  all: () => sum(data.range()),
  old: () => sum(snapshot.range(data)),
  each: () => {
    const counts = [0, 0];
    for (let k = 0; k < 2000; k += 11) {
      try {
        const value = data.get(k);
        if (value === undefined || value[0] !== (k & 0xff) || value.at(-1) !== (k & 0xff)) return k;
        counts[0]++;
      } catch (error) {
        if (error.code !== 'STORAGE_FAULT') return `${k}: ${error.code}`;
        counts[1]++;
      }
    }
    return counts;
  },
  alone: () => (isMainThread ? work.each() : 'idle'),
  warm: () => {
    for (let k = 0; k < 100; k++) data.get(k);
    return 'warm';
  },
  get: () => {
    let found = 0;
    for (let k = 0; k < 2000; k++) found += data.get(k) === undefined ? 0 : 1;
    return found;
  },
  begin: () => {
    iterator = data.range()[Symbol.iterator]();
    return sum([1, 2, 3].map(() => iterator.next().value));
  },
  rest: () => sum(iterator),
  verify: () => db.verify().then(() => 'sound'),
  backup: async () => {
    const target = new WritableStream({});
    await db.backup(target);
    return 'saved';
  },
  compact: () => db.compact().then(() => 'compacted'),
  put: () => data.put(1, Buffer.alloc(200, 1)).then(() => 'put'),
  soft: () =>
    db
      .write((tx) => tx.put(data, 2, Buffer.alloc(200, 2)), { durability: 'manual' })
      .then(() => 'put'),
  flush: () => db.flush().then(() => 'flushed'),
  close: () => db.close().then(() => 'closed'),
};

async function obey(line) {
  const [command, ...rest] = line.split(' ');
  try {
    return await work[command](...rest);
  } catch (error) {
    return error?.code ?? String(error?.stack);
  }
}

if (isMainThread) {
  const others = [];
  for (let i = 0; i < Number(threads); i++) {
    const other = new Worker(new URL(import.meta.url), { workerData: [path, 0] });
    await new Promise((resolve) => other.once('message', resolve));
    others.push(other);
  }
  say('ready');
  for await (const line of commands()) {
    const answers = others.map((other) => {
      const answer = new Promise((resolve) => other.once('message', resolve));
      other.postMessage(line);
      return answer;
    });
    const mine = await obey(line);
    say(line.split(' ')[0], JSON.stringify([mine, ...(await Promise.all(answers))]));
  }
  for (const other of others) await other.terminate();
  say('lives');
} else {
  parentPort.on('message', async (line) => parentPort.postMessage(await obey(line)));
  parentPort.postMessage('ready');
}
