/** A disk that is really full: DISK_FULL, nothing changed, usable again when there is room. */

import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Database, DiskFullError, open, restore, type Store } from '../../src/index.ts';
import { newFolder } from '../support/process-children.ts';
import { onVolume } from '../support/process-volumes.ts';

const MIB = 2 ** 20;

type Data = Store<number, Uint8Array>;

function dataOf(db: Database): Data {
  return db.store('data', { key: 'u32', value: 'bytes' });
}

/** Fills what is left of the volume; returns how to make room again. */
function fillUp(folder: string, leave = 0): () => void {
  const ballast = join(folder, 'ballast');
  for (let step = MIB; step >= 4096; step /= 2) {
    for (;;) {
      try {
        writeFileSync(ballast, Buffer.alloc(step), { flag: 'a' });
      } catch {
        break;
      }
    }
  }
  if (leave > 0) truncateSync(ballast, statSync(ballast).size - leave);
  return () => rmSync(ballast);
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Everything in the store, as one text. */
function contents(db: Database, data: Data): string {
  return db.read((s) =>
    [...s.range(data)].map(([k, v]) => `${k}:${v.length}:${v[0]}:${v.at(-1)}`).join(' '),
  );
}

test.each(['commit', 'interval', 'manual'] as const)(
  "a commit that finds no room is DISK_FULL and changes nothing; it can be repeated when there is room (durability '%s')",
  async (durability) => {
    await onVolume(8 * MIB, async ({ folder }) => {
      const path = join(folder, 'data');
      const db = open(path, { durability });
      const data = dataOf(db);
      await data.putMany(
        Array.from({ length: 200 }, (_, k) => [k, Buffer.alloc(1000, k)] as const),
      );
      const before = contents(db, data);
      const { transaction } = db.stats();
      const makeRoom = fillUp(folder);
      const big = Buffer.alloc(3 * MIB, 7);
      for (let i = 0; i < 3; i++) {
        const error = await failure(data.put(500, big));
        expect(error).toBeInstanceOf(DiskFullError);
        expect(error).toMatchObject({ code: 'DISK_FULL' });
        expect(String(error)).toMatch(/no room for \d+ more bytes\. Nothing was changed/);
        expect(() => db.writeSync((tx) => tx.put(data, 501, big))).toThrow(DiskFullError);
      }
      expect(contents(db, data)).toBe(before);
      expect(db.stats().transaction).toBe(transaction);
      expect(data.get(500)).toBeUndefined();
      await db.verify();
      makeRoom();
      await data.put(500, big);
      expect(Buffer.compare(data.get(500)!, big)).toBe(0);
      await db.verify();
      expect(db.stats().readers).toEqual([]);
      await db.close();
      const again = open(path);
      expect(Buffer.compare(dataOf(again).get(500)!, big)).toBe(0);
      await again.verify();
      await again.close();
    });
  },
  60_000,
);

test('commits until the disk is full: each one before is there, none after, and removing makes room in the file', async () => {
  await onVolume(6 * MIB, async ({ folder }) => {
    const path = join(folder, 'data');
    const db = open(path);
    const data = dataOf(db);
    let written = 0;
    let failed: unknown;
    while (failed === undefined && written < 1000) {
      failed = await failure(data.put(written, Buffer.alloc(50_000, written)));
      if (failed === undefined) written++;
    }
    expect(failed).toBeInstanceOf(DiskFullError);
    expect(written).toBeGreaterThan(20);
    // Small ones may still find room in what is free inside the file.
    for (let i = 0; i < 5; i++) await failure(data.put(2000 + i, Buffer.alloc(10, i)));
    expect(data.count({ lt: 1000 })).toBe(written);
    await db.verify();
    await data.removeRange({ lt: Math.floor(written / 2) });
    await data.put(1500, Buffer.alloc(50_000, 5));
    await db.verify();
    await db.close();
    const again = open(path);
    expect(dataOf(again).count({ lt: 1000 })).toBe(written - Math.floor(written / 2));
    await again.verify();
    await again.close();
  });
}, 60_000);

test('a hole that cannot be filled is DISK_FULL and changes nothing, in compaction too', async () => {
  await onVolume(24 * MIB, async ({ folder }) => {
    const path = join(folder, 'data');
    const db = open(path);
    const data = dataOf(db);
    for (let k = 0; k < 8; k++) await data.put(k, Buffer.alloc(2 * MIB, k));
    for (let k = 0; k < 6; k++) await data.remove(k);
    const { bytes } = await db.trim();
    expect(bytes).toBeGreaterThan(8 * MIB);
    const before = contents(db, data);
    const makeRoom = fillUp(folder);
    expect(await failure(data.put(9, Buffer.alloc(4 * MIB, 9)))).toBeInstanceOf(DiskFullError);
    expect(contents(db, data)).toBe(before);
    // The two values that are left would move into the holes.
    const stopped = await failure(db.compact());
    if (stopped !== undefined) expect(stopped).toBeInstanceOf(DiskFullError);
    expect(contents(db, data)).toBe(before);
    await db.verify();
    makeRoom();
    await db.compact();
    expect(db.stats().fileBytes).toBeLessThan(6 * MIB);
    await data.put(9, Buffer.alloc(4 * MIB, 9));
    expect(data.count()).toBe(3);
    await db.verify();
    await db.close();
  });
}, 60_000);

test('many writes waiting when the disk is full are each refused or kept, and flushes beside them harm nothing', async () => {
  await onVolume(6 * MIB, async ({ folder }) => {
    const path = join(folder, 'data');
    const db = open(path, { durability: 'interval', flushInterval: 5 });
    const data = dataOf(db);
    await data.put(0, Buffer.alloc(10));
    const outcomes = new Map<number, boolean>();
    for (let round = 0; round < 12; round++) {
      const durability = round % 2 === 0 ? 'commit' : 'interval';
      const waiting: Promise<void>[] = [];
      for (let i = 1; i <= 8; i++) {
        const key = round * 10 + i;
        const write = db.write((tx) => tx.put(data, key, Buffer.alloc(100_000, key)), {
          durability,
        });
        waiting.push(
          write.then(
            () => void outcomes.set(key, true),
            (error: unknown) => {
              expect(error).toBeInstanceOf(DiskFullError);
              outcomes.set(key, false);
            },
          ),
        );
        if (i % 3 === 0) void db.flush().catch(() => {});
        if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(waiting);
    }
    expect([...outcomes.values()]).toContain(false);
    const check = (from: Database): void => {
      const store = dataOf(from);
      for (const [key, kept] of outcomes) expect(store.has(key), `key ${key}`).toBe(kept);
    };
    check(db);
    await db.verify();
    await db.close();
    const again = open(path);
    check(again);
    await again.verify();
    await again.close();
  });
}, 60_000);

test('making a database, or its lock file, on a full disk is DISK_FULL and leaves no file behind', async () => {
  await onVolume(2 * MIB, async ({ folder }) => {
    const path = join(folder, 'data');
    const makeRoom = fillUp(folder);
    expect(() => open(path)).toThrow(DiskFullError);
    expect(readdirSync(folder)).toEqual(['ballast']);
    makeRoom();
    // Room for the data file, not for the lock file.
    const db = open(path);
    await dataOf(db).put(1, Buffer.alloc(100, 1));
    await db.close();
    rmSync(`${path}-lock`);
    const before = readFileSync(path);
    const makeMoreRoom = fillUp(folder, 16_384);
    expect(() => open(path)).toThrow(DiskFullError);
    expect(Buffer.compare(readFileSync(path), before)).toBe(0);
    makeMoreRoom();
    const again = open(path);
    expect(dataOf(again).get(1)?.length).toBe(100);
    await again.verify();
    expect(statSync(`${path}-lock`).blocks * 512).toBeGreaterThanOrEqual(
      statSync(`${path}-lock`).size,
    );
    await again.close();
  });
}, 60_000);

test('a backup, or a restore, to a disk that is too small is DISK_FULL and leaves nothing there', async () => {
  await onVolume(4 * MIB, async ({ folder }) => {
    const home = newFolder('home');
    const db = open(join(home, 'data'));
    const data = dataOf(db);
    await data.put(0, Buffer.alloc(100));
    const { transaction } = await db.backup(join(home, 'small'));
    await data.putMany(Array.from({ length: 6000 }, (_, k) => [k, Buffer.alloc(1000, k)] as const));
    await data.put(9999, Buffer.alloc(MIB, 9));
    const target = join(folder, 'target');
    await db.backup(join(home, 'large'));
    await db.backup(join(home, 'increment'), { since: transaction });
    for (const there of [undefined, Buffer.alloc(1000, 'something')]) {
      if (there !== undefined) writeFileSync(target, there);
      for (const work of [
        () => db.backup(target),
        () => db.backup(target, { compact: true }),
        () => db.backup(target, { since: transaction }),
        () => restore([join(home, 'large')], target),
        () => restore([join(home, 'small'), join(home, 'increment')], target),
      ]) {
        expect(await failure(work())).toBeInstanceOf(DiskFullError);
        expect(readdirSync(folder)).toEqual(there === undefined ? [] : ['target']);
        if (there !== undefined) expect(readFileSync(target).equals(there)).toBe(true);
      }
    }
    expect(db.stats().readers).toEqual([]);
    await db.close();
  });
});
