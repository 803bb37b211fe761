/** Reads: snapshots, iterations and what they hold, and who owns what is returned. */

import { channel } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import type { Database, Store } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { coded, expectRefusal } from './refusal.ts';

async function filled(entries: number): Promise<{ db: Database; store: Store<number, number> }> {
  const db = openFresh();
  const store = db.store<number, number>('s', { key: 'u32' });
  await store.putMany(Array.from({ length: entries }, (_, i) => [i, i * 2] as const));
  return { db, store };
}

const held = (db: Database): number => db.stats().readers.filter(({ self }) => self).length;

describe('a snapshot', () => {
  test('keeps its state while others write, and is shared by what is open on it', async () => {
    const { db, store } = await filled(500);
    using snapshot = db.snapshot();
    using same = db.snapshot();
    expect(held(db)).toBe(1);
    await store.clear();
    await db.dropStore('s');
    await db.store('t').put('k', 'x'.repeat(100_000));
    expect(snapshot.count(store)).toBe(500);
    expect(snapshot.range(store).toArray().at(-1)).toEqual([499, 998]);
    expect(same.get(store, 499)).toBe(998);
    expect(store.count()).toBe(0);
    expect(db.stats().open.snapshots).toBe(2);
    using later = db.snapshot();
    expect(held(db)).toBe(2);
    expect(later.transaction).toBeGreaterThan(snapshot.transaction);
  });

  test('ends with close, and says so', async () => {
    const { db, store } = await filled(10);
    const snapshot = db.snapshot();
    const values = snapshot.values(store);
    const iterator = snapshot.keys(store)[Symbol.iterator]();
    iterator.next();
    expect(db.stats().open).toMatchObject({ iterators: 1, snapshots: 1 });
    snapshot.close();
    expect(snapshot.closed).toBe(true);
    const over = coded('TRANSACTION_CLOSED', `${snapshot.transaction}`, 'Take a new one');
    await expectRefusal(() => snapshot.get(store, 1), over);
    await expectRefusal(() => snapshot.count(store), over);
    await expectRefusal(() => values.toArray(), over);
    await expectRefusal(() => iterator.next(), over);
    snapshot.close();
    expect(db.stats().open).toMatchObject({ iterators: 0, snapshots: 0 });
    expect(held(db)).toBe(0);
  });

  test('read gives one and closes it, also when the function throws', async () => {
    const { db, store } = await filled(10);
    expect(db.read((snapshot) => snapshot.count(store))).toBe(10);
    expect(() =>
      db.read(() => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(held(db)).toBe(0);
    expect(db.stats().open.snapshots).toBe(0);
  });

  test('one that is let go of is released when it is collected, and told of', async () => {
    const { db, store } = await filled(10);
    const told: unknown[] = [];
    const listener = (message: unknown): void => void told.push(message);
    channel('coppice:abandoned').subscribe(listener);
    (() => db.snapshot().get(store, 1))();
    expect(held(db)).toBe(1);
    await expect
      .poll(() => {
        globalThis.gc!();
        return db.stats().open.snapshots;
      })
      .toBe(0);
    channel('coppice:abandoned').unsubscribe(listener);
    expect(held(db)).toBe(0);
    expect(told).toEqual([expect.objectContaining({ kind: 'snapshot' })]);
  });
});

test('READERS_FULL names the number of slots, and ends when one is free', async () => {
  const db = openFresh(newPath(), { maxReaders: 3 });
  const store = db.store<string, number>('s');
  const snapshots = [];
  for (let i = 0; i < 2; i++) {
    await store.put('k', i);
    snapshots.push(db.snapshot());
  }
  const entries = Array.from({ length: 10 }, (_, i): [string, number] => [`k${i}`, i]);
  await store.putMany(entries);
  const error = await expectRefusal(() => db.snapshot(), coded('READERS_FULL', '3', 'maxReaders'));
  expect(error).toMatchObject({ maxReaders: 3 });
  await expectRefusal(() => [...store], coded('READERS_FULL'));
  expect(store.get('k')).toBe(1);
  expect(store.first()).toEqual(['k', 1]);
  expect([...store.range({ limit: 3 })]).toEqual([['k', 1], ...entries.slice(0, 2)]);
  snapshots[0]!.close();
  expect([...store]).toEqual([['k', 1], ...entries]);
  snapshots[1]!.close();
});

describe('an iteration', () => {
  test('sees the state that was newest when it began, whatever is written meanwhile', async () => {
    const { db, store } = await filled(300);
    const seen: number[] = [];
    for (const key of store.keys()) {
      seen.push(key);
      if (key % 50 === 0) db.writeSync((tx) => tx.removeRange(store, { gte: key }));
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => i));
    expect(store.count()).toBe(0);
  });

  test('breaking out releases it, and so do its end, a throw and return', async () => {
    const { db, store } = await filled(10);
    for (const [key] of store) if (key === 3) break;
    expect(held(db)).toBe(0);
    expect(() => {
      for (const _ of store.range()) throw new Error('mine');
    }).toThrow('mine');
    expect(held(db)).toBe(0);
    const iterator = store.keys()[Symbol.iterator]();
    for (let key = 0; key < 10; key++) {
      expect(iterator.next()).toEqual({ done: false, value: key });
      expect(held(db)).toBe(1);
      expect(db.stats().open.iterators).toBe(1);
    }
    expect(iterator.next()).toEqual({ done: true, value: undefined });
    expect(held(db)).toBe(0);
    const other = store.keys()[Symbol.iterator]();
    other.next();
    other.return?.();
    expect(other.next().done).toBe(true);
    expect(db.stats().open.iterators).toBe(0);
    for (const _ of store
      .range()
      .map((entry) => entry[0])
      .filter((n) => n > 2)
      .take(1))
      break;
    expect(held(db)).toBe(0);
  });

  test.each([
    ['a limit', { limit: 7 }, [0, 1, 2, 3, 4, 5, 6]],
    ['a limit, backwards', { limit: 3, reverse: true }, [299, 298, 297]],
    ['a leaf', { gte: 1, lt: 4 }, [1, 2, 3]],
    ['a leaf, backwards', { gt: 1, lte: 4, reverse: true }, [4, 3, 2]],
  ] as const)(
    'what ends within %s is read at once and keeps no snapshot',
    async (_, range, keys) => {
      const { db, store } = await filled(300);
      const iterator = store.keys(range)[Symbol.iterator]();
      const seen = [iterator.next().value];
      expect(held(db)).toBe(0);
      expect(db.stats().open.iterators).toBe(0);
      await store.clear();
      for (let step = iterator.next(); step.done !== true; step = iterator.next()) {
        seen.push(step.value);
      }
      expect(seen).toEqual(keys);
      const other = store.keys()[Symbol.iterator]();
      expect(other.next().done).toBe(true);
      expect(held(db)).toBe(0);
    },
  );

  test('of one whose entries were read at once closing the database is the end, too', async () => {
    const { db, store } = await filled(300);
    const iterator = store.keys({ limit: 3 })[Symbol.iterator]();
    iterator.next();
    await db.close();
    await expectRefusal(() => iterator.next(), coded('DATABASE_CLOSED'));
    expect(iterator.next().done).toBe(true);
  });

  // Closing ends it; that it was told of as abandoned when it was collected later was a mistake.
  test('one that is left behind in a database that is closed then is not told of', async () => {
    const { db, store } = await filled(10);
    const told: unknown[] = [];
    const listener = (message: unknown): void => void told.push(message);
    channel('coppice:abandoned').subscribe(listener);
    const iterations = new WeakRef(
      (() => {
        const iterator = store.keys()[Symbol.iterator]();
        iterator.next();
        return iterator;
      })(),
    );
    await db.close();
    await expect
      .poll(() => {
        globalThis.gc!();
        return iterations.deref() === undefined;
      })
      .toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    channel('coppice:abandoned').unsubscribe(listener);
    expect(told).toEqual([]);
  });

  test('one that is left behind is released when it is collected, and told of', async () => {
    const { db, store } = await filled(10);
    const told: unknown[] = [];
    const listener = (message: unknown): void => void told.push(message);
    channel('coppice:abandoned').subscribe(listener);
    (() =>
      store
        .range()
        .map((entry) => entry[0])
        [Symbol.iterator]()
        .next())();
    expect(db.stats().open.iterators).toBe(1);
    expect(held(db)).toBe(1);
    await expect
      .poll(() => {
        globalThis.gc!();
        return db.stats().open.iterators;
      })
      .toBe(0);
    channel('coppice:abandoned').unsubscribe(listener);
    expect(held(db)).toBe(0);
    expect(told).toEqual([{ kind: 'iterator', path: ':memory:', transaction: db.lastTransaction }]);
  });

  test('inside a transaction it sees the tree as it goes', async () => {
    const { db, store } = await filled(5);
    const seen = await db.write((tx) => {
      const keys: number[] = [];
      for (const key of tx.keys(store)) {
        keys.push(key);
        if (key === 1) tx.remove(store, 2);
        if (key === 3) tx.put(store, 100, 1);
        if (key < 110 && key >= 100) tx.put(store, key + 1, 1);
      }
      return keys;
    });
    expect(seen).toEqual([0, 1, 3, 4, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
    const back = await db.write((tx) => {
      const keys: number[] = [];
      for (const key of tx.keys(store, { reverse: true, lte: 4 })) {
        keys.push(key);
        if (key === 3) tx.removeRange(store, { lt: 3, gt: 0 });
      }
      return keys;
    });
    expect(back).toEqual([4, 3, 0]);
  });
});

describe('Lazy', () => {
  test('map, filter, take, drop, toArray, forEach, reduce, first', async () => {
    const { store } = await filled(20);
    const odd = store.keys().filter((n) => n % 2 === 1);
    expect(odd.take(3).toArray()).toEqual([1, 3, 5]);
    expect(odd.drop(8).toArray()).toEqual([17, 19]);
    expect(
      odd
        .map((n, index) => n * 10 + index)
        .take(2)
        .toArray(),
    ).toEqual([10, 31]);
    expect(odd.filter((_, index) => index > 8).toArray()).toEqual([19]);
    expect(odd.first()).toBe(1);
    expect(store.keys({ gt: 100 }).first()).toBeUndefined();
    expect(store.keys().reduce((sum, n, index) => sum + n * index, 0)).toBe(2470);
    const each: [number, number][] = [];
    store.keys({ gte: 18 }).forEach((n, index) => void each.push([n, index]));
    expect(each).toEqual([
      [18, 0],
      [19, 1],
    ]);
    expect(store.keys().take(0).toArray()).toEqual([]);
    expect(store.keys().take(Infinity).toArray()).toHaveLength(20);
  });

  test('reads nothing before it is asked, and no more than it is asked for', async () => {
    const { db, store } = await filled(20);
    let calls = 0;
    const doubled = store.keys().map((n) => {
      calls++;
      return n * 2;
    });
    expect(calls).toBe(0);
    expect(db.stats().open.iterators).toBe(0);
    expect(doubled.take(3).toArray()).toEqual([0, 2, 4]);
    expect(calls).toBe(3);
  });

  test('is iterable again and again: of a store from the newest state each time', async () => {
    const { db, store } = await filled(2);
    const keys = store.keys();
    using snapshot = db.snapshot();
    const old = snapshot.keys(store);
    expect(keys.toArray()).toEqual([0, 1]);
    await store.put(2, 2);
    expect(keys.toArray()).toEqual([0, 1, 2]);
    expect(old.toArray()).toEqual([0, 1]);
    expect(old.toArray()).toEqual([0, 1]);
  });

  test('an asynchronous iteration lets others run', async () => {
    const { store } = await filled(10_000);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    let immediates = 0;
    const count = (): void => {
      immediates++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    let items = 0;
    for await (const _ of store.range()) items++;
    clearInterval(timer);
    clearImmediate(next);
    expect(items).toBe(10_000);
    expect(immediates).toBeGreaterThanOrEqual(4);
  });

  test('breaking out of an asynchronous iteration releases it', async () => {
    const { db, store } = await filled(10);
    for await (const key of store.keys()) if (key === 2) break;
    expect(held(db)).toBe(0);
  });
});

test('getMany reads all of one state', async () => {
  const { db, store } = await filled(10);
  expect(store.getMany([3, 99, 0, 3])).toEqual([6, undefined, 0, 6]);
  expect(store.getMany([])).toEqual([]);
  let calls = 0;
  // A codec that writes between two of them.
  const tricky: Store<number, number> = db.store('tricky', {
    key: 'u32',
    value: {
      name: 'writes',
      encode: (value: number) => Buffer.from(String(value)),
      decode(bytes: Uint8Array): number {
        if (calls++ === 0) db.writeSync((tx) => tx.clear(tricky));
        return Number(Buffer.from(bytes).toString());
      },
    },
  });
  await tricky.putMany([
    [1, 1],
    [2, 2],
  ]);
  expect(tricky.getMany([1, 2])).toEqual([1, 2]);
  expect(tricky.getMany([1, 2])).toEqual([undefined, undefined]);
});

describe('what is returned is the caller’s own', () => {
  test('bytes of every size, of values and of keys', async () => {
    const db = openFresh();
    const store = db.store('s', { key: 'bytes', value: 'bytes' });
    const packed = db.store('packed');
    for (const size of [0, 1, 64, 65, 100, 3000, 4096, 70_000]) {
      const value = new Uint8Array(size).fill(7);
      const key = new Uint8Array(Math.min(size, 200)).fill(9);
      await store.put(key, value);
      await packed.put(key, { value, buffer: value.buffer });
      const found = [
        store.get(key)!,
        ...store.range({ gte: key, limit: 1 }).first()!,
        ...store.at(store.rank(key))!,
        store.getEntry(key)!.value,
        store.getMany([key])[0]!,
        (packed.get(key) as { value: Uint8Array }).value,
      ];
      for (const bytes of found) bytes.fill(1);
      value.fill(1);
      expect(store.get(new Uint8Array(Math.min(size, 200)).fill(9))).toEqual(
        new Uint8Array(size).fill(7),
      );
      await store.clear();
      await packed.clear();
      // The pages are used again; what was returned stays.
      await store.put(Uint8Array.of(1), new Uint8Array(80_000).fill(3));
      for (const bytes of found) expect(bytes.every((byte) => byte === 1)).toBe(true);
      await store.clear();
    }
  });
});

test('a value that is undefined in every reader is absent', async () => {
  const { db, store } = await filled(3);
  expect(store.get(7)).toBeUndefined();
  expect(store.has(7)).toBe(false);
  expect(store.getEntry(7)).toBeUndefined();
  expect(store.getAll(7).toArray()).toEqual([]);
  expect(store.getAll(2).toArray()).toEqual([4]);
  expect(store.getEntry(2)).toEqual({ key: 2, value: 4, version: undefined, expires: undefined });
  const empty = db.store('empty');
  expect(empty.first()).toBeUndefined();
  expect(empty.last()).toBeUndefined();
  expect(empty.at(0)).toBeUndefined();
  expect(empty.at(-1)).toBeUndefined();
  expect(empty.sample()).toBeUndefined();
  expect([...empty]).toEqual([]);
});

test('sample gives every entry about as often', async () => {
  const { store } = await filled(50);
  const drawn = new Map<number, number>();
  for (let i = 0; i < 20_000; i++) {
    const [key] = store.sample()!;
    drawn.set(key, (drawn.get(key) ?? 0) + 1);
  }
  // 400 each, standard deviation 20: seven of them either way.
  for (let key = 0; key < 50; key++) {
    expect(drawn.get(key)).toBeGreaterThan(260);
    expect(drawn.get(key)).toBeLessThan(540);
  }
});

test('verify can be followed, stopped, and counts what it reached', async () => {
  const { db, store } = await filled(2000);
  const seen: { done: number; total: number }[] = [];
  const report = await db.verify({ onProgress: (progress) => void seen.push(progress) });
  expect(report).toEqual({ pages: db.stats().liveBytes / 4096, entries: 2000, problems: [] });
  expect(seen.at(-1)).toEqual({ done: report.pages, total: report.pages });
  const reason = new Error('enough');
  await expect(db.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const stopped = db.verify({ signal: controller.signal });
  controller.abort(reason);
  await expect(stopped).rejects.toBe(reason);
  expect(store.count()).toBe(2000);
});
