/** What is refused, with which error, what its message says, and that nothing was changed by it. */

import { existsSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Database, type Key, open, type Store, type ValueCodec } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { coded, expectRefusal, type Refusal, rangeError, typeError } from './refusal.ts';

/** Wrong on purpose: the compiler would say so. */
const wrong = <T>(value: unknown): T => value as T;

describe('open', () => {
  const cases: [what: string, path: unknown, options: unknown, refusal: Refusal][] = [
    ['no path', undefined, undefined, typeError('path', 'non-empty string', 'undefined')],
    ['an empty path', '', undefined, typeError('path', '""')],
    ['a path with a NUL', 'a\0b', undefined, typeError('path')],
    ['a URL', new URL('file:///tmp/x'), undefined, typeError('path', 'an object')],
    ['null for options', 'X', null, typeError('options of open', 'null')],
    ['an unknown option', 'X', { pagesize: 4096 }, typeError('"pagesize"', 'pageSize')],
    ['create: 1', 'X', { create: 1 }, typeError('create', 'true or false', 'got 1')],
    ['pageSize: 512', 'X', { pageSize: 512 }, rangeError('pageSize', '4096', 'got 512')],
    ['pageSize: "4096"', 'X', { pageSize: '4096' }, typeError('pageSize', '"4096"')],
    [
      'durability: "sync"',
      'X',
      { durability: 'sync' },
      typeError('durability', '"sync"', 'commit'),
    ],
    ['durability: 1', 'X', { durability: 1 }, typeError('durability', 'got 1')],
    ['flushInterval: 0', 'X', { flushInterval: 0 }, rangeError('flushInterval', 'got 0')],
    ['flushInterval: NaN', 'X', { flushInterval: NaN }, rangeError('flushInterval', 'NaN')],
    ['lockTimeout: -1', 'X', { lockTimeout: -1 }, rangeError('lockTimeout', 'got -1')],
    ['lockTimeout: 1.5', 'X', { lockTimeout: 1.5 }, rangeError('lockTimeout', 'whole', '1.5')],
    ['lockTimeout: Infinity', 'X', { lockTimeout: Infinity }, rangeError('Infinity')],
    ['verify: "never"', 'X', { verify: 'never' }, typeError('verify', 'first-read', '"never"')],
    ['recover: true', 'X', { recover: true }, typeError('recover', 'previous', 'true')],
    ['maxReaders: 0', 'X', { maxReaders: 0 }, rangeError('maxReaders', 'got 0')],
    ['addressSpace: 1', 'X', { addressSpace: 1 }, rangeError('addressSpace', 'got 1')],
    ['maxGrowth: 0.5', 'X', { maxGrowth: 0.5 }, rangeError('maxGrowth', 'got 0.5')],
    ['maxQueuedBytes: "1"', 'X', { maxQueuedBytes: '1' }, typeError('maxQueuedBytes', '"1"')],
    ['warnAfter: -5', 'X', { warnAfter: -5 }, rangeError('warnAfter', 'got -5')],
    ['force: null', 'X', { force: null }, typeError('force', 'null')],
    ['immutable alone', 'X', { immutable: true }, typeError('immutable', 'readOnly: true')],
    [
      'recover with readOnly',
      'X',
      { recover: 'previous', readOnly: true },
      typeError('recover', 'readOnly'),
    ],
    ['memory, readOnly', ':memory:', { readOnly: true }, typeError(':memory:', 'readOnly')],
  ];
  for (const [what, path, options, refusal] of cases) {
    test(what, async () => {
      const real = path === 'X' ? newPath() : path;
      await expectRefusal(() => open(wrong(real), wrong(options)), refusal);
      if (typeof real === 'string' && path === 'X') expect(existsSync(real)).toBe(false);
    });
  }

  test('another page size than the file has', async () => {
    const path = newPath();
    const db = openFresh(path, { pageSize: 8192 });
    await db.store('s').put('k', 1);
    await db.close();
    const refusal = rangeError('8192', 'pageSize: 4096', 'leave the option out');
    await expectRefusal(() => open(path, { pageSize: 4096 }), refusal);
    expect(openFresh(path).stats().pageSize).toBe(8192);
    expect(openFresh(path, { pageSize: 8192 }).store('s').get('k')).toBe(1);
  });

  test('nothing is there, and nothing is to be made', async () => {
    const path = newPath();
    const refusal = coded('DATABASE_NOT_FOUND', path, 'create: false');
    expect(await expectRefusal(() => open(path, { create: false }), refusal)).toMatchObject({
      path,
    });
    await expectRefusal(
      () => open(path, { readOnly: true }),
      coded('DATABASE_NOT_FOUND', 'readOnly: true'),
    );
    expect(existsSync(path)).toBe(false);
  });
});

