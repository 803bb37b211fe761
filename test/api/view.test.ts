/** Views: a value's bytes where they lie, the user's own to write into, for as long as he has them. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Database, Store } from '../../src/index.ts';
import { CorruptionError, open, StorageFaultError } from '../../src/index.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { bytesOf, same } from '../support/random-bytes.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const SIZES = [4097, 65_536, 65_537, 1_000_000, 9_000_001];

type Bytes = Store<number, Uint8Array>;
const bytesStore = (db: Database): Bytes => db.store('s', { key: 'u32', value: 'bytes' });

for (const [what, path] of [
  ['pages of 4096 bytes', () => newPath()],
  ['pages of 512 bytes', () => newTinyFile(512)],
  ['memory', () => ':memory:'],
] as const) {
  test(`is the value, of every size, ${what}`, async () => {
    const db = openFresh(path());
    const store = bytesStore(db);
    for (const size of [0, 1, 100, ...SIZES]) await store.put(size, bytesOf(size, 1));
    for (const size of [0, 1, 100, ...SIZES]) {
      using view = store.view(size)!;
      expect(view.bytes).toHaveLength(size);
      expect(same(view.bytes, bytesOf(size, 1))).toBe(true);
      expect(view.bytes.buffer.byteLength).toBe(size);
    }
    expect(store.view(7)).toBe(undefined);
  });
}

test('what is written into it nobody else sees: neither the file, nor a read, nor another view', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  const value = bytesOf(1_000_000, 1);
  await store.put(1, value);
  using one = store.view(1)!;
  using other = store.view(1)!;
  one.bytes.fill(7);
  expect(same(other.bytes, value)).toBe(true);
  expect(same(store.get(1)!, value)).toBe(true);
  await db.verify();
  const again = openFresh(path);
  expect(same(bytesStore(again).get(1)!, value)).toBe(true);
  expect(one.bytes.every((byte) => byte === 7)).toBe(true);
});

test('keeps its value while that is overwritten, removed and compacted, until it is disposed of', async () => {
  const db = openFresh(newPath(), { durability: 'manual' });
  const store = bytesStore(db);
  const value = bytesOf(500_000, 1);
  await store.put(1, value);
  const view = store.view(1)!;
  for (let round = 0; round < 20; round++) {
    await store.put(1, bytesOf(500_000, round + 2));
    await store.put(2, bytesOf(400_000, round));
  }
  await store.remove(2);
  await db.compact();
  expect(same(view.bytes, value)).toBe(true);
  expect(db.stats().open.views).toBe(1);
  expect(db.stats().readers.some(({ self }) => self)).toBe(true);
  const { bytes } = view;
  view.dispose();
  view.dispose();
  expect(bytes).toHaveLength(0);
  expect(view.bytes).toHaveLength(0);
  expect(db.stats().open.views).toBe(0);
  expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
});

test('of a snapshot, and of a write transaction, which has a copy of what it sees', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(100_000, 1));
  const snapshot = db.snapshot();
  await store.put(1, bytesOf(100_000, 2));
  using old = snapshot.view(store, 1)!;
  snapshot.close();
  expect(same(old.bytes, bytesOf(100_000, 1))).toBe(true);
  const kept = await db.write((tx) => {
    tx.put(store, 1, bytesOf(100_000, 3));
    const view = tx.view(store, 1)!;
    tx.remove(store, 1);
    expect(tx.view(store, 1)).toBe(undefined);
    return view;
  });
  expect(same(kept.bytes, bytesOf(100_000, 3))).toBe(true);
  const { bytes } = kept;
  kept.dispose();
  expect(bytes).toHaveLength(0);
});

/** Runs the garbage collector until `done`, or for some seconds. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let round = 0; round < 200 && !done(); round++) {
    collect();
    await wait(10);
  }
}

test('one that is left is counted by stats, let go of when it is collected, and told', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(200_000, 1));
  const told: unknown[] = [];
  const hear = (message: unknown): void => void told.push(message);
  subscribe('coppice:abandoned', hear);
  // The object is dropped, the bytes are not: these keep the state.
  let bytes: Uint8Array | undefined = (() => store.view(1)!.bytes)();
  await store.put(1, bytesOf(200_000, 2));
  for (let round = 0; round < 10; round++) {
    collect();
    await wait(5);
  }
  expect(told).toEqual([]);
  expect(db.stats().open.views).toBe(1);
  expect(same(bytes, bytesOf(200_000, 1))).toBe(true);
  bytes = undefined;
  await collectUntil(() => told.length > 0);
  unsubscribe('coppice:abandoned', hear);
  expect(told).toEqual([{ path: db.path, kind: 'view', transaction: expect.any(Number) }]);
  expect(db.stats().open.views).toBe(0);
  expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
}, 20_000);

test('a hundred views at once, and thousands one after the other, leave nothing', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  const value = bytesOf(300_000, 1);
  await store.put(1, value);
  const views = Array.from({ length: 100 }, () => store.view(1)!);
  expect(db.stats().open.views).toBe(100);
  for (const view of views) expect(same(view.bytes, value)).toBe(true);
  for (const view of views) view.dispose();
  for (let round = 0; round < 5000; round++) {
    using view = store.view(1)!;
    expect(view.bytes[round]).toBe(value[round]);
    // The addresses are given back from the event loop.
    if (round % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(db.stats().open.views).toBe(0);
});

test('closing the database detaches it', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  await store.put(1, bytesOf(100_000, 1));
  const { bytes } = store.view(1)!;
  await db.close();
  expect(bytes).toHaveLength(0);
  expect(() => store.view(1)).toThrow(expect.objectContaining({ code: 'DATABASE_CLOSED' }));
});

test('its buffer cannot be transferred to another thread', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  await store.put(1, bytesOf(100_000, 1));
  using view = store.view(1)!;
  const { port1, port2 } = new MessageChannel();
  try {
    port1.postMessage(view.bytes, [view.bytes.buffer as ArrayBuffer]);
  } catch {
    // Node 20 sends a copy, later ones refuse.
  }
  port1.close();
  port2.close();
  expect(same(view.bytes, bytesOf(100_000, 1))).toBe(true);
});

test('a buffer that its user moved keeps the state until it is collected', async () => {
  type Movable = ArrayBuffer & { transfer?: () => ArrayBuffer };
  const db = openFresh(newPath(), { durability: 'manual' });
  const store = bytesStore(db);
  await store.put(1, bytesOf(200_000, 1));
  const view = store.view(1)!;
  const buffer = view.bytes.buffer as Movable;
  if (buffer.transfer === undefined) {
    console.log('ArrayBuffer.prototype.transfer is not there: not tried on this Node.');
    view.dispose();
    return;
  }
  let moved: ArrayBuffer | undefined = buffer.transfer();
  view.dispose();
  for (let round = 0; round < 20; round++) await store.put(1, bytesOf(200_000, round + 2));
  expect(same(new Uint8Array(moved), bytesOf(200_000, 1))).toBe(true);
  moved = undefined;
  await collectUntil(() => db.stats().open.views === 0);
  expect(db.stats().open.views).toBe(0);
}, 20_000);

test('damage is found when it is made, also by the second view, and never by another value', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  await store.put(1, bytesOf(1_000_000, 1));
  await store.put(2, bytesOf(1_000_000, 2));
  await db.close();
  const at = readFileSync(path).indexOf(bytesOf(1_000_000, 1).subarray(700_000, 700_064));
  const file = openSync(path, 'r+');
  writeSync(file, new Uint8Array([0x5a]), 0, 1, at + 7);
  closeSync(file);
  const again = open(path);
  const damaged = bytesStore(again);
  for (let round = 0; round < 2; round++) {
    expect(() => damaged.view(1)).toThrow(CorruptionError);
    using view = damaged.view(2)!;
    expect(same(view.bytes, bytesOf(1_000_000, 2))).toBe(true);
  }
  expect(again.stats().open.views).toBe(0);
  expect(again.stats().readers.filter(({ self }) => self)).toEqual([]);
  again.closeSync();
});

test('a file that is cut short under it is STORAGE_FAULT, as often as one asks', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  await store.put(1, bytesOf(3_000_000, 1));
  const view = store.view(1)!;
  const { bytes } = view;
  truncateSync(path, 16 * 4096);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 4096) sum += bytes[i]!;
  expect(sum).toBeLessThan(16 * 4096);
  for (let round = 0; round < 2; round++) expect(() => view.bytes).toThrow(StorageFaultError);
  view.dispose();
  for (let round = 0; round < 2; round++) {
    expect(() => store.view(1)).toThrow(StorageFaultError);
  }
  await db.close().catch(() => {});
});
