/** Types follow from the codecs: checked by the compiler, which npm test runs first. */

import type { Readable } from 'node:stream';
import { describe, expectTypeOf, test } from 'vitest';
import type {
  Blob,
  Database,
  Entry,
  Key,
  KeyCodec,
  Lazy,
  ManualTransaction,
  RangeOptions,
  RemoveOptions,
  Snapshot,
  Store,
  ValueCodec,
  ValueView,
  WriteTransaction,
} from '../../src/index.ts';
import { openFresh } from '../support/fresh-database.ts';

interface User {
  name: string;
  born: number;
}
class Point {
  readonly x: number = 0;
}
const points: KeyCodec<Point> = {
  name: 'point',
  encode: (key, target, offset) => {
    target[offset] = key.x;
    return offset + 1;
  },
  decode: () => new Point(),
};
const users: ValueCodec<User> = {
  name: 'user',
  encode: (user) => Buffer.from(JSON.stringify(user)),
  decode: (bytes): User => JSON.parse(Buffer.from(bytes).toString()) as User,
};

describe('db.store', () => {
  test('infers from the names of codecs', () => {
    const db = openFresh();
    expectTypeOf(db.store('a')).toEqualTypeOf<Store<Key, unknown>>();
    expectTypeOf(db.store('a', {})).toEqualTypeOf<Store<Key, unknown>>();
    expectTypeOf(db.store('a', { create: true })).toEqualTypeOf<Store<Key, unknown>>();
    expectTypeOf(db.store('b', { key: 'u32', value: 'json' })).toEqualTypeOf<
      Store<number, unknown>
    >();
    expectTypeOf(db.store('c', { key: 'u64' })).toEqualTypeOf<Store<bigint, unknown>>();
    expectTypeOf(db.store('d', { key: 'f64', value: 'none' })).toEqualTypeOf<Store<number, true>>();
    expectTypeOf(db.store('e', { key: 'string', value: 'bytes' })).toEqualTypeOf<
      Store<string, Uint8Array>
    >();
    expectTypeOf(db.store('f', { key: 'bytes', value: 'string' })).toEqualTypeOf<
      Store<Uint8Array, string>
    >();
    expectTypeOf(db.store('g', { value: 'json' })).toEqualTypeOf<Store<Key, unknown>>();
  });

  test('infers the values of a multi store from a key codec', () => {
    const db = openFresh();
    const pairs = db.store('p', { key: 'string', value: 'u32', multi: true });
    expectTypeOf(pairs).toEqualTypeOf<Store<string, number>>();
    expectTypeOf(pairs.getAll('a')).toEqualTypeOf<Lazy<number>>();
    expectTypeOf(pairs.getAll).parameter(1).toEqualTypeOf<RangeOptions<number> | undefined>();
    expectTypeOf(pairs.has).parameter(1).toEqualTypeOf<number | undefined>();
    expectTypeOf(pairs.remove).parameter(1).toEqualTypeOf<RemoveOptions<number> | undefined>();
    expectTypeOf(db.store('q', { multi: true })).toEqualTypeOf<Store<Key, Key>>();
    expectTypeOf(db.store('r', { value: 'u64', multi: true })).toEqualTypeOf<Store<Key, bigint>>();
    expectTypeOf(db.store('s', { key: points, value: points, multi: true })).toEqualTypeOf<
      Store<Point, Point>
    >();
    const tags = db.store<[string, number], string>('t', { value: 'string', multi: true });
    expectTypeOf(tags).toEqualTypeOf<Store<[string, number], string>>();
  });

  test('versions, expiry and shared structures change no types', () => {
    const db = openFresh();
    const all = { versions: true, expires: true, sharedStructures: true } as const;
    expectTypeOf(db.store('a', all)).toEqualTypeOf<Store<Key, unknown>>();
    expectTypeOf(db.store<string, User>('b', all)).toEqualTypeOf<Store<string, User>>();
    expectTypeOf(db.store('c', { ...all, key: 'u32' })).toEqualTypeOf<Store<number, unknown>>();
    expectTypeOf(db.store<string, User>('b', all).getEntry('a')?.version).toEqualTypeOf<
      number | undefined
    >();
  });

  test('large values are bytes, whatever the codec', () => {
    const store = openFresh().store<string, User>('u');
    expectTypeOf(store.view('a')?.bytes).toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf(store.blob('a')?.slice(0, 1)).toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf(store.blob('a')?.stream()).toEqualTypeOf<ReadableStream<Uint8Array> | undefined>();
    expectTypeOf(store.blob('a')?.readable()).toEqualTypeOf<Readable | undefined>();
    expectTypeOf(store.putStream).returns.toEqualTypeOf<Promise<boolean>>();
  });

  test('what holds anything can be used by using', () => {
    expectTypeOf<Database>().toExtend<Disposable & AsyncDisposable>();
    expectTypeOf<Snapshot>().toExtend<Disposable>();
    expectTypeOf<ManualTransaction>().toExtend<AsyncDisposable>();
    expectTypeOf<ValueView>().toExtend<Disposable>();
    expectTypeOf<Blob>().toExtend<Disposable>();
  });

  test('infers from codecs of the user', () => {
    const db = openFresh();
    expectTypeOf(db.store('h', { key: points, value: users })).toEqualTypeOf<Store<Point, User>>();
    expectTypeOf(db.store('i', { key: 'u32', value: users })).toEqualTypeOf<Store<number, User>>();
    expectTypeOf(db.store('j', { key: points })).toEqualTypeOf<Store<Point, unknown>>();
  });

  test('takes types that are given', async () => {
    const db = openFresh();
    const store = db.store<string, User>('users');
    expectTypeOf(store).toEqualTypeOf<Store<string, User>>();
    expectTypeOf(db.store<string, User>('users', {})).toEqualTypeOf<Store<string, User>>();
    const counts = db.store<string, number>('counts', { key: 'string', value: 'json' });
    expectTypeOf(counts).toEqualTypeOf<Store<string, number>>();
    expectTypeOf(store.get).returns.toEqualTypeOf<User | undefined>();
    expectTypeOf(store.getMany).returns.toEqualTypeOf<(User | undefined)[]>();
    expectTypeOf(store.getEntry).returns.toEqualTypeOf<Entry<string, User> | undefined>();
    expectTypeOf(store.range()).toEqualTypeOf<Lazy<[string, User]>>();
    expectTypeOf(store.range().map(([, user]) => user.born)).toEqualTypeOf<Lazy<number>>();
    expectTypeOf(store.update).parameter(1).parameter(0).toEqualTypeOf<User | undefined>();
    expectTypeOf(await store.put('a', { name: '', born: 1 })).toBeBoolean();
    expectTypeOf([...store]).toEqualTypeOf<[string, User][]>();
    expectTypeOf(store.database).toEqualTypeOf<Database>();
  });

  test('a key may be made of readonly parts', () => {
    const key = ['a', 1, [null, true]] as const;
    expectTypeOf(key).toExtend<Key>();
    expectTypeOf<Date>().toExtend<Key>();
    expectTypeOf<undefined>().not.toExtend<Key>();
    expectTypeOf<{ a: 1 }>().not.toExtend<Key>();
  });
});

test('transactions and snapshots know the store that they are given', async () => {
  const db = openFresh();
  const store = db.store<string, User>('users');
  expectTypeOf(db.read((s) => s.get(store, 'a'))).toEqualTypeOf<User | undefined>();
  expectTypeOf(db.write((tx) => tx.count(store))).resolves.toBeNumber();
  expectTypeOf(db.write((tx) => tx.update(store, 'a', (u) => u))).resolves.toEqualTypeOf<
    User | undefined
  >();
  expectTypeOf<WriteTransaction>().toHaveProperty('nested');
  expectTypeOf<Snapshot>().toHaveProperty('transaction');
  await db.flush();
});
