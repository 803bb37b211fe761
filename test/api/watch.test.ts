/** watch: told of what changed in a range, in the same process. Other processes: test/processes. */

import { copyFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { type Database, open, type RangeOptions, type Store } from '../../src/index.ts';
import { cases } from '../frame/size.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { sleep, until } from '../support/process-children.ts';
import { Dice } from '../support/process-random.ts';
import { coded, expectRefusal, rangeError, typeError } from './refusal.ts';

type Watch = AsyncIterableIterator<{ transaction: number }>;
type Told = IteratorResult<{ transaction: number }>;

const MANUAL = { durability: 'manual' } as const;
const NUMBERS = { key: 'u32', value: 'string' } as const;
const DONE = { done: true, value: undefined };

const others: Database[] = [];
afterEach(async () => {
  for (const db of others.splice(0)) await db.close();
});

/** A store with entries 0, 10, 20 .. in a tree of many small leaves. */
async function manyLeaves(count: number): Promise<{ db: Database; store: Store<number, string> }> {
  const db = openFresh(newTinyFile(512), MANUAL);
  const store = db.store('numbers', NUMBERS);
  await store.putMany(Array.from({ length: count }, (_, i) => [10 * i, 'value']));
  return { db, store };
}

/** What a `next` came to, as far as it is known. */
function ask(watch: Watch): { told: Told | undefined; readonly promise: Promise<Told> } {
  const asked = { told: undefined as Told | undefined, promise: watch.next() };
  void asked.promise.then((told) => {
    asked.told = told;
  });
  return asked;
}

/** Resolves when all that was committed so far has been told to whoever asked. */
async function allTold(db: Database): Promise<void> {
  const fence = db.store('fence', { key: 'u32', value: 'string' });
  const watch = db.watch(fence);
  const told = watch.next();
  await fence.put(1, `${performance.now()}`);
  await told;
  await watch.return?.();
  await sleep(0);
}

async function change(told: Promise<Told>): Promise<number> {
  const { done, value } = await told;
  expect(done).toBe(false);
  return value.transaction;
}

describe('a change of the range is told', () => {
  const changes: Record<string, (db: Database, store: Store<number, string>) => Promise<unknown>> =
    {
      put: (_, store) => store.put(5005, 'new'),
      'another value': (_, store) => store.put(5000, 'other'),
      'a removal': (_, store) => store.remove(5550),
      'as many put as removed': (db, store) =>
        db.write((tx) => {
          tx.remove(store, 5000);
          tx.put(store, 5995, 'x');
        }),
      'removeRange of many leaves': (_, store) => store.removeRange({ gte: 4000, lt: 7000 }),
      clear: (_, store) => store.clear(),
      dropStore: (db) => db.dropStore('numbers'),
      writeSync: async (db, store) => db.writeSync((tx) => tx.put(store, 5001, 'x')),
    };
  test.each(Object.entries(changes))('%s', async (_, make) => {
    const { db, store } = await manyLeaves(1000);
    const watch = db.watch(store, { gte: 5000, lt: 6000 });
    const asked = ask(watch);
    await allTold(db);
    expect(asked.told).toBeUndefined();
    await make(db, store);
    expect(await change(asked.promise)).toBe(db.lastTransaction);
    await watch.return?.();
  });

  test('a change beside the range is not, when it lies in other leaves', async () => {
    const { db, store } = await manyLeaves(1000);
    const asked = ask(db.watch(store, { gte: 5000, lt: 6000 }));
    await store.put(11, 'new');
    await store.remove(9000);
    await db.store('other').put('key', 'value');
    await allTold(db);
    expect(asked.told).toBeUndefined();
    await store.put(5001, 'x');
    expect(await change(asked.promise)).toBe(db.lastTransaction);
  });

  test('in a multi store: the pairs of the keys in the range', async () => {
    const db = openFresh(newTinyFile(512), MANUAL);
    const store = db.store('tags', { multi: true, key: 'string', value: 'u32' });
    await db.write((tx) => {
      for (let i = 0; i < 500; i++) tx.put(store, `key ${i % 10}`, i);
    });
    const one = ask(db.watch(store, { gte: 'key 5', lte: 'key 5' }));
    const prefix = ask(db.watch(store, { prefix: 'key 9' }));
    await store.put('key 5', 1_000_000);
    await one.promise;
    await allTold(db);
    expect(prefix.told).toBeUndefined();
    await store.remove('key 9', { value: 9 });
    await prefix.promise;
  });

  test('on a handle that cannot write', async () => {
    const path = newPath();
    const db = openFresh(path, MANUAL);
    await db.store('s').put('a', 1);
    const reader = openFresh(path, { readOnly: true });
    const asked = ask(reader.watch(reader.store('s')));
    await db.store('s').put('a', 2);
    expect(await change(asked.promise)).toBe(db.lastTransaction);
  });

  test('of a store that is made after the watch began', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('later');
    const asked = ask(db.watch(store));
    await db.store('other').put('a', 1);
    await store.put('a', 1);
    await asked.promise;
  });
});

