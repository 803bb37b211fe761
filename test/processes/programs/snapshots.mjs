// snapshots.mjs PATH: keeps snapshots as told on stdin: take | check | close, each answered by a line.
import { checkState, commands, fail, open, parameters, say, storesOf } from './program.mjs';

const [path] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000 });
  const stores = storesOf(db);
  const kept = [];
  say('ready');
  for await (const command of commands()) {
    if (command === 'take') {
      const snapshot = db.snapshot();
      kept.push(snapshot);
      say('took', checkState(snapshot, stores), snapshot.transaction);
    }
    if (command === 'check') say('found', ...kept.map((snapshot) => checkState(snapshot, stores)));
    if (command === 'newest')
      say(
        'newest',
        db.read((snapshot) => checkState(snapshot, stores)),
      );
    if (command === 'close') {
      for (const snapshot of kept.splice(0)) snapshot.close();
      say('closed');
    }
  }
} catch (error) {
  fail(error);
}
