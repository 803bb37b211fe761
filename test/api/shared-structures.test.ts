/** Stores with sharedStructures: true. What they give is what a plain store gives. */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { MOST_SHAPES } from '../../src/codec/shapes.ts';
import {
  type Database,
  type KeyCodec,
  KeyTooLargeError,
  type Snapshot,
  type Store,
} from '../../src/index.ts';
import { SHAPES_DESCRIPTION } from '../../src/transaction/store-shapes.ts';
import { values } from '../codec/arbitrary-values.ts';
import { check } from '../codec/support.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import {
  inCore,
  recordShapesAs,
  removeShape,
  shapesIn,
  writeShape,
} from '../support/shape-trees.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const MEMORY = { durability: 'manual' } as const;
const SHARED = { key: 'u32', sharedStructures: true } as const;

type Shared = Store<number, unknown>;
const sharing = (db: Database, name = 's'): Shared => db.store(name, SHARED);

/** Objects of one shape each. */
const flat = (i: number, value: unknown = i): object => ({ [`only${i}`]: value });
const user = (i: number): object => ({
  id: i,
  name: `user ${i}`,
  address: { city: 'London', lines: ['x'.repeat(i % 300)] },
});
const USER_SHAPES = [
  ['id', 'name', 'address'],
  ['city', 'lines'],
];

function rest<T>(iterator: Iterator<T>): T[] {
  const left: T[] = [];
  for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
    left.push(next.value);
  }
  return left;
}

