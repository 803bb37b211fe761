/** compact and trim: the file becomes small, and nothing else changes. */

import { statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Database, open, type Store } from '../../src/index.ts';
import { seed } from '../frame/seed.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const MIB = 2 ** 20;

type Rows = Store<string, Uint8Array>;

function keyOf(i: number): string {
  return `row${String(i).padStart(12, '0')}`;
}

function rowsOf(db: Database): Rows {
  return db.store('rows', { key: 'string', value: 'bytes' });
}

/** Rows of 15 + `bytes` bytes, put in random order, 1,000 a transaction. */
async function fillAtRandom(db: Database, rows: number, bytes = 100): Promise<Map<string, number>> {
  const random = new Random(seed);
  const store = rowsOf(db);
  const order = Array.from({ length: rows }, (_, i) => i);
  for (let i = rows - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const model = new Map<string, number>();
  for (let from = 0; from < rows; from += 1000) {
    await db.write((tx) => {
      for (const i of order.slice(from, from + 1000)) {
        tx.put(store, keyOf(i), new Uint8Array(bytes).fill(i & 255));
        model.set(keyOf(i), i & 255);
      }
    });
  }
  return model;
}

function expectRows(rows: Rows, model: ReadonlyMap<string, number>, bytes = 100): void {
  expect(rows.count()).toBe(model.size);
  let wrong = 0;
  for (const [key, value] of rows) {
    const fill = model.get(key);
    if (value.length !== bytes || value.some((byte) => byte !== fill)) wrong++;
  }
  expect(wrong).toBe(0);
}

describe('compact', () => {
  test('makes a file of rows inserted at random at most 1.15 times as large as the rows', async () => {
    const path = newPath();
    const db = openFresh(path);
    const rows = 60_000;
    const model = await fillAtRandom(db, rows);
    const { ino } = statSync(path);
    const before = db.stats().fileBytes;
    const told: { done: number; total: number }[] = [];
    const report = await db.compact({ onProgress: (progress) => void told.push(progress) });
    expect(report.bytesBefore).toBe(before);
    expect(report.bytesAfter).toBe(statSync(path).size);
    expect(report.bytesAfter).toBeLessThanOrEqual(1.15 * 115 * rows);
    expect(report.pagesMoved).toBeGreaterThan(0);
    expect(statSync(path).ino).toBe(ino);
    expectRows(rowsOf(db), model);
    // Progress goes forward, and ends at its end.
    told.forEach(({ done, total }, i) => {
      expect(done).toBeGreaterThanOrEqual(i === 0 ? 0 : told[i - 1]!.done);
      expect(total).toBe(3 * (rows + 1));
    });
    expect(told.at(-1)!.done).toBe(told.at(-1)!.total);
    // A file that is compact is left as it is.
    const again = await db.compact();
    expect(again.bytesAfter).toBeLessThanOrEqual(report.bytesAfter + 32 * 4096);
    expect(again.pagesMoved).toBeLessThan(50);
  });

  for (const [what, path] of [
    ['pages of 4096 bytes', () => newPath()],
    ['pages of 512 bytes', () => newTinyFile(512)],
    ['memory', () => ':memory:'],
  ] as const) {
    test(`empties the end of a file most of which was removed, ${what}`, async () => {
      const db = openFresh(path(), { durability: 'manual' });
      const random = new Random(seed);
      const values = db.store('values', { key: 'u32', value: 'bytes' });
      const kept = new Map<number, Uint8Array>();
      for (let key = 0; key < 300; key++) {
        const size = random.chance(0.2) ? random.below(200_000) : random.below(3000);
        const value = new Uint8Array(size).fill(key & 255);
        await values.put(key, value);
        kept.set(key, value);
      }
      // What is left lies all over the file, at its very end too.
      for (const key of [...kept.keys()].filter((key) => key !== 299 && random.chance(0.7))) {
        await values.remove(key);
        kept.delete(key);
      }
      await db.flush();
      const { bytesBefore, bytesAfter } = await db.compact();
      const { snapshotBytes, pageSize } = db.stats();
      expect(bytesAfter).toBeLessThan(bytesBefore);
      // Runs need a place in one piece: with large values some room is left between.
      expect(bytesAfter).toBeLessThanOrEqual(1.25 * snapshotBytes + 64 * pageSize);
      expect(values.count()).toBe(kept.size);
      for (const [key, value] of kept) expect(Buffer.compare(values.get(key)!, value)).toBe(0);
    });
  }

  test('with hundreds of stores, and none', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    expect((await db.compact()).bytesAfter).toBeGreaterThan(0);
    db.writeSync((tx) => {
      for (let i = 0; i < 400; i++) {
        const store = db.store(`store ${i}`, { key: 'u32', value: 'json' });
        for (let key = 0; key < 20; key++) tx.put(store, key, { i, key });
      }
    });
    await db.write((tx) => {
      for (let i = 0; i < 400; i += 2) tx.dropStore(`store ${i}`);
    });
    await db.compact();
    expect(db.stores()).toHaveLength(200);
    for (const { name, count } of db.stores()) {
      expect(count).toBe(20);
      const i = Number(name.split(' ')[1]);
      expect(db.store(name, { key: 'u32', value: 'json' }).get(7)).toEqual({ i, key: 7 });
    }
  });

  test('beside a snapshot that stays open, which keeps what it has', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const model = await fillAtRandom(db, 10_000);
    const old = db.snapshot();
    await rowsOf(db).removeRange({ gte: keyOf(1000) });
    await db.compact();
    let seen = 0;
    for (const [key, value] of old.range(rowsOf(db))) {
      expect(value[0]).toBe(model.get(key));
      seen++;
    }
    expect(seen).toBe(10_000);
    old.close();
    const { bytesAfter } = await db.compact();
    expect(bytesAfter).toBeLessThan(0.3 * MIB);
    expect(rowsOf(db).count()).toBe(1000);
  });

  test('while others write: each of their writes is there, and they wait for a step at most', async () => {
    const db = openFresh(newPath(), { durability: 'interval' });
    const model = await fillAtRandom(db, 30_000);
    const store = rowsOf(db);
    const random = new Random(seed);
    let over = false;
    const compacted = db.compact().finally(() => {
      over = true;
    });
    let writes = 0;
    while (!over) {
      const i = random.below(40_000);
      if (random.chance(0.3)) {
        await store.remove(keyOf(i));
        model.delete(keyOf(i));
      } else {
        await store.put(keyOf(i), new Uint8Array(100).fill(writes & 255));
        model.set(keyOf(i), writes & 255);
      }
      writes++;
      // At first it never pauses: a thousand of its writes go before each step. Then a few do.
      if (writes > 10_000 && writes % 50 === 0) await turn();
    }
    await compacted;
    expect(writes).toBeGreaterThan(10);
    expectRows(store, model);
  }, 180_000);

  test('a store that is dropped, and one that is made, in the midst of it', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    await fillAtRandom(db, 20_000);
    let steps = 0;
    await db.compact({
      onProgress: () => {
        if (++steps === 3) void db.dropStore('rows');
        if (steps === 4) void db.store('new').put('key', 'value');
      },
    });
    expect(db.stores().map(({ name }) => name)).toEqual(['new']);
    expect(db.store('new').get('key')).toBe('value');
  });

  test('stopped by its signal at any step it loses nothing, and can be called again', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const model = await fillAtRandom(db, 20_000);
    const random = new Random(seed);
    for (let round = 0; round < 5; round++) {
      const controller = new AbortController();
      const reason = new Error(`stopped in round ${round}`);
      let left = random.below(10);
      const stopped = db.compact({
        signal: controller.signal,
        onProgress: () => {
          if (left-- === 0) controller.abort(reason);
        },
      });
      await stopped.catch((error: unknown) => expect(error).toBe(reason));
      expectRows(rowsOf(db), model);
      await db.verify();
    }
    await db.compact();
    expectRows(rowsOf(db), model);
    await expect(db.compact({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
  });

  test('two in one group of writes, beside others, set no place apart twice', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const values = db.store('values', { key: 'u32', value: 'bytes' });
    const random = new Random(seed);
    const kept = new Map<number, Uint8Array>();
    const put = async (key: number): Promise<void> => {
      const value = new Uint8Array(5000 + random.below(60_000)).fill(key & 255);
      kept.set(key, value);
      await values.put(key, value);
    };
    for (let key = 0; key < 200; key++) await put(key);
    for (let key = 0; key < 150; key++) {
      if (random.chance(0.8)) {
        await values.remove(key);
        kept.delete(key);
      }
    }
    const both = Promise.all([db.compact(), db.compact(), db.compact()]);
    for (let key = 300; key < 320; key++) await put(key);
    await both;
    expect(values.count()).toBe(kept.size);
    for (const [key, value] of kept) expect(Buffer.compare(values.get(key)!, value)).toBe(0);
  });

  test('two at once, and one that the database is closed under', async () => {
    const path = newPath();
    const db = open(path, { durability: 'manual' });
    const model = await fillAtRandom(db, 20_000);
    await Promise.all([db.compact(), db.compact()]);
    expectRows(rowsOf(db), model);
    await rowsOf(db).removeRange({ lt: keyOf(15_000) });
    const closed = db.compact();
    const refused = expectRefusal(() => closed, coded('DATABASE_CLOSED', 'closed'));
    await db.close();
    await refused;
    expect(rowsOf(openFresh(path)).count()).toBe(5000);
  });

  test('what it refuses', async () => {
    const path = newPath();
    const db = openFresh(path);
    await expectRefusal(() => db.compact(JSON.parse('{"fill":1}')), typeError('fill', 'signal'));
    await expectRefusal(() => db.compact(JSON.parse('{"onProgress":1}')), typeError('onProgress'));
    await expectRefusal(() => db.compact(JSON.parse('null')), typeError('object'));
    const reader = openFresh(path, { readOnly: true });
    await expectRefusal(() => reader.compact(), coded('READ_ONLY', path));
    await expectRefusal(() => reader.trim(), coded('READ_ONLY', path));
  });
});

