/** Values that come as streams: put as they are, or not at all, in bounded memory. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Database, Store } from '../../src/index.ts';
import { checkWhole, newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { onVolume } from '../support/process-volumes.ts';
import { bytesOf, same } from '../support/random-bytes.ts';
import { coded, expectRefusal, rangeError, typeError } from './refusal.ts';

type Bytes = Store<string, Uint8Array>;
const bytesStore = (db: Database): Bytes => db.store('s', { key: 'string', value: 'bytes' });

/** The value in pieces of such sizes, again and again. */
function* pieces(value: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < value.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield value.subarray(at, at + size);
    at += size;
  }
}
const nodeStream = (value: Uint8Array, sizes = [70_001]): Readable =>
  Readable.from(pieces(value, sizes));
function webStream(value: Uint8Array, sizes = [70_001]): ReadableStream<Uint8Array> {
  const source = pieces(value, sizes);
  return new ReadableStream({
    pull(controller) {
      const { done, value: piece } = source.next();
      if (done === true) controller.close();
      else controller.enqueue(piece);
    },
  });
}
/** Files beside the database. */
const beside = (db: Database): string[] =>
  readdirSync(join(db.path, '..')).filter((name) => join(db.path, '..', name).startsWith(db.path));

for (const [what, path] of [
  ['pages of 4096 bytes', () => newPath()],
  ['pages of 512 bytes', () => newTinyFile(512)],
  ['memory', () => ':memory:'],
] as const) {
  test(`is the value, of every size, from streams of both kinds, ${what}`, async () => {
    const db = openFresh(path());
    const store = bytesStore(db);
    for (const size of [0, 1, 5000, 2 ** 20, 2 ** 20 + 1, 4 * 2 ** 20, 9_000_001]) {
      const value = bytesOf(size, size);
      for (const stream of [
        nodeStream(value),
        webStream(value),
        nodeStream(value, [1, 3 * 2 ** 20]),
      ]) {
        await store.put('k', Uint8Array.of(1));
        expect(await store.putStream('k', size, stream)).toBe(true);
        expect(same(store.get('k')!, value)).toBe(true);
        await db.verify();
      }
    }
    await store.remove('k');
    expect(db.stats().stores[0]!.overflowPages).toBe(0);
  });
}

test('is there after the database was opened again, beside others of the same turn', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = bytesStore(db);
  const values = [bytesOf(3_000_000, 1), bytesOf(5_000_000, 2)];
  const results = await Promise.all([
    store.putStream('a', 3_000_000, nodeStream(values[0]!)),
    store.put('b', Uint8Array.of(1)),
    store.putStream('c', 5_000_000, webStream(values[1]!)),
  ]);
  expect(results).toEqual([true, true, true]);
  await db.close();
  const again = bytesStore(openFresh(path));
  expect(same(again.get('a')!, values[0]!)).toBe(true);
  expect(same(again.get('c')!, values[1]!)).toBe(true);
});

test('keeps nobody waiting while it comes', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  let goOn: () => void = () => {};
  const stuck = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const value = bytesOf(4_000_000, 1);
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield value.subarray(0, 2_000_000);
    await stuck;
    yield value.subarray(2_000_000);
  }
  const put = store.putStream('k', value.length, Readable.from(slow()));
  await wait(20);
  // Another handle, too: the writer lock is free.
  const other = bytesStore(openFresh(db.path));
  await other.put('other', Uint8Array.of(2));
  expect(db.writeSync((tx) => tx.get(store, 'other'))).toEqual(Uint8Array.of(2));
  expect(store.has('k')).toBe(false);
  goOn();
  expect(await put).toBe(true);
  expect(same(other.get('k')!, value)).toBe(true);
});

test('tells how much has come, and all of it when it is in the database', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  const told: { done: number; total: number }[] = [];
  const value = bytesOf(3_500_000, 1);
  const onProgress = (progress: { done: number; total: number }): void => {
    if (progress.done === progress.total) expect(store.has('k')).toBe(true);
    told.push(progress);
  };
  await store.putStream('k', value.length, nodeStream(value), { onProgress });
  expect(told.map(({ done }) => done)).toEqual([2 ** 20, 2 * 2 ** 20, 3 * 2 ** 20, 3_500_000]);
  expect(told.every(({ total }) => total === 3_500_000)).toBe(true);
});

