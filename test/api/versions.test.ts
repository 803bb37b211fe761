/** Stores with versions: true: what changed since one looked, over transactions and handles. */

import { describe, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { expectRefusal, typeError } from './refusal.ts';

const MEMORY = { durability: 'manual' } as const;
const KIND = { key: 'string', value: 'json', versions: true } as const;

describe('a version', () => {
  test('grows with each single call and each callback, also within one commit', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    const version = (key: string): number => store.getEntry(key)!.version!;
    await store.put('a', 1);
    const first = version('a');
    expect(first).toBeGreaterThan(0);
    const before = db.lastTransaction;
    const seen: (number | undefined)[] = [];
    await Promise.all([
      store.put('a', 2),
      db.write((tx) => seen.push(tx.getEntry(store, 'a')?.version)),
      store.put('a', 3),
      db.write((tx) => seen.push(tx.getEntry(store, 'a')?.version)),
    ]);
    expect(db.lastTransaction).toBe(before + 1);
    expect(seen[0]).toBeGreaterThan(first);
    expect(seen[1]).toBeGreaterThan(seen[0]!);
    expect(version('a')).toBe(seen[1]);
    // One callback is one change.
    db.writeSync((tx) => {
      tx.put(store, 'a', 4);
      tx.put(store, 'b', 4);
      tx.put(store, 'a', 5);
    });
    expect(version('a')).toBe(version('b'));
    expect(version('a')).toBeGreaterThan(seen[1]!);
  });

  test('is given to nothing twice: not after a removal, a clear, an undone part, a restart', async () => {
    const path = newPath();
    const given = new Set<number>();
    let last = 0;
    for (let round = 0; round < 3; round++) {
      const db = open(path, MEMORY);
      const store = db.store('s', KIND);
      const put = async (): Promise<void> => {
        await store.put('a', round);
        const version = store.getEntry('a')!.version!;
        expect(version).toBeGreaterThan(last);
        expect(given.has(version)).toBe(false);
        given.add(version);
        last = version;
      };
      await put();
      await store.remove('a');
      await put();
      await store.clear();
      await put();
      db.writeSync((tx) => {
        expect(() =>
          tx.nested((part) => {
            part.put(store, 'a', 'undone');
            throw new Error('undo');
          }),
        ).toThrow('undo');
        tx.put(store, 'a', 'kept');
      });
      expect(store.getEntry('a')!.version).toBeGreaterThan(last);
      last = store.getEntry('a')!.version!;
      await put();
      if (round === 1) await db.compact();
      await db.close();
    }
    const target = newPath();
    const db = openFresh(path, MEMORY);
    await db.backup(target, { compact: true });
    const copy = openFresh(target, MEMORY);
    const store = copy.store('s', KIND);
    expect(store.getEntry('a')!.version).toBe(last);
    await store.remove('a');
    await store.put('a', 'in the copy');
    expect(store.getEntry('a')!.version).toBeGreaterThan(last);
  });

  test('is that of every handle', async () => {
    const path = newPath();
    const [a, b] = [openFresh(path, MEMORY), openFresh(path, MEMORY)];
    const [x, y] = [a.store('s', KIND), b.store('s', KIND)];
    let last = 0;
    for (const store of [x, y, y, x, y]) {
      await store.put('k', null);
      expect(x.getEntry('k')!.version).toBe(y.getEntry('k')!.version);
      expect(x.getEntry('k')!.version).toBeGreaterThan(last);
      last = x.getEntry('k')!.version!;
    }
  });

  test('is kept by a store that had none before it was dropped', async () => {
    const db = openFresh(':memory:', MEMORY);
    await db.store('s', { key: 'string', value: 'json' }).put('a', 1);
    await db.dropStore('s');
    const store = db.store('s', KIND);
    await store.put('a', 2);
    expect(store.getEntry('a')!.version).toBeGreaterThan(0);
  });

  test('is undefined where a store keeps none', async () => {
    const db = openFresh();
    const store = db.store('s');
    await store.put('a', 1);
    expect(store.getEntry('a')).toEqual({
      key: 'a',
      value: 1,
      version: undefined,
      expires: undefined,
    });
    expect(store.getEntry('b')).toBeUndefined();
  });
});