describe('trim', () => {
  test('gives the disk back what is free inside, and leaves the length and the rows', async () => {
    const path = newPath();
    const db = openFresh(path);
    const values = db.store('values', { key: 'u32', value: 'bytes' });
    const blob = (i: number): Uint8Array => new Uint8Array(MIB).fill(i);
    for (let i = 0; i < 24; i++) await values.put(i, blob(i));
    for (let i = 0; i < 20; i++) await values.remove(i);
    const before = db.stats();
    const blocks = statSync(path).blocks * 512;
    expect(before.allocatedBytes).toBe(blocks);
    const { bytes } = await db.trim();
    expect(bytes).toBeGreaterThan(15 * MIB);
    expect(statSync(path).blocks * 512).toBe(blocks - bytes);
    expect(db.stats().allocatedBytes).toBe(blocks - bytes);
    expect(statSync(path).size).toBeGreaterThan(20 * MIB);
    await db.verify();
    // Holes are filled again when they are needed.
    for (let i = 0; i < 20; i++) await values.put(i, blob(i));
    for (let i = 0; i < 24; i++) expect(Buffer.compare(values.get(i)!, blob(i))).toBe(0);
    expect((await db.trim()).bytes).toBeLessThan(8 * MIB);
  });

  test('punches no page that a snapshot has, a reader, or D', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const values = db.store('values', { key: 'u32', value: 'bytes' });
    const blob = (i: number): Uint8Array => new Uint8Array(2 * MIB).fill(i);
    for (let i = 0; i < 6; i++) await values.put(i, blob(i));
    await db.flush();
    const snapshot = db.snapshot();
    await values.remove(1);
    await values.remove(4);
    // Not durable yet, and in use by a snapshot.
    await db.trim();
    for (let i = 0; i < 6; i++) {
      expect(Buffer.compare(snapshot.get(values, i)!, blob(i))).toBe(0);
    }
    snapshot.close();
    await db.trim();
    await db.flush();
    await values.put(9, blob(9));
    await db.flush();
    await db.trim();
    expect([...values.keys()]).toEqual([0, 2, 3, 5, 9]);
    for (const [key, value] of values) expect(Buffer.compare(value, blob(key))).toBe(0);
  });
});