describe('db.store', () => {
  const name = 'A store';
  const cases: [what: string, name: unknown, options: unknown, refusal: Refusal][] = [
    ['no name', undefined, undefined, typeError(name, 'undefined')],
    ['an empty name', '', undefined, typeError(name, 'non-empty')],
    ['a number for a name', 5, undefined, typeError(name, '5')],
    ['a lone surrogate in the name', 'a\ud800', undefined, typeError('lone surrogate')],
    ['a name that no page holds', 'n'.repeat(5000), undefined, coded('KEY_TOO_LARGE', '5000')],
    ['options that are none', 's', 'u32', typeError('options of a store', 'u32')],
    ['an unknown option', 's', { keys: 'u32' }, typeError('"keys"', 'key, value')],
    ['an unknown key codec', 's', { key: 'u16' }, typeError('"u16"', 'u32')],
    ['an unknown value codec', 's', { value: 'cbor' }, typeError('"cbor"', 'msgpack')],
    ['a codec without decode', 's', { value: { name: 'x', encode() {} } }, typeError('decode')],
    ['a codec without a name', 's', { key: { encode() {}, decode() {} } }, typeError('name')],
    [
      'a codec with a name of ours',
      's',
      { key: { name: 'string', encode() {}, decode() {} } },
      typeError("'string'", 'built-in'),
    ],
    [
      'a codec with a name that no record holds',
      's',
      { value: { name: 'n'.repeat(70_000), encode() {}, decode() {} } },
      typeError('255'),
    ],
    ['create: "no"', 's', { create: 'no' }, typeError('create', 'no')],
    ['create: false, absent', 's', { create: false }, coded('STORE_NOT_FOUND', '"s"', 'create')],
    ['a key codec for values', 's', { value: 'u32' }, typeError("'u32'", 'multi: true', 'json')],
    [
      'values without an order in a multi store',
      's',
      { multi: true, value: 'json' },
      typeError("'json'", 'no order', 'tuple'),
    ],
    ['versions: "yes"', 's', { versions: 'yes' }, typeError('versions', 'yes')],
    [
      'sharedStructures of values that have none',
      's',
      { sharedStructures: true, value: 'json' },
      typeError('sharedStructures', "'msgpack'"),
    ],
    ['a name of the engine', '\0s', undefined, typeError('U+0000')],
    ['multi: 1', 's', { multi: 1 }, typeError('multi', '1')],
  ];
  for (const [what, store, options, refusal] of cases) {
    test(what, async () => {
      const db = openFresh();
      await expectRefusal(() => db.store(wrong<string>(store), wrong<object>(options)), refusal);
      expect(db.stores()).toEqual([]);
      // What was refused stands in nobody's way.
      await db.store('other').put('k', 'v');
      expect(db.stores().map((info) => info.name)).toEqual(['other']);
    });
  }

  test('other codecs than the file records', async () => {
    const path = newPath();
    const first = openFresh(path);
    await first.store('s', { key: 'u32', value: 'json' }).put(1, 'one');
    const refusal = coded('STORE_MISMATCH', '"s"', '"u32"', '"string"', 'Leave the option out');
    const error = await expectRefusal(() => first.store('s', { key: 'string' }), refusal);
    expect(error).toMatchObject({
      store: 's',
      option: 'key',
      recorded: 'u32',
      given: 'string',
    });
    await first.close();
    const db = openFresh(path);
    await expectRefusal(
      () => db.store('s', { value: 'msgpack' }),
      coded('STORE_MISMATCH', 'value', '"json"', '"msgpack"'),
    );
    expect(db.store<number, unknown>('s').get(1)).toBe('one');
    expect(db.store('s', { key: 'u32', value: 'json' }).get(1)).toBe('one');
  });

  test('other codecs than a store that is not written yet was asked for with', async () => {
    const db = openFresh();
    const store = db.store('s', { key: 'u32' });
    await expectRefusal(() => db.store('s', { key: 'f64' }), coded('STORE_MISMATCH', 'u32', 'f64'));
    // A codec of one's own may come as another object of the same name.
    const codec = () => ({ name: 'own', encode: () => Buffer.from('v'), decode: () => 'v' });
    db.store('own', { value: codec() });
    db.store('own', { value: codec() });
    await expectRefusal(() => db.store('own', { value: 'json' }), coded('STORE_MISMATCH', 'own'));
    expect(db.stores().map(({ name }) => name)).toEqual(['s', 'own']);
    await store.put(1, 1);
    expect(db.stores()).toMatchObject([
      { name: 'own', key: 'tuple', value: 'own', count: 0 },
      { name: 's', key: 'u32', value: 'msgpack', count: 1 },
    ]);
  });

  test('a codec of the users own has to be given again', async () => {
    const path = newPath();
    const value = { name: 'own', encode: () => Buffer.from('v'), decode: () => 'v' };
    const first = openFresh(path);
    await first.store('s', { value }).put(1, 'v');
    await first.close();
    const db = openFresh(path);
    await expectRefusal(() => db.store('s'), coded('STORE_MISMATCH', '"own"', 'codec itself'));
    expect(db.store('s', { value }).get(1)).toBe('v');
  });

  test('a store that someone else made with other codecs first fails for its users only', async () => {
    const path = newPath();
    const one = openFresh(path);
    const other = openFresh(path);
    const early = one.store('s', { key: 'u32' });
    await other.store('s', { key: 'string' }).put('k', 1);
    await expectRefusal(() => early.put(1, 1), coded('STORE_MISMATCH', '"string"', '"u32"'));
    await expectRefusal(() => early.get(1), coded('STORE_MISMATCH', '"string"', '"u32"'));
    expect(await one.store('mine').put('k', 1)).toBe(true);
    expect(one.store('s').get('k')).toBe(1);
  });
});

