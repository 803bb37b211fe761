/** Iterations read entries before they are asked for: nobody may be able to tell. */

import { expect, test } from 'vitest';
import { u32Key } from '../../src/codec/integers.ts';
import { jsonValue } from '../../src/codec/json.ts';
import { PairFormat, pairedValues } from '../../src/codec/pair.ts';
import { stringKey } from '../../src/codec/string.ts';
import { bytesValue } from '../../src/codec/values.ts';
import { PAGE_HEADER_BYTES } from '../../src/format/geometry.ts';
import type { Store } from '../../src/index.ts';
import { DistinctKeys } from '../../src/transaction/distinct-keys.ts';
import { EntryIterator, entriesOf, keysOf } from '../../src/transaction/entry-iterator.ts';
import { StoreDefinition } from '../../src/transaction/store-definition.ts';
import { openFresh } from '../support/fresh-database.ts';
import { TreeModel } from '../support/tree-model.ts';

const whole = { lower: undefined, upper: undefined, reverse: false, limit: Infinity, offset: 0 };

/** All that an iterator gives, and what it throws in the end. */
function drain<T>(iterator: Iterator<T>): { items: T[]; error: unknown } {
  const items: T[] = [];
  try {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      items.push(next.value);
    }
  } catch (error) {
    return { items, error };
  }
  return { items, error: undefined };
}

/** Texts of one, two, three and four bytes a character, long and short, in the order of bytes. */
const TEXTS = Array.from({ length: 900 }, (_, i) => {
  const tail = ['', 'é', '\ufeff', '\u20ac', '\u{1f332}', '\ufffd', 'x'.repeat(i % 90)][i % 7]!;
  return (
    String(i)
      .padStart(4, '0')
      .repeat((i % 5) + 1) + tail
  );
}).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

test('keys and values of all lengths come as they were put, either way, from anywhere', async () => {
  const db = openFresh();
  const store: Store<string, string> = db.store('s', { key: 'string', value: 'string' });
  await store.putMany(TEXTS.map((text) => [text, `${text}!`] as const));
  for (const limit of [1, 3, 5, 33, 129, 500, 900, undefined]) {
    for (const offset of [0, 1, 7, 450, 899]) {
      for (const reverse of [false, true]) {
        const options = { offset, reverse, ...(limit === undefined ? {} : { limit }) };
        const order = reverse ? [...TEXTS].reverse() : TEXTS;
        const expected = order.slice(offset, offset + (limit ?? 900));
        expect(store.keys(options).toArray()).toEqual(expected);
        expect(store.values(options).toArray()).toEqual(expected.map((text) => `${text}!`));
        expect(store.range(options).toArray()).toEqual(expected.map((text) => [text, `${text}!`]));
      }
    }
  }
});

test('bytes of all lengths come as they were put, each for itself', async () => {
  const db = openFresh();
  const store = db.store('s', { key: 'u32', value: 'bytes' });
  const sizeOf = (i: number): number =>
    [70 + (i % 40), i % 64, 104, 5000, 300, 20_000][i % 31] ?? 99;
  const bytesOf = (i: number): Uint8Array => new Uint8Array(sizeOf(i)).fill(i);
  // Not in their order, so that they do not lie in their leaves as they are asked for.
  const keys = Array.from({ length: 900 }, (_, i) => (i * 7919) % 900);
  for (const key of keys) if (key % 5 !== 0) await store.put(key, bytesOf(key + 1));
  await store.putMany(keys.map((key) => [key, bytesOf(key)] as const));
  for (const reverse of [false, true]) {
    const found = store.range({ reverse }).toArray();
    expect(found.map(([key]) => key)).toEqual(
      Array.from({ length: 900 }, (_, i) => (reverse ? 899 - i : i)),
    );
    for (const [key, value] of found) {
      expect(Buffer.compare(value, bytesOf(key))).toBe(0);
      if (value.length % 8 === 0) expect(value.byteOffset % 8).toBe(0);
    }
    for (const [key, value] of found) value.fill(key + 1);
    for (const [key, value] of found)
      expect(value.every((byte) => byte === ((key + 1) & 255))).toBe(true);
  }
});

