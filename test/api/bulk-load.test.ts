/** bulkLoad: what is committed when, whatever the source, and what it leaves to those beside it. */

import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Database, open, type Store } from '../../src/index.ts';
import { seed } from '../frame/seed.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

type Entry = readonly [number, number];
type Progress = { done: number; total: number };
type Numbers = Store<number, number>;

/** Entries of a chunk. */
const CHUNK = 32_768;
/** Some chunks, and a part of one. */
const MANY = 80_000;

const numbers = (db: Database): Numbers => db.store<number, number>('n', { key: 'u32' });
const ascending = (count: number): Entry[] => Array.from({ length: count }, (_, i) => [i, i + 1]);

/** Numbers 0 .. count - 1 as keys, each once, in an order drawn at random. */
function shuffled(count: number, random: Random): Entry[] {
  const entries = ascending(count);
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [entries[i], entries[other]] = [entries[other]!, entries[i]!];
  }
  return entries;
}

/** Exactly the first `done` of entries without equal keys are there. */
function expectFirst(store: Numbers, entries: readonly Entry[], done: number): void {
  const wanted = entries.slice(0, done).sort((a, b) => a[0] - b[0]);
  let i = 0;
  for (const [key, value] of store.range()) {
    const [wantedKey, wantedValue] = wanted[i++] ?? [];
    if (key !== wantedKey || value !== wantedValue) {
      expect([i - 1, key, value]).toEqual([i - 1, wantedKey, wantedValue]);
    }
  }
  expect(i).toBe(done);
}

describe('what is there afterwards', () => {
  test('sorted entries fill leaves as one large transaction does', async () => {
    const db = openFresh(newPath());
    const loaded = db.store<number, number>('loaded', { key: 'u32' });
    const written = db.store<number, number>('written', { key: 'u32' });
    // Where the upper half of the key changes no chunk begins.
    const entries = ascending(MANY).map(([key, value]): Entry => [key + 1000, value]);
    expect(await loaded.bulkLoad(entries)).toBe(MANY);
    await db.write((tx) => {
      for (const [key, value] of entries) tx.put(written, key, value);
    });
    expectFirst(loaded, entries, MANY);
    const [one, other] = db.stats().stores;
    expect(one!.leafPages).toBeGreaterThan(100);
    expect({ ...one, name: '' }).toEqual({ ...other, name: '' });
  });

  test('equal keys in order: the last one counts', async () => {
    const store = openFresh(newPath()).store<string, number>('s', { key: 'string' });
    const entries = Array.from({ length: MANY }, (_, i): [string, number] => {
      return [
        String(i >> 1)
          .padStart(7, '0')
          .repeat(1 + ((i >> 3) % 2)),
        i,
      ];
    });
    expect(await store.bulkLoad(entries)).toBe(MANY);
    expect(new Map(store.range())).toEqual(new Map(entries));
    expect(store.count()).toBe(MANY / 2);
  });

  test('entries in any order, with equal keys and beside others, as if put one by one', async () => {
    const random = new Random(seed);
    for (const path of [newPath(), newTinyFile(512)]) {
      const db = openFresh(path);
      const store = db.store<string, number>('s', { key: 'string' });
      const model = new Map<string, number>();
      for (const beside of ['', 'a', 'key of 7', 'z'.repeat(40)]) {
        await store.put(beside, -1);
        model.set(beside, -1);
      }
      const entries = Array.from({ length: MANY }, (_, i): [string, number] => {
        const key = `key of ${random.below(9000)}`;
        // Some are the beginning of others, and some differ late.
        return [key.repeat(1 + random.below(3)), i];
      });
      for (const [key, value] of entries) model.set(key, value);
      expect(await store.bulkLoad(entries)).toBe(MANY);
      expect(new Map(store.range())).toEqual(model);
    }
  });

  test('in stores with multi, versions and expires as a put without options', async () => {
    const db = openFresh();
    const pairs = db.store('pairs', { key: 'u32', value: 'u32', multi: true });
    const entries = Array.from({ length: MANY }, (_, i): Entry => [i % 7, (i * 7919) % 20_000]);
    expect(await pairs.bulkLoad(entries)).toBe(MANY);
    const wanted = new Set(entries.map(([key, value]) => `${key}:${value}`));
    expect(pairs.count()).toBe(wanted.size);
    for (const [key, value] of pairs.range({ limit: 5000, offset: 20_000 })) {
      expect(wanted.has(`${key}:${value}`)).toBe(true);
    }

    const stamped = db.store<number, number>('v', { key: 'u32', versions: true, expires: true });
    await stamped.put(1, 1, { expireIn: 3_600_000 });
    const before = stamped.getEntry(1)!;
    await stamped.bulkLoad(ascending(MANY));
    const after = stamped.getEntry(1)!;
    expect(after).toMatchObject({ value: 2, expires: undefined });
    expect(after.version).toBeGreaterThan(before.version!);
    expect(stamped.getEntry(MANY - 1)!.version).toBeGreaterThan(after.version!);
  });

  test.each([1, -1])('values of all sizes, and the caller may change its objects', async (up) => {
    const db = openFresh(newPath());
    const store = db.store('bytes', { key: 'u32', value: 'bytes' });
    const sizes = [0, 1, 2000, 99, 3500, 5000, 3 * 2 ** 20, 7, 9 * 2 ** 20, 40, 70_000, 2];
    const shared = new Uint8Array(16 * 2 ** 20);
    function* source(): Generator<[number, Uint8Array]> {
      for (const [i, size] of sizes.entries()) {
        const key = 100 + up * i;
        yield [key, shared.fill(key, 0, size).subarray(0, size)];
        shared.fill(255, 0, size);
      }
    }
    expect(await store.bulkLoad(source())).toBe(sizes.length);
    for (const [i, size] of sizes.entries()) {
      const value = store.get(100 + up * i)!;
      expect(value.length).toBe(size);
      expect(value.every((byte) => byte === 100 + up * i)).toBe(true);
    }
  });
});

