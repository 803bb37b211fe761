// shapes.mjs PATH ID COUNT: puts COUNT values of COUNT shapes of its own into a store with shared
// structures, in every way there is, and reads what others put meanwhile. COUNT may be Infinity.
import { isMainThread } from 'node:worker_threads';
import { shapedValue } from '../../support/shape-values.mjs';
import { fail, open, parameters, say } from './program.mjs';

const [path, id, given] = parameters;
const count = Number(given);

/** A thread of a test has nobody who reads its lines. */
const tell = (...words) => isMainThread && say(...words);

/** Everything that is there is what its key says. */
function checkAll(store) {
  let n = 0;
  for (const [key, value] of store.range()) {
    if (JSON.stringify(value) !== JSON.stringify(shapedValue(key))) {
      throw new Error(`key ${key} has ${JSON.stringify(value)}`);
    }
    n++;
  }
  return n;
}

try {
  const db = open(path, { lockTimeout: 60_000, durability: 'manual' });
  const store = db.store('s', { key: 'u32', sharedStructures: true });
  tell('ready');
  for (let i = 0; i < count; i++) {
    const key = Number(id) * 100_000 + i;
    if (i % 4 === 0) await store.put(key, shapedValue(key));
    else if (i % 4 === 1) await store.putMany([[key, shapedValue(key)]]);
    else if (i % 4 === 2) db.writeSync((tx) => tx.put(store, key, shapedValue(key)));
    else {
      await db
        .write((tx) => {
          tx.put(store, key, { [`undone${key}`]: 1 });
          throw new Error('undone');
        })
        .catch(() => {});
      await store.update(key, () => shapedValue(key));
    }
    tell('ack', key);
    if (i % 10 === 0) checkAll(store);
  }
  tell('read', checkAll(store));
  await db.close();
  tell('done');
} catch (error) {
  fail(error);
}