test("a user's codec is called for what is asked for, and for nothing else", async () => {
  const db = openFresh();
  const decoded = { keys: 0, values: 0 };
  const store = db.store('s', {
    key: {
      name: 'told',
      encode: (key: number, target, offset) => {
        if (offset + 1 > target.length) return -1;
        target[offset] = key;
        return offset + 1;
      },
      decode: (bytes) => {
        decoded.keys++;
        return bytes[0]!;
      },
    },
    value: {
      name: 'told',
      encode: (value: number) => Uint8Array.of(value),
      decode: (bytes) => {
        decoded.values++;
        return bytes[0]!;
      },
    },
  });
  await store.putMany(Array.from({ length: 200 }, (_, i) => [i, i] as const));
  let asked = 0;
  for (const entry of store.range({ limit: 100 })) {
    expect(entry).toEqual([asked, asked]);
    asked++;
    expect(decoded).toEqual({ keys: asked, values: asked });
    if (asked === 40) break;
  }
});

// Keys that were gathered for a batch were overwritten by the nested scan: multi stores had lost
// what says that a codec is the user's.
test('nor of a multi store, whose codecs may scan another store meanwhile', async () => {
  const db = openFresh();
  const other = db.store<string, number>('other', { key: 'string' });
  await other.putMany(
    Array.from({ length: 60 }, (_, i) => [`${'x'.repeat(i % 50)}${i}`, i] as const),
  );
  let decoded = 0;
  const curious = {
    name: 'curious',
    encode: (value: number, target: Uint8Array, offset: number) => {
      if (offset + 1 > target.length) return -1;
      target[offset] = value;
      return offset + 1;
    },
    decode: (bytes: Uint8Array) => {
      decoded++;
      expect(other.keys().toArray()).toHaveLength(60);
      return bytes[0]!;
    },
  };
  const byKey = db.store('k', { key: curious, value: 'string', multi: true });
  const byValue = db.store('v', { key: 'string', value: curious, multi: true });
  for (let i = 0; i < 40; i++) await byKey.put(i, `text ${i}`);
  for (let i = 0; i < 40; i++) await byValue.put(`text ${i >> 2}`, i);
  let seen = 0;
  decoded = 0;
  for (const entry of byKey.range()) {
    expect(entry).toEqual([seen, `text ${seen}`]);
    expect(decoded).toBe(++seen);
  }
  expect(seen).toBe(40);
  seen = 0;
  decoded = 0;
  for (const entry of byValue.range()) {
    expect(entry).toEqual([`text ${seen >> 2}`, seen]);
    expect(decoded).toBe(++seen);
  }
  expect(seen).toBe(40);
});

test('a transaction sees what it changes before the step that comes to it', async () => {
  const db = openFresh();
  const store = db.store<number, number>('s', { key: 'u32' });
  await store.putMany(Array.from({ length: 300 }, (_, i) => [i, 0] as const));
  await db.write((tx) => {
    let expected = 0;
    for (const [key, value] of tx.range(store)) {
      expect([key, value]).toEqual([expected, expected === 0 ? 0 : 1]);
      expected += 2;
      tx.remove(store, key + 1);
      if (key < 298) tx.put(store, key + 2, 1);
    }
    expect(expected).toBe(300);
  });
});

test('what has expired is left out wherever it lies', async () => {
  const db = openFresh();
  const store = db.store<number, number>('s', { key: 'u32', expires: true });
  const dead = (i: number): boolean => i % 7 < 3 || (i > 100 && i < 160);
  for (let i = 0; i < 400; i++) await store.put(i, i, { expireAt: dead(i) ? 1 : Date.now() + 1e7 });
  const living = Array.from({ length: 400 }, (_, i) => i).filter((i) => !dead(i));
  expect(store.keys().toArray()).toEqual(living);
  expect(store.values({ reverse: true }).toArray()).toEqual([...living].reverse());
  expect(store.keys({ limit: 77 }).toArray()).toEqual(living.slice(0, 77));
});

test('of keys or values that cannot be read those before are given, then the error', () => {
  const model = new TreeModel(4096);
  const bad = 57;
  for (let i = 0; i < 90; i++) {
    const tail = i === bad ? Buffer.from([0xff]) : Buffer.from('k');
    const value = i === 71 ? '{' : `[${i}]`;
    model.put(Buffer.concat([Buffer.from(String(i).padStart(4, '0')), tail]), Buffer.from(value));
  }
  const iteration = { tree: model.reader(), isStill: true, check: () => {}, release: () => {} };
  const raw = new StoreDefinition(
    {},
    's',
    { keys: stringKey, values: bytesValue, pairs: undefined },
    0,
    1000,
  );
  const keys = drain(new EntryIterator(() => iteration, raw, whole, keysOf()));
  expect(keys.items).toHaveLength(bad);
  expect(keys.items.at(-1)).toBe('0056k');
  expect(keys.error).toMatchObject({ code: 'VALUE_UNREADABLE' });
  const back = { ...whole, reverse: true };
  expect(drain(new EntryIterator(() => iteration, raw, back, entriesOf())).items).toHaveLength(32);

  const formats = { keys: u32Key, values: jsonValue, pairs: undefined };
  const json = new StoreDefinition({}, 's', formats, 0, 1000);
  const valuesOnly = {
    keys: false,
    values: true,
    item: <V>(_k: unknown, v: readonly V[], i: number) => v[i]!,
  };
  const values = drain(new EntryIterator(() => iteration, json, whole, valuesOnly));
  expect(values.items).toHaveLength(71);
  expect(values.items.at(-1)).toEqual([70]);
  expect(values.error).toMatchObject({ code: 'VALUE_UNREADABLE' });
});

