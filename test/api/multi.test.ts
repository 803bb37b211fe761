/** Stores with multi: true, in which a key has a sorted set of values. */

import { describe, expect, test } from 'vitest';
import { type Database, type Key, open, type Store, type StoreOptions } from '../../src/index.ts';
import { compareKeys } from '../codec/support.ts';
import { seed } from '../frame/seed.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const MEMORY = { durability: 'manual' } as const;

describe('a key', () => {
  test('has its values once each, in their order', async () => {
    const db = openFresh();
    const tags = db.store('tags', { key: 'string', value: 'string', multi: true });
    expect(await tags.put('ada', 'poet')).toBe(true);
    expect(await tags.put('ada', 'countess')).toBe(true);
    expect(await tags.put('ada', 'poet')).toBe(false);
    expect(await tags.put('ad', 'z')).toBe(true);
    expect([...tags]).toEqual([
      ['ad', 'z'],
      ['ada', 'countess'],
      ['ada', 'poet'],
    ]);
    expect(tags.get('ada')).toBe('countess');
    expect(tags.getAll('ada').toArray()).toEqual(['countess', 'poet']);
    expect(tags.keys().toArray()).toEqual(['ad', 'ada']);
    expect(tags.has('ada')).toBe(true);
    expect(tags.has('a')).toBe(false);
    expect([tags.has('ada', 'poet'), tags.has('ada', 'z')]).toEqual([true, false]);
    expect(tags.count()).toBe(3);
    expect(tags.count({ gte: 'ada', lte: 'ada' })).toBe(2);
    expect(tags.getEntry('ada')).toEqual({
      key: 'ada',
      value: 'countess',
      version: undefined,
      expires: undefined,
    });
    expect(await tags.remove('ada', { value: 'z' })).toBe(false);
    expect(await tags.remove('ada', { value: 'poet' })).toBe(true);
    expect(await tags.remove('ada')).toBe(true);
    expect(await tags.remove('ada')).toBe(false);
    expect([...tags]).toEqual([['ad', 'z']]);
  });

  test('that ends in 00, 01 or ff is beside its neighbours, not among their values', async () => {
    const db = openFresh();
    const store = db.store('s', { key: 'bytes', value: 'bytes', multi: true });
    const ends = [[], [0], [0, 0], [0, 1], [1], [1, 0], [1, 1], [255], [255, 255]];
    const pairs = ends.flatMap((key) =>
      ends.map((value) => [Uint8Array.from(key), Uint8Array.from(value)] as const),
    );
    await store.putMany([...pairs].reverse());
    expect([...store]).toEqual(pairs);
    for (const key of ends) {
      const bytes = Uint8Array.from(key);
      expect(store.getAll(bytes).toArray()).toEqual(ends.map((value) => Uint8Array.from(value)));
      expect(store.count({ gte: bytes, lte: bytes })).toBe(ends.length);
      const [before, after] = [store.count({ lt: bytes }), store.count({ gt: bytes })];
      expect(before + after + ends.length).toBe(pairs.length);
    }
  });

  test('is written and read by transactions and snapshots as by the store', () => {
    const db = openFresh();
    const index = db.store('index', { key: 'u32', multi: true });
    const held = db.snapshot();
    db.writeSync((tx) => {
      tx.put(index, 2 ** 32 - 1, 'last');
      tx.put(index, 1, [1, null]);
      tx.put(index, 1, new Date(5));
      expect(tx.get(index, 1)).toEqual(new Date(5));
      expect(tx.keys(index).toArray()).toEqual([1, 2 ** 32 - 1]);
      expect(tx.keys(index, { gt: 1 }).toArray()).toEqual([2 ** 32 - 1]);
      expect(tx.keys(index, { gt: 2 ** 32 - 1 }).toArray()).toEqual([]);
      expect(tx.getAll(index, 1, { prefix: [1] }).toArray()).toEqual([[1, null]]);
      expect(tx.remove(index, 1, { value: [1, null] })).toBe(true);
      // While its own keys are gone through.
      for (const key of tx.keys(index)) tx.put(index, key, `of ${key}`);
    });
    expect(held.count(index)).toBe(0);
    held.close();
    expect([...index]).toEqual([
      [1, 'of 1'],
      [1, new Date(5)],
      [2 ** 32 - 1, 'last'],
      [2 ** 32 - 1, 'of 4294967295'],
    ]);
  });
});