describe('sources', () => {
  const entries = shuffled(MANY, new Random(seed));
  async function* waiting(): AsyncGenerator<Entry> {
    for (const [i, entry] of entries.entries()) {
      if (i % 5000 === 0) await turn();
      yield entry;
    }
  }
  test.each<[string, () => Iterable<Entry> | AsyncIterable<Entry>]>([
    ['an array', () => entries],
    ['a Map', () => new Map(entries)],
    ['a Set', () => new Set(entries)],
    ['a generator', () => entries.values()],
    ['an async generator', waiting],
    ['a Readable of objects', () => Readable.from(entries)],
  ])('%s', async (name, source) => {
    const db = openFresh();
    const store = numbers(db);
    const told: Progress[] = [];
    const onProgress = (progress: Progress): void => void told.push(progress);
    expect(await store.bulkLoad(source(), { onProgress })).toBe(MANY);
    expectFirst(store, entries, MANY);
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toEqual({ done: MANY, total: MANY });
    for (const [i, { done, total }] of told.entries()) {
      if (i > 0) expect(done).toBeGreaterThan(told[i - 1]!.done);
      expect(total).toBeGreaterThanOrEqual(done);
      if (/array|Map|Set/.test(name)) expect(total).toBe(MANY);
    }
  });

  test('one that has nothing', async () => {
    const told: Progress[] = [];
    const onProgress = (progress: Progress): void => void told.push(progress);
    expect(await numbers(openFresh()).bulkLoad([], { onProgress })).toBe(0);
    expect(told).toEqual([{ done: 0, total: 0 }]);
  });

  test('what was told is there when it is told', async () => {
    const store = numbers(openFresh());
    await store.bulkLoad(ascending(MANY), {
      // More may be there: two pieces that share a commit are told of one after the other.
      onProgress: ({ done }) => expect(store.count({ lt: done })).toBe(done),
    });
  });
});

