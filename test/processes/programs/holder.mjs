// holder.mjs PATH: has a transaction open when it says 'holding', and does what it is told on stdin:
// commit | abort | exit.
import { commands, fail, open, parameters, say, step, storesOf } from './program.mjs';

const [path, id] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  const tx = await db.beginWrite();
  const { n } = step(tx, stores, Number(id));
  say('holding', process.pid, n);
  for await (const command of commands()) {
    if (command === 'commit') await tx.commit();
    if (command === 'abort') tx.abort();
    if (command === 'exit') process.exit(0);
    say('did', command);
  }
} catch (error) {
  fail(error);
}
