// opener.mjs PATH ID PAUSE: opens, checks, commits one transaction and closes, over and over.
import { checkState, fail, open, parameters, say, sleep, step, storesOf } from './program.mjs';

const [path, id, pause] = parameters;
try {
  for (let round = 1; ; round++) {
    const db = open(path, { lockTimeout: 60_000 });
    const stores = storesOf(db);
    checkState(db.snapshot(), stores);
    const { n, own } = await db.write((tx) => step(tx, stores, Number(id)));
    say('ack', id, own, n);
    if (round % 2 === 0) db.closeSync();
    else await db.close();
    await sleep(Math.random() * Number(pause));
  }
} catch (error) {
  fail(error);
}