describe('when it stops early', () => {
  /** Loads until it stops; returns why, and what was told to be done. */
  async function stopped(
    store: Numbers,
    source: Iterable<Entry> | AsyncIterable<Entry>,
    signal?: AbortSignal,
  ): Promise<{ error: unknown; done: number }> {
    let done = 0;
    const onProgress = (progress: Progress): void => {
      done = progress.done;
    };
    try {
      await store.bulkLoad(source, signal === undefined ? { onProgress } : { signal, onProgress });
      return { error: undefined, done };
    } catch (error) {
      return { error, done };
    }
  }

  test('by a signal at any point, the first `done` are there, and it can go on', async () => {
    const random = new Random(seed);
    for (let round = 0; round < 6; round++) {
      const db = openFresh(newPath(), { durability: random.below(2) === 0 ? 'commit' : 'manual' });
      const store = numbers(db);
      const entries = shuffled(MANY, random);
      let from = 0;
      for (let stops = 1 + random.below(4); stops > 0 && from < MANY; stops--) {
        const controller = new AbortController();
        const reason = new Error('enough');
        const rest = entries.slice(from);
        let source: Iterable<Entry> | AsyncIterable<Entry> = rest;
        if (random.below(2) === 0) {
          // While it reads.
          const at = random.below(rest.length);
          source = (function* (): Generator<Entry> {
            for (const [i, entry] of rest.entries()) {
              if (i === at) controller.abort(reason);
              yield entry;
            }
          })();
        } else {
          const turns = random.below(40);
          void (async () => {
            for (let i = 0; i < turns; i++) await turn();
            controller.abort(reason);
          })();
        }
        const { error, done } = await stopped(store, source, controller.signal);
        if (error === undefined) expect(done).toBe(rest.length);
        else expect(error).toBe(reason);
        from += done;
        expectFirst(store, entries, from);
        // Nothing of it comes later.
        await store.put(MANY, 0);
        await store.remove(MANY);
        expect(store.count()).toBe(from);
      }
      await store.bulkLoad(entries.slice(from));
      expectFirst(store, entries, MANY);
      await db.close();
    }
  });

  test('by a signal while a chunk is put or flushed: all of it is there, or nothing', async () => {
    const random = new Random(seed);
    const entries = shuffled(CHUNK, random);
    /** Loads one chunk; after so many turns the signal comes. Returns the turns that it took. */
    const load = async (turns: number): Promise<number> => {
      const store = numbers(openFresh(newPath()));
      const controller = new AbortController();
      let taken = 0;
      let going = true;
      const turning = (async () => {
        for (; going; taken++) {
          if (taken === turns) controller.abort('enough');
          await turn();
        }
      })();
      const { error, done } = await stopped(store, entries, controller.signal);
      going = false;
      await turning;
      if (error !== undefined) expect(error).toBe('enough');
      if (done > 0) expectFirst(store, entries, CHUNK);
      else expect(store.has(0)).toBe(false);
      await store.put(MANY, 0);
      expect(store.count()).toBe(done + 1);
      return taken;
    };
    const all = await load(Number.POSITIVE_INFINITY);
    for (let round = 0; round < 20; round++) await load(random.below(all));
  });

  test('by a signal while it waits for the source, or for its turn', async () => {
    const store = numbers(openFresh());
    const early = await stopped(store, ascending(3), AbortSignal.abort('before'));
    expect(early).toEqual({ error: 'before', done: 0 });

    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Entry> {
      yield* ascending(40_000);
      controller.abort('waiting');
      await new Promise(() => {});
    }
    const { error, done } = await stopped(store, endless(), controller.signal);
    expect(error).toBe('waiting');
    expectFirst(store, ascending(40_000), done);

    const empty = numbers(openFresh());
    const tx = await empty.database.beginWrite();
    const other = new AbortController();
    const told: Progress[] = [];
    const onProgress = (progress: Progress): void => void told.push(progress);
    const loading = empty.bulkLoad(ascending(MANY), { signal: other.signal, onProgress });
    loading.catch(() => {});
    while (empty.database.stats().open.queuedBytes === 0) await turn();
    other.abort('locked');
    await expect(loading).rejects.toBe('locked');
    await tx.commit();
    await empty.put(MANY, 0);
    expect(empty.count()).toBe(1);
    expect(told).toEqual([]);
  });

  test('by a source that fails: what was told before is there', async () => {
    const entries = shuffled(MANY, new Random(seed));
    const failure = new Error('of the source');
    function* failing(): Generator<Entry> {
      yield* entries.slice(0, 70_000);
      throw failure;
    }
    async function* failingLate(): AsyncGenerator<Entry> {
      yield* entries.slice(0, 70_000);
      await turn();
      throw failure;
    }
    for (const source of [failing, failingLate]) {
      const store = numbers(openFresh());
      const { error, done } = await stopped(store, source());
      expect(error).toBe(failure);
      expect(done).toBeGreaterThan(0);
      expectFirst(store, entries, done);
    }
  });

  test('by a bad entry, which is named', async () => {
    const entries = ascending(70_000);
    const refusals = [
      [5, typeError('entry 70000', '5')],
      [[1], typeError('entry 70000', 'an array of 1')],
      [undefined, typeError('entry 70000', 'undefined')],
      [[1, undefined], typeError('undefined')],
      [[1, () => {}], typeError('function')],
      [['no number', 1], typeError('u32')],
    ] as const;
    for (const [bad, refusal] of refusals) {
      const store = numbers(openFresh());
      let done = 0;
      let isTold = false;
      function* source(): Generator<Entry> {
        try {
          yield* entries;
          yield bad as unknown as Entry;
        } finally {
          isTold = true;
        }
      }
      const onProgress = (progress: Progress): void => {
        done = progress.done;
      };
      await expectRefusal(() => store.bulkLoad(source(), { onProgress }), refusal);
      expect(isTold).toBe(true);
      expect(done).toBeGreaterThan(0);
      expectFirst(store, entries, done);
    }
    const long = openFresh().store<string, number>('long', { key: 'string' });
    const keys: [string, number][] = [
      ['fits', 1],
      ['x'.repeat(9000), 2],
    ];
    await expectRefusal(() => long.bulkLoad(keys), coded('KEY_TOO_LARGE'));
    expect(long.count()).toBe(0);
  });

  test('by what is told of its progress', async () => {
    const store = numbers(openFresh());
    const error = new Error('of the listener');
    let done = 0;
    const onProgress = (progress: Progress): void => {
      done = progress.done;
      throw error;
    };
    await expect(store.bulkLoad(ascending(MANY), { onProgress })).rejects.toBe(error);
    expect(done).toBeGreaterThan(0);
    expectFirst(store, ascending(MANY), done);
  });

  test('an async source is told by its return, and not when it ended by itself', async () => {
    const make = (count: number): { source: AsyncIterable<Entry>; returned: () => number } => {
      let returned = 0;
      let i = 0;
      const iterator: AsyncIterator<Entry> = {
        next: async () =>
          i < count ? { done: false, value: [i, i++] } : { done: true, value: undefined },
        return: async () => {
          returned++;
          throw new Error('of return, which nobody hears');
        },
      };
      return { source: { [Symbol.asyncIterator]: () => iterator }, returned: () => returned };
    };
    const store = numbers(openFresh());
    const whole = make(10);
    expect(await store.bulkLoad(whole.source)).toBe(10);
    expect(whole.returned()).toBe(0);

    const left = make(Number.POSITIVE_INFINITY);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort('enough');
    const { signal } = controller;
    await expect(store.bulkLoad(left.source, { signal, onProgress })).rejects.toBe('enough');
    expect(left.returned()).toBe(1);

    const readable = Readable.from(ascending(MANY));
    await stopped(store, readable, AbortSignal.timeout(1));
    expect(readable.destroyed).toBe(true);
  });

  test.each(['close', 'closeSync'] as const)('by %s of the database', async (how) => {
    const random = new Random(seed);
    for (let round = 0; round < 6; round++) {
      const path = newPath();
      const db = open(path);
      const entries = shuffled(MANY, random);
      const loading = stopped(numbers(db), entries);
      for (let turns = random.below(30); turns > 0; turns--) await turn();
      if (how === 'close') await db.close();
      else db.closeSync();
      const { error, done } = await loading;
      if (error !== undefined) expect(error).toMatchObject({ code: 'DATABASE_CLOSED' });
      using again = open(path);
      if (done > 0 || again.stores().length > 0) expectFirst(numbers(again), entries, done);
    }
  });

  test('before it begins: no source, a database that is closed or not to be written', async () => {
    const path = newPath();
    const db = openFresh(path);
    const store = numbers(db);
    await store.put(1, 1);
    for (const wrong of [undefined, 5, 'ab', {}, () => {}]) {
      const source = wrong as unknown as Entry[];
      await expectRefusal(() => store.bulkLoad(source), typeError('bulkLoad', 'iterable'));
    }
    const options = { onProgres: () => {} };
    await expectRefusal(() => store.bulkLoad([], options as never), typeError('onProgres'));
    let isAsked = false;
    function* source(): Generator<Entry> {
      isAsked = true;
      yield [1, 2];
    }
    using reading = open(path, { readOnly: true });
    await expectRefusal(() => numbers(reading).bulkLoad(source()), coded('READ_ONLY'));
    await db.close();
    await expectRefusal(() => store.bulkLoad(source()), coded('DATABASE_CLOSED'));
    expect(isAsked).toBe(false);
  });
});

