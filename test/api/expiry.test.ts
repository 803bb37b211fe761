/** Stores with expires: true: entries that are gone when their time has come, and swept later. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Database, open } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { program, sleep, until } from '../support/process-children.ts';
import { expectRefusal, rangeError, typeError } from './refusal.ts';

const MEMORY = { durability: 'manual' } as const;
const KIND = { key: 'string', value: 'json', expires: true } as const;
const NOW = Date.UTC(2030, 0, 1);

afterEach(() => vi.useRealTimers());

/** Stops the clock of entries, and the sweep's, and returns how to move the first. */
function stopClock(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
  return (ms) => vi.setSystemTime(NOW + ms);
}

describe('an entry that has expired', () => {
  test('is returned by nothing that returns entries', async () => {
    const passed = stopClock();
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    await store.put('a', 1, { expireIn: 10 });
    await store.put('b', 2);
    await store.put('c', 3, { expireAt: NOW + 20 });
    await store.put('d', 4, { expireAt: new Date(NOW + 10) });
    expect(store.getEntry('a')).toEqual({
      key: 'a',
      value: 1,
      version: undefined,
      expires: NOW + 10,
    });
    expect(store.getEntry('b')!.expires).toBeUndefined();
    expect(store.keys().toArray()).toEqual(['a', 'b', 'c', 'd']);
    const held = db.snapshot();
    passed(9);
    expect(store.get('a')).toBe(1);
    passed(10);
    for (const reader of [store, { ...bound(db, held) }]) {
      expect(reader.get('a')).toBeUndefined();
      expect(reader.has('a')).toBe(false);
      expect(reader.getEntry('a')).toBeUndefined();
      expect(reader.getMany(['a', 'b', 'd'])).toEqual([undefined, 2, undefined]);
      expect(reader.getAll('a').toArray()).toEqual([]);
      expect(reader.range().toArray()).toEqual([
        ['b', 2],
        ['c', 3],
      ]);
      expect(reader.keys({ reverse: true }).toArray()).toEqual(['c', 'b']);
      expect(reader.values({ limit: 1 }).toArray()).toEqual([2]);
      expect(reader.first()).toEqual(['b', 2]);
      expect(reader.last()).toEqual(['c', 3]);
      expect(reader.last({ limit: 1 })).toEqual(['b', 2]);
      expect(reader.first({ reverse: true, lt: 'c' })).toEqual(['b', 2]);
      expect(reader.last({ reverse: true })).toEqual(['b', 2]);
      expect(reader.at(0)).toBeUndefined();
      expect(reader.at(1)).toEqual(['b', 2]);
      expect(['b', 'c']).toContain(reader.sample()![0]);
      // These count what is there until it is swept.
      expect(reader.count()).toBe(4);
      expect(reader.rank('c')).toBe(2);
      expect(reader.keys({ offset: 1 }).toArray()).toEqual(['b', 'c']);
    }
    passed(20);
    expect(store.keys().toArray()).toEqual(['b']);
    held.close();
  });

  test('is absent for conditions, removals and updates', async () => {
    const passed = stopClock();
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', { ...KIND, versions: true });
    for (const key of ['a', 'b', 'c', 'd', 'e']) await store.put(key, key, { expireIn: 10 });
    const { version } = store.getEntry('d')!;
    passed(10);
    expect(await store.put('a', 'new', { ifAbsent: true })).toBe(true);
    expect(await store.remove('b')).toBe(false);
    expect(await store.update('c', (old) => (old === undefined ? 'made' : 'kept'))).toBe('made');
    expect(await store.put('d', 'x', { ifVersion: version! })).toBe(false);
    expect(await store.remove('d', { ifVersion: version! })).toBe(false);
    expect(await store.put('d', 'x', { ifVersion: null })).toBe(true);
    db.writeSync((tx) => {
      expect(tx.get(store, 'e')).toBeUndefined();
      expect(tx.update(store, 'e', (old) => old)).toBeUndefined();
      expect(tx.remove(store, 'e')).toBe(false);
      expect(tx.removeRange(store, { gte: 'z' })).toBe(0);
    });
    expect([...store]).toEqual([
      ['a', 'new'],
      ['c', 'made'],
      ['d', 'x'],
    ]);
    // What was put without an expiry has none.
    passed(1e9);
    expect(store.keys().toArray()).toEqual(['a', 'c', 'd']);
  });

  test('ends when a put says so; an update keeps when', async () => {
    const passed = stopClock();
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    await store.put('a', 1, { expireIn: 10 });
    await store.update('a', (n) => Number(n) + 1);
    expect(store.getEntry('a')).toMatchObject({ value: 2, expires: NOW + 10 });
    db.writeSync((tx) => tx.update(store, 'a', (n) => Number(n) + 1));
    expect(store.getEntry('a')).toMatchObject({ value: 3, expires: NOW + 10 });
    await store.put('a', 4);
    expect(store.getEntry('a')).toMatchObject({ value: 4, expires: undefined });
    await store.put('a', 5, { expireAt: 0 });
    expect(store.get('a')).toBeUndefined();
    await store.put('a', 6, { expireIn: 0 });
    expect(store.get('a')).toBeUndefined();
    passed(1);
    expect(store.count()).toBe(1);
  });

  test('is one of a key’s values in a multi store', async () => {
    const passed = stopClock();
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', { key: 'string', value: 'u32', multi: true, expires: true });
    await store.put('a', 1, { expireIn: 10 });
    await store.put('a', 2, { expireIn: 20 });
    await store.put('b', 1, { expireIn: 10 });
    passed(10);
    expect(store.get('a')).toBe(2);
    expect(store.getAll('a').toArray()).toEqual([2]);
    expect(store.keys().toArray()).toEqual(['a']);
    expect([store.has('a', 1), store.has('a', 2), store.has('b')]).toEqual([false, true, false]);
    expect(await store.remove('b')).toBe(false);
    expect(store.count()).toBe(2);
    // Anew, and then once more: the second time it was there, and lasts longer.
    expect(await store.put('a', 1, { expireIn: 30 })).toBe(true);
    expect(await store.put('a', 1, { expireIn: 90 })).toBe(false);
    passed(50);
    expect(store.getAll('a').toArray()).toEqual([1]);
  });
});