describe('conditions', () => {
  test('are those of put, under the lock', async () => {
    const db = openFresh(newPath());
    const store = db.store('v', { key: 'string', value: 'bytes', versions: true, expires: true });
    const value = bytesOf(2_000_000, 1);
    const put = (key: string, options: object): Promise<boolean> =>
      store.putStream(key, value.length, nodeStream(value), options);
    expect(await put('k', { ifAbsent: true })).toBe(true);
    expect(await put('k', { ifAbsent: true })).toBe(false);
    const { version } = store.getEntry('k')!;
    expect(await put('k', { ifVersion: version! + 1 })).toBe(false);
    expect(await put('k', { ifVersion: version })).toBe(true);
    expect(store.getEntry('k')!.version).toBe(version! + 1);
    expect(await put('k', { ifVersion: null })).toBe(false);
    const expireAt = Date.now() + 1_000_000;
    expect(await put('k', { expireAt })).toBe(true);
    expect(store.getEntry('k')!.expires).toBe(expireAt);
    expect(await put('z', { append: true })).toBe(true);
    await expectRefusal(() => put('a', { append: true }), rangeError('append'));
    expect(store.count()).toBe(2);
  });

  test('a transaction of the same commit reads it, whole and in parts', async () => {
    const db = openFresh(newPath());
    const store = bytesStore(db);
    const value = bytesOf(6_000_000, 1);
    const put = store.putStream('k', value.length, nodeStream(value));
    // Runs in the same commit, when both are queued in one turn.
    const reads: Promise<boolean>[] = [];
    const timer = setInterval(() => {
      reads.push(
        db.write((tx) => {
          const found = tx.get(store, 'k');
          const blob = tx.blob(store, 'k');
          const part = value.slice(4_100_000, 4_300_000);
          if (blob !== undefined) expect(same(blob.slice(4_100_000, 4_300_000), part)).toBe(true);
          return found === undefined || same(found, value);
        }),
      );
    }, 1);
    await put;
    clearInterval(timer);
    expect((await Promise.all(reads)).every((right) => right)).toBe(true);
  });
});