/** That very rejection, or undefined. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('values', () => {
  test('are read back by everything that reads, their names kept once', async () => {
    const path = newPath();
    let db = openFresh(path, MEMORY);
    const store = sharing(db);
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.put(i, user(i))));
    await store.putMany(Array.from({ length: 50 }, (_, i) => [50 + i, user(50 + i)] as const));
    await db.write((tx) => {
      for (let i = 100; i < 150; i++) {
        tx.put(store, i, user(i));
        expect(tx.get(store, i)).toEqual(user(i));
      }
    });
    await store.update(7, (old) => ({ ...(old as object), name: 'changed' }));
    await store.update(7, () => user(7));
    const all = Array.from({ length: 150 }, (_, i) => [i, user(i)]);
    for (const round of ['as written', 'opened again']) {
      const now = sharing(db);
      expect(await shapesIn(db, 's'), round).toEqual(USER_SHAPES);
      expect(now.range().toArray()).toEqual(all);
      expect(now.values({ reverse: true, limit: 2 }).toArray()).toEqual([user(149), user(148)]);
      expect(now.getMany([3, 999, 149])).toEqual([user(3), undefined, user(149)]);
      expect(now.getEntry(5)).toMatchObject({ key: 5, value: user(5) });
      expect([now.first(), now.last(), now.at(9)]).toEqual([all[0], all[149], all[9]]);
      expect(now.getAll(4).toArray()).toEqual([user(4)]);
      const [key, value] = now.sample()!;
      expect(value).toEqual(user(key));
      using snapshot = db.snapshot();
      expect(snapshot.range(now).toArray()).toEqual(all);
      expect(await db.write((tx) => tx.range(now).toArray())).toEqual(all);
      await db.close();
      db = openFresh(path, MEMORY);
    }
    expect(db.store('s').get(3)).toEqual(user(3));
  });

  test('of every kind are those that a plain store gives', () => {
    const db = openFresh(':memory:', MEMORY);
    const plain = db.store('plain', { key: 'u32' });
    const shared = sharing(db);
    check(
      values,
      (value) => {
        void shared.put(1, value);
        void shared.putMany([[2, value]]);
        db.writeSync((tx) => {
          tx.put(plain, 0, value);
          tx.put(shared, 3, value);
          tx.update(shared, 4, () => value);
          tx.put(shared, 5, tx.get(shared, 1));
        });
        const expected = plain.get(0);
        for (const found of shared.values()) {
          if (!isDeepStrictEqual(found, expected)) expect(found).toStrictEqual(expected);
        }
        expect(shared.count()).toBe(5);
      },
      400,
    );
  });

  test('are encoded when they are put: what the caller changes later is another value', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    for (const round of [0, 1]) {
      const value: Record<string, unknown> = { a: 1, b: { c: round } };
      const done = store.put(round, value);
      const many = store.putMany([[round + 10, value]]);
      value.a = 'changed';
      delete value.b;
      await Promise.all([done, many]);
      expect(store.get(round)).toEqual({ a: 1, b: { c: round } });
      expect(store.get(round + 10)).toEqual({ a: 1, b: { c: round } });
    }
  });

  test('of more shapes than are shared, of wide objects and of ever new names', async () => {
    const db = openFresh(newPath(), MEMORY);
    const store = sharing(db);
    const wide = (i: number): object =>
      Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`w${i}_${j}`, { id: j }]));
    const count = MOST_SHAPES + 300;
    const value = (i: number): unknown => [flat(i), wide(i % 7), flat(i), user(i)];
    await store.putMany(Array.from({ length: count }, (_, i) => [i, value(i)] as const));
    await db.write((tx) => {
      for (let i = 0; i < count; i += 50) tx.put(store, i, value(i));
    });
    const shapes = await shapesIn(db, 's');
    expect(shapes).toHaveLength(MOST_SHAPES);
    expect(shapes.slice(0, 4)).toEqual([['only0'], ['id'], ...USER_SHAPES]);
    for (const reader of [store, sharing(openFresh(db.path, MEMORY))]) {
      for (const [i, found] of reader.range()) expect(found).toEqual(value(i));
    }
    expect(store.count()).toBe(count);
  });

  test('with versions and times of expiry', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', { ...SHARED, versions: true, expires: true });
    await store.put(1, user(1), { expireIn: 3_600_000 });
    await store.put(2, user(2));
    expect(await store.put(2, flat(1), { ifVersion: 99 })).toBe(false);
    const { version, expires } = store.getEntry(1)!;
    expect(expires).toBeGreaterThan(Date.now());
    expect(await store.put(1, user(3), { ifVersion: version! })).toBe(true);
    expect(store.values().toArray()).toEqual([user(3), user(2)]);
    expect(await shapesIn(db, 's')).toEqual(USER_SHAPES);
  });
});

describe('states', () => {
  test('an older one is read while shapes are added', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    await store.put(0, flat(0));
    const held: [Snapshot, number][] = [];
    for (let i = 1; i < 80; i++) {
      await store.put(i, flat(i));
      held.push([db.snapshot(), i]);
    }
    const iterator = store.values()[Symbol.iterator]();
    expect(iterator.next().value).toEqual(flat(0));
    for (const [snapshot, i] of held.reverse()) {
      expect(snapshot.get(store, i)).toEqual(flat(i));
      expect(snapshot.get(store, i + 1)).toBeUndefined();
      expect(store.get(79)).toEqual(flat(79));
    }
    await store.put(0, flat(100));
    expect(iterator.next().value).toEqual(flat(1));
    expect(rest(iterator)).toHaveLength(78);
    for (const [snapshot] of held) snapshot.close();
  });

  test('before and after the store was dropped and made again, both at once', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    for (let i = 0; i < 5; i++) await store.put(i, flat(i));
    using before = db.snapshot();
    const iterator = store.values()[Symbol.iterator]();
    iterator.next();
    await db.write((tx) => {
      expect(tx.dropStore('s')).toBe(true);
      for (let i = 0; i < 5; i++) tx.put(store, i, flat(10 + i));
      expect(tx.get(store, 3)).toEqual(flat(13));
      expect(before.get(store, 3)).toEqual(flat(3));
    });
    for (let i = 0; i < 5; i++) {
      expect(store.get(i)).toEqual(flat(10 + i));
      expect(before.get(store, i)).toEqual(flat(i));
    }
    expect(rest(iterator)).toEqual([1, 2, 3, 4].map((i) => flat(i)));
  });

  test('two handles add shapes in turn', async () => {
    const path = newPath();
    const stores = [openFresh(path, MEMORY), openFresh(path, MEMORY)].map((db) => sharing(db));
    for (let i = 0; i < 60; i++) {
      const one = stores[i % 2]!;
      if (i % 3 === 0) await one.put(i, flat(i));
      else if (i % 3 === 1) await one.putMany([[i, { nested: flat(i) }]]);
      else await one.database.write((tx) => tx.put(one, i, [flat(i), flat(i - 1)]));
    }
    const [first] = stores as [Shared, Shared];
    const names = await shapesIn(first.database, 's');
    expect(new Set(names.map(String)).size).toBe(names.length);
    for (const store of stores) {
      for (const [i, value] of store.range()) {
        const expected = [flat(i), { nested: flat(i) }, [flat(i), flat(i - 1)]][i % 3];
        expect(value).toEqual(expected);
      }
    }
  });
});

test('two store objects of one name know of each other, also of what was undone', async () => {
  const db = openFresh(':memory:', MEMORY);
  const codec = (): KeyCodec<number> => ({
    name: 'byte',
    encode(key, target, offset) {
      if (offset >= target.length) return -1;
      target[offset] = key;
      return offset + 1;
    },
    decode: (bytes) => bytes[0]!,
  });
  const [one, two] = [codec(), codec()].map((key) =>
    db.store('s', { key, sharedStructures: true }),
  ) as [Shared, Shared];
  await one.put(0, flat(0));
  await db.write((tx) => {
    for (let round = 1; round < 9; round++) {
      const undo = (store: Shared, i: number): void => {
        const part = (): void => {
          tx.nested(() => {
            tx.put(store, round, flat(i));
            throw new Error('no');
          });
        };
        expect(part).toThrow('no');
      };
      // The pages of what is undone are used again, in another order each time.
      undo(one, round);
      for (let i = 0; i < round % 4; i++) undo(two, 40 + i);
      tx.nested(() => tx.put(two, round, flat(10 + round)));
      expect(tx.get(one, round)).toEqual(flat(10 + round));
      tx.put(one, 20 + round, flat(20 + round));
      expect(tx.get(two, 20 + round)).toEqual(flat(20 + round));
    }
  });
  for (const [i, value] of one.range({ gt: 20 })) expect(value).toEqual(flat(i));
  expect(two.get(5)).toEqual(flat(15));
});

test('a transaction that has opened the tree for compaction reads the values', async () => {
  const db = openFresh(':memory:', MEMORY);
  const store = sharing(db);
  await store.put(1, user(1));
  const compacting = inCore(db, (core) => {
    core.treeNamed('s', store.definition.catalogueKey);
  });
  const written = db.write((tx) => {
    expect(tx.get(store, 1)).toEqual(user(1));
    tx.put(store, 2, flat(2));
    expect(tx.get(store, 2)).toEqual(flat(2));
  });
  await Promise.all([compacting, written]);
  expect(store.get(2)).toEqual(flat(2));
});

describe('what is undone takes its shapes with it', () => {
  test('a transaction, a nested part, a piece of a group, an aborted one', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    await store.put(0, flat(0));
    const no = new Error('no');
    const throwing = db.write((tx) => {
      tx.put(store, 1, flat(1));
      throw no;
    });
    const after = store.put(2, flat(2));
    expect(await failure(throwing)).toBe(no);
    await after;
    expect(await shapesIn(db, 's')).toEqual([['only0'], ['only2']]);
    await db.write((tx) => {
      tx.put(store, 3, flat(3));
      for (const i of [4, 5]) {
        expect(() =>
          tx.nested(() => {
            tx.put(store, i, [flat(i), flat(3)]);
            expect(tx.get(store, i)).toEqual([flat(i), flat(3)]);
            throw no;
          }),
        ).toThrow(no);
        tx.put(store, 6 + i, [flat(6 + i), flat(3)]);
      }
      expect(tx.values(store).toArray()).toHaveLength(5);
    });
    const manual = await db.beginWrite();
    manual.put(store, 20, flat(20));
    manual.abort();
    await failure(store.putMany([[21, flat(21)], [22, flat(22)], 'x' as never]));
    await store.put(23, flat(23));
    const kept = [0, 2, 3, 10, 11, 23];
    expect(await shapesIn(db, 's')).toEqual(kept.map((i) => [`only${i}`]));
    for (const i of [0, 2, 3, 23]) expect(store.get(i)).toEqual(flat(i));
    for (const i of [10, 11]) expect(store.get(i)).toEqual([flat(i), flat(3)]);
  });

  test('a store that is dropped and made again in a part that is undone', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    for (let i = 0; i < 3; i++) await store.put(i, flat(i));
    const no = new Error('no');
    for (const opened of [false, true]) {
      await db.write((tx) => {
        if (opened) expect(tx.get(store, 1)).toEqual(flat(1));
        for (let round = 0; round < 3; round++) {
          expect(() =>
            tx.nested(() => {
              tx.dropStore('s');
              for (let i = 0; i < 3; i++) tx.put(store, i, flat(50 + 10 * round + i));
              expect(tx.get(store, 1)).toEqual(flat(51 + 10 * round));
              throw no;
            }),
          ).toThrow(no);
          expect(tx.get(store, 1)).toEqual(flat(1));
          tx.put(store, 3 + round, flat(3 + round + (opened ? 100 : 0)));
        }
        expect(tx.get(store, 5)).toEqual(flat(opened ? 105 : 5));
      });
      expect(store.get(2)).toEqual(flat(2));
      expect(store.get(4)).toEqual(flat(opened ? 104 : 4));
    }
    expect((await shapesIn(db, 's')).flat()).toEqual(
      [0, 1, 2, 3, 4, 5, 103, 104, 105].map((i) => `only${i}`),
    );
  });

  test('a put that was refused, or whose condition did not hold', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', { key: 'string', sharedStructures: true });
    await store.put('m', flat(0));
    const long = 'k'.repeat(db.maxKeyBytes + 1);
    const [absent, append, large, fine] = [
      store.put('m', flat(1), { ifAbsent: true }),
      failure(store.put('a', flat(2), { append: true })),
      failure(store.put(long, flat(3))),
      store.put('n', flat(4)),
    ];
    expect([await absent, await fine]).toEqual([false, true]);
    expect(await append).toBeInstanceOf(RangeError);
    expect(await large).toBeInstanceOf(KeyTooLargeError);
    await db.write((tx) => {
      expect(tx.put(store, 'm', flat(5), { ifAbsent: true })).toBe(false);
      expect(() => tx.put(store, 'a', flat(6), { append: true })).toThrow(RangeError);
      expect(() => tx.put(store, long, flat(7))).toThrow(KeyTooLargeError);
      expect(() => tx.put(store, 'x', { a: 1, b: () => {} })).toThrow(TypeError);
      tx.put(store, 'o', flat(8));
    });
    expect(await shapesIn(db, 's')).toEqual([['only0'], ['only4'], ['only8']]);
    expect(store.values().toArray()).toEqual([flat(0), flat(4), flat(8)]);
  });
});

test('what was encoded before the store was dropped is put into the new one', async () => {
  const db = openFresh(':memory:', MEMORY);
  const store = sharing(db);
  for (let i = 0; i < 5; i++) await store.put(i, flat(i));
  // Encoded with shape 4 of the old store; the new one has another shape 0 when it runs.
  const dropped = db.dropStore('s');
  const puts = [store.put(0, flat(9)), store.put(1, flat(4)), store.putMany([[2, flat(3)]])];
  await Promise.all([dropped, ...puts]);
  expect(store.values().toArray()).toEqual([flat(9), flat(4), flat(3)]);
  expect(await shapesIn(db, 's')).toEqual([['only9'], ['only4'], ['only3']]);
});

describe('code of the user that runs while a value is encoded', () => {
  test.each(['puts', 'drops', 'is undone', 'drops and puts'])('%s', async (what) => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    await store.put(0, flat(0));
    await db.write((tx) => {
      tx.put(store, 1, flat(1));
      tx.put(store, 2, {
        before: flat(2),
        get middle() {
          if (what === 'puts') tx.put(store, 3, flat(3));
          if (what === 'drops' || what === 'drops and puts') tx.dropStore('s');
          if (what === 'drops and puts') tx.put(store, 4, flat(4));
          if (what === 'is undone') {
            const part = (): void => {
              tx.nested(() => {
                tx.put(store, 5, flat(5));
                throw new Error('no');
              });
            };
            expect(part).toThrow('no');
          }
          return flat(6);
        },
        after: flat(2),
      });
      expect(tx.get(store, 2)).toEqual({ before: flat(2), middle: flat(6), after: flat(2) });
      tx.put(store, 7, flat(7));
    });
    expect(store.get(2)).toEqual({ before: flat(2), middle: flat(6), after: flat(2) });
    expect(store.get(7)).toEqual(flat(7));
    if (what === 'puts') expect(store.get(3)).toEqual(flat(3));
    if (what === 'drops and puts') expect(store.get(4)).toEqual(flat(4));
    for (const value of sharing(db).values()) expect(typeof value).toBe('object');
  });

  test('ends the transaction', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    const tx = await db.beginWrite();
    const value = {
      get a() {
        tx.abort();
        return 1;
      },
    };
    await expectRefusal(() => tx.put(store, 1, value), coded('TRANSACTION_CLOSED'));
    await store.put(1, flat(1));
    expect(await shapesIn(db, 's')).toEqual([['only1']]);
  });

  test('writes in a put outside a transaction', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = sharing(db);
    const value = {
      a: flat(1),
      get b() {
        db.writeSync((tx) => tx.put(store, 2, flat(2)));
        void store.put(3, flat(3));
        return flat(4);
      },
    };
    await store.put(1, value);
    expect(store.get(1)).toEqual({ a: flat(1), b: flat(4) });
    expect([store.get(2), store.get(3)]).toEqual([flat(2), flat(3)]);
  });
});

describe('the trees of shapes', () => {
  test('are no stores: not listed, not to be named, gone with their store', async () => {
    const db = openFresh(newPath(), MEMORY);
    const store = sharing(db);
    await store.put(1, user(1));
    expect(db.stores().map(({ name }) => name)).toEqual(['s']);
    expect(db.stats().stores.map(({ name }) => name)).toEqual(['s']);
    const refusal = typeError('U+0000');
    for (const name of ['\0', '\0shapes\0s', '\0s']) {
      await expectRefusal(() => db.store(name), refusal);
      await expectRefusal(() => db.dropStore(name), refusal);
      await expectRefusal(() => db.write((tx) => tx.dropStore(name)), refusal);
    }
    expect(await shapesIn(db, 's')).toEqual(USER_SHAPES);
    expect(await db.dropStore('s')).toBe(true);
    expect(await shapesIn(db, 's')).toBeUndefined();
    expect(await db.dropStore('s')).toBe(false);
    expect(db.stats().snapshotBytes).toBe(db.stats().pageSize * 4);
    // Another kind of store may have the name now.
    const other = db.store('s', { key: 'u32', value: 'json' });
    await other.put(1, user(1));
    expect(await shapesIn(db, 's')).toBeUndefined();
  });

  test('are not made for a store that is not made', async () => {
    const db = openFresh(newPath(), MEMORY);
    const store = sharing(db);
    await db.store('other').put('k', 1);
    await db.write((tx) => {
      tx.dropStore('s');
      tx.put(store, 1, user(1));
      tx.remove(store, 1);
    });
    expect(db.stores().map(({ name }) => name)).toEqual(['other']);
    expect(await shapesIn(db, 's')).toBeUndefined();
    await store.put(1, flat(1));
    await store.clear();
    expect(await shapesIn(db, 's')).toEqual([['only1']]);
    await store.put(2, flat(1));
    expect(store.get(2)).toEqual(flat(1));
  });

  test('stay when the store is emptied, and grow deep in small pages', async () => {
    const path = newTinyFile(256);
    const db = openFresh(path, MEMORY);
    const store = sharing(db);
    const long = (i: number): object => ({ [`${'long'.repeat(60)}${i}`]: i, ...flat(i) });
    for (let i = 0; i < 300; i++) await store.put(i, i % 7 === 0 ? long(i) : flat(i));
    const { pageSize } = db.stats();
    expect(pageSize).toBe(256);
    const again = sharing(openFresh(path, MEMORY));
    for (const [i, value] of again.range()) expect(value).toEqual(i % 7 === 0 ? long(i) : flat(i));
  });

  test('leave room for the name in the catalogue', async () => {
    const db = openFresh(newTinyFile(256), MEMORY);
    // Half a page, less a slot, the fixed fields, and a record with the names of two codecs; and
    // beside the store's name the prefix of its shapes.
    const record = (value: string): number => 36 + 'u32'.length + value.length;
    const longest = Math.min(
      (256 - 32) / 2 - 6 - 4 - record('msgpack'),
      Math.min((256 - 32) / 2 - 6 - 4 - record('json'), db.maxKeyBytes) - '\0shapes\0'.length,
    );
    expect(() => sharing(db, 'n'.repeat(longest + 1))).toThrow(KeyTooLargeError);
    const store = sharing(db, 'n'.repeat(longest));
    await store.put(1, user(1));
    expect(store.get(1)).toEqual(user(1));
  });
});

describe('options', () => {
  test('are refused with other values', async () => {
    const db = openFresh(':memory:', MEMORY);
    const given = { sharedStructures: true } as const;
    const refusal = typeError('sharedStructures', "'msgpack'", '"s"');
    await expectRefusal(() => db.store('s', { ...given, value: 'json' }), refusal);
    await expectRefusal(() => db.store('s', { ...given, multi: true }), refusal);
    await expectRefusal(() => db.store('s', { ...given, value: 'none' }), refusal);
    const custom = { name: 'x', encode: () => new Uint8Array(), decode: () => 1 };
    await expectRefusal(() => db.store('s', { ...given, value: custom }), refusal);
    expect(db.stores()).toEqual([]);
  });

  test('are what the file records', async () => {
    const path = newPath();
    const first = openFresh(path, MEMORY);
    await sharing(first).put(1, user(1));
    await first.store('plain', { key: 'u32' }).put(1, user(1));
    await first.close();
    const db = openFresh(path, MEMORY);
    expect(db.store<number, unknown>('s').get(1)).toEqual(user(1));
    await db.store<number, unknown>('s').put(2, flat(2));
    expect(await shapesIn(db, 's')).toEqual([...USER_SHAPES, ['only2']]);
    const mismatch = (name: string): ReturnType<typeof coded> =>
      coded('STORE_MISMATCH', `"${name}"`, 'sharedStructures');
    await expectRefusal(() => db.store('s', { sharedStructures: false }), mismatch('s'));
    await expectRefusal(() => sharing(db, 'plain'), mismatch('plain'));
    await expectRefusal(() => db.store('s', { value: 'json' }), coded('STORE_MISMATCH', 'msgpack'));
  });
});

test('compaction, a compacted backup, a backup and its restoration keep them', async () => {
  const db = openFresh(newPath(), MEMORY);
  const store = sharing(db);
  const value = (i: number): unknown => (i % 3 === 0 ? flat(i % 300) : user(i));
  for (let from = 0; from < 2000; from += 500) {
    await store.putMany(
      Array.from({ length: 500 }, (_, i) => [from + i, value(from + i)] as const),
    );
  }
  await store.removeRange({ gte: 300, lt: 1800 });
  await db.compact();
  await store.put(5000, { ...flat(5000), more: user(1) });
  const copies = [newPath(), newPath()];
  await db.backup(copies[0]!, { compact: true });
  await db.backup(copies[1]!);
  for (const path of [db.path, ...copies]) {
    const copy = sharing(openFresh(path, MEMORY));
    expect(copy.count()).toBe(501);
    for (const [i, found] of copy.range({ lt: 5000 })) expect(found).toEqual(value(i));
    expect(copy.get(5000)).toEqual({ ...flat(5000), more: user(1) });
    await copy.put(6000, flat(6000));
    expect(copy.get(6000)).toEqual(flat(6000));
    expect((await copy.database.verify()).problems).toEqual([]);
  }
});

describe('damage', () => {
  const damages: [string, (db: Database) => Promise<void>, 'CORRUPTION' | 'VALUE_UNREADABLE'][] = [
    ['the first shape is missing', (db) => removeShape(db, 's', 0), 'CORRUPTION'],
    ['the last shape is missing', (db) => removeShape(db, 's', 79), 'VALUE_UNREADABLE'],
    ['one in the middle is missing', (db) => removeShape(db, 's', 40), 'CORRUPTION'],
    ['one is no JSON', (db) => writeShape(db, 's', 3, '["only3"'), 'CORRUPTION'],
    ['one is empty', (db) => writeShape(db, 's', 3, ''), 'CORRUPTION'],
    ['one is no list', (db) => writeShape(db, 's', 3, '{"a":1}'), 'CORRUPTION'],
    ['one has a number for a name', (db) => writeShape(db, 's', 3, '["a",1]'), 'CORRUPTION'],
    ['one is no UTF-8', (db) => writeShape(db, 's', 3, Uint8Array.of(0x22, 0xff)), 'CORRUPTION'],
    ['one is very long', (db) => writeShape(db, 's', 3, `["${'x'.repeat(2e6)}"]`), 'CORRUPTION'],
    ['one has another number', (db) => writeShape(db, 's', 90, '["a"]'), 'CORRUPTION'],
    ['one has more names', (db) => writeShape(db, 's', 79, '["a","b","c"]'), 'VALUE_UNREADABLE'],
    ['one has none', (db) => writeShape(db, 's', 79, '[]'), 'VALUE_UNREADABLE'],
  ];

  test.each(damages)('%s', async (_what, damage, code) => {
    const path = newPath();
    const db = openFresh(path, MEMORY);
    const store = sharing(db);
    for (let i = 0; i < 80; i++) await store.put(i, { [`only${i}`]: i, [`and${i}`]: 0 });
    const opened = sharing(openFresh(path, MEMORY));
    expect(opened.get(79)).toEqual({ only79: 79, and79: 0 });
    await damage(db);
    for (const reader of [store, opened, sharing(openFresh(path, MEMORY))]) {
      const refusal = coded(code);
      await expectRefusal(() => reader.get(79), refusal);
      await expectRefusal(() => reader.range().toArray(), refusal);
      await expectRefusal(() => reader.database.write((tx) => tx.get(reader, 79)), refusal);
      // What needs no value is done all the same.
      expect([reader.count(), reader.has(5)]).toEqual([80, true]);
      expect(reader.keys().toArray()).toHaveLength(80);
      if (code === 'VALUE_UNREADABLE') expect(reader.get(3)).toEqual({ only3: 3, and3: 0 });
      else await expectRefusal(() => reader.put(100, flat(100)), refusal);
    }
    expect(await store.remove(79)).toBe(true);
    expect(await db.dropStore('s')).toBe(true);
    await store.put(1, user(1));
    expect(store.get(1)).toEqual(user(1));
  });

  test('the record of the shapes says something else', async () => {
    const db = openFresh(newPath(), MEMORY);
    const store = sharing(db);
    await store.put(1, user(1));
    await recordShapesAs(db, 's', { key: 'string', value: 'json', flags: 0 });
    await expectRefusal(() => store.get(1), coded('CORRUPTION', '"s"'));
    await recordShapesAs(db, 's', SHAPES_DESCRIPTION);
    expect(store.get(1)).toEqual(user(1));
    for (const entries of [1, 3, 10_000, 2 ** 40]) {
      await recordShapesAs(db, 's', SHAPES_DESCRIPTION, entries);
      await expectRefusal(() => store.get(1), coded('CORRUPTION', '"s"'));
    }
    await recordShapesAs(db, 's', SHAPES_DESCRIPTION, 2);
    expect(store.get(1)).toEqual(user(1));
    expect(await db.dropStore('s')).toBe(true);
  });
});