test.each([
  ['expireIn', { expireIn: -1 }, rangeError('expireIn', '-1')],
  ['expireIn', { expireIn: Number.POSITIVE_INFINITY }, rangeError('expireIn', 'Infinity')],
  ['expireIn', { expireIn: Number.NaN }, typeError('expireIn', 'NaN')],
  ['expireIn', { expireIn: '5' }, typeError('expireIn', '5')],
  ['expireAt', { expireAt: 2 ** 48 }, rangeError('expireAt', String(2 ** 48))],
  ['expireAt', { expireAt: new Date(Number.NaN) }, typeError('expireAt', 'valid Date', 'NaN')],
  ['expireAt', { expireAt: new Date(-5) }, rangeError('expireAt', '-5')],
  ['both', { expireIn: 5, expireAt: 5 }, typeError('expireIn', 'expireAt', 'both')],
] as const)('%s: %o is refused', async (_, options, refusal) => {
  const db = openFresh();
  const store = db.store('s', KIND);
  await expectRefusal(() => store.put('a', 1, options as never), refusal);
  await expectRefusal(() => db.write((tx) => tx.put(store, 'a', 1, options as never)), refusal);
  expect(store.count()).toBe(0);
});

describe('the sweep', () => {
  test('removes what has expired, and nothing else, soon after its time', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    const plain = db.store('plain');
    await plain.put('a', 1);
    await store.put('stays', 1);
    await store.put('later', 1, { expireIn: 3_600_000 });
    await store.putMany(Array.from({ length: 500 }, (_, i) => [`stays ${i}`, i]));
    db.writeSync((tx) => {
      for (let i = 0; i < 3000; i++) tx.put(store, `goes ${i}`, i, { expireIn: i % 300 });
    });
    expect(store.count()).toBe(3502);
    await until(() => store.count() === 502);
    expect(store.has('later')).toBe(true);
    expect(plain.count()).toBe(1);
    // And again, for what comes later.
    await store.put('more', 1, { expireIn: 20 });
    await until(() => store.count() === 502);
  });

  test('takes small transactions, and leaves turns to others between them', async () => {
    const db = openFresh(newPath(), MEMORY);
    const store = db.store('s', KIND);
    db.writeSync((tx) => {
      for (let i = 0; i < 20_000; i++) tx.put(store, `goes ${i}`, i, { expireIn: 1 });
    });
    const counts: number[] = [store.count()];
    let longest = 0;
    let last = performance.now();
    while (counts.at(-1)! > 0) {
      await sleep(1);
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      const count = store.count();
      if (count !== counts.at(-1)) counts.push(count);
    }
    for (let i = 1; i < counts.length; i++) {
      expect(counts[i - 1]! - counts[i]!).toBeLessThanOrEqual(2000);
    }
    expect(counts.length).toBeGreaterThan(10);
    expect(longest).toBeLessThan(1000);
  });

  test('finds what lies behind more than a piece of what stays', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    db.writeSync((tx) => {
      for (let i = 0; i < 20_000; i++) tx.put(store, `stays ${i}`, i);
      tx.put(store, 'zz', 1, { expireIn: 1 });
    });
    await until(() => store.count() === 20_000);
  });

  test('does not remove what was put anew while it waited for the lock', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    await store.put('a', 'old', { expireIn: 1 });
    await store.put('b', 'old', { expireIn: 1 });
    const tx = await db.beginWrite();
    tx.put(store, 'a', 'new');
    // It begins half a second after the first put.
    await sleep(1000);
    await tx.commit();
    await until(() => store.count() === 1);
    expect([...store]).toEqual([['a', 'new']]);
  });

  test('is done by whoever writes, also what another process has left', async () => {
    const path = newPath();
    const child = program(import.meta.url, 'leave-expired.mjs', [path, 1000]);
    expect(await child.line()).toBe('left 1000');
    await child.ended();
    const db = openFresh(path, MEMORY);
    const store = db.store('s', KIND);
    expect(store.count()).toBe(1000);
    expect(store.first()).toBeUndefined();
    // A reader changes nothing.
    await sleep(700);
    expect(store.count()).toBe(1000);
    await store.put('mine', 1, { expireIn: 600 });
    await until(() => store.count() === 0);
  });

  test('comes when the first that another handle has put expires', async () => {
    const path = newPath();
    const other = open(path, MEMORY);
    await other.store('s', KIND).put('later', 1, { expireIn: 1500 });
    await other.close();
    const db = openFresh(path, MEMORY);
    const store = db.store('s', KIND);
    await store.put('mine', 1, { expireIn: 0 });
    await until(() => store.count() === 1);
    expect(store.has('later')).toBe(true);
    await until(() => store.count() === 0);
  });

  test('ends with its database, at any time', async () => {
    for (let round = 0; round < 10; round++) {
      const db: Database = open(':memory:', MEMORY);
      const store = db.store('s', KIND);
      db.writeSync((tx) => {
        for (let i = 0; i < 5000; i++) tx.put(store, `goes ${i}`, i, { expireIn: 1 });
      });
      if (round > 0) await until(() => store.count() < 5000 - 300 * round);
      if (round % 2 === 0) await db.close();
      else db.closeSync();
    }
  });
});

