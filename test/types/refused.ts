/** Uses that the compiler has to refuse: each is an error of `npm run types` when it is not. */

import { type Database, open } from '../../src/index.ts';

interface User {
  name: string;
  born: number;
}

/** Never called: only compiled. */
export async function refused(db: Database): Promise<void> {
  const store = db.store<string, User>('users');
  const numbers = db.store('n', { key: 'u32', value: 'string' });
  // @ts-expect-error a key of another type
  store.get(5);
  // @ts-expect-error a value of another type
  await store.put('a', { name: 1 });
  // @ts-expect-error a value that is missing
  await store.put('a');
  // @ts-expect-error a text for a number
  numbers.get('1');
  // @ts-expect-error a number for a text
  await numbers.put(1, 1);
  // @ts-expect-error undefined is no key
  db.store('s').get(undefined);
  // @ts-expect-error no such codec
  db.store('s', { key: 'u16' });
  // @ts-expect-error no such option
  db.store('s', { keys: 'u32' });
  // @ts-expect-error no such option
  open('x', { pagesize: 4096 });
  // @ts-expect-error no such page size
  open('x', { pageSize: 512 });
  // @ts-expect-error no such durability
  await db.write(() => 1, { durability: 'sync' });
  // @ts-expect-error no such option
  await store.put('a', { name: '', born: 1 }, { ifabsent: true });
  // @ts-expect-error no such option
  store.range({ from: 'a' });
  // @ts-expect-error a bound of another type
  store.range({ gt: 5 });
  // @ts-expect-error it cannot be changed
  store.name = 'b';
  // @ts-expect-error it cannot be changed
  db.path = 'b';
  // @ts-expect-error it is for the library only
  new (db.constructor as typeof import('../../src/index.ts').Database)();
  // @ts-expect-error a store is not a name
  await db.write((tx) => tx.get('users', 'a'));
  // @ts-expect-error the store's keys are texts
  await db.write((tx) => tx.get(store, 5));
  // @ts-expect-error the store's values are users
  await db.write((tx) => tx.put(store, 'a', 5));
  // @ts-expect-error a value of another type
  await store.update('a', () => 5);
  // @ts-expect-error pairs
  await store.putMany(['a']);
  const pairs = db.store('p', { key: 'string', value: 'u32', multi: true });
  // @ts-expect-error a value of another type
  pairs.has('a', 'b');
  // @ts-expect-error a bound of another type
  pairs.getAll('a', { gte: 'b' });
  // @ts-expect-error a value of another type
  await pairs.remove('a', { value: 'b' });
  // @ts-expect-error a version is a number
  await store.put('a', { name: '', born: 1 }, { ifVersion: '1' });
  // @ts-expect-error no such option
  store.blob('a')?.stream({ from: 1 });
}