test('a large value is not read before it is asked for', async () => {
  const db = openFresh();
  const store = db.store<number, Uint8Array>('s', { key: 'u32', value: 'bytes' });
  const size = 2 ** 22;
  for (let i = 0; i < 8; i++) await store.put(i, new Uint8Array(i < 2 ? 9 : size).fill(i));
  const kept = (): number => {
    globalThis.gc?.();
    return process.memoryUsage().arrayBuffers;
  };
  const before = kept();
  const iterator = store.values({ limit: 8 })[Symbol.iterator]();
  for (let i = 0; i < 4; i++) {
    expect(iterator.next().value?.[0]).toBe(i);
    const large = Math.max(0, i - 1);
    expect(kept() - before).toBeLessThan((large + 0.5) * size);
  }
  iterator.return?.();
});

test('an iteration ends with its snapshot and its database, not some entries later', async () => {
  const db = openFresh();
  const store = db.store<number, number>('s', { key: 'u32' });
  await store.putMany(Array.from({ length: 100 }, (_, i) => [i, i] as const));
  const snapshot = db.snapshot();
  const ofSnapshot = snapshot.keys(store)[Symbol.iterator]();
  const ofLatest = store.keys({ limit: 50 })[Symbol.iterator]();
  for (const iterator of [ofSnapshot, ofLatest]) for (let i = 0; i < 6; i++) iterator.next();
  snapshot.close();
  expect(() => ofSnapshot.next()).toThrow(expect.objectContaining({ code: 'TRANSACTION_CLOSED' }));
  expect(ofLatest.next().value).toBe(6);
  db.closeSync();
  expect(() => ofLatest.next()).toThrow(expect.objectContaining({ code: 'DATABASE_CLOSED' }));
});

// The trees of the one that was let go of last are kept for the next scan of the same state.
test('scans that follow each other see each commit between them, and new stores', async () => {
  const db = openFresh();
  const store = db.store<number, number>('s', { key: 'u32' });
  const other = db.store<number, number>('t', { key: 'u32' });
  for (let i = 0; i < 20; i++) {
    expect(store.keys().toArray()).toEqual(Array.from({ length: i }, (_, k) => k));
    expect(store.keys().toArray()).toHaveLength(i);
    expect(other.keys().toArray()).toHaveLength(Math.max(0, i - 10));
    await store.put(i, i);
    if (i >= 10) await other.put(i, i);
  }
});

test('the keys of a multi store come to an end in a tree whose heads are forged', () => {
  const model = new TreeModel(4096);
  const pairs = new PairFormat(stringKey, u32Key);
  const bytes = new Uint8Array(100);
  for (const key of ['b', 'c']) {
    for (let i = 0; i < 20; i++) {
      const length = pairs.write([key, i], bytes, 0);
      model.put(Buffer.from(bytes.subarray(0, length)), Buffer.alloc(0));
    }
  }
  const formats = { keys: pairs.keys, values: pairedValues(pairs.values), pairs };
  const definition = new StoreDefinition({}, 's', formats, 0, 1000);
  const iteration = { tree: model.reader(), isStill: true, check: () => {}, release: () => {} };
  const keys = (): string[] => [...new DistinctKeys(() => iteration, definition, whole)];
  expect(keys()).toEqual(['b', 'c']);
  // A search for what comes after the pairs of 'b' ends at one of them.
  const cursor = model.reader().cursor();
  cursor.first();
  for (let slot = 3; slot < 40; slot++) {
    cursor.segment.i32[((cursor.leaf + PAGE_HEADER_BYTES) >> 2) + slot] = 0x7fff_ffff;
  }
  expect(keys).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
});
