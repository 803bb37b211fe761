/** Values that do not fit into a leaf lie in pages of their own, and every page is given back. */

import { expect, test } from 'vitest';
import type { Database } from '../../src/index.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';

const SIZES = [4000, 65_535, 65_536, 65_537, 131_072, 5_000_000];

function bytesOf(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 997) bytes[i] = seed + i;
  if (size > 0) bytes[size - 1] = seed;
  return bytes;
}

const pagesOf = (db: Database, store: string): number =>
  db.stats().stores.find(({ name }) => name === store)!.overflowPages;

for (const [what, path] of [
  ['pages of 4096 bytes', () => newPath()],
  ['pages of 512 bytes', () => newTinyFile(512)],
] as const) {
  test(`put, get, overwrite and remove, ${what}`, async () => {
    const db = openFresh(path(), { durability: 'manual' });
    const { pageSize } = db.stats();
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    await store.put(0, bytesOf(10, 0));
    const empty = db.stats().liveBytes;
    for (const size of SIZES) {
      const value = bytesOf(size, 1);
      await store.put(1, value);
      expect(Buffer.compare(store.get(1)!, value)).toBe(0);
      const chunks = Math.ceil(size / 65_536);
      const heads = Math.max(1, Math.ceil(chunks / ((pageSize - 32) >> 3)));
      const pages = size > 4000 || pageSize < 4096 ? Math.ceil(size / pageSize) + heads : 2;
      expect(pagesOf(db, 's')).toBe(pages);
      await db.verify();
      // Longer and shorter over it; the old pages are free again.
      await store.put(1, bytesOf(size + 100_000, 2));
      await store.put(1, bytesOf(7, 3));
      expect(store.get(1)).toEqual(bytesOf(7, 3));
      expect(pagesOf(db, 's')).toBe(0);
      await store.put(1, value);
      expect(await store.remove(1)).toBe(true);
      expect(pagesOf(db, 's')).toBe(0);
      // The allocation map has grown with the file, by a page for some thousands.
      expect(db.stats().liveBytes - empty).toBeLessThanOrEqual(pageSize < 4096 ? 16 * pageSize : 0);
    }
    expect(store.get(0)).toEqual(bytesOf(10, 0));
  });
}

test('in transactions that are undone, in parts or whole', async () => {
  const db = openFresh();
  const store = db.store('s', { key: 'string', value: 'bytes' });
  await store.put('kept', bytesOf(200_000, 1));
  const { liveBytes } = db.stats();
  const undone = db.write((tx) => {
    tx.put(store, 'kept', bytesOf(300_000, 2));
    tx.put(store, 'new', bytesOf(5_000_000, 3));
    throw new Error('mine');
  });
  await expect(undone).rejects.toThrow('mine');
  expect(db.stats().liveBytes).toBe(liveBytes);
  await db.write((tx) => {
    tx.put(store, 'new', bytesOf(100_000, 3));
    expect(() =>
      tx.nested(() => {
        tx.put(store, 'new', bytesOf(150_000, 4));
        tx.remove(store, 'kept');
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(tx.get(store, 'new')).toEqual(bytesOf(100_000, 3));
    tx.nested(() => tx.put(store, 'new', bytesOf(70_000, 5)));
    tx.remove(store, 'new');
  });
  expect(store.get('kept')).toEqual(bytesOf(200_000, 1));
  expect(db.stats().liveBytes).toBe(liveBytes);
});

test('a snapshot keeps a value whose pages would be used again', async () => {
  const db = openFresh(newPath(), { durability: 'manual' });
  const store = db.store('s', { key: 'u32', value: 'bytes' });
  await store.put(1, bytesOf(500_000, 1));
  using snapshot = db.snapshot();
  for (let i = 2; i < 20; i++) await store.put(1, bytesOf(500_000, i));
  expect(Buffer.compare(snapshot.get(store, 1)!, bytesOf(500_000, 1))).toBe(0);
  expect(Buffer.compare(store.get(1)!, bytesOf(500_000, 19))).toBe(0);
});

test("values that lie in two windows of the mapping, or in many, are read whole and are the caller's", async () => {
  const path = newPath();
  const db = openFresh(path, { durability: 'manual' });
  const bytes = db.store('bytes', { key: 'u32', value: 'bytes' });
  const texts = db.store('texts', { key: 'u32', value: 'string' });
  // Windows are 4 MiB: of 40 values of 300 kB, three lie across an end, and of 9 MB each does.
  const sizes = [...Array(40).fill(300_000), 9_000_001, 9_000_002, 4_194_304];
  const noise = new Uint32Array(3_000_000);
  for (let i = 0, x = 1; i < noise.length; i++)
    noise[i] = x = Math.imul(x, 1_664_525) + 1_013_904_223;
  const contentOf = (i: number): Uint8Array => new Uint8Array(noise.buffer, i * 97, sizes[i]);
  for (let i = 0; i < sizes.length; i++) {
    await bytes.put(i, contentOf(i));
    await texts.put(i, Buffer.from(contentOf(i)).toString('hex', 0, 150_000));
  }
  for (const again of [1, 2]) {
    for (let i = 0; i < sizes.length; i++) {
      const value = bytes.get(i)!;
      expect(Buffer.compare(value, contentOf(i))).toBe(0);
      expect(value.buffer.byteLength).toBe(value.length);
      // A write into what was read changes neither the file nor the next read.
      value.fill(again);
      const text = Buffer.from(contentOf(i)).toString('hex', 0, 150_000);
      expect(texts.get(i) === text).toBe(true);
    }
  }
  for (const [i, value] of bytes.range({ reverse: true })) {
    expect(Buffer.compare(value, contentOf(i))).toBe(0);
  }
  await db.close();
  const { problems } = await openFresh(path).verify();
  expect(problems).toEqual([]);
});

test('nothing keeps a large value that was put or read', async () => {
  const db = openFresh(newPath(), { durability: 'manual' });
  const held = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc!();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return process.memoryUsage().arrayBuffers / 2 ** 20;
  };
  const stores = Array.from({ length: 6 }, (_store, i) =>
    db.store(`s${i}`, { key: 'u32', value: 'string' }),
  );
  const before = await held();
  for (const store of stores) await store.put(1, 'x'.repeat(20_000_000));
  expect((await held()) - before).toBeLessThan(20);
  for (const store of stores) expect(store.get(1)!.length).toBe(20_000_000);
  expect((await held()) - before).toBeLessThan(20);
  await db.write((tx) => {
    for (const store of stores) tx.update(store, 1, (old) => `${old}.`);
  });
  await stores[0]!.put(2, 'small');
  expect((await held()) - before).toBeLessThan(20);
});