describe('what is told when', () => {
  test('the state that is newest when watch is called is where it begins', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    await store.put('a', 1);
    const watch = db.watch(store);
    const early = db.watch(store);
    await store.put('a', 2);
    const transaction = db.lastTransaction;
    expect(await change(early.next())).toBe(transaction);
    await store.put('b', 1);
    // The first next comes after both.
    expect(await change(watch.next())).toBe(db.lastTransaction);
    const after = ask(watch);
    await allTold(db);
    expect(after.told).toBeUndefined();
  });

  test('many commits between two calls of next are told as one', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    const watch = db.watch(store);
    for (let i = 0; i < 20; i++) await store.put('a', i);
    expect(await change(watch.next())).toBe(db.lastTransaction);
    const after = ask(watch);
    await allTold(db);
    expect(after.told).toBeUndefined();
  });

  test('what was undone again meanwhile is told too, also in an empty store', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    await store.put('a', 1);
    await store.remove('a');
    const watch = db.watch(store);
    await store.put('a', 1);
    await store.remove('a');
    expect(await change(watch.next())).toBe(db.lastTransaction);
  });

  test('next that is called again before the first is told waits for the next change', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    const watch = db.watch(store);
    const [first, second] = [ask(watch), ask(watch)];
    await store.put('a', 1);
    expect(await change(first.promise)).toBe(db.lastTransaction);
    await allTold(db);
    expect(second.told).toBeUndefined();
    await store.put('a', 2);
    expect(await change(second.promise)).toBe(db.lastTransaction);
  });

  test('a write that failed, or changed nothing, is not told', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    await store.put('a', 1);
    const asked = ask(db.watch(store));
    await expect(
      db.write((tx) => {
        tx.put(store, 'b', 1);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await store.remove('absent');
    await allTold(db);
    expect(asked.told).toBeUndefined();
  });
});

test('hundreds of watchers: each is told of its own range, and the process has one thread for them', async () => {
  const { db, store } = await manyLeaves(15_000);
  const watches = Array.from({ length: 300 }, (_, i) => {
    const watch = db.watch(store, { gte: 500 * i, lt: 500 * i + 10 });
    return { watch, asked: ask(watch) };
  });
  const dice = new Dice('hundreds of watchers');
  for (let round = 0; round < 30; round++) {
    const i = dice.below(300);
    await store.put(500 * i, `round ${round}`);
    const { watch, asked } = watches[i]!;
    expect(await change(asked.promise)).toBe(db.lastTransaction);
    watches[i]!.asked = ask(watch);
    await allTold(db);
    // In other leaves than the neighbours'.
    expect(watches.filter((other) => other.asked.told !== undefined).length).toBe(0);
  }
  expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
});