/** A snapshot's methods as those of a store. */
function bound(db: Database, snapshot: ReturnType<Database['snapshot']>) {
  const store = db.store('s', KIND);
  type S = typeof store;
  return {
    get: (...a: Parameters<S['get']>) => snapshot.get(store, ...a),
    has: (...a: Parameters<S['has']>) => snapshot.has(store, ...a),
    getEntry: (...a: Parameters<S['getEntry']>) => snapshot.getEntry(store, ...a),
    getMany: (...a: Parameters<S['getMany']>) => snapshot.getMany(store, ...a),
    getAll: (...a: Parameters<S['getAll']>) => snapshot.getAll(store, ...a),
    range: (...a: Parameters<S['range']>) => snapshot.range(store, ...a),
    keys: (...a: Parameters<S['keys']>) => snapshot.keys(store, ...a),
    values: (...a: Parameters<S['values']>) => snapshot.values(store, ...a),
    first: (...a: Parameters<S['first']>) => snapshot.first(store, ...a),
    last: (...a: Parameters<S['last']>) => snapshot.last(store, ...a),
    at: (...a: Parameters<S['at']>) => snapshot.at(store, ...a),
    sample: () => snapshot.sample(store),
    count: (...a: Parameters<S['count']>) => snapshot.count(store, ...a),
    rank: (...a: Parameters<S['rank']>) => snapshot.rank(store, ...a),
  };
}
