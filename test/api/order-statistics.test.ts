/** count, rank, at, offset, sample, first and last read as many pages as the tree is deep. */

import { expect, test } from 'vitest';
import { SEGMENT_BYTES } from '../../src/format/geometry.ts';
import { WINDOW_BYTES } from '../../src/pager/mapped-pages.ts';
import { MappedStorage } from '../../src/pager/mapped-storage.ts';
import { openFile } from '../../src/pager/open-file.ts';
import { Pager } from '../../src/pager/pager.ts';
import { Abandoned } from '../../src/transaction/abandoned.ts';
import { LatestReader } from '../../src/transaction/latest.ts';
import { OpenValues } from '../../src/transaction/open-values.ts';
import { PinnedSnapshots } from '../../src/transaction/pinned-snapshot.ts';
import { newTinyFile, openFresh } from '../support/fresh-database.ts';

const ENTRIES = 20_000;

test('the pages visited are a few times the depth, wherever in 20,000 entries', async () => {
  const path = newTinyFile(512);
  const db = openFresh(path, { durability: 'manual' });
  const store = db.store('s', { key: 'u32' });
  await store.putMany(Array.from({ length: ENTRIES }, (_, i) => [i * 3, i] as const));
  const { depth, leafPages } = db.stats().stores[0]!;
  expect(depth).toBeGreaterThanOrEqual(4);
  expect(leafPages).toBeGreaterThan(500);

  const storage = new MappedStorage(path, { write: true, create: false });
  const file = openFile(storage, {
    addressSpace: SEGMENT_BYTES,
    segmentBytes: SEGMENT_BYTES,
    windowBytes: WINDOW_BYTES,
    lockTimeout: 1000,
    maxReaders: 1024,
    verify: 'first-read',
    recoverPrevious: false,
  });
  const pager = new Pager(file, { lockTimeout: 1000, maxGrowth: 2, readOnly: true });
  try {
    // The reader behind the methods of a store, on a pager whose visits can be counted.
    const pins = new PinnedSnapshots(pager);
    const reader = new LatestReader(pager, pins, db, new Abandoned(), new OpenValues());
    const visits = (work: () => unknown): number => {
      reader.get(store, 0);
      const before = pager.pages.visits;
      work();
      return pager.pages.visits - before;
    };
    // A path down, and each of its branches once more for the entries beside it.
    const path = 2 * depth;
    for (const key of [0, 1, 29_999, 30_000, 3 * ENTRIES - 3, 2 ** 32 - 1]) {
      expect(visits(() => reader.get(store, key))).toBe(depth);
      expect(visits(() => reader.rank(store, key))).toBeLessThanOrEqual(path);
      expect(visits(() => reader.count(store, { gte: key }))).toBeLessThanOrEqual(path);
      expect(visits(() => reader.count(store, { gt: 5, lte: key }))).toBeLessThanOrEqual(2 * path);
    }
    for (const index of [0, 1, ENTRIES >> 1, ENTRIES - 1, -1, -ENTRIES]) {
      expect(visits(() => reader.at(store, index))).toBe(depth);
    }
    for (const offset of [1, 7777, ENTRIES - 2]) {
      expect(reader.keys(store, { offset, limit: 1 }).toArray()).toEqual([offset * 3]);
      // The catalogue's pages are among them: an iteration looks the store up.
      const from = visits(() => reader.keys(store, { offset }).first());
      expect(from).toBeLessThanOrEqual(depth + 4);
      const back = visits(() => reader.keys(store, { offset, reverse: true }).first());
      expect(back).toBeLessThanOrEqual(depth + 4);
    }
    expect(visits(() => reader.sample(store))).toBe(depth);
    expect(visits(() => reader.first(store))).toBe(depth);
    expect(visits(() => reader.last(store))).toBe(depth);
    expect(visits(() => reader.first(store, { gt: 9000 }))).toBeLessThanOrEqual(path + depth);
    expect(visits(() => reader.count(store))).toBe(0);
    // What is not logarithmic is seen: that the counter counts at all.
    expect(visits(() => reader.keys(store).toArray())).toBeGreaterThan(leafPages);
  } finally {
    pager.close();
  }
});
