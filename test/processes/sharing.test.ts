/** Several processes read and write one file: who waits for whom, and what a reader keeps. */

import { describe, expect, test } from 'vitest';
import { open, ReadersFullError, WriterLockTimeoutError } from '../../src/index.ts';
import { note, program, sleep, until } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import { Dice } from '../support/process-random.ts';
import { checkState, ownTransactions, step, storesOf } from '../support/process-state.mjs';

// Accounting: what is left open at the end of a test uses no slot but its own, and all is whole.
const databases = new SharedDatabases('sharing', async (db) => {
  await db.verify();
  expect(db.stats().readers).toEqual([]);
});
const create = databases.create.bind(databases);
const here = import.meta.url;

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('writers', () => {
  test.each(['writer.mjs', 'sync-writer.mjs'])(
    'one that never pauses lets the others have their turns (%s)',
    async (name) => {
      const { db, stores } = create();
      const busy = program(here, name, [db.path, 1, { pause: 0, bytes: 100 }]);
      await busy.line(name === 'writer.mjs' ? 'ack' : 'wrote');
      const waits: number[] = [];
      for (let i = 0; i < 30; i++) {
        const start = performance.now();
        await db.write((tx) => step(tx, stores, 9, 100));
        waits.push(performance.now() - start);
      }
      await busy.kill();
      const { n, others } = db.read((s) => {
        const found = checkState(s, stores);
        return { n: found, others: ownTransactions(s, stores, 1) };
      });
      expect(n).toBe(others + 30);
      waits.sort((a, b) => a - b);
      note(
        `${name}: waits of the other ${waits[15]?.toFixed(1)} ms median, ${waits[29]?.toFixed(1)} at worst`,
      );
      // Without the line the worst is unbounded; a commit takes a few milliseconds.
      expect(waits[15]).toBeLessThan(250);
      expect(waits[29]).toBeLessThan(3000);
      expect(busy.lines.filter((line) => line.startsWith('FAILED'))).toEqual([]);
    },
    60_000,
  );

  test('one that waits in vain is told the pid of the process that holds the lock', async () => {
    const { db, stores } = create({ lockTimeout: 150 });
    const holder = program(here, 'holder.mjs', [db.path, 1]);
    await holder.line('holding');
    const error = await rejection(db.write((tx) => step(tx, stores, 9)));
    expect(error).toBeInstanceOf(WriterLockTimeoutError);
    expect(error).toMatchObject({ code: 'WRITER_LOCK_TIMEOUT', holderPid: holder.pid });
    expect(String(error)).toContain(`process ${holder.pid}`);
    expect(() => db.writeSync((tx) => step(tx, stores, 9))).toThrow(`process ${holder.pid}`);
    holder.say('commit');
    await holder.line('did');
    await db.write((tx) => step(tx, stores, 9));
    expect(db.read((s) => checkState(s, stores))).toBe(2);
    await holder.kill();
  });

  test('reading goes on while one is stopped in the middle of a transaction, and writing after it is killed', async () => {
    const { db, stores } = create();
    const holder = program(here, 'holder.mjs', [db.path, 1]);
    const other = program(here, 'snapshots.mjs', [db.path]);
    await other.line('ready');
    await holder.line('holding');
    holder.signal('SIGSTOP');
    const waiting = db.write((tx) => step(tx, stores, 9));
    let written = false;
    void waiting.then(() => {
      written = true;
    });
    for (let i = 0; i < 5; i++) {
      expect(db.read((s) => checkState(s, stores))).toBe(0);
      other.say('take');
      expect(await other.line('took')).toMatch(/^took 0 /);
    }
    // A new handle, too: opening takes no writer lock.
    const third = program(here, 'open-only.mjs', [db.path, {}]);
    await third.line('open');
    expect(written).toBe(false);
    await holder.kill();
    await waiting;
    expect(db.read((s) => checkState(s, stores))).toBe(1);
    await other.kill();
    await third.kill();
  });

  test('one that is stopped while its commit is written keeps no reader waiting, and goes on when it is continued', async () => {
    const { db, stores } = create();
    const dice = new Dice('stopped');
    const writer = program(here, 'writer.mjs', [db.path, 1, { pause: 0, bytes: 200_000 }]);
    await writer.line('ack');
    let slowest = 0;
    for (let round = 0; round < 15; round++) {
      await sleep(dice.next() * 10);
      writer.signal('SIGSTOP');
      const start = performance.now();
      for (let i = 0; i < 3; i++) db.read((s) => checkState(s, stores));
      slowest = Math.max(slowest, performance.now() - start);
      writer.signal('SIGCONT');
    }
    writer.skip();
    await writer.line('ack');
    await writer.kill();
    note(`three checks beside a stopped writer took ${slowest.toFixed(1)} ms at worst`);
    expect(slowest).toBeLessThan(2000);
  });
});

