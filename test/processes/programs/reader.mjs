// reader.mjs PATH: checks that each snapshot is one transaction, at once and again when it is old.
import { checkState, fail, open, parameters, say, sleep, storesOf } from './program.mjs';

const [path] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000, readOnly: true });
  const stores = storesOf(db);
  const kept = [];
  let last = 0;
  for (let round = 1; ; round++) {
    const snapshot = db.snapshot();
    const n = checkState(snapshot, stores);
    if (n < last) throw new Error(`transaction ${n} was read after ${last}`);
    last = n;
    kept.push({ snapshot, n });
    if (kept.length > 4) {
      const [old] = kept.splice(Math.floor(Math.random() * kept.length), 1);
      const again = checkState(old.snapshot, stores);
      if (again !== old.n) throw new Error(`snapshot ${old.n} became ${again}`);
      old.snapshot.close();
    }
    if (round % 10 === 1) say('read', n);
    await sleep(Math.random() * 6);
  }
} catch (error) {
  fail(error);
}