describe('it ends', () => {
  test('by return: what is pending is done, and so is what comes after', async () => {
    const db = openFresh(':memory:', MANUAL);
    const watch = db.watch(db.store('s'));
    const asked = [watch.next(), watch.next()];
    expect(await watch.return?.()).toEqual(DONE);
    expect(await Promise.all(asked)).toEqual([DONE, DONE]);
    await db.store('s').put('a', 1);
    expect(await watch.next()).toEqual(DONE);
  });

  test('by a break out of for await', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store<string, number>('s');
    const watch = db.watch(store);
    void store.put('a', 1);
    const seen: number[] = [];
    for await (const { transaction } of watch) {
      seen.push(transaction);
      expect(store.get('a')).toBe(seen.length);
      if (seen.length === 3) break;
      void store.put('a', seen.length + 1);
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(await watch.next()).toEqual(DONE);
  });

  test('by the signal, with its reason: pending, between two, and before the first', async () => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    const reason = new Error('enough');
    const controller = new AbortController();
    const { signal } = controller;
    const [pending, idle] = [0, 1].map(() => db.watch(store, undefined, { signal }));
    const asked = [pending!.next(), pending!.next()];
    controller.abort(reason);
    await expect(asked[0]).rejects.toBe(reason);
    expect(await asked[1]).toEqual(DONE);
    await expect(idle!.next()).rejects.toBe(reason);
    const late = db.watch(store, {}, { signal });
    await expect(late.next()).rejects.toBe(reason);
    for (const watch of [pending!, idle!, late]) expect(await watch.next()).toEqual(DONE);
  });

  test('many on one signal cause no warning, and those that ended hear nothing', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning);
    };
    process.on('warning', onWarning);
    const db = openFresh(':memory:', MANUAL);
    const controller = new AbortController();
    const { signal } = controller;
    const watches = Array.from({ length: 50 }, () => db.watch(db.store('s'), {}, { signal }));
    const asked = watches.map((watch) => watch.next());
    await watches[0]!.return?.();
    expect(await asked[0]).toEqual(DONE);
    controller.abort();
    const results = await Promise.allSettled(asked.slice(1));
    expect(results.map(({ status }) => status)).toEqual(Array(49).fill('rejected'));
    await sleep(20);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  test.each(['close', 'closeSync'] as const)('when the database is closed (%s)', async (close) => {
    const db = openFresh(':memory:', MANUAL);
    const store = db.store('s');
    const [pending, idle] = [db.watch(store), db.watch(store)];
    const asked = pending.next();
    await db[close]();
    expect(await asked).toEqual(DONE);
    expect(await pending.next()).toEqual(DONE);
    expect(await idle.next()).toEqual(DONE);
    expect(await idle.return?.()).toEqual(DONE);
  });

  test('with the error that looking meets', async () => {
    const path = newPath();
    const db = openFresh(path, MANUAL);
    const store = db.store('s', { key: 'string', value: 'json' });
    await store.put('a', 1);
    const watch = db.watch(store);
    const asked = [watch.next(), watch.next()];
    await db.dropStore('s');
    await change(asked[0]!);
    const other = openFresh(path, MANUAL);
    await other.store('s', { key: 'u32', value: 'json' }).put(1, 1);
    await expectRefusal(() => asked[1], coded('STORE_MISMATCH', /"s"/));
    expect(await watch.next()).toEqual(DONE);
  });

  test('nothing is told of a file that nobody writes', async () => {
    const path = newPath();
    const made = open(path);
    await made.store('s').put('a', 1);
    await made.close();
    const copy = newPath();
    copyFileSync(path, copy);
    const db = open(copy, { readOnly: true, immutable: true });
    others.push(db);
    const asked = ask(db.watch(db.store('s')));
    await sleep(50);
    expect(asked.told).toBeUndefined();
    await db.close();
    expect(await asked.promise).toEqual(DONE);
  });
});

