/** Closing: what is still done, what is let go of, and what is refused afterwards. */

import { describe, expect, test } from 'vitest';
import { type Database, open } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { coded, expectRefusal } from './refusal.ts';

const closed = coded('DATABASE_CLOSED', 'closed');

async function close(db: Database, how: string): Promise<void> {
  if (how === 'closeSync') db.closeSync();
  else await db.close();
}

describe.each(['close', 'closeSync'])('%s', (how) => {
  test('lets queued writes finish and makes them durable', async () => {
    const path = newPath();
    const db = open(path, { durability: 'manual' });
    const store = db.store<number, number>('s', { key: 'u32' });
    const puts = Array.from({ length: 10 }, (_, i) => store.put(i, i));
    const failed = db.write(() => {
      throw new Error('mine');
    });
    const closing = close(db, how);
    await expect(failed).rejects.toThrow('mine');
    await closing;
    expect(await Promise.all(puts)).toEqual(puts.map(() => true));
    expect(db.closed).toBe(true);
    const again = openFresh(path);
    expect(again.store<number, number>('s').count()).toBe(10);
    expect(again.stats().durableTransaction).toBe(again.lastTransaction);
  });

  test('while a commit is being flushed, its promise still resolves', async () => {
    const path = newPath();
    const db = open(path);
    const store = db.store('s');
    let closing: Promise<void> | undefined;
    const put = db.write((tx) => {
      // When the commit has been submitted, and nobody has heard of its end yet.
      queueMicrotask(() => {
        // Asked for and not made: what the end of a commit looks after.
        db.store('asked for later');
        closing = close(db, how);
      });
      return tx.put(store, 'k', 1);
    });
    expect(await put).toBe(true);
    await closing;
    expect(db.closed).toBe(true);
    expect(openFresh(path).store('s').get('k')).toBe(1);
  });

  test('everything that is used afterwards says DATABASE_CLOSED', async () => {
    const db = open(newPath());
    const store = db.store<string, number>('s');
    await store.putMany([
      ['a', 1],
      ['b', 2],
    ]);
    const snapshot = db.snapshot();
    const iterator = store.range()[Symbol.iterator]();
    iterator.next();
    const ofSnapshot = snapshot.keys(store)[Symbol.iterator]();
    ofSnapshot.next();
    const lazy = store.values();
    const lazyOfSnapshot = snapshot.values(store);
    const tx = await db.beginWrite();
    tx.put(store, 'c', 3);
    const ofTransaction = tx.keys(store)[Symbol.iterator]();
    await close(db, how);

    expect(db.closed).toBe(true);
    expect(db.writable).toBe(false);
    expect(snapshot.closed).toBe(true);
    expect(tx.closed).toBe(true);
    const uses: (() => unknown)[] = [
      () => db.store('s'),
      () => db.stores(),
      () => db.dropStore('s'),
      () => db.write(() => 1),
      () => db.writeSync(() => 1),
      () => db.beginWrite(),
      () => db.read(() => 1),
      () => db.snapshot(),
      () => db.flush(),
      () => db.stats(),
      () => db.verify(),
      () => db.lastTransaction,
      () => store.get('a'),
      () => store.has('a'),
      () => store.getMany(['a']),
      () => store.getEntry('a'),
      () => store.getAll('a').toArray(),
      () => store.range().toArray(),
      () => store.count(),
      () => store.rank('a'),
      () => store.at(0),
      () => store.first(),
      () => store.last(),
      () => store.sample(),
      () => [...store],
      () => store.put('a', 1),
      () => store.putMany([]),
      () => store.remove('a'),
      () => store.update('a', () => 1),
      () => store.removeRange({}),
      () => store.clear(),
      () => iterator.next(),
      () => ofSnapshot.next(),
      () => lazy.toArray(),
      () => lazyOfSnapshot.toArray(),
      () => snapshot.get(store, 'a'),
      () => snapshot.first(store),
      () => tx.get(store, 'a'),
      () => tx.put(store, 'a', 1),
      () => tx.nested(() => 1),
      () => tx.commit(),
      () => ofTransaction.next(),
    ];
    for (const use of uses) await expectRefusal(use, closed);
    // What ends something may be called again and again.
    snapshot.close();
    tx.abort();
    iterator.return?.();
    db.closeSync();
    await db.close();
    expect(db.path).toContain('.coppice');
    expect(openFresh(db.path).store<string, number>('s').count()).toBe(2);
  });

  test('aborts a transaction from beginWrite, and does what waited behind it', async () => {
    const path = newPath();
    const db = open(path);
    const store = db.store('s');
    const tx = await db.beginWrite();
    tx.put(store, 'mine', 1);
    const behind = store.put('behind', 2);
    await close(db, how);
    expect(await behind).toBe(true);
    expect(openFresh(path).store('s').keys().toArray()).toEqual(['behind']);
  });

  test('a commit that has begun goes on', async () => {
    const path = newPath();
    const db = open(path);
    const tx = await db.beginWrite();
    tx.put(db.store('s'), 'mine', 1);
    const commit = tx.commit();
    await close(db, how);
    await commit;
    expect(openFresh(path).store('s').get('mine')).toBe(1);
  });

  test('while beginWrite waits', async () => {
    const db = open(newPath());
    const begun = db.beginWrite().then(
      () => 'begun',
      (error: unknown) => error,
    );
    await close(db, how);
    expect(await begun).toMatchObject({ code: 'DATABASE_CLOSED' });
  });

  test('while another handle has the writer lock', async () => {
    const path = newPath();
    const holder = openFresh(path);
    const db = open(path, { lockTimeout: 50 });
    const store = db.store('s');
    const tx = await holder.beginWrite();
    const put = store.put('k', 1);
    const outcome = put.then(
      () => 'put',
      (error: unknown) => error,
    );
    if (how === 'close') await new Promise((resolve) => setImmediate(resolve));
    await close(db, how).catch(() => {});
    expect(await outcome).toMatchObject({ code: 'WRITER_LOCK_TIMEOUT' });
    expect(db.closed).toBe(true);
    tx.abort();
    await holder.store('s').put('k', 2);
    expect(holder.store('s').get('k')).toBe(2);
  });
});

test('closeSync while close is under way ends it at once', async () => {
  const path = newPath();
  const db = open(path);
  const store = db.store('s');
  const put = store.put('k', 1);
  const closing = db.close();
  db.closeSync();
  expect(db.closed).toBe(true);
  expect(await put).toBe(true);
  await closing;
  expect(openFresh(path).store('s').get('k')).toBe(1);
});

test('from the call of close on nothing more is queued', async () => {
  const db = open(newPath());
  const store = db.store('s');
  const before = store.put('k', 1);
  const closing = db.close();
  await expectRefusal(() => store.put('k', 2), closed);
  await expectRefusal(() => db.writeSync((tx) => tx.put(store, 'k', 3)), closed);
  await expectRefusal(() => db.beginWrite(), closed);
  expect(await before).toBe(true);
  await closing;
});

test('a verification that a close comes in between says so', async () => {
  const db = open(':memory:');
  for (const name of ['a', 'b', 'c']) await db.store(name).put('k', 1);
  const verified = db.verify();
  db.closeSync();
  await expectRefusal(() => verified, closed);
});

test('using and await using close', async () => {
  let db: Database;
  {
    using inner = open(':memory:');
    db = inner;
  }
  expect(db.closed).toBe(true);
  {
    await using inner = open(':memory:');
    db = inner;
    void inner.store('s').put('k', 1);
  }
  expect(db.closed).toBe(true);
});
