/**
 * What long work and figures must not do to those beside them. Each of these was found by a review,
 * and did happen: a flush that never ended, a write that was done and told as failed, an open that
 * failed for good, a damaged value that stopped every writer.
 */

import { channel } from 'node:diagnostics_channel';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SEGMENT_BYTES } from '../../src/format/geometry.ts';
import { CorruptionError, type Database, open, restore } from '../../src/index.ts';
import { WINDOW_BYTES } from '../../src/pager/mapped-pages.ts';
import { MappedStorage } from '../../src/pager/mapped-storage.ts';
import { FileReplacedError, openFile } from '../../src/pager/open-file.ts';
import { putInPlace } from '../../src/pager/put-in-place.ts';
import { seed } from '../frame/seed.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes one after the other, in each of several loops, until `stop` is called. */
function writing(db: Database, loops: number): () => Promise<number> {
  const store = db.store('loop', { key: 'u32', value: 'json' });
  let stopped = false;
  let writes = 0;
  const all = Array.from({ length: loops }, async (_, loop) => {
    while (!stopped) {
      await store.put(loop, writes);
      writes++;
    }
  });
  return async () => {
    stopped = true;
    await Promise.all(all);
    return writes;
  };
}

describe('while the same handle writes all the time', () => {
  test.each([1, 4])('flush, backup, compact and trim end, %i loops', async (loops) => {
    const db = openFresh(newPath(), { durability: 'interval' });
    const stop = writing(db, loops);
    const target = newPath();
    await db.flush();
    await db.backup(target);
    await db.compact();
    await db.trim();
    expect(await stop()).toBeGreaterThan(0);
    using copy = open(target);
    expect(copy.store('loop', { key: 'u32', value: 'json' }).count()).toBeGreaterThan(0);
  });

  test('a flush makes durable all that was asked for before it', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const stop = writing(db, 2);
    const store = db.store('mine', { key: 'u32', value: 'json' });
    for (let i = 0; i < 4; i++) {
      const put = store.put(i, i);
      await db.flush();
      const { transaction, durableTransaction } = db.stats();
      expect(store.get(i)).toBe(i);
      await put;
      expect(durableTransaction).toBeLessThanOrEqual(transaction);
      const target = newPath();
      await db.backup(target);
      using copy = open(target);
      expect(copy.store('mine', { key: 'u32', value: 'json' }).get(i)).toBe(i);
      copy.closeSync();
      rmSync(target);
    }
    await stop();
  });

  test('a flush inside a transaction from beginWrite does not wait for its end', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'json' });
    const tx = await db.beginWrite();
    const waiting = store.put(1, 1);
    await db.flush();
    tx.put(store, 2, 2);
    await tx.commit();
    await waiting;
    expect(store.count()).toBe(2);
  });
});

describe('when every reader slot is taken', () => {
  test('a write is told as done though a slow reader is to be told of, and stats says who has them', async () => {
    const told: unknown[] = [];
    const listen = (message: unknown): void => void told.push(message);
    channel('coppice:slow-reader').subscribe(listen);
    const db = openFresh(':memory:', { maxReaders: 2, warnAfter: 1 });
    const store = db.store('s', { key: 'u32', value: 'json' });
    await store.put(1, 1);
    const snapshot = db.snapshot();
    try {
      await sleep(1100);
      db.writeSync((tx) => tx.put(store, 1, 2));
      await store.put(1, 3);
      const tx = await db.beginWrite();
      tx.put(store, 1, 4);
      await tx.commit();
      expect(store.get(1)).toBe(4);
      expect(told[0]).toMatchObject({ snapshot: snapshot.transaction, self: true });
      expect(db.stats().readers).toMatchObject([{ snapshot: snapshot.transaction }]);
    } finally {
      channel('coppice:slow-reader').unsubscribe(listen);
      snapshot.close();
    }
  });
});

test.each([4, 10, 2000])(
  'a database is opened with another maxReaders than before, %i',
  async (n) => {
    const path = newPath();
    const first = open(path, { maxReaders: 100 });
    await first.store('s').put('key', 1);
    await first.close();
    const db = openFresh(path, { maxReaders: n });
    expect(db.store('s').get('key')).toBe(1);
    await db.store('s').put('key', 2);
  },
);

