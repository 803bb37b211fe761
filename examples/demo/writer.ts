/**
 * A program that writes until it is killed: node writer.js FILE.
 * It tells of each transaction when, and not before, it is durable.
 */

import { openCities } from './cities.ts';
import { tell } from './messages.ts';
import { moveSomePeople } from './moving.ts';

const path = process.argv[2];
if (path === undefined) throw new TypeError('writer.js FILE');
const stores = openCities(path);
// The demo holds the other end: where it is gone, there is nobody to write for.
process.stdin.on('end', () => process.exit()).resume();

for (;;) {
  const [number, move] = await stores.db.write((tx) => moveSomePeople(tx, stores));
  tell({ kind: 'done', number, move });
}
