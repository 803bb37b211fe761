/** What waits to be written is counted, and whoever heeds `writable` needs bounded memory. */

import { describe, expect, test } from 'vitest';
import type { Database, WriteTransaction } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';

const queued = (db: Database): number => db.stats().open.queuedBytes;
const failing = (): never => {
  throw new Error('of the callback');
};

describe('writable', () => {
  test('says when what waits takes more than maxQueuedBytes', async () => {
    const db = openFresh(':memory:', { maxQueuedBytes: 3000 });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    expect(db.writable).toBe(true);
    const done = [store.put(1, new Uint8Array(900))];
    expect(db.writable).toBe(true);
    expect(queued(db)).toBeGreaterThanOrEqual(904);
    done.push(store.put(2, new Uint8Array(900)));
    expect(db.writable).toBe(false);
    // It is taken all the same, and in order.
    done.push(store.put(1, new Uint8Array(3)));
    await Promise.all(done);
    expect(store.get(1)!.length).toBe(3);
    expect(db.writable).toBe(true);
    expect(queued(db)).toBe(0);
  });

  test('with maxQueuedBytes 0 nothing may wait', async () => {
    const db = openFresh(':memory:', { maxQueuedBytes: 0 });
    expect(db.writable).toBe(true);
    const done = db.write(() => {});
    expect(db.writable).toBe(false);
    await done;
    expect(db.writable).toBe(true);
  });

  test.each<[string, (db: Database) => Promise<unknown>]>([
    ['put', (db) => db.store('s').put(1, 1)],
    ['remove', (db) => db.store('s').remove(1)],
    ['update', (db) => db.store('s').update(1, () => 2)],
    ['removeRange', (db) => db.store('s').removeRange({ gte: 1 })],
    ['clear', (db) => db.store('s').clear()],
    ['putMany', (db) => db.store('s').putMany([[1, 1]])],
    ['write', (db) => db.write((tx) => tx.put(db.store('s'), 1, 1))],
    ['write that throws', (db) => db.write(failing)],
    ['dropStore', (db) => db.dropStore('s')],
  ])('every piece that waits counts, and no longer than it waits: %s', async (_name, write) => {
    const db = openFresh();
    await db.store('s').put(0, 0);
    const done: Promise<unknown>[] = [];
    for (let i = 0; i < 10; i++) {
      const before = queued(db);
      done.push(write(db));
      // A promise, closures and objects between them.
      expect(queued(db) - before).toBeGreaterThan(500);
    }
    await Promise.allSettled(done);
    expect(queued(db)).toBe(0);
    expect(db.writable).toBe(true);
  });

  test('what is refused before it is queued does not count', async () => {
    const db = openFresh();
    const store = db.store<string, unknown>('s', { key: 'string' });
    const tx = await db.beginWrite();
    await Promise.allSettled([store.put('x'.repeat(9000), 1), store.put('x', undefined)]);
    expect(queued(db)).toBe(0);
    tx.abort();
  });

  test('what waits behind a transaction from beginWrite counts until that is over', async () => {
    const db = openFresh(':memory:', { maxQueuedBytes: 2000 });
    const store = db.store('s', { key: 'u32' });
    const tx = await db.beginWrite();
    const done = [1, 2, 3].map((key) => store.put(key, key));
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(db.writable).toBe(false);
    await tx.commit();
    await Promise.all(done);
    expect(db.writable).toBe(true);
  });

  test('writeSync takes what waits with it', async () => {
    const db = openFresh(':memory:', { maxQueuedBytes: 1000 });
    const store = db.store('s', { key: 'u32' });
    const done = [1, 2, 3].map((key) => store.put(key, key));
    expect(db.writable).toBe(false);
    db.writeSync((tx) => tx.put(store, 4, 4));
    expect(db.writable).toBe(true);
    expect(queued(db)).toBe(0);
    expect(await Promise.all(done)).toEqual([true, true, true]);
    expect(() => db.writeSync(failing)).toThrow('of the callback');
    expect(queued(db)).toBe(0);
  });
});

/** Memory of this process that a flood takes, at its peak, in bytes. */
async function peakOf(
  writes: number,
  db: Database,
  write: (i: number) => Promise<unknown>,
): Promise<number> {
  const used = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  let last: Promise<unknown> = Promise.resolve();
  let mostWaiting = 0;
  const before = used();
  let peak = 0;
  for (let i = 0; i < writes; i++) {
    last = write(i);
    if (i % 1000 === 0) {
      peak = Math.max(peak, used() - before);
      mostWaiting = Math.max(mostWaiting, queued(db));
    }
    if (!db.writable) await last;
  }
  await last;
  expect(mostWaiting).toBeLessThan(6 * 2 ** 20);
  return peak;
}

describe('a flood of writes by whoever awaits only when not writable', () => {
  const add = (tx: WriteTransaction): number => tx.id;
  test.each<[string, number, (db: Database, i: number) => Promise<unknown>]>([
    ['small puts', 300_000, (db, i) => db.store('s').put(i % 1000, i)],
    ['large puts', 20_000, (db, i) => db.store('s').put(i % 100, new Uint8Array(10_000))],
    ['callbacks', 300_000, (db) => db.write(add)],
    ['removals', 300_000, (db, i) => db.store('s').remove(i)],
  ])('takes bounded memory: %s', async (_name, writes, write) => {
    const db = openFresh(newPath(), { maxQueuedBytes: 4 * 2 ** 20, durability: 'manual' });
    // All of it at once would be 200 MB and more.
    expect(await peakOf(writes, db, (i) => write(db, i))).toBeLessThan(120e6);
  });
});