describe('a store', () => {
  test('is opened as the file records it', async () => {
    const path = newPath();
    const first = open(path, MEMORY);
    await first.store('s', { key: 'string', value: 'u32', multi: true }).put('a', 5);
    await first.close();
    const db = openFresh(path, MEMORY);
    const store = db.store<string, number>('s');
    expect([...store]).toEqual([['a', 5]]);
    expect(db.stores()).toEqual([
      {
        name: 's',
        key: 'string',
        value: 'u32',
        multi: true,
        versions: false,
        expires: false,
        count: 1,
      },
    ]);
    const mismatch = (options: StoreOptions<string, number>) => () => db.store('s', options);
    await expectRefusal(mismatch({ multi: false }), coded('STORE_MISMATCH', 'multi', 'true'));
    await expectRefusal(mismatch({ value: 'json' }), coded('STORE_MISMATCH', 'u32', 'json'));
    await expectRefusal(mismatch({ value: 'f64' }), coded('STORE_MISMATCH', 'u32', 'f64'));
    await expectRefusal(mismatch({ versions: true }), coded('STORE_MISMATCH', 'versions'));
    const plain = db.store('plain', { value: 'json' });
    await plain.put(1, 1);
    const asMulti = () => db.store('plain', { multi: true });
    await expectRefusal(asMulti, coded('STORE_MISMATCH', 'multi', 'false'));
  });

  test('refuses what has no meaning where a key has many values', async () => {
    const db = openFresh();
    const store = db.store('s', { key: 'string', value: 'string', multi: true, versions: true });
    await store.put('a', 'b');
    await expectRefusal(() => store.update('a', (x) => x), typeError('update', 'multi', '"s"'));
    await expectRefusal(
      () => db.write((tx) => tx.update(store, 'a', (x) => x)),
      typeError('update', 'multi'),
    );
    await expectRefusal(
      () => store.remove('a', { ifVersion: 1 }),
      typeError('ifVersion', 'value too'),
    );
    const long = 'x'.repeat(db.maxKeyBytes - 5);
    await store.put('a', 'x'.repeat(db.maxKeyBytes - 2));
    const both = coded('KEY_TOO_LARGE', `at most ${db.maxKeyBytes}`);
    await expectRefusal(() => store.put(long, 'xxxxx'), both);
    const nothing = undefined as unknown as string;
    await expectRefusal(() => store.put('a', nothing), typeError('"s"', 'undefined'));
    expect(store.count()).toBe(2);
  });

  test('takes keys and values of codecs of the user', async () => {
    const path = newPath();
    const word = {
      name: 'word',
      encode: (key: string, target: Uint8Array, offset: number) => {
        const { read, written } = new TextEncoder().encodeInto(key, target.subarray(offset));
        return read === key.length ? offset + written : -1;
      },
      decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    };
    const db = openFresh(path, MEMORY);
    const store = db.store('s', { key: word, value: word, multi: true });
    const pairs = [
      ['', ''],
      ['', 'a'],
      ['a', '\0'],
      ['a\0', ''],
      ['a\0b', 'c'],
      ['a\x01', 'd'],
      ['b'.repeat(900), 'c'.repeat(900)],
    ] as const;
    for (const [key, value] of [...pairs].reverse()) await store.put(key, value);
    expect([...store]).toEqual(pairs);
    expect(store.count({ gt: '', lt: 'b' })).toBe(4);
  });
});