describe('readers', () => {
  test('one keeps its snapshot over many commits of others, whose space is used again', async () => {
    const { db, stores } = create();
    const keeper = program(here, 'snapshots.mjs', [db.path]);
    await keeper.line('ready');
    const writer = program(here, 'writer.mjs', [db.path, 1, { pause: 0, count: 300 }]);
    const taken: string[] = [];
    for (let i = 0; i < 6; i++) {
      keeper.say('take');
      taken.push((await keeper.line('took')).split(' ')[1]!);
      await until(() => writer.lines.length > (i + 1) * 30 || !writer.running);
    }
    await writer.line('done');
    expect(new Set(taken).size).toBeGreaterThan(3);
    keeper.say('check');
    expect(await keeper.line('found')).toBe(`found ${taken.join(' ')}`);
    const before = db.stats();
    expect(before.readers.filter(({ self }) => !self)).toHaveLength(new Set(taken).size);
    keeper.say('close');
    await keeper.line('closed');
    expect(db.stats().readers).toEqual([]);
    expect(db.read((s) => checkState(s, stores))).toBe(300);
  }, 60_000);

  test('one that is killed keeps nothing: its slot and its pages are free at once', async () => {
    const { db, stores } = create();
    const keeper = program(here, 'snapshots.mjs', [db.path]);
    await keeper.line('ready');
    keeper.say('take');
    const id = Number((await keeper.line('took')).split(' ')[2]);
    expect(db.stats().readers.map(({ snapshot }) => snapshot)).toContain(id);
    await db.write((tx) => step(tx, stores, 9));
    await keeper.kill();
    expect(db.stats().readers).toEqual([]);
  });

  test('the file stays under 2.5 times what two snapshots use while one is open and all is overwritten 20 times', async () => {
    const db = databases.open(databases.newPath(), { durability: 'interval' });
    const data = db.store('data', { key: 'u32', value: 'bytes' });
    const keys = 10_000;
    const dice = new Dice('growth');
    const value = (): Uint8Array => Buffer.alloc(400, dice.below(256));
    await data.putMany(Array.from({ length: keys }, (_, k) => [k, value()] as const));
    const reader = program(here, 'reader-of-all.mjs', [db.path]);
    const sum = await reader.line('sum');
    let newest = 0;
    let together = 0;
    for (let i = 0; i < (20 * keys) / 1000; i++) {
      await db.write((tx) => {
        for (let j = 0; j < 1000; j++) tx.put(data, dice.below(keys), value());
      });
      if (i % 10 !== 9) continue;
      const { fileBytes, liveBytes, snapshotBytes } = db.stats();
      newest = Math.max(newest, fileBytes / snapshotBytes);
      // After a first round of overwriting the two have next to no page in common.
      if (i >= (3 * keys) / 1000) together = Math.max(together, fileBytes / liveBytes);
    }
    reader.say('again');
    expect(await reader.line('sum')).toBe(sum);
    await reader.kill();
    note(
      `overwritten 20 times beside an open snapshot: the file was at most ${together.toFixed(2)} x ` +
        `what the two snapshots use, ${newest.toFixed(2)} x what the newest uses`,
    );
    expect(together).toBeGreaterThan(0);
    expect(together).toBeLessThan(2.5);
  }, 120_000);

  test('one handle more than maxReaders, or one snapshot, is READERS_FULL; a killed one makes room', async () => {
    const { db, stores } = create({ maxReaders: 5 });
    const children = [1, 2, 3].map(() => program(here, 'snapshots.mjs', [db.path]));
    for (const child of children) await child.line('ready');
    const snapshot = db.snapshot();
    expect(() => open(db.path)).toThrow(ReadersFullError);
    expect(() => open(db.path)).toThrow(/All 5 reader slots/);
    // The same snapshot again shares its slot.
    db.snapshot().close();
    await rejection(db.write((tx) => step(tx, stores, 9)));
    expect(() => db.snapshot()).toThrow(ReadersFullError);
    await children[0]?.kill();
    const later = db.snapshot();
    expect(checkState(later, stores)).toBe(1);
    expect(checkState(snapshot, stores)).toBe(0);
    later.close();
    snapshot.close();
    for (const child of children) await child.kill();
  });
});

describe('handles in one process', () => {
  test('two on one path read what each other writes, and their writes follow each other', async () => {
    const { db: a, stores } = create();
    const b = databases.open(a.path);
    const again = storesOf(b);
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        i % 2 === 0
          ? a.write((tx) => step(tx, stores, 1, 100))
          : b.write((tx) => step(tx, again, 2, 100)),
      ),
    );
    expect(a.read((s) => checkState(s, stores))).toBe(40);
    expect(b.read((s) => checkState(s, again))).toBe(40);
    const old = a.snapshot();
    b.writeSync((tx) => step(tx, again, 2, 100));
    expect(checkState(old, stores)).toBe(40);
    expect(a.read((s) => checkState(s, stores))).toBe(41);
    old.close();
    a.closeSync();
    expect(b.read((s) => checkState(s, again))).toBe(41);
    await b.write((tx) => step(tx, again, 2, 100));
  });

  test('writeSync while the other handle of the process has the lock is a timeout that names this process', async () => {
    const { db: a, stores } = create({ lockTimeout: 100 });
    const b = databases.open(a.path, { lockTimeout: 100 });
    const tx = await a.beginWrite();
    step(tx, stores, 1);
    const again = storesOf(b);
    expect(() => b.writeSync((t) => step(t, again, 2))).toThrow(`process ${process.pid}`);
    await tx.commit();
    b.writeSync((t) => step(t, again, 2));
    expect(a.read((s) => checkState(s, stores))).toBe(2);
  });
});
