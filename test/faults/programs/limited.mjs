// limited.mjs PATH [fill]: 500 values; with `fill` then one too large for the limit; reads; closes.
import { open, parameters, say, thrown } from './program.mjs';

const [path, fill] = parameters;
// SIGXFSZ ends a process that does not handle it.
process.on('SIGXFSZ', () => {});
const db = open(path);
const data = db.store('data', { key: 'u32', value: 'bytes' });
for (let i = 0; i < 5; i++) {
  const from = i * 100;
  await data.putMany(Array.from({ length: 100 }, (_, k) => [from + k, Buffer.alloc(500, k)]));
}
say('wrote', data.count());
if (fill === 'fill') {
  say(thrown(() => db.writeSync((tx) => tx.put(data, 1000, Buffer.alloc(4 * 2 ** 20)))));
}
let read = 0;
for (const [, value] of data.range()) read += value.length === 500 ? 1 : 0;
say('READ', read);
await db.verify();
await db.close();
say('done');