describe('ifVersion', () => {
  test('lets one of two changes win', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    await store.put('a', 1);
    const { version } = store.getEntry('a')!;
    const both = [
      store.put('a', 'mine', { ifVersion: version! }),
      store.put('a', 'yours', { ifVersion: version! }),
    ];
    expect(await Promise.all(both)).toEqual([true, false]);
    expect(store.get('a')).toBe('mine');
    expect(await store.remove('a', { ifVersion: version! })).toBe(false);
    expect(await store.remove('a', { ifVersion: store.getEntry('a')!.version! })).toBe(true);
    expect(await store.put('a', 2, { ifVersion: version! })).toBe(false);
    expect(await store.put('a', 2, { ifVersion: null })).toBe(true);
    expect(await store.put('a', 3, { ifVersion: null })).toBe(false);
    db.writeSync((tx) => {
      const now = tx.getEntry(store, 'a')!.version!;
      expect(tx.put(store, 'a', 4, { ifVersion: now })).toBe(true);
      expect(tx.remove(store, 'b', { ifVersion: now })).toBe(false);
    });
    expect(store.get('a')).toBe(4);
  });

  test('is enough for a counter of many handles, without transactions', async () => {
    const path = newPath();
    const handles = [1, 2, 3].map(() => openFresh(path, MEMORY).store('s', KIND));
    const add = async (store: (typeof handles)[0]): Promise<void> => {
      for (;;) {
        const entry = store.getEntry('n');
        const n = entry === undefined ? 0 : Number(entry.value);
        if (await store.put('n', n + 1, { ifVersion: entry?.version ?? null })) return;
      }
    };
    for (let i = 0; i < 50; i++) await Promise.all(handles.map(add));
    expect(handles[0]!.get('n')).toBe(150);
  });

  // A put that was refused committed a state in which nothing but the last version had changed.
  test('is not given by a put that is refused, which commits nothing', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', KIND);
    await store.put('b', 1);
    const { version } = store.getEntry('b')!;
    const before = db.lastTransaction;
    await expect(store.put('a', 1, { append: true })).rejects.toThrow(RangeError);
    await expect(store.put('k'.repeat(db.maxKeyBytes + 1), 1)).rejects.toThrow('key takes');
    expect(db.lastTransaction).toBe(before);
    await store.put('b', 2);
    expect(store.getEntry('b')!.version).toBe(version! + 1);
  });

  test('is of one pair in a multi store', async () => {
    const db = openFresh(':memory:', MEMORY);
    const store = db.store('s', { key: 'string', value: 'u32', multi: true, versions: true });
    await store.put('a', 1);
    await store.put('a', 2);
    const { version } = store.getEntry('a')!;
    expect(await store.put('a', 1, { ifVersion: version! + 1 })).toBe(false);
    expect(await store.remove('a', { value: 2, ifVersion: version! })).toBe(false);
    expect(await store.remove('a', { value: 1, ifVersion: version! })).toBe(true);
    // It was there, and has a new version even so.
    const old = store.getEntry('a')!.version!;
    expect(await store.put('a', 2)).toBe(false);
    expect(store.getEntry('a')!.version).toBeGreaterThan(old);
  });

  test.each([
    ['a text', '1'],
    ['NaN', Number.NaN],
    ['a fraction', 1.5],
    ['a negative number', -1],
  ])('that is %s is refused', async (_, wrong) => {
    const store = openFresh().store('s', KIND);
    const ifVersion = wrong as number;
    const refusal = typeError('ifVersion', 'getEntry', String(wrong));
    await expectRefusal(() => store.put('a', 1, { ifVersion }), refusal);
    await expectRefusal(() => store.remove('a', { ifVersion }), refusal);
  });
});
