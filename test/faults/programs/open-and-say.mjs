// open-and-say.mjs PATH OPTIONS [USER]: opens as that user and says the sum of what it reads, or the
// error; then what a write comes to.
import { open, parameters, say, thrown } from './program.mjs';

const [path, options, user] = parameters;
if (user !== undefined) {
  process.setgroups?.([]);
  process.setgid(Number(user));
  process.setuid(Number(user));
}
let db;
const error = thrown(() => {
  db = open(path, JSON.parse(options));
});
if (db === undefined) {
  say(error);
} else {
  const data = db.store('data', { key: 'u32', value: 'bytes' });
  let entries = 0;
  for (const _ of data.range()) entries++;
  say('entries', entries);
  await db.verify();
  say(
    'write',
    thrown(() => db.writeSync((tx) => tx.put(data, 1, Buffer.alloc(10)))),
  );
  db.closeSync();
}
