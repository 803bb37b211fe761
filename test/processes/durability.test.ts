/**
 * The three durabilities between processes: who makes durable what was published, and when. What
 * survives a real power failure is in test/power-cuts and, by the sector, in test/crash.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WORD } from '../../src/format/lock-file.ts';
import type { Database, OpenOptions } from '../../src/index.ts';
import { program, sleep, until } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import { step, storesOf } from '../support/process-state.mjs';

const databases = new SharedDatabases('durability');
const here = import.meta.url;

/** One that makes nothing durable by itself while it is open: it has no 'interval' in the test's time. */
function onlooker(path: string): Database {
  return databases.open(path, { durability: 'manual', flushInterval: 600_000 });
}

/** Three transactions of another process, which then ends, or is killed. */
async function wrote(path: string, how: OpenOptions, ending: 'ends' | 'killed'): Promise<void> {
  const pause = ending === 'killed' ? 100 : 0;
  const options = { count: ending === 'killed' ? 100 : 3, pause, open: how };
  const writer = program(here, 'writer.mjs', [path, 1, options]);
  await writer.line('ack 1 3');
  if (ending === 'killed') await writer.kill();
  else expect((await writer.ended()).code).toBe(0);
}

function isDurable(db: Database): boolean {
  const { transaction, durableTransaction } = db.stats();
  return transaction === durableTransaction;
}

describe("durability 'interval'", () => {
  test('a write is published at once and durable after the interval, without anybody asking', async () => {
    const path = databases.newFile();
    const db = onlooker(path);
    const writing = databases.open(path, { durability: 'interval', flushInterval: 300 });
    const stores = storesOf(writing);
    await writing.write((tx) => step(tx, stores, 1));
    const at = db.stats();
    expect(at.transaction).toBe(writing.lastTransaction);
    expect(at.durableTransaction).toBeLessThan(at.transaction);
    await until(() => db.stats().durableTransaction === at.transaction, 5000);
  });

  // It was so only of a handle that had itself been opened with 'interval'.
  test.each(['commit', 'interval', 'manual'] as const)(
    "what a killed process published is made durable by the timer of any other handle: one of '%s'",
    async (durability) => {
      const path = databases.newFile();
      const other = databases.open(path, { durability, flushInterval: 50 });
      await wrote(path, { durability: 'interval', flushInterval: 60_000 }, 'killed');
      await until(() => isDurable(other), 5000);
    },
  );

  test('a flush that did not get the writer lock in time is made when it is free', async () => {
    const path = databases.newFile();
    const how = { durability: 'interval', flushInterval: 200, lockTimeout: 50 } as const;
    const db = databases.open(path, how);
    await db.write((tx) => step(tx, storesOf(db), 1));
    const other = await onlooker(path).beginWrite();
    await sleep(700);
    expect(isDurable(db)).toBe(false);
    await other.abort();
    await until(() => isDurable(db), 5000);
  });
});

describe("durability 'manual'", () => {
  test('is left alone by the timers of all handles until somebody flushes', async () => {
    const path = databases.newFile();
    const others = (['commit', 'interval', 'manual'] as const).map((durability) =>
      databases.open(path, { durability, flushInterval: 20 }),
    );
    await wrote(path, { durability: 'manual', flushInterval: 20 }, 'killed');
    await sleep(400);
    expect(isDurable(others[0]!)).toBe(false);
    await others[1]!.flush();
    expect(isDurable(others[0]!)).toBe(true);
  });

  test('a write that asks for more than its database makes all before it durable', async () => {
    const path = databases.newFile();
    const db = onlooker(path);
    await wrote(path, { durability: 'manual' }, 'killed');
    expect(isDurable(db)).toBe(false);
    await db.write((tx) => step(tx, storesOf(db), 2), { durability: 'commit' });
    expect(isDurable(db)).toBe(true);
  });
});

