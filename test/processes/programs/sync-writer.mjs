// sync-writer.mjs PATH ID: commits in a loop that never gives the event loop a turn.
import { fail, open, parameters, say, step, storesOf } from './program.mjs';

const [path, id] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  for (let i = 0; ; i++) {
    db.writeSync((tx) => step(tx, stores, Number(id), 100));
    if (i % 50 === 0) say('wrote', i);
  }
} catch (error) {
  fail(error);
}