describe('compact and trim', () => {
  test('work on what was removed and is not durable yet', async () => {
    for (const durability of ['manual', 'interval'] as const) {
      const db = openFresh(newPath(), { durability, flushInterval: 60_000 });
      const store = db.store('rows', { key: 'u32', value: 'bytes' });
      await store.putMany(
        Array.from({ length: 20_000 }, (_, i) => [i, new Uint8Array(200)] as const),
      );
      await db.flush();
      await store.removeRange({ gte: 400 });
      const { bytesAfter } = await db.compact();
      expect(bytesAfter).toBeLessThan(400_000);
    }
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('rows', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 4; i++) await store.put(i, new Uint8Array(4 * 2 ** 20));
    await db.flush();
    await store.removeRange({ lt: 3 });
    expect((await db.trim()).bytes).toBeGreaterThan(8 * 2 ** 20);
  });

  test('a damaged value that would be moved is CORRUPTION, and stops no writer', async () => {
    const path = newPath();
    const made = open(path);
    const values = made.store('values', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 8; i++) await values.put(i, new Uint8Array(300_000).fill(i + 1));
    await values.removeRange({ lt: 6 });
    await made.close();
    const bytes = readFileSync(path);
    bytes[bytes.lastIndexOf(8) - 1000]! ^= 1;
    writeFileSync(path, bytes);
    const db = open(path);
    const store = db.store('values', { key: 'u32', value: 'bytes' });
    await expectRefusal(() => db.compact(), coded('CORRUPTION', 'checksum'));
    await store.put(9, new Uint8Array(10));
    expect(store.get(6)![0]).toBe(7);
    expect(() => store.get(7)).toThrow(CorruptionError);
    await db.close();
  });

  test.each(['close', 'closeSync'] as const)(
    'closing with %s in the midst of long work',
    async (how) => {
      const random = new Random(seed);
      for (let round = 0; round < 30; round++) {
        const path = newPath();
        const db = open(path, { durability: 'manual' });
        const store = db.store('rows', { key: 'u32', value: 'bytes' });
        await store.putMany(
          Array.from({ length: 3000 }, (_, i) => [i, new Uint8Array(300)] as const),
        );
        await store.removeRange({ lt: 2500 });
        const work = [db.compact(), db.trim(), db.backup(newPath()), db.flush()].map((each) =>
          each.then(
            () => undefined,
            (error: unknown) => error,
          ),
        );
        for (let turns = random.below(12); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (how === 'close') await db.close();
        else db.closeSync();
        for (const error of await Promise.all(work)) {
          if (error !== undefined) expect(error).toMatchObject({ code: 'DATABASE_CLOSED' });
        }
        using again = open(path);
        expect(again.store('rows', { key: 'u32', value: 'bytes' }).count()).toBe(500);
        expect((await again.verify()).problems).toEqual([]);
      }
    },
  );

  test('a trim while a transaction of the same handle is open', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('rows', { key: 'u32', value: 'bytes' });
    await store.put(0, new Uint8Array(8 * 2 ** 20));
    await store.remove(0);
    const tx = await db.beginWrite();
    for (let i = 0; i < 2000; i++) tx.put(store, i, new Uint8Array(100));
    await db.trim();
    await tx.commit();
    expect(store.count()).toBe(2000);
  });
});

describe('backup', () => {
  test('to a stream that has ended, or ends while it works, is refused and keeps nothing', async () => {
    const db = openFresh(newPath());
    await db.store('s').put('key', 'value');
    const ended = new PassThrough();
    ended.end();
    ended.resume();
    await sleep(5);
    await expectRefusal(() => db.backup(ended), typeError('ended'));
    const ending = new PassThrough();
    ending.resume();
    const refused = db.backup(ending);
    ending.end();
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    expect(db.stats().readers).toEqual([]);
  });

  test('to the lock file of its own database is refused', async () => {
    const path = newPath();
    const db = openFresh(path);
    await db.store('s').put('key', 'value');
    await expectRefusal(() => db.backup(`${path}-lock`), coded('DATABASE_LOCKED', 'lock file'));
    openFresh(path);
  });

  test('is as readable as its database; what was replaced keeps its permissions', async () => {
    const modeOf = (path: string): number => statSync(path).mode & 0o777;
    const path = newPath();
    const db = openFresh(path);
    await db.store('s').put('key', 'value');
    chmodSync(path, 0o640);
    for (const options of [{}, { compact: true }]) {
      const target = newPath();
      await db.backup(target, options);
      expect(modeOf(target)).toBe(0o640);
      chmodSync(target, 0o600);
      await db.backup(target, options);
      expect(modeOf(target)).toBe(0o600);
      const restored = newPath();
      await restore([target], restored);
      expect(modeOf(restored)).toBe(0o666 & ~process.umask());
      chmodSync(restored, 0o600);
      await restore([target], restored);
      expect(modeOf(restored)).toBe(0o600);
    }
  });

  test('compact to a stream leaves nothing in the folder for temporary files, whatever lies there', async () => {
    const db = openFresh(newPath());
    await db.store('s').put('key', 'value');
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('coppice-backup-'));
    const inTheWay = join(tmpdir(), 'coppice');
    let isMade = false;
    try {
      mkdirSync(inTheWay);
      isMade = true;
    } catch {
      // There is one already: as good.
    }
    const stream = new PassThrough();
    stream.resume();
    await db.backup(stream, { compact: true });
    if (isMade) rmSync(inTheWay, { recursive: true });
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith('coppice-backup-'));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });
});

test('a file that is replaced while it is opened is not the one that is opened', async () => {
  const path = newPath();
  const other = newPath();
  for (const [each, value] of [
    [path, 'old'],
    [other, 'new'],
  ] as const) {
    const db = open(each);
    await db.store('s').put('key', value);
    await db.close();
  }
  const storage = new MappedStorage(path, { write: true, create: false });
  // A name that is left does not make it the file of that path.
  linkSync(path, newPath());
  putInPlace(other, path);
  const options = {
    addressSpace: 2 ** 30,
    segmentBytes: SEGMENT_BYTES,
    windowBytes: WINDOW_BYTES,
    lockTimeout: 0,
    maxReaders: 4,
    verify: 'first-read',
    recoverPrevious: false,
  } as const;
  expect(() => openFile(storage, options)).toThrow(FileReplacedError);
  storage.close();
  expect(openFresh(path).store('s').get('key')).toBe('new');
});