describe('reads and writes', () => {
  let db: Database;
  let store: Store<Key, unknown>;
  let texts: Store<string, string>;
  let numbers: Store<number, unknown>;

  beforeEach(async () => {
    db = openFresh();
    store = db.store('s');
    texts = db.store('texts', { key: 'string', value: 'string' });
    numbers = db.store('numbers', { key: 'u32', value: 'json' });
    await Promise.all([store.put('kept', { n: 1 }), texts.put('kept', 'text'), numbers.put(1, 1)]);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  type Case = [what: string, work: () => unknown, refusal: Refusal];
  const cases: Case[] = [
    ['an undefined value', () => store.put('k', undefined), typeError('undefined', 'Remove')],
    ['an undefined key', () => store.put(wrong(undefined), 1), typeError('undefined')],
    ['a NaN key', () => store.put(NaN, 1), typeError('NaN')],
    ['an undefined element of a key', () => store.put(wrong(['a', undefined]), 1), typeError()],
    ['an object as a key', () => store.put(wrong({ a: 1 }), 1), typeError('object')],
    ['an invalid Date as a key', () => store.put(new Date(NaN), 1), typeError('Date')],
    ['a function as a value', () => store.put('k', () => 1), typeError('function')],
    ['a symbol deep in a value', () => store.put('k', { a: [Symbol('x')] }), typeError('.a[0]')],
    ['a promise as a value', () => store.put('k', Promise.resolve(1)), typeError('Promise')],
    ['a lone surrogate in a value', () => store.put('k', { t: '\udc00' }), typeError('.t')],
    ['a lone surrogate in a key', () => store.put('\ud800', 1), typeError('surrogate')],
    ['a lone surrogate in a string key', () => texts.put('\ud800', 'a'), typeError('surrogate')],
    ['a lone surrogate in a string value', () => texts.put('k', '\ud800'), typeError('surrogate')],
    ['a value that contains itself', () => numbers.put(2, circular), typeError('circular')],
    ['a number for a string value', () => texts.put('k', wrong(5)), typeError('string', '5')],
    ['a u32 of -1', () => numbers.put(-1, 1), typeError('-1')],
    ['a u32 of 2 ** 32', () => numbers.put(2 ** 32, 1), typeError('4294967296')],
    ['a u32 of 1.5', () => numbers.get(1.5), typeError('1.5')],
    ['a string for a u32', () => numbers.get(wrong('1')), typeError('"1"')],
    [
      'a key too large to put',
      () => texts.put('x'.repeat(9000), 'v'),
      coded('KEY_TOO_LARGE', '9000', 'pageSize'),
    ],
    ['a key too large to get', () => texts.get('x'.repeat(9000)), coded('KEY_TOO_LARGE', '9000')],
    [
      'a bound too large',
      () => texts.range({ gt: 'x'.repeat(9000) }),
      coded('KEY_TOO_LARGE', '9000'),
    ],
    [
      'an unknown put option',
      () => store.put('k', 1, wrong({ ifabsent: true })),
      typeError('ifabsent'),
    ],
    [
      'put options that are none',
      () => store.put('k', 1, wrong(true)),
      typeError('options of put'),
    ],
    ['ifAbsent: 1', () => store.put('k', 1, wrong({ ifAbsent: 1 })), typeError('ifAbsent')],
    [
      'append that is not the greatest',
      () => store.put('a', 1, { append: true }),
      rangeError('append'),
    ],
    [
      'an unknown remove option',
      () => store.remove('kept', wrong({ ifVersio: 1 })),
      typeError('ifVersio'),
    ],
    [
      'remove options that are none',
      () => store.remove('kept', wrong(5)),
      typeError('options of remove'),
    ],
    ['update without a function', () => store.update('kept', wrong(5)), typeError('update', '5')],
    [
      'update that makes a promise',
      () => store.update('kept', async () => 1),
      typeError('Promise'),
    ],
    ['removeRange without a range', () => store.removeRange(wrong(undefined)), typeError('clear')],
    ['putMany of what is not iterable', () => store.putMany(wrong(5)), typeError('iterable')],
    ['putMany of no pairs', () => store.putMany(wrong(['kept', 'new'])), typeError('[key, value]')],
    [
      'putMany with one that is bad',
      () =>
        store.putMany([
          ['kept', 2],
          ['k', undefined],
        ]),
      typeError('undefined'),
    ],
    ['a range that is no object', () => store.range(wrong('a')), typeError('range', 'a')],
    ['first of what is no range', () => store.first(wrong('a')), typeError('range', 'a')],
    ['last of what is no range', () => store.last(wrong(null)), typeError('range', 'null')],
    ['an unknown range option', () => store.range(wrong({ from: 1 })), typeError('"from"', 'gte')],
    ['limit: -1', () => store.range({ limit: -1 }), rangeError('limit', '-1')],
    ['limit: NaN', () => store.count({ limit: NaN }), rangeError('limit', 'NaN')],
    ['limit: "2"', () => store.keys(wrong({ limit: '2' })), typeError('limit', '2')],
    ['offset: 0.5', () => store.values({ offset: 0.5 }), rangeError('offset', '0.5')],
    ['reverse: 1', () => store.range(wrong({ reverse: 1 })), typeError('reverse', '1')],
    ['a prefix for numbers', () => numbers.range({ prefix: 1 }), typeError('prefix')],
    ['at(1.5)', () => store.at(1.5), typeError('1.5')],
    ['at(NaN)', () => store.at(NaN), typeError('NaN')],
    ['getMany of one key', () => store.getMany(wrong('kept')), typeError('array')],
    ['map without a function', () => store.range().map(wrong(1)), typeError('map', '1')],
    ['take(-1)', () => store.range().take(-1), rangeError('take', '-1')],
    ['write without a function', () => db.write(wrong(undefined)), typeError('write', 'undefined')],
    [
      'write with an unknown option',
      () => db.write(() => 1, wrong({ durable: true })),
      typeError('durable'),
    ],
    [
      'write with a bad durability',
      () => db.write(() => 1, wrong({ durability: 'x' })),
      typeError('"x"'),
    ],
    ['writeSync without a function', () => db.writeSync(wrong(1)), typeError('writeSync', '1')],
    ['read without a function', () => db.read(wrong(1)), typeError('read', '1')],
    ['beginWrite with bad options', () => db.beginWrite(wrong(1)), typeError('beginWrite', '1')],
    [
      'a promise from write',
      () => db.write(async (tx) => tx.put(store, 'k', 1)),
      typeError('promise', 'beginWrite'),
    ],
    [
      'a promise from writeSync',
      () => db.writeSync(async (tx) => tx.clear(store)),
      typeError('promise'),
    ],
    [
      'a promise from nested',
      () => db.write((tx) => tx.nested(() => Promise.resolve(1))),
      typeError('promise'),
    ],
    [
      'a string for a store',
      () => db.write((tx) => tx.get(wrong<typeof store>('s'), 'kept')),
      typeError('db.store', 's'),
    ],
    [
      'nothing for a store',
      () => db.read((s) => s.getAll(wrong<typeof store>(undefined), 1)),
      typeError('db.store'),
    ],
    [
      'a store of another database',
      () => db.read((s) => s.get(openFresh().store('s'), 'k')),
      typeError('"s"', 'another database'),
    ],
    ['dropStore of a number', () => db.dropStore(wrong(5)), typeError('name', '5')],
    [
      'verify with an unknown option',
      () => db.verify(wrong({ gather: true })),
      typeError('gather'),
    ],
    ['verify with a bad signal', () => db.verify(wrong({ signal: {} })), typeError('AbortSignal')],
    [
      'ifVersion where there are none',
      () => store.put('kept', 2, { ifVersion: 3 }),
      typeError('ifVersion', 'versions: true', '"s"'),
    ],
    [
      'expireIn where nothing expires',
      () => store.put('k', 2, { expireIn: 3 }),
      typeError('expireIn', 'expires: true', '"s"'),
    ],
    [
      'expireAt where nothing expires',
      () => store.put('k', 2, { expireAt: 3 }),
      typeError('expireAt', 'expires: true'),
    ],
    [
      'remove with ifVersion where there are none',
      () => store.remove('kept', { ifVersion: 1 }),
      typeError('ifVersion', 'versions: true'),
    ],
    [
      'remove with a value where a key has one',
      () => store.remove('kept', { value: 1 }),
      typeError('value', 'multi: true'),
    ],
    [
      'has with a value where a key has one',
      () => store.has('kept', 1),
      typeError('has', 'multi: true'),
    ],
    [
      'getAll with a range where a key has one value',
      () => store.getAll('kept', {}),
      typeError('getAll', 'multi: true'),
    ],
  ];
  for (const [what, work, refusal] of cases) {
    test(what, async () => {
      const { commits } = db.stats();
      await expectRefusal(work, refusal);
      expect(db.stats().commits).toEqual(commits);
      expect([...store]).toEqual([['kept', { n: 1 }]]);
      expect([...texts]).toEqual([['kept', 'text']]);
      expect([...numbers]).toEqual([[1, 1]]);
    });
  }

  test.each([4096, 65536] as const)('the longest key, of pages of %i bytes', async (pageSize) => {
    const db = openFresh(':memory:', { pageSize });
    const store = db.store('longest', { key: 'bytes', value: 'bytes' });
    const { maxKeyBytes } = db;
    expect(maxKeyBytes).toBeGreaterThan(pageSize / 2 - 120);
    const longest = new Uint8Array(maxKeyBytes).fill(7);
    await store.put(longest, new Uint8Array(1));
    expect(store.has(longest)).toBe(true);
    const refusal = coded('KEY_TOO_LARGE', `${maxKeyBytes + 1} bytes`, `at most ${maxKeyBytes}.`);
    const longer = new Uint8Array(maxKeyBytes + 1).fill(7);
    await expectRefusal(() => store.put(longer, new Uint8Array(1)), refusal);
  });

  test('the same inside a transaction costs that call only, when it is caught', async () => {
    await db.write((tx) => {
      tx.put(store, 'before', 1);
      expect(() => tx.put(store, 'k', undefined)).toThrow(TypeError);
      expect(() => tx.put(store, wrong(undefined), 1)).toThrow(TypeError);
      expect(() => tx.put(texts, 'x'.repeat(9000), 'v')).toThrow('9000');
      expect(() => tx.put(store, 'a', 1, { append: true })).toThrow(RangeError);
      expect(() => tx.remove(store, 'kept', wrong({ all: 1 }))).toThrow('all');
      expect(() => tx.removeRange(store, wrong(undefined))).toThrow('clear');
      tx.put(store, 'later', 2);
    });
    expect(store.keys().toArray()).toEqual(['before', 'kept', 'later']);
  });

  test('stored bytes that the codec cannot read', async () => {
    const odd: ValueCodec<unknown> = {
      name: 'odd',
      encode: () => Buffer.from([0xc1]),
      decode() {
        throw new Error('odd bytes');
      },
    };
    const bytes = db.store('odd', { value: odd });
    await bytes.put('k', 1);
    const error = await expectRefusal(
      () => bytes.get('k'),
      coded('VALUE_UNREADABLE', 'odd bytes', "'odd'"),
    );
    expect(error.cause).toMatchObject({ message: 'odd bytes' });
    await expectRefusal(() => [...bytes.values()], coded('VALUE_UNREADABLE'));
    expect(bytes.has('k')).toBe(true);
    expect(bytes.keys().toArray()).toEqual(['k']);
    expect(await bytes.remove('k')).toBe(true);
  });
});

test('what only reads refuses to write', async () => {
  const path = newPath();
  const writer = openFresh(path);
  await writer.store('s').put('k', 1);
  const db = openFresh(path, { readOnly: true });
  const store = db.store('s');
  const refusal = coded('READ_ONLY', path, 'readOnly: true');
  expect(db.readOnly).toBe(true);
  expect(db.writable).toBe(false);
  await expectRefusal(() => store.put('k', 2), refusal);
  await expectRefusal(() => store.putMany([['k', 2]]), refusal);
  await expectRefusal(() => store.remove('k'), refusal);
  await expectRefusal(() => store.update('k', () => 2), refusal);
  await expectRefusal(() => store.clear(), refusal);
  await expectRefusal(() => store.removeRange({}), refusal);
  await expectRefusal(() => db.write((tx) => tx.clear(store)), refusal);
  await expectRefusal(() => db.writeSync((tx) => tx.clear(store)), refusal);
  await expectRefusal(() => db.beginWrite(), refusal);
  await expectRefusal(() => db.dropStore('s'), refusal);
  await expectRefusal(() => db.flush(), refusal);
  await expectRefusal(() => db.store('new'), coded('STORE_NOT_FOUND', '"new"', 'readOnly'));
  expect(store.get('k')).toBe(1);
  await writer.store('s').put('k', 3);
  expect(store.get('k')).toBe(3);
});
