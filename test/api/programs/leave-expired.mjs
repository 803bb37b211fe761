// leave-expired.mjs PATH COUNT: puts entries that expire at once, says 'left COUNT', and is gone before
// its sweep begins.
import { fail, open, parameters, say } from '../../processes/programs/program.mjs';

const [path, count] = parameters;
try {
  const db = open(path);
  const store = db.store('s', { key: 'string', value: 'json', expires: true });
  db.writeSync((tx) => {
    for (let i = 0; i < Number(count); i++) tx.put(store, `goes ${i}`, i, { expireIn: 0 });
  });
  say('left', count);
  process.exit(0);
} catch (error) {
  fail(error);
}
