// writer.mjs PATH ID OPTIONS: commits transactions of writer ID for ever and tells of each that was
// resolved. OPTIONS: { bytes, pause, count, open }
import { fail, open, parameters, say, sleep, step, storesOf } from './program.mjs';

const [path, id, given] = parameters;
const options = { bytes: 2000, pause: 1, count: Infinity, ...JSON.parse(given ?? '{}') };

try {
  const db = open(path, { lockTimeout: 60_000, ...options.open });
  const stores = storesOf(db);
  say('ready');
  for (let i = 0; i < options.count; i++) {
    const bytes = Math.floor(Math.random() * options.bytes);
    if (options.tell) say('begin');
    const { n, own } = await db.write((tx) => step(tx, stores, Number(id), bytes));
    say('ack', id, own, n);
    if (options.pause > 0) await sleep(Math.random() * options.pause);
  }
  say('done');
} catch (error) {
  fail(error);
}
