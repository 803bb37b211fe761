/** What CoppiceLevel promises where abstract-level's suite does not look. */

import { afterEach, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { CoppiceLevel, type CoppiceLevelOptions } from './coppice-level.ts';

type Bytes = Uint8Array;

const opened: CoppiceLevel<Bytes, Bytes>[] = [];
afterEach(async () => {
  for (const level of opened.splice(0)) await level.close();
});

/** A database with binary keys and values. */
function openLevel(
  path = newPath(),
  options: CoppiceLevelOptions<Bytes, Bytes> = {},
): CoppiceLevel<Bytes, Bytes> {
  const level = new CoppiceLevel<Bytes, Bytes>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...options,
  });
  opened.push(level);
  return level;
}

const bytes = (...values: number[]): Bytes => Uint8Array.from(values);
const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);
/** The longest key of pages of 4,096 bytes. */
const MAX = 1978;

test('keys are in the order of their bytes: empty, zeros, prefixes, and above 127', async () => {
  const keys = [
    bytes(),
    bytes(0),
    bytes(0, 0),
    bytes(0, 255),
    bytes(1),
    bytes(127),
    bytes(127, 0),
    bytes(128),
    bytes(255),
    bytes(255, 0),
    bytes(255, 255),
  ];
  const level = openLevel();
  const shuffled = keys.map((key, i) => ({ key, value: bytes(i), at: (i * 7) % keys.length }));
  shuffled.sort((a, b) => a.at - b.at);
  await level.batch(shuffled.map(({ key, value }) => ({ type: 'put', key, value })));
  expect(await level.keys().all()).toEqual(keys);
  expect(await level.keys({ reverse: true }).all()).toEqual([...keys].reverse());
  for (const [i, key] of keys.entries()) {
    expect(level.getSync(key)).toEqual(bytes(i));
    expect(await level.keys({ gte: key, limit: 2 }).all()).toEqual(keys.slice(i, i + 2));
    expect(await level.keys({ lt: key }).all()).toEqual(keys.slice(0, i));
  }
});

test('values may be empty, and large', async () => {
  const level = openLevel();
  await level.put(bytes(1), bytes());
  await level.put(bytes(2), filled(1_000_000, 7));
  expect(await level.get(bytes(1))).toEqual(bytes());
  expect(await level.has(bytes(1))).toBe(true);
  expect(Buffer.compare((await level.get(bytes(2)))!, filled(1_000_000, 7))).toBe(0);
});

test('a key that is too long cannot be put; else it is a key that is not there', async () => {
  const level = openLevel();
  await level.put(filled(MAX, 5), bytes(1));
  const long = filled(MAX + 1, 5);
  await expect(level.put(long, bytes(2))).rejects.toHaveProperty('code', 'KEY_TOO_LARGE');
  const batch = level.batch().put(bytes(9), bytes(9)).put(long, bytes(2));
  await expect(batch.write()).rejects.toHaveProperty('code', 'KEY_TOO_LARGE');
  expect(await level.has(bytes(9))).toBe(false);

  expect(await level.get(long)).toBe(undefined);
  expect(await level.getMany([long, filled(MAX, 5)])).toEqual([undefined, bytes(1)]);
  expect(await level.has(long)).toBe(false);
  expect(await level.hasMany([long, filled(MAX, 5)])).toEqual([false, true]);
  await level.del(long);
  await level.batch([{ type: 'del', key: long }]);
  expect(await level.keys().all()).toEqual([filled(MAX, 5)]);
});

test('a bound that is too long for a key lies between two keys', async () => {
  const level = openLevel();
  const [before, at, after] = [bytes(4), filled(MAX, 5), bytes(6)] as const;
  for (const key of [before, at, after]) await level.put(key, bytes());
  const long = filled(MAX + 1, 5);
  expect(await level.keys({ gt: long }).all()).toEqual([after]);
  expect(await level.keys({ gte: long }).all()).toEqual([after]);
  expect(await level.keys({ lt: long }).all()).toEqual([before, at]);
  expect(await level.keys({ lte: long, reverse: true }).all()).toEqual([at, before]);
  for (const [reverse, wanted] of [
    [false, after],
    [true, at],
  ] as const) {
    const keys = level.keys({ reverse });
    keys.seek(long);
    expect(await keys.next()).toEqual(wanted);
    await keys.close();
  }
  await level.clear({ gt: long });
  expect(await level.keys().all()).toEqual([before, at]);
});

test('a long iteration lets others run, and stops when it is told to', async () => {
  const level = openLevel();
  const entries = Array.from({ length: 10_000 }, (_, i) => bytes(i >> 8, i & 255));
  await level.batch(entries.map((key) => ({ type: 'put', key, value: bytes() })));
  const turns: string[] = [];
  const all = level.iterator().all();
  void all.then(() => turns.push('iterated'));
  setImmediate(() => turns.push('other work'));
  expect(await all).toHaveLength(10_000);
  expect(turns).toEqual(['other work', 'iterated']);

  const stop = new AbortController();
  const stopped = level.values({ signal: stop.signal }).all();
  setImmediate(() => stop.abort());
  await expect(stopped).rejects.toHaveProperty('code', 'LEVEL_ABORTED');
});

test('an iterator goes on in its state while all is removed, and lets go of it in the end', async () => {
  const path = newPath();
  const level = openLevel(path);
  await level.batch([1, 2, 3].map((n) => ({ type: 'put', key: bytes(n), value: bytes(n) })));
  const iterator = level.iterator();
  expect(await iterator.next()).toEqual([bytes(1), bytes(1)]);
  await level.clear();
  expect(await iterator.nextv(5)).toEqual([2, 3].map((n) => [bytes(n), bytes(n)]));
  expect(await level.keys().all()).toEqual([]);

  const beside = openFresh(path);
  expect(beside.stats().readers).toHaveLength(1);
  await iterator.close();
  expect(beside.stats().readers).toEqual([]);
});

test('what is written is there for another handle, and after opening again', async () => {
  const path = newPath();
  const first = openLevel(path);
  await first.put(bytes(1), bytes(2));
  const second = openLevel(path);
  expect(await second.get(bytes(1))).toEqual(bytes(2));
  await second.put(bytes(3), bytes(4));
  expect(await first.get(bytes(3))).toEqual(bytes(4));
  await first.close();
  await second.close();
  await first.open({ createIfMissing: false });
  expect(await first.values().all()).toEqual([bytes(2), bytes(4)]);
});

test('a file whose store has other codecs is refused, and not held open', async () => {
  const path = newPath();
  const db = open(path);
  await db.store('level', { key: 'string' }).put('a', 1);
  await db.close();
  const level = openLevel(path);
  await expect(level.open()).rejects.toHaveProperty('cause.code', 'STORE_MISMATCH');
  // A backup does not replace a database that anybody has open.
  await openFresh().backup(path);
});

test('options of the file are passed on', async () => {
  const path = newPath();
  const level = openLevel(path, { coppice: { pageSize: 16384, durability: 'manual' } });
  await level.put(filled(8000, 1), bytes());
  expect(openFresh(path).stats().pageSize).toBe(16384);
});
