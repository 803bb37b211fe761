/** What was brought into memory is there when it is read, and no more than was asked for. */

import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dropFromMemory } from '../../examples/demo/page-cache.ts';
import { type Database, open, StorageFaultError } from '../../src/index.ts';
import { checkWhole, newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { newFolder, note } from '../support/process-children.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const OPTIONS = { durability: 'manual' } as const;

async function fill(db: Database, rows: number, every: number, large: number): Promise<void> {
  const store = db.store('s', { key: 'u32', value: 'bytes' });
  await db.write((tx) => {
    for (let i = 0; i < rows; i++) {
      tx.put(store, i, new Uint8Array(i % every === 0 ? large : 50).fill(i), { append: true });
    }
  });
}
const bytesStore = (db: Database) => db.store('s', { key: 'u32', value: 'bytes' });

describe.each([
  ['pages of 4096 bytes', () => newPath(), 9000],
  ['pages of 256 bytes', () => newTinyFile(256), 600],
] as const)('%s', (_, path, large) => {
  test('the pages asked for are those of the entries, and of the ways to them', async () => {
    const db = openFresh(path(), OPTIONS);
    await fill(db, 20_000, 100, large);
    const store = bytesStore(db);
    const { branchPages, leafPages, depth } = db.stats().stores[0]!;
    const { pageSize } = db.stats();
    const runPages = 1 + Math.ceil(large / pageSize);
    const all = await db.prefetch(store);
    expect(all.pages).toBe(branchPages + leafPages + 200 * runPages);
    // One key, with a run and without; one that is absent; many of them, in any order.
    expect(await db.prefetch(store, [100])).toEqual({ pages: depth + runPages });
    expect(await db.prefetch(store, [101])).toEqual({ pages: depth });
    expect(await db.prefetch(store, [10 ** 9])).toEqual({ pages: depth });
    expect(await db.prefetch(store, [])).toEqual({ pages: 0 });
    const some = await db.prefetch(store, [19_900, 0, 300, 301, 0]);
    expect(some.pages).toBeLessThanOrEqual(4 * depth + 3 * runPages);
    expect(some.pages).toBeGreaterThan(depth + 3 * runPages);
    // A range: its own leaves and runs, and the ways to its ends.
    const range = await db.prefetch(store, { gte: 5000, lt: 5200 });
    expect(range.pages).toBeGreaterThanOrEqual(2 * runPages);
    expect(range.pages).toBeLessThan(2 * runPages + (200 * 100) / pageSize + 10 * depth);
    const limited = await db.prefetch(store, { gte: 5000, limit: 1, reverse: true });
    expect(limited.pages).toBeLessThanOrEqual(2 * depth + runPages);
    expect(await db.prefetch(store, { gt: 30_000, lt: 40_000 })).toEqual({
      pages: expect.any(Number),
    });
    await checkWhole(db);
  });
});

test('of a multi store, of an empty one, and in memory', async () => {
  const db = openFresh();
  const pairs = db.store('p', { key: 'string', value: 'u32', multi: true });
  expect(await db.prefetch(pairs)).toEqual({ pages: 0 });
  await pairs.putMany(Array.from({ length: 5000 }, (_, i) => [`key ${i % 10}`, i] as const));
  const { branchPages, leafPages } = db.stats().stores[0]!;
  expect(await db.prefetch(pairs)).toEqual({ pages: branchPages + leafPages });
  const one = await db.prefetch(pairs, { gte: 'key 3', lte: 'key 3' });
  expect(one.pages).toBeLessThan((branchPages + leafPages) / 2);
});

test('reads find all of it in memory, with no page fault that waits for the disk', async () => {
  const path = join(newFolder('prefetch'), 'db');
  const filled = open(path);
  await fill(filled, 100_000, 1000, 100_000);
  await filled.close();
  if (!dropFromMemory(path)) {
    note('the file cannot be dropped from the page cache here: not tried what is in memory');
    return;
  }
  const db = openFresh(path, { readOnly: true });
  const store = bytesStore(db);
  const range = { gte: 20_000, lt: 60_000 };
  const told: number[] = [];
  const onProgress = ({ done, total }: { done: number; total: number }): void => {
    expect(total).toBe(done);
    told.push(done);
  };
  const { pages } = await db.prefetch(store, range, { onProgress });
  expect(told.at(-1)).toBe(pages);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  const before = db.stats().mapping.majorFaults;
  let bytes = 0;
  for (const value of store.values(range)) bytes += value.length;
  expect(bytes).toBe(40 * 100_000 + 39_960 * 50);
  expect(db.stats().mapping.majorFaults - before).toBeLessThan(5);
}, 60_000);

test('stops by its signal, and when the database is closed; a file cut short is told', async () => {
  const path = newPath();
  const db = openFresh(path, OPTIONS);
  await fill(db, 50_000, 50, 20_000);
  const store = bytesStore(db);
  const stop = new AbortController();
  const stopping = db.prefetch(store, undefined, {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('enough')),
  });
  await expect(stopping).rejects.toThrow('enough');
  await expect(
    db.prefetch(store, [1], { signal: AbortSignal.abort(new Error('before')) }),
  ).rejects.toThrow('before');
  const other = open(path, { readOnly: true });
  await expectRefusal(
    () => other.prefetch(bytesStore(other), {}, { onProgress: () => void other.close() }),
    coded('DATABASE_CLOSED'),
  );
  expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
  const late = open(path, { readOnly: true });
  const lateStore = bytesStore(late);
  lateStore.get(1);
  await db.close();
  truncateSync(path, 64 * 4096);
  for (let round = 0; round < 2; round++) {
    await expect(late.prefetch(lateStore)).rejects.toThrow(StorageFaultError);
  }
  late.closeSync();
});

test('what is no wish is refused', async () => {
  const db = openFresh();
  const store = bytesStore(db);
  const wish = (what: unknown, options?: unknown): unknown =>
    db.prefetch(store, what as [], options as object);
  await expectRefusal(() => wish(['a']), typeError('u32', '"a"'));
  await expectRefusal(() => wish({ from: 1 }), typeError('from'));
  await expectRefusal(() => wish(7), typeError('range', '7'));
  await expectRefusal(() => wish([], { signal: 1 }), typeError('signal', '1'));
  await expectRefusal(() => db.prefetch(openFresh().store('s'), []), typeError('another database'));
});