describe.each(['interval', 'manual'] as const)(
  "what is left of '%s' is made durable",
  (durability) => {
    const how = { durability, flushInterval: 600_000 };

    test('when its process ends without closing', async () => {
      const path = databases.newFile();
      const db = onlooker(path);
      await wrote(path, how, 'ends');
      expect(isDurable(db)).toBe(true);
    });

    test.each(['close', 'closeSync'] as const)('by %s', async (close) => {
      const path = databases.newFile();
      const db = onlooker(path);
      const writing = databases.open(path, how);
      await writing.write((tx) => step(tx, storesOf(writing), 1));
      expect(isDurable(db)).toBe(false);
      await writing[close]();
      expect(isDurable(db)).toBe(true);
    });

    test('by the next opener, before open returns', async () => {
      const path = databases.newFile();
      await wrote(path, how, 'killed');
      expect(isDurable(onlooker(path))).toBe(true);
    });
  },
);

describe('when nobody writes any more', () => {
  const META_KIND_AT = 36;
  const CONFIRMING = 2;

  function slots(path: string): Buffer[] {
    const file = readFileSync(path);
    return [0, 4096, 8192].map((at) => file.subarray(at, at + 512));
  }

  function newestKind(path: string): number {
    const newest = slots(path).sort(
      (a, b) =>
        b.readUIntLE(64, 6) - a.readUIntLE(64, 6) ||
        b.readUIntLE(80, 6) - a.readUIntLE(80, 6) ||
        b.readUInt32LE(META_KIND_AT) - a.readUInt32LE(META_KIND_AT),
    )[0]!;
    return newest.readUInt32LE(META_KIND_AT);
  }

  test('the newest state is confirmed once, so that damage to it is no silent step back', async () => {
    const path = databases.newFile();
    const db = databases.open(path, { flushInterval: 50 });
    await db.write((tx) => step(tx, storesOf(db), 1));
    expect(newestKind(path)).not.toBe(CONFIRMING);
    const { lastTransaction } = db;
    await until(() => newestKind(path) === CONFIRMING, 10_000);
    const confirmed = slots(path);
    await sleep(1500);
    expect(slots(path)).toEqual(confirmed);
    expect(db.lastTransaction).toBe(lastTransaction);
  });

  /** Waits until a handle of the file sleeps, which it counts in the lock file, once more than so often. */
  async function asleep(path: string, before: number): Promise<number> {
    const waits = (): number => readFileSync(`${path}-lock`).readInt32LE(4 * WORD.waits);
    await until(() => waits() > before, 15_000);
    return waits();
  }

  test('the timer sleeps, and wakes for what another process writes, also one that is killed', async () => {
    const path = databases.newFile();
    const db = databases.open(path, { flushInterval: 50 });
    let waits = await asleep(path, 0);
    for (let round = 0; round < 2; round++) {
      await wrote(path, { durability: 'interval', flushInterval: 60_000 }, 'killed');
      await until(() => isDurable(db), 5000);
      waits = await asleep(path, waits);
    }
  });

  test('the timer sleeps beside manual writes, and wakes for those of its own handle', async () => {
    const path = databases.newFile();
    const db = databases.open(path, { durability: 'manual', flushInterval: 50 });
    await db.write((tx) => step(tx, storesOf(db), 1));
    await asleep(path, 0);
    expect(isDurable(db)).toBe(false);
    await db.write((tx) => step(tx, storesOf(db), 1), { durability: 'interval' });
    await until(() => isDurable(db), 5000);
    await db.write((tx) => step(tx, storesOf(db), 1), { durability: 'commit' });
    expect(newestKind(path)).not.toBe(CONFIRMING);
    await until(() => newestKind(path) === CONFIRMING, 10_000);
  });

  test('it is not confirmed while another process has the writer lock, but afterwards', async () => {
    const path = databases.newFile();
    const db = databases.open(path, { flushInterval: 50 });
    await db.write((tx) => step(tx, storesOf(db), 1));
    const other = onlooker(path);
    const transaction = await other.beginWrite();
    await sleep(1500);
    expect(newestKind(path)).not.toBe(CONFIRMING);
    await transaction.abort();
    await until(() => newestKind(path) === CONFIRMING, 10_000);
  });
});