const STRINGS = ['', 'a', 'a\0', 'a\x01', 'aa', 'ab', 'b', '\0', '\x01', '\xff', 'é', '😀'];
const NUMBERS = [0, 1, 2, 255, 256, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
const TUPLES: Key[] = [null, 'a', ['a'], ['a', 1], ['a', 'b'], 1, -1, true, [], [[]], 5n];
const BYTES = [[], [0], [1], [0, 0], [255], [255, 255], [1, 255], [2]].map((b) =>
  Uint8Array.from(b),
);

/** A store and the sorted array of its pairs. */
class Multi<K extends Key, V extends Key> {
  private readonly store: Store<K, V>;
  private readonly db: Database;
  private readonly random: Random;
  private readonly keys: readonly K[];
  private readonly values: readonly V[];
  private pairs: [K, V][] = [];

  constructor(
    db: Database,
    store: Store<K, V>,
    keys: readonly K[],
    values: readonly V[],
    random: Random,
  ) {
    this.db = db;
    this.store = store;
    this.random = random;
    this.keys = keys;
    this.values = values;
  }

  async change(): Promise<void> {
    const { store, random, db } = this;
    const [key, value] = [random.pick(this.keys), random.pick(this.values)];
    const there = this.pairs.some((pair) => same(pair, [key, value]));
    const others = this.pairs.filter((pair) => !same(pair, [key, value]));
    const elsewhere = this.pairs.filter(([k]) => compareKeys(k, key) !== 0);
    switch (random.below(10)) {
      case 0:
        expect(await store.remove(key)).toBe(elsewhere.length < this.pairs.length);
        this.pairs = elsewhere;
        break;
      case 1:
        expect(await store.remove(key, { value })).toBe(there);
        this.pairs = others;
        break;
      case 2:
        expect(await store.put(key, value, { ifAbsent: true })).toBe(!there);
        this.pairs = sorted([...others, [key, value]]);
        break;
      case 3: {
        const gone = this.pairs.filter(([k]) => compareKeys(k, key) > 0);
        expect(await store.removeRange({ gt: key })).toBe(gone.length);
        this.pairs = this.pairs.filter(([k]) => compareKeys(k, key) <= 0);
        break;
      }
      case 4: {
        const all = this.values.map((v) => [key, v] as [K, V]);
        await store.putMany(all);
        this.pairs = sorted([...elsewhere, ...all]);
        break;
      }
      case 5:
        db.writeSync((tx) => {
          expect(tx.put(store, key, value)).toBe(!there);
          expect(tx.has(store, key, value)).toBe(true);
          expect(tx.count(store)).toBe(others.length + 1);
        });
        this.pairs = sorted([...others, [key, value]]);
        break;
      default:
        expect(await store.put(key, value)).toBe(!there);
        this.pairs = sorted([...others, [key, value]]);
    }
  }

  look(): void {
    const { store, random, pairs } = this;
    const [a, b] = [random.pick(this.keys), random.pick(this.keys)];
    const value = random.pick(this.values);
    const of = (key: K): V[] => pairs.filter(([k]) => compareKeys(k, key) === 0).map(([, v]) => v);
    expect(store.get(a)).toEqual(of(a)[0]);
    expect(store.getMany([a, b])).toEqual([of(a)[0], of(b)[0]]);
    expect(store.has(a)).toBe(of(a).length > 0);
    expect(store.has(a, value)).toBe(of(a).some((v) => compareKeys(v, value) === 0));
    expect(store.getAll(a).toArray()).toEqual(of(a));
    const reverse = random.below(2) === 0;
    const turn = <T>(items: T[]): T[] => (reverse ? items.reverse() : items);
    expect(store.getAll(a, { gte: value, reverse }).toArray()).toEqual(
      turn(of(a).filter((v) => compareKeys(v, value) >= 0)),
    );
    expect(store.getAll(a, { lt: value, reverse, limit: 2 }).toArray()).toEqual(
      turn(of(a).filter((v) => compareKeys(v, value) < 0)).slice(0, 2),
    );
    expect(store.rank(a)).toBe(pairs.filter(([k]) => compareKeys(k, a) < 0).length);
    const index = random.below(pairs.length + 2);
    expect(store.at(index)).toEqual(pairs[index]);

    const range = random.pick([
      {},
      { gt: a },
      { gte: a },
      { lt: a },
      { lte: a },
      { gt: a, lte: b },
      { gte: a, lt: b },
    ]);
    const inside = turn(pairs.filter(([k]) => isInside(range, k)));
    const limit = random.below(8);
    const offset = random.below(4);
    expect(store.range({ ...range, reverse }).toArray()).toEqual(inside);
    expect(store.count(range)).toBe(inside.length);
    expect(store.first({ ...range, reverse })).toEqual(inside[0]);
    expect(store.last({ ...range, reverse })).toEqual(inside.at(-1));
    const part = { ...range, reverse, limit, offset };
    expect(store.range(part).toArray()).toEqual(inside.slice(offset, offset + limit));
    const keys = distinct(inside.map(([k]) => k));
    expect(store.keys({ ...range, reverse }).toArray()).toEqual(keys);
    expect(store.keys(part).toArray()).toEqual(keys.slice(offset, offset + limit));
  }
}

function isInside<K extends Key>(range: { gt?: K; gte?: K; lt?: K; lte?: K }, key: K): boolean {
  const { gt, gte, lt, lte } = range;
  return (
    (gt === undefined || compareKeys(key, gt) > 0) &&
    (gte === undefined || compareKeys(key, gte) >= 0) &&
    (lt === undefined || compareKeys(key, lt) < 0) &&
    (lte === undefined || compareKeys(key, lte) <= 0)
  );
}
function same(a: readonly [Key, Key], b: readonly [Key, Key]): boolean {
  return compareKeys(a[0], b[0]) === 0 && compareKeys(a[1], b[1]) === 0;
}
function sorted<K extends Key, V extends Key>(pairs: [K, V][]): [K, V][] {
  return pairs.sort((a, b) => compareKeys(a[0], b[0]) || compareKeys(a[1], b[1]));
}
function distinct<K extends Key>(keys: K[]): K[] {
  return keys.filter((key, i) => i === 0 || compareKeys(key, keys[i - 1]!) !== 0);
}

describe('does what a sorted array of pairs does', () => {
  const kinds: Record<string, (db: Database, random: Random) => Multi<Key, Key>> = {
    'texts and texts': (db, random) =>
      new Multi<Key, Key>(
        db,
        db.store<Key, Key>('s', { key: 'string', value: 'string', multi: true } as never),
        STRINGS,
        STRINGS,
        random,
      ),
    'numbers and numbers': (db, random) =>
      new Multi<Key, Key>(
        db,
        db.store<Key, Key>('s', { key: 'u32', value: 'u32', multi: true } as never),
        NUMBERS,
        NUMBERS,
        random,
      ),
    'tuples and tuples': (db, random) =>
      new Multi<Key, Key>(db, db.store<Key, Key>('s', { multi: true }), TUPLES, TUPLES, random),
    'bytes and texts': (db, random) =>
      new Multi<Key, Key>(
        db,
        db.store<Key, Key>('s', { key: 'bytes', value: 'string', multi: true } as never),
        BYTES,
        STRINGS,
        random,
      ),
    'texts and numbers, with versions and expiry': (db, random) =>
      new Multi<Key, Key>(
        db,
        db.store<Key, Key>('s', {
          key: 'string',
          value: 'u32',
          multi: true,
          versions: true,
          expires: true,
        } as never),
        STRINGS,
        NUMBERS,
        random,
      ),
  };
  test.each(Object.keys(kinds))('%s', async (name) => {
    const random = new Random(seed);
    const db = openFresh(newTinyFile(256), MEMORY);
    const multi = kinds[name]!(db, random);
    for (let i = 0; i < 400; i++) {
      await multi.change();
      multi.look();
    }
  });
});
