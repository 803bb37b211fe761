// create.mjs PATH ID: opens a database that may not be there, when told to, and commits to it.
import { commands, fail, open, parameters, say, step, storesOf } from './program.mjs';

const [path, id] = parameters;
try {
  say('ready');
  for await (const _ of commands()) break;
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  for (let i = 0; i < 5; i++) {
    const { own } = await db.write((tx) => step(tx, stores, Number(id)));
    say('ack', id, own);
  }
  await db.close();
  say('done');
} catch (error) {
  fail(error);
}
