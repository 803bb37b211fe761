/** Writes: groups, their order, what fails by itself, and what may not be done at the same time. */

import { describe, expect, test } from 'vitest';
import { type Database, open, type Store, type WriteTransaction } from '../../src/index.ts';
import { Pager } from '../../src/pager/pager.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const commits = (db: Database): number => db.stats().commits.count;

describe('group commit', () => {
  test('100 puts of one turn are one commit with one flush', async () => {
    const db = openFresh(newPath());
    const store = db.store('s', { key: 'u32' });
    await store.put(1000, 'before');
    const before = db.stats().commits;
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(i, i)));
    const after = db.stats().commits;
    expect(after.count - before.count).toBe(1);
    expect(after.flushes - before.flushes).toBe(1);
    expect(store.count()).toBe(101);
  });

  test('puts of microtasks of the same turn join it', async () => {
    const db = openFresh();
    const store = db.store('s');
    const later = Promise.resolve().then(() => store.put('b', 2));
    await Promise.all([store.put('a', 1), later]);
    expect(commits(db)).toBe(1);
  });

  test('calls and callbacks run in the order of the calls', async () => {
    const db = openFresh();
    const store = db.store<string, string>('s');
    const seen: (string | undefined)[] = [];
    await Promise.all([
      store.put('k', 'first'),
      db.write((tx) => seen.push(tx.get(store, 'k'))),
      store.update('k', (old) => `${old}, second`),
      store.remove('k'),
      db.write((tx) => seen.push(tx.get(store, 'k'))),
      store.put('k', 'third'),
      db.write((tx) => seen.push(tx.get(store, 'k'))),
    ]);
    expect(seen).toEqual(['first', undefined, 'third']);
    expect(commits(db)).toBe(1);
  });

  test('one that throws loses its own work only', async () => {
    const db = openFresh();
    const store = db.store<string, number>('s');
    const results = await Promise.allSettled([
      store.put('a', 1),
      db.write((tx) => {
        tx.put(store, 'a', 100);
        tx.put(store, 'b', 100);
        tx.put(db.store('made in vain'), 'x', 1);
        throw new Error('mine');
      }),
      store.put('c', 3),
      store.update('c', () => {
        throw new Error('mine, too');
      }),
      store.put('0', 0, { append: true }),
      store.put('d', 4, { append: true }),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect([...store]).toEqual([
      ['a', 1],
      ['c', 3],
      ['d', 4],
    ]);
    expect(commits(db)).toBe(1);
  });

  test('a group of nothing but failures commits nothing', async () => {
    const db = openFresh();
    db.store('asked for');
    const id = db.lastTransaction;
    const fail = (tx: WriteTransaction): never => {
      tx.put(db.store('s'), 'k', 1);
      throw new Error('mine');
    };
    const results = await Promise.allSettled([db.write(fail), db.write(fail)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(db.lastTransaction).toBe(id);
    expect(commits(db)).toBe(0);
  });

  test('a callback that only reads commits nothing', async () => {
    const db = openFresh();
    const store = db.store('s');
    await store.put('k', 1);
    const id = db.lastTransaction;
    expect(await db.write((tx) => tx.get(store, 'k'))).toBe(1);
    expect(await store.remove('absent')).toBe(false);
    expect(db.lastTransaction).toBe(id);
    expect(commits(db)).toBe(1);
  });

  test('the next group is built while the last one is flushed', async () => {
    const db = openFresh(newPath());
    const store = db.store<string, number>('s');
    let settled = false;
    const first = store.put('a', 1).then(() => {
      settled = true;
    });
    // Runs in a group of its own, when the first has been submitted.
    const second = new Promise<boolean>((resolve) => {
      setImmediate(() => {
        void db.write((tx) => {
          expect(tx.get(store, 'a')).toBe(1);
          resolve(settled);
        });
      });
    });
    await second;
    await first;
    expect(store.get('a')).toBe(1);
  });
});

test('a write is visible when its promise resolves, and not before', async () => {
  const db = openFresh();
  const store = db.store('s');
  const put = store.put('k', 1);
  expect(store.get('k')).toBeUndefined();
  await put;
  expect(store.get('k')).toBe(1);
});

test('keys and values are encoded when the call is made', async () => {
  const db = openFresh();
  const store = db.store('s');
  const raw = db.store('raw', { key: 'bytes', value: 'bytes' });
  const [key, value, bytes, range] = [['k'], { n: 1 }, Uint8Array.of(1), { gte: ['x'] }];
  const many: [Uint8Array, Uint8Array][] = [[Uint8Array.of(7), Uint8Array.of(7)]];
  await store.put(['x'], 'kept');
  const done = [
    store.put(key, value),
    raw.put(bytes, bytes),
    raw.putMany(many),
    store.update(key, (old) => old),
    store.removeRange(range),
  ];
  key[0] = 'x';
  value.n = 2;
  bytes[0] = 2;
  many[0]![0][0] = 8;
  many.length = 0;
  range.gte[0] = 'a';
  await Promise.all(done);
  expect([...store]).toEqual([[['k'], { n: 1 }]]);
  expect([...raw]).toEqual([
    [Uint8Array.of(1), Uint8Array.of(1)],
    [Uint8Array.of(7), Uint8Array.of(7)],
  ]);
});

test('a key codec that puts something itself does not change what is being put', async () => {
  const db = openFresh();
  const log = db.store<string, number>('log');
  let calls = 0;
  const store: Store<string, string> = db.store('s', {
    key: {
      name: 'logging',
      encode(key: string, target: Uint8Array, offset: number): number {
        // Once: it would go on for ever.
        if (calls++ === 0) void store.put('inner', 'inner value');
        void log.put(key, 1);
        return offset + new TextEncoder().encodeInto(key, target.subarray(offset)).written;
      },
      decode: (bytes: Uint8Array): string => new TextDecoder().decode(bytes),
    },
    value: 'string',
  });
  await store.put('outer', 'outer value');
  expect([...store]).toEqual([
    ['inner', 'inner value'],
    ['outer', 'outer value'],
  ]);
});

describe('removeRange', () => {
  test('takes limit, offset and direction as an iteration does', async () => {
    const db = openFresh();
    const store = db.store<number, number>('s', { key: 'u32' });
    await store.putMany(Array.from({ length: 10 }, (_, i) => [i, i] as const));
    expect(await store.removeRange({ gte: 2, offset: 1, limit: 2 })).toBe(2);
    expect(store.keys().toArray()).toEqual([0, 1, 2, 5, 6, 7, 8, 9]);
    expect(await store.removeRange({ lt: 9, reverse: true, offset: 1, limit: 2 })).toBe(2);
    expect(store.keys().toArray()).toEqual([0, 1, 2, 5, 8, 9]);
    expect(await store.removeRange({ offset: 4 })).toBe(2);
    expect(await store.removeRange({ limit: 0 })).toBe(0);
    expect(await store.removeRange({ offset: 100 })).toBe(0);
    expect(await store.removeRange({})).toBe(4);
  });
});

describe('stores', () => {
  test('one that is asked for is made with the next write that changes something', async () => {
    const path = newPath();
    const db = openFresh(path);
    const other = openFresh(path);
    db.store('asked for', { key: 'u32' });
    const used = db.store('used');
    expect(db.stores().map(({ name }) => name)).toEqual(['asked for', 'used']);
    await db.write((tx) => tx.get(used, 'k'));
    expect(other.stores()).toEqual([]);
    await used.put('k', 1);
    expect(other.stores()).toEqual([
      expect.objectContaining({ name: 'asked for', key: 'u32', value: 'msgpack', count: 0 }),
      expect.objectContaining({ name: 'used', key: 'tuple', multi: false, count: 1 }),
    ]);
  });

  test('one that is dropped is gone, until somebody writes to it or asks again', async () => {
    const db = openFresh();
    const store = db.store('s');
    const other = db.store('other');
    await store.put('k', 'x'.repeat(20_000));
    expect(await db.dropStore('s')).toBe(true);
    expect(await db.dropStore('s')).toBe(false);
    expect(store.get('k')).toBeUndefined();
    await other.put('k', 1);
    await db.write((tx) => tx.get(store, 'k'));
    expect(db.stores().map(({ name }) => name)).toEqual(['other']);
    await store.put('k', 2);
    expect(db.stores().map(({ name }) => name)).toEqual(['other', 's']);
    await db.dropStore('s');
    // A name may come back with other codecs; the old handle is told so.
    const again = db.store('s', { key: 'u32' });
    await again.put(1, 1);
    await expectRefusal(() => store.get('k'), coded('STORE_MISMATCH', '"s"'));
    await expectRefusal(() => store.put('k', 1), coded('STORE_MISMATCH', '"s"'));
    expect(again.get(1)).toBe(1);
  });

  test('one that was asked for and dropped before any write is not made', async () => {
    const db = openFresh();
    db.store('s');
    expect(await db.dropStore('s')).toBe(false);
    await db.store('other').put('k', 1);
    expect(db.stores().map(({ name }) => name)).toEqual(['other']);
  });

  test('one that is made and dropped in one transaction is not made', async () => {
    const db = openFresh();
    const store = db.store('s');
    await db.write((tx) => {
      tx.put(store, 'k', 1);
      expect(tx.dropStore('s')).toBe(true);
      tx.put(db.store('other'), 'k', 1);
    });
    expect(db.stores().map(({ name }) => name)).toEqual(['other']);
  });

  test('dropping is undone with its transaction', async () => {
    const db = openFresh();
    const store = db.store('s');
    await store.put('k', 1);
    await db.write((tx) => {
      tx.put(store, 'l', 2);
      expect(() =>
        tx.nested(() => {
          tx.dropStore('s');
          tx.put(store, 'm', 3);
          expect(tx.keys(store).toArray()).toEqual(['m']);
          throw new Error('mine');
        }),
      ).toThrow('mine');
      expect(tx.keys(store).toArray()).toEqual(['k', 'l']);
    });
    expect(store.keys().toArray()).toEqual(['k', 'l']);
  });
});

describe('beginWrite', () => {
  test('sees what was queued before it, and goes before what was queued after', async () => {
    const db = openFresh();
    const store = db.store<string, number>('s');
    void store.put('before', 1);
    const begun = db.beginWrite();
    const tx = await begun;
    const after = store.put('after', 3);
    expect(tx.get(store, 'before')).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(tx.has(store, 'after')).toBe(false);
    tx.put(store, 'mine', 2);
    await tx.commit();
    expect(store.keys().toArray()).toContain('mine');
    await after;
    expect(store.count()).toBe(3);
  });

  test('abort leaves nothing; both ends are ends', async () => {
    const db = openFresh();
    const store = db.store('s');
    const tx = await db.beginWrite();
    tx.put(store, 'k', 'x'.repeat(50_000));
    tx.abort();
    expect(tx.closed).toBe(true);
    tx.abort();
    const over = coded('TRANSACTION_CLOSED', 'committed or aborted');
    await expectRefusal(() => tx.put(store, 'k', 1), over);
    await expectRefusal(() => tx.commit(), over);
    expect(store.count()).toBe(0);
    const second = await db.beginWrite();
    await second.commit();
    await expectRefusal(() => second.commit(), over);
    await expectRefusal(() => second.get(store, 'k'), over);
  });

  test('await using aborts what was not committed', async () => {
    const db = openFresh();
    const store = db.store('s');
    {
      await using tx = await db.beginWrite();
      tx.put(store, 'k', 1);
    }
    expect(store.count()).toBe(0);
    expect(await store.put('k', 2)).toBe(true);
  });

  test('one that is let go of is aborted when it is collected, with a warning', async () => {
    const db = openFresh();
    const store = db.store('s');
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    await (async () => {
      const tx = await db.beginWrite();
      tx.put(store, 'k', 1);
    })();
    const waiting = store.put('after', 1);
    const collect = setInterval(() => globalThis.gc!(), 10);
    expect(await waiting).toBe(true);
    clearInterval(collect);
    expect((await warned).message).toContain('neither committed nor aborted');
    expect(store.keys().toArray()).toEqual(['after']);
  });
});

describe('one transaction at a time', () => {
  const refusal = coded('TRANSACTION_OPEN');

  test('writeSync and closeSync inside a callback', async () => {
    const db = openFresh();
    const store = db.store('s');
    await db.write((tx) => {
      tx.put(store, 'k', 1);
      expect(() => db.writeSync(() => {})).toThrow(expect.objectContaining({ code: refusal.code }));
      expect(() => db.closeSync()).toThrow(expect.objectContaining({ code: refusal.code }));
    });
    db.writeSync((tx) => {
      expect(() => db.writeSync(() => {})).toThrow(/writeSync.*open.*end it first/s);
      tx.put(store, 'l', 2);
    });
    expect(store.count()).toBe(2);
  });

  test('writeSync and beginWrite while one from beginWrite is open', async () => {
    const db = openFresh();
    const store = db.store('s');
    const tx = await db.beginWrite();
    await expectRefusal(() => db.writeSync(() => {}), coded('TRANSACTION_OPEN', 'writeSync'));
    await expectRefusal(() => db.beginWrite(), coded('TRANSACTION_OPEN', 'Commit or abort'));
    tx.put(store, 'k', 1);
    await tx.commit();
    expect(db.writeSync((inner) => inner.get(store, 'k'))).toBe(1);
  });

  test('commit and abort inside a nested part', async () => {
    const db = openFresh();
    const store = db.store('s');
    const tx = await db.beginWrite();
    let commit: Promise<void> | undefined;
    tx.nested(() => {
      tx.put(store, 'k', 1);
      expect(() => tx.abort()).toThrow(/nested/);
      commit = tx.commit();
    });
    await expectRefusal(() => commit, coded('TRANSACTION_OPEN', 'commit', 'nested'));
    expect(tx.closed).toBe(false);
    await tx.commit();
    expect(store.get('k')).toBe(1);
  });

  test('a write inside a callback waits for it', async () => {
    const db = openFresh();
    const store = db.store('s');
    let inner: Promise<boolean> | undefined;
    await db.write((tx) => {
      inner = store.put('inner', 1);
      tx.put(store, 'outer', 2);
    });
    expect(await inner).toBe(true);
    expect(store.count()).toBe(2);
  });
});

test('writeSync commits what was queued before it, and keeps its place', async () => {
  const db = openFresh();
  const store = db.store<string, number>('s');
  const before = store.put('k', 1);
  expect(db.writeSync((tx) => tx.get(store, 'k'))).toBe(1);
  expect(store.get('k')).toBe(1);
  expect(await before).toBe(true);
});

test('writeSync at any moment of a busy queue loses nothing', async () => {
  const db = openFresh(newPath());
  const store = db.store<string, number>('s');
  const after = async (hops: number): Promise<void> => {
    for (let hop = 0; hop < hops; hop++) await undefined;
  };
  let expected = 0;
  for (let hops = 0; hops < 40; hops++) {
    for (const shape of ['at once', 'behind another', 'behind its commit'] as const) {
      const name = `${hops} ${shape}`;
      const done: Promise<unknown>[] = [];
      const first = store.put(`first ${name}`, hops);
      done.push(first);
      expected++;
      if (shape !== 'at once') {
        // The first is being committed when the second waits for its session.
        while (db.stats().open.queuedBytes > 0) await new Promise(setImmediate);
        done.push(store.put(`second ${name}`, hops));
        expected++;
      }
      const moment = shape === 'behind its commit' ? first.then(() => after(hops)) : after(hops);
      const then = moment.then(() => {
        db.writeSync((tx) => tx.put(store, `sync ${name}`, hops));
        return store.put(`after ${name}`, hops);
      });
      expected += 2;
      await Promise.all([...done, then]);
    }
  }
  expect(store.count()).toBe(expected);
});

test('a writeSync between a session and its group: the group begins another session', async () => {
  const db = openFresh(newPath());
  const store = db.store<string, number>('s');
  // The microtask in which a session has begun and its group has not, as others may run in it.
  const pager: unknown = Reflect.get(db, 'pager');
  if (!(pager instanceof Pager)) throw new Error('a database has no pager any more');
  const begin = pager.beginWrite.bind(pager);
  let moments = 0;
  let after: Promise<boolean> | undefined;
  pager.beginWrite = async () => {
    const session = await begin();
    if (moments++ === 0) {
      db.writeSync((tx) => tx.put(store, 'sync', 1));
      after = store.put('after', 1);
    }
    return session;
  };
  expect(await store.put('before', 1)).toBe(true);
  expect(await after).toBe(true);
  expect(moments).toBeGreaterThan(1);
  expect(store.keys().toArray()).toEqual(['after', 'before', 'sync']);
});

describe('durability', () => {
  test('a write may ask for less or more than its database', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s');
    await store.put('a', 1);
    expect(db.stats().durableTransaction).toBeLessThan(db.lastTransaction);
    await db.write((tx) => tx.put(store, 'b', 2), { durability: 'commit' });
    expect(db.stats().durableTransaction).toBe(db.lastTransaction);
    await db.write((tx) => tx.put(store, 'c', 3), { durability: 'interval' });
    expect(db.stats().durableTransaction).toBeLessThan(db.lastTransaction);
    await db.flush();
    expect(db.stats().durableTransaction).toBe(db.lastTransaction);
  });

  test("an 'interval' write is durable after flushInterval", async () => {
    const db = openFresh(newPath(), { durability: 'interval', flushInterval: 20 });
    await db.store('s').put('a', 1);
    expect(db.stats().durableTransaction).toBeLessThan(db.lastTransaction);
    await expect
      .poll(() => db.stats().durableTransaction === db.lastTransaction, { timeout: 5000 })
      .toBe(true);
  });

  test('a group is as durable as its most careful member', async () => {
    const db = openFresh(newPath());
    const store = db.store('s');
    await Promise.all([
      db.write((tx) => tx.put(store, 'a', 1), { durability: 'manual' }),
      db.write((tx) => tx.put(store, 'b', 1), { durability: 'commit' }),
    ]);
    expect(db.stats().durableTransaction).toBe(db.lastTransaction);
    expect(commits(db)).toBe(1);
  });
});

test('transaction ids are those of the snapshots they make', async () => {
  const db = openFresh();
  const store = db.store('s');
  const id = await db.write((tx) => {
    tx.put(store, 'k', 1);
    return tx.id;
  });
  expect(db.lastTransaction).toBe(id);
  using snapshot = db.snapshot();
  expect(snapshot.transaction).toBe(id);
});

test('a transaction may be used in its callback only', async () => {
  const db = openFresh();
  const store = db.store('s');
  await store.put('k', 1);
  let kept: WriteTransaction | undefined;
  const keys = await db.write((tx) => {
    kept = tx;
    return tx.keys(store);
  });
  const over = coded('TRANSACTION_CLOSED', 'callback');
  await expectRefusal(() => kept!.put(store, 'k', 2), over);
  await expectRefusal(() => kept!.get(store, 'k'), over);
  await expectRefusal(() => kept!.nested(() => 1), over);
  await expectRefusal(() => kept!.dropStore('s'), over);
  await expectRefusal(() => keys.toArray(), over);
  expect(store.get('k')).toBe(1);
});

test('two handles on one path see each other; their stores are their own', async () => {
  const path = newPath();
  const [one, other] = [openFresh(path), openFresh(path)];
  await one.store('s').put('k', 1);
  expect(other.store('s').get('k')).toBe(1);
  await other.store('s').put('k', 2);
  expect(one.store('s').get('k')).toBe(2);
  await expectRefusal(
    () => one.write((tx) => tx.get(other.store('s'), 'k')),
    typeError('another database object'),
  );
  const memory = [open(':memory:'), open(':memory:')];
  await memory[0]!.store('s').put('k', 1);
  expect(memory[1]!.stores()).toEqual([]);
  for (const db of memory) db.closeSync();
});