describe('while it works', () => {
  test('others write', async () => {
    const db = openFresh(newPath());
    const store = numbers(db);
    const other = db.store<string, number>('other');
    let going = true;
    let writes = 0;
    const writing = (async () => {
      while (going) await other.put('key', writes++);
    })();
    await other.put('first', 0);
    const before = writes;
    await store.bulkLoad(shuffled(100_000, new Random(seed)));
    const meanwhile = writes - before;
    going = false;
    await writing;
    // One between two chunks, of which there are four; more where a chunk takes several turns.
    expect(meanwhile).toBeGreaterThanOrEqual(3);
    expect(other.get('key')).toBe(writes - 1);
  });

  test('the event loop turns every few milliseconds while it reads', async () => {
    /** A twentieth of a millisecond each, so that the clock, and no count, says when to rest. */
    function* slow(): Generator<Entry> {
      for (let i = 0; i < 2000; i++) {
        const until = performance.now() + 0.05;
        while (performance.now() < until);
        most = Math.max(most, ++sinceTurn);
        yield [i, i + 1];
      }
    }
    async function* slowToo(): AsyncGenerator<Entry> {
      yield* slow();
    }
    let sinceTurn = 0;
    let most = 0;
    for (const source of [slow, slowToo]) {
      const store = numbers(openFresh());
      let going = true;
      const turning = (async () => {
        for (; going; sinceTurn = 0) await turn();
      })();
      await store.bulkLoad(source());
      going = false;
      await turning;
      expectFirst(store, ascending(2000), 2000);
    }
    expect(most).toBeLessThan(200);
  });

  test('the event loop turns while a chunk is put', async () => {
    const store = numbers(openFresh(':memory:', { durability: 'manual' }));
    await store.bulkLoad(shuffled(4 * CHUNK, new Random(seed)));
    const entries = shuffled(CHUNK, new Random(seed + 1));
    let turns = 0;
    let going = true;
    const turning = (async () => {
      for (; going; turns++) await turn();
    })();
    function* source(): Generator<Entry> {
      yield* entries;
      turns = 0;
    }
    const before = process.cpuUsage().user;
    await store.bulkLoad(source());
    const spentMs = (process.cpuUsage().user - before) / 1000;
    going = false;
    await turning;
    // Steps of 4 ms; a third of the time is for the reading, and for what cannot rest.
    expect(turns).toBeGreaterThan(Math.min(spentMs / 16, 40));
  });

  test('a flush waits for the chunk that is put, and makes it durable', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = numbers(db);
    const loading = store.bulkLoad(shuffled(CHUNK, new Random(seed)));
    const queued = (): number => db.stats().open.queuedBytes;
    while (queued() === 0) await turn();
    while (queued() > 0) await turn();
    await db.flush();
    expect(store.count()).toBe(CHUNK);
    const { transaction, durableTransaction } = db.stats();
    expect(durableTransaction).toBe(transaction);
    await loading;
  });

  test('a writeSync, a flush and a transaction by hand come in between', async () => {
    const random = new Random(seed);
    for (let round = 0; round < 6; round++) {
      const db = openFresh(newPath(), { durability: 'manual' });
      const store = numbers(db);
      const other = db.store<number, number>('other', { key: 'u32' });
      const entries = shuffled(MANY, random);
      const loading = store.bulkLoad(entries);
      let writes = 0;
      for (; store.count() < MANY; writes++) {
        for (let turns = random.below(12); turns > 0; turns--) await turn();
        const kind = random.below(3);
        if (kind === 0) db.writeSync((tx) => tx.put(other, writes, 0));
        else if (kind === 1) {
          const put = other.put(writes, 0);
          await db.flush();
          expect(other.get(writes)).toBe(0);
          await put;
        } else {
          await using tx = await db.beginWrite();
          tx.put(other, writes, 0);
          await tx.commit();
        }
        expect(other.get(writes)).toBe(0);
      }
      expect(await loading).toBe(MANY);
      expectFirst(store, entries, MANY);
      expect(other.count()).toBe(writes);
    }
  });

  test('two at once into one store', async () => {
    const store = numbers(openFresh());
    const entries = shuffled(MANY, new Random(seed));
    const halves = [entries.slice(0, MANY / 2), entries.slice(MANY / 2)];
    await Promise.all(halves.map((half) => store.bulkLoad(half)));
    expectFirst(store, entries, MANY);
  });

  test('memory stays bounded', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('bytes', { key: 'u32', value: 'bytes' });
    const value = new Uint8Array(1000);
    let most = 0;
    function* source(): Generator<[number, Uint8Array]> {
      for (let i = 0; i < 300_000; i++) {
        if (i % 5000 === 0) {
          most = Math.max(most, db.stats().open.queuedBytes);
        }
        yield [i, value];
      }
    }
    const before = process.memoryUsage();
    await store.bulkLoad(source());
    const after = process.memoryUsage();
    // 300 MB went through it.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100e6);
    expect(most).toBeLessThan(12 * 2 ** 20);
  });
});