describe('what fails puts nothing and leaves nothing', () => {
  const value = bytesOf(3_000_000, 1);
  const cases: [string, (store: Bytes) => Promise<boolean>, RegExp][] = [
    [
      'a source that ends early',
      (s) => s.putStream('k', 3_000_001, nodeStream(value)),
      /3000000 b/,
    ],
    ['a source with more', (s) => s.putStream('k', 2_999_999, webStream(value)), /more than that/],
    [
      'a small one that ends early',
      (s) => s.putStream('k', 11, nodeStream(bytesOf(10, 1))),
      /10 b/,
    ],
    [
      'a source that fails',
      (s) =>
        s.putStream(
          'k',
          3_000_000,
          Readable.from(
            (async function* () {
              yield value.subarray(0, 2_500_000);
              throw new Error('the source broke');
            })(),
          ),
        ),
      /the source broke/,
    ],
    [
      'a signal, while it comes',
      (s) => {
        const stop = new AbortController();
        const onProgress = (): void => stop.abort(new Error('enough'));
        const { signal } = stop;
        return s.putStream('k', 3_000_000, webStream(value), { signal, onProgress });
      },
      /enough/,
    ],
    [
      'a signal that is aborted',
      (s) =>
        s.putStream('k', 3_000_000, nodeStream(value), {
          signal: AbortSignal.abort(new Error('before')),
        }),
      /before/,
    ],
    [
      'text',
      (s) => s.putStream('k', 3_000_000, Readable.from(['x'.repeat(3_000_000)])),
      /gives text/,
    ],
  ];
  test.each(cases)('%s', async (_, put, message) => {
    const db = openFresh(newPath());
    const store = bytesStore(db);
    await store.put('k', Uint8Array.of(7));
    const before = db.lastTransaction;
    await expect(put(store)).rejects.toThrow(message);
    expect(store.get('k')).toEqual(Uint8Array.of(7));
    expect(db.lastTransaction).toBe(before);
    expect(beside(db)).toHaveLength(2);
    await checkWhole(db);
  });

  test('a signal, while the source gives nothing', async () => {
    const store = bytesStore(openFresh(newPath()));
    const source = new Readable({ read() {} });
    const put = store.putStream('k', 3_000_000, source, { signal: AbortSignal.timeout(20) });
    await expect(put).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(source.destroyed).toBe(true);
  });

  test('the database closed in the midst, after which little more is read', async () => {
    const db = openFresh(newPath());
    const store = bytesStore(db);
    let given = 0;
    async function* much(): AsyncGenerator<Uint8Array> {
      for (; given < 200; given++) yield new Uint8Array(2 ** 20);
    }
    const source = Readable.from(much(), { objectMode: true, highWaterMark: 1 });
    const closing = { onProgress: () => void db.close() };
    await expectRefusal(
      () => store.putStream('k', 200 * 2 ** 20, source, closing),
      coded('DATABASE_CLOSED'),
    );
    expect(source.destroyed).toBe(true);
    expect(given).toBeLessThan(20);
  });

  test('a disk that is full', async () => {
    await onVolume(8 * 2 ** 20, async ({ folder }) => {
      const db = openFresh(join(folder, 'db'));
      const store = bytesStore(db);
      await store.put('k', Uint8Array.of(7));
      for (const size of [5_500_000, 20_000_000]) {
        await expectRefusal(
          () => store.putStream('k', size, nodeStream(bytesOf(size, 1))),
          coded('DISK_FULL'),
        );
      }
      expect(store.get('k')).toEqual(Uint8Array.of(7));
      const fits = bytesOf(2_000_000, 2);
      expect(await store.putStream('k', fits.length, nodeStream(fits))).toBe(true);
      expect(same(store.get('k')!, fits)).toBe(true);
      await checkWhole(db);
      await db.close();
    });
  });
});

test('arguments that are none are refused before anything is read', async () => {
  const db = openFresh(newPath());
  const store = bytesStore(db);
  const source = nodeStream(bytesOf(10, 1));
  const wrong = (size: unknown, from: unknown = source, options: unknown = {}): unknown =>
    store.putStream('k', size as number, from as Readable, options as object);
  await expectRefusal(() => wrong('10'), typeError('size', '"10"'));
  await expectRefusal(() => wrong(-1), rangeError('size', '-1'));
  await expectRefusal(() => wrong(1.5), rangeError('size', '1.5'));
  await expectRefusal(() => wrong(2 ** 40), coded('VALUE_TOO_LARGE'));
  await expectRefusal(() => wrong(10, null), typeError('source', 'null'));
  await expectRefusal(() => wrong(10, [1]), typeError('source'));
  await expectRefusal(() => wrong(10, source, 7), typeError('options', '7'));
  await expectRefusal(() => wrong(10, source, { signal: 1 }), typeError('signal', '1'));
  await expectRefusal(() => wrong(10, source, { expireIn: 1 }), typeError('expires: true'));
  await expectRefusal(() => wrong(10, source, { ifNone: 1 }), typeError('ifNone'));
  expect(source.destroyed).toBe(false);
  const json = db.store('j', { key: 'string', value: 'json' });
  await expectRefusal(() => json.putStream('k', 1, source), typeError("value: 'bytes'", "'json'"));
  const multi = db.store('m', { key: 'string', value: 'bytes', multi: true });
  await expectRefusal(() => multi.putStream('k', 1, source), typeError('multi: true'));
});

test('a database that is only read is READ_ONLY', async () => {
  const path = newPath();
  await bytesStore(openFresh(path)).put('k', Uint8Array.of(1));
  const store = bytesStore(openFresh(path, { readOnly: true }));
  await expectRefusal(
    () => store.putStream('k', 10, nodeStream(bytesOf(10, 1))),
    coded('READ_ONLY'),
  );
});
