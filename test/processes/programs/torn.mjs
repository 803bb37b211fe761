// Loads rows in one transaction, changes some in another of one flush, and dies by SIGKILL.
import { open, parameters, say } from './program.mjs';

const [path] = parameters;
const db = open(path);
const store = db.store('s', { key: 'u32', value: 'bytes' });
await db.write((tx) => {
  for (let i = 0; i < 200_000; i++) tx.put(store, i, new Uint8Array(100));
});
const before = db.lastTransaction;
await db.write((tx) => {
  for (let i = 0; i < 200_000; i += 5000) tx.put(store, i, new Uint8Array(100).fill(1));
});
say(before, db.lastTransaction);
process.kill(process.pid, 'SIGKILL');