test('into a store with shared structures: values with many shapes, known ones and new ones', async () => {
  const path = newPath();
  const db = openFresh(path);
  const store = db.store<number, Record<string, number>>('s', {
    key: 'u32',
    sharedStructures: true,
    versions: true,
  });
  await store.put(0, { known: 0 });
  const shapeOf = (i: number): Record<string, number> =>
    i % 3 === 0 ? { known: i } : { [`name${i % 50}`]: i, other: i };
  const entries = Array.from({ length: 5000 }, (_, i) => [(i * 7) % 5000, shapeOf(i)] as const);
  expect(await store.bulkLoad(entries)).toBe(5000);
  const plain = db.store<number, Record<string, number>>('p', { key: 'u32' });
  await plain.bulkLoad(entries);
  expect([...store.range()]).toEqual([...plain.range()]);
  expect(store.getEntry(4999)!.version).toBe(store.getEntry(0)!.version);
  const [shared, own] = ['s', 'p'].map(
    (name) => db.stats().stores.find((s) => s.name === name)!.leafPages,
  );
  expect(shared).toBeLessThan(own!);
  await db.close();
  const again = openFresh(path).store<number, Record<string, number>>('s', { key: 'u32' });
  for (const [key, value] of entries) expect(again.get(key)).toEqual(value);
});
