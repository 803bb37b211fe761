// The clean process beside every-call.mjs: opens what a case left, one path a line, and answers
// `ok`, or what is wrong. A line: { path, allowed, empty }, `allowed` the transactions that it may
// be in; undefined when there may be no database.
import { checkState, commands, open, prepare, say, step, storesOf } from './program.mjs';

async function check({ path, allowed, empty }) {
  const db = open(path, { lockTimeout: 5000 });
  try {
    const stores = storesOf(db);
    if (empty) {
      if (stores.left.has(0)) throw new Error('something is in it');
      prepare(db);
    }
    const n = db.read((s) => checkState(s, stores));
    if (!allowed.includes(n)) throw new Error(`transaction ${n}, not ${allowed.join(' or ')}`);
    await db.verify();
    await db.write((tx) => step(tx, stores, 2, 5000));
    const after = db.read((s) => checkState(s, stores));
    if (after !== n + 1) throw new Error(`the commit after it led to ${after}`);
    await db.verify();
    if (db.stats().readers.length > 0) throw new Error('reader slots are in use');
  } finally {
    await db.close();
  }
}

for await (const line of commands()) {
  try {
    await check(JSON.parse(line));
    say('ok');
  } catch (error) {
    say(String(error?.stack).replaceAll('\n', ' | '));
  }
}
