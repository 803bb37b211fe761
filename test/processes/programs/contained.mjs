// contained.mjs PATH ID: keeps a snapshot, and does what it is told: begin (a transaction that is
// left open) | put | check (that the snapshot is what it was).
import { checkState, commands, fail, open, parameters, say, step, storesOf } from './program.mjs';

const [path, id] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  const snapshot = db.snapshot();
  say('opened', process.pid);
  for await (const command of commands()) {
    if (command === 'begin') {
      const tx = await db.beginWrite();
      step(tx, stores, Number(id));
      say('begun');
    }
    if (command === 'put') say('put', (await db.write((tx) => step(tx, stores, Number(id)))).own);
    if (command === 'check') say('checked', checkState(snapshot, stores));
  }
} catch (error) {
  fail(error);
}