describe('stats', () => {
  test('tells what is free, and what only a reader holds', async () => {
    const db = openFresh(newPath());
    const values = db.store('values', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 4; i++) await values.put(i, new Uint8Array(MIB).fill(i));
    const first = db.snapshot();
    const readers = () =>
      db.stats().readers.map(({ snapshot, bytesHeld }) => [snapshot, bytesHeld]);
    // The newest snapshot has all that it has.
    expect(readers()).toEqual([[first.transaction, 0]]);
    await values.remove(0);
    const second = db.snapshot();
    await values.remove(1);
    const stats = db.stats();
    const [held] = stats.readers.filter(({ snapshot }) => snapshot === first.transaction);
    expect(held).toMatchObject({ self: true });
    expect(held!.ageMs).toBeLessThan(60_000);
    // Value 0 is kept by the first alone, value 1 by both of them.
    expect(held!.bytesHeld).toBeGreaterThanOrEqual(MIB);
    expect(held!.bytesHeld).toBeLessThan(1.1 * MIB);
    expect(stats.liveBytes).toBeGreaterThanOrEqual(stats.snapshotBytes + 2 * MIB);
    expect(stats.liveBytes + stats.freeBytes).toBe(stats.fileBytes);
    first.close();
    const [left] = db.stats().readers;
    expect(left).toMatchObject({ snapshot: second.transaction });
    expect(left!.bytesHeld).toBeGreaterThanOrEqual(MIB);
    second.close();
    const after = db.stats();
    expect(after.readers).toEqual([]);
    expect(after.liveBytes).toBe(after.snapshotBytes);
  });
});
