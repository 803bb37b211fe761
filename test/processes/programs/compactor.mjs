// compactor.mjs PATH: compacts and trims the database, over and over, and makes work for itself: every
// other round it removes what it had put. PATH: the database. Says 'compacted BEFORE AFTER'.
import { fail, open, parameters, say } from './program.mjs';

const [path] = parameters;
try {
  const db = open(path, { lockTimeout: 60_000 });
  const filler = db.store('filler', { key: 'u32', value: 'bytes' });
  say('ready');
  for (let round = 0; ; round++) {
    await db.write((tx) => {
      for (let i = 0; i < 400; i++) {
        const key = Math.floor(Math.random() * 1000);
        if (Math.random() < 0.5) tx.remove(filler, key);
        else tx.put(filler, key, Buffer.alloc(Math.floor(Math.random() ** 4 * 40_000), key));
      }
    });
    say('begin');
    const { bytesBefore, bytesAfter } = await db.compact();
    if (round % 3 === 2) await db.trim();
    say('compacted', bytesBefore, bytesAfter);
  }
} catch (error) {
  fail(error);
}