test('one that is left behind is collected, with its signal or without', async () => {
  const db = openFresh(':memory:', MANUAL);
  const { signal } = new AbortController();
  const refs = [{}, { signal }].map((options) => {
    const watch = db.watch(db.store('s'), undefined, options);
    void watch.next();
    return new WeakRef(watch);
  });
  // With its pending next it is told; after that nobody refers to it.
  await allTold(db);
  await db.store('s').put('a', 1);
  await allTold(db);
  await until(() => {
    globalThis.gc?.();
    return refs.every((ref) => ref.deref() === undefined);
  });
});

test('what is wrong is refused at once', async () => {
  const db = openFresh(':memory:', MANUAL);
  const store = db.store('s', { key: 'u32' });
  const elsewhere = openFresh(':memory:', MANUAL).store('s', { key: 'u32' });
  const bad = (value: unknown): never => value as never;
  const watch = (...given: unknown[]) => {
    return () => db.watch(bad(given[0]), bad(given[1]), bad(given[2]));
  };
  await expectRefusal(watch(elsewhere), typeError(/another database/));
  await expectRefusal(watch('s'), typeError(/store/));
  await expectRefusal(watch(store, 5), typeError(/range/));
  await expectRefusal(watch(store, { above: 1 }), typeError(/above/));
  await expectRefusal(watch(store, { gte: 'a' }), typeError());
  await expectRefusal(watch(store, { offset: -1 }), rangeError(/offset/));
  await expectRefusal(watch(store, {}, 5), typeError(/options of watch/));
  await expectRefusal(watch(store, {}, null), typeError(/options of watch/));
  await expectRefusal(
    watch(store, {}, { onProgress: () => {} }),
    typeError(/"onProgress"/, /signal/),
  );
  await expectRefusal(watch(store, {}, { signal: {} }), typeError(/AbortSignal/));
  await db.close();
  await expectRefusal(watch(store), coded('DATABASE_CLOSED', /Open it again/));
});

test('random writes: every change of every range is followed by a report that is not older', async () => {
  const dice = new Dice('watched ranges');
  for (let run = 0; run < cases(3, 200); run++) {
    const path = newTinyFile(512);
    const db = openFresh(path, MANUAL);
    const watching = dice.below(2) === 0 ? db : openFresh(path, MANUAL);
    const store = db.store('numbers', NUMBERS);
    const span = dice.pick([40, 1000]);
    await store.put(span, 'the store is there');
    const watched = Array.from({ length: 20 }, () => {
      const gte = dice.below(span);
      const range: RangeOptions<number> = { gte, lt: gte + 1 + dice.below(span / 2) };
      return { range, changed: 0, told: 0, reports: 0 };
    });
    const loops = watched.map(async (one) => {
      const watch = watching.watch(watching.store('numbers', NUMBERS), one.range);
      for await (const { transaction } of watch) {
        expect(transaction).toBeGreaterThan(one.told);
        one.told = transaction;
        one.reports++;
        // One that is slow must not miss anything.
        if (one.reports % 5 === 0) await sleep(1);
      }
    });
    for (let i = 0; i < 150; i++) {
      const keys = new Set<number>();
      const id = await db.write((tx) => {
        for (let n = dice.below(4); n >= 0; n--) {
          const key = dice.below(span);
          if (dice.below(3) > 0) tx.put(store, key, `${i}`);
          else if (!tx.remove(store, key)) continue;
          keys.add(key);
        }
        if (dice.below(20) === 0) {
          const range = { gte: dice.below(span), lt: dice.below(span) };
          for (const key of tx.keys(store, range).toArray()) keys.add(key);
          tx.removeRange(store, range);
        }
        return tx.id;
      });
      for (const one of watched) {
        const { gte, lt } = one.range;
        if ([...keys].some((key) => key >= gte! && key < lt!)) one.changed = id;
      }
      if (dice.below(10) === 0) await until(() => watched.every((w) => w.told >= w.changed));
    }
    await until(() => watched.every((w) => w.told >= w.changed));
    expect(watched.every(({ reports }) => reports <= 150)).toBe(true);
    await watching.close();
    await Promise.all(loops);
  }
});
