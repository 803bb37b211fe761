/** Blobs: parts of large values, each checked, and only what is asked for. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Blob, Database, Store } from '../../src/index.ts';
import { CorruptionError, open, StorageFaultError } from '../../src/index.ts';
import { seed } from '../frame/seed.ts';
import { cases } from '../frame/size.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { bytesOf, same } from '../support/random-bytes.ts';
import { expectRefusal, typeError } from './refusal.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

type Bytes = Store<number, Uint8Array>;
const bytesStore = (db: Database): Bytes => db.store('s', { key: 'u32', value: 'bytes' });
const closed = expect.objectContaining({ code: 'TRANSACTION_CLOSED' });

async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

for (const [what, path] of [
  ['pages of 4096 bytes', () => newPath()],
  ['pages of 256 bytes', () => newTinyFile(256)],
  ['memory', () => ':memory:'],
] as const) {
  test(`slices and streams are those of the value, ${what}, at random`, async () => {
    const db = openFresh(path());
    const store = bytesStore(db);
    for (const size of [0, 1, 5000, 65_536, 200_001, 4_500_000]) {
      const value = bytesOf(size, 1);
      await store.put(size, value);
      using blob = store.blob(size)!;
      expect(blob.size).toBe(size);
      const end = fc.option(fc.integer({ min: -size - 3, max: size + 3 }), { nil: undefined });
      const slices = fc.property(end, end, (start, to) => {
        const slice = blob.slice(start, to);
        expect(same(slice, value.slice(start, to))).toBe(true);
        expect(slice.buffer.byteLength).toBe(slice.length);
      });
      fc.assert(slices, { seed, numRuns: cases(60, 2000) });
      const streams = fc.asyncProperty(end, end, async (start, to) => {
        const range = {
          ...(start === undefined ? {} : { start }),
          ...(to === undefined ? {} : { end: to }),
        };
        const part = value.slice(start, to);
        expect(same(await whole(blob.stream(range)), part)).toBe(true);
        expect(same(await whole(blob.readable(range)), part)).toBe(true);
      });
      await fc.assert(streams, { seed, numRuns: cases(6, 200) });
    }
    expect(store.blob(7)).toBe(undefined);
  });
}

describe('a stream', () => {
  test('can be read into buffers of the reader, and to its end', async () => {
    const store = bytesStore(openFresh());
    const value = bytesOf(700_000, 1);
    await store.put(1, value);
    using blob = store.blob(1)!;
    const reader = blob.stream().getReader({ mode: 'byob' });
    const read: Uint8Array[] = [];
    for (;;) {
      const { done, value: piece } = await reader.read(new Uint8Array(100_000));
      if (done) break;
      read.push(piece);
    }
    expect(same(Buffer.concat(read), value)).toBe(true);
  });

  test('of text is what consumers of streams take', async () => {
    const db = openFresh();
    const store = db.store('t', { key: 'u32', value: 'string' });
    const long = 'häuser '.repeat(40_000);
    await store.put(1, long);
    using blob = store.blob(1)!;
    expect(await new Response(blob.stream()).text()).toBe(long);
    expect(await text(blob.readable())).toBe(long);
  });

  test('leaves turns to others, though all of it is in memory', async () => {
    const store = bytesStore(openFresh());
    await store.put(1, bytesOf(20_000_000, 1));
    using blob = store.blob(1)!;
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await whole(blob.stream());
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  test('that is cancelled reads no more, and one of a blob that is disposed of fails', async () => {
    const db = openFresh();
    const store = bytesStore(db);
    await store.put(1, bytesOf(2_000_000, 1));
    const blob = store.blob(1)!;
    for await (const _ of blob.stream()) break;
    for await (const _ of blob.readable()) break;
    const reader = blob.stream().getReader();
    await reader.read();
    await reader.read();
    blob.dispose();
    await expect(
      (async () => {
        for (;;) if ((await reader.read()).done) return;
      })(),
    ).rejects.toThrow(closed);
    expect(() => blob.stream()).toThrow(closed);
    expect(() => blob.slice(0, 1)).toThrow(closed);
    expect(db.stats().open.views).toBe(0);
  });
});

test('keeps its value while that is overwritten, also when its snapshot is closed', async () => {
  const db = openFresh(newPath(), { durability: 'manual' });
  const store = bytesStore(db);
  const value = bytesOf(500_000, 1);
  await store.put(1, value);
  const snapshot = db.snapshot();
  const old = snapshot.blob(store, 1)!;
  snapshot.close();
  expect(old.slice(0, 10)).toEqual(value.slice(0, 10));
  for (let round = 0; round < 20; round++) await store.put(1, bytesOf(500_000, round + 2));
  await db.compact();
  expect(same(old.slice(), value)).toBe(true);
  expect(db.stats().open.views).toBe(1);
  expect(db.stats().readers.some(({ self }) => self)).toBe(true);
  old.dispose();
  old.dispose();
  expect(db.stats().open.views).toBe(0);
  expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
});

test('in a write transaction: what it sees, until it ends or the value is replaced', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(300_000, 1));
  let kept: Blob | undefined;
  await db.write((tx) => {
    kept = tx.blob(store, 1)!;
    tx.put(store, 1, bytesOf(300_000, 2));
    // The old value is in the file still.
    expect(same(kept.slice(), bytesOf(300_000, 1))).toBe(true);
    const own = tx.blob(store, 1)!;
    expect(same(own.slice(100_000), bytesOf(300_000, 2).slice(100_000))).toBe(true);
    tx.put(store, 1, bytesOf(300_000, 3));
    expect(() => own.slice(0, 1)).toThrow(closed);
    let inner: Blob | undefined;
    expect(() =>
      tx.nested(() => {
        tx.put(store, 2, bytesOf(100_000, 4));
        inner = tx.blob(store, 2)!;
        expect(inner.size).toBe(100_000);
        throw new Error('undone');
      }),
    ).toThrow('undone');
    expect(() => inner!.slice(0, 1)).toThrow(closed);
  });
  expect(() => kept!.slice(0, 1)).toThrow(closed);
  expect(same(store.get(1)!, bytesOf(300_000, 3))).toBe(true);
});

test('one that is left is let go of when it is collected, and told; a stream keeps it', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(1_000_000, 1));
  const told: unknown[] = [];
  const hear = (message: unknown): void => void told.push(message);
  subscribe('coppice:abandoned', hear);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined = (() =>
    store.blob(1)!.stream().getReader())();
  for (let round = 0; round < 10; round++) {
    collect();
    await wait(5);
  }
  expect(told).toEqual([]);
  expect((await reader.read()).value).toHaveLength(262_144);
  reader = undefined;
  for (let round = 0; round < 300 && told.length === 0; round++) {
    collect();
    await wait(10);
  }
  unsubscribe('coppice:abandoned', hear);
  expect(told).toEqual([{ path: db.path, kind: 'blob', transaction: expect.any(Number) }]);
  expect(db.stats().open.views).toBe(0);
}, 20_000);

test('is DATABASE_CLOSED after its database is closed', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(100_000, 1));
  const blob = store.blob(1)!;
  await db.close();
  expect(() => blob.slice(0, 1)).toThrow(expect.objectContaining({ code: 'DATABASE_CLOSED' }));
  blob.dispose();
});

test('damage is found in the part that has it, and nowhere else', async () => {
  const path = newPath();
  const db = openFresh(path);
  const value = bytesOf(1_000_000, 1);
  await bytesStore(db).put(1, value);
  await db.close();
  const at = readFileSync(path).indexOf(value.subarray(700_000, 700_064));
  const file = openSync(path, 'r+');
  writeSync(file, new Uint8Array([0x5a]), 0, 1, at + 7);
  closeSync(file);
  const again = open(path);
  const blob = bytesStore(again).blob(1)!;
  for (let round = 0; round < 2; round++) {
    expect(same(blob.slice(0, 655_360), value.slice(0, 655_360))).toBe(true);
    expect(() => blob.slice(655_360, 655_361)).toThrow(CorruptionError);
    expect(same(blob.slice(720_896), value.slice(720_896))).toBe(true);
  }
  await expect(whole(blob.stream())).rejects.toThrow(CorruptionError);
  await expect(whole(blob.readable())).rejects.toThrow(CorruptionError);
  blob.dispose();
  again.closeSync();
});

test('a file that is cut short under it is STORAGE_FAULT, as often as one asks', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  await store.put(1, bytesOf(3_000_000, 1));
  const blob = store.blob(1)!;
  // All of it was checked before: what is not there any more is not found out by a checksum.
  expect(blob.slice()).toHaveLength(3_000_000);
  truncateSync(path, 16 * 4096);
  for (let round = 0; round < 2; round++) {
    expect(() => blob.slice()).toThrow(StorageFaultError);
    await expect(whole(blob.stream())).rejects.toThrow(StorageFaultError);
  }
  blob.dispose();
  await db.close().catch(() => {});
});

test('what is no place in a value is refused, and so are stores with multi', async () => {
  const db = openFresh();
  const store = bytesStore(db);
  await store.put(1, bytesOf(100_000, 1));
  using blob = store.blob(1)!;
  for (const wrong of ['1', 1.5, Number.NaN, null, {}]) {
    const start = wrong as number;
    await expectRefusal(() => blob.slice(start), typeError('start', String(wrong)));
    await expectRefusal(() => blob.slice(0, start), typeError('end', String(wrong)));
    await expectRefusal(() => blob.stream({ start }), typeError('start', String(wrong)));
  }
  await expectRefusal(() => blob.stream(7 as never), typeError('part of a blob', '7'));
  const multi = db.store('m', { key: 'u32', value: 'u32', multi: true });
  await expectRefusal(() => multi.blob(1), typeError('blob', 'multi: true', '"m"'));
  await expectRefusal(() => multi.view(1), typeError('view', 'multi: true', '"m"'));
});
