/** How processes and threads end beside an open database: at once, without a crash, losing nothing. */

import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/index.ts';
import { type Ending, program } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import {
  checkState,
  ownTransactions,
  type StateStores,
  step,
  storesOf,
} from '../support/process-state.mjs';

const databases = new SharedDatabases('endings');
const here = import.meta.url;

function survivor(path: string): { db: Database; stores: StateStores } {
  const db = databases.open(path);
  return { db, stores: storesOf(db) };
}

/** Checks that all that was acknowledged is there, in one whole transaction; returns its number. */
async function check(db: Database, stores: StateStores, lines: readonly string[]): Promise<number> {
  const n = db.read((snapshot) => {
    for (const line of lines) {
      const [word, id, own] = line.split(' ');
      if (word !== 'ack') continue;
      const has = ownTransactions(snapshot, stores, Number(id));
      expect(has, `acknowledged: ${line}`).toBeGreaterThanOrEqual(Number(own));
    }
    return checkState(snapshot, stores);
  });
  await db.verify();
  expect(db.stats().readers).toEqual([]);
  return n;
}

async function ends(mode: string, path: string): Promise<Ending> {
  const start = performance.now();
  const ending = await program(here, 'endings.mjs', [mode, path]).ended();
  // A process that is kept alive, or waits for a lock, would stay for minutes.
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(ending.lines.filter((line) => line.startsWith('FAILED'))).toEqual([]);
  return ending;
}

describe('a process', () => {
  test.each(['idle', 'not-awaited'])(
    'that never closes its database ends by itself, and nothing is lost (%s)',
    async (mode) => {
      const path = databases.newFile();
      const { code, signal, lines, error } = await ends(mode, path);
      expect([code, signal, error]).toEqual([0, null, '']);
      expect(lines).toEqual(['ack 1 1']);
      const { db, stores } = survivor(path);
      expect(await check(db, stores, lines)).toBe(1);
    },
  );

  test.each([
    ['idle-interval', 1],
    ['exit-interval', 3],
  ])(
    "that ends has made its 'interval' writes durable, whatever the interval (%s)",
    async (mode, transactions) => {
      const path = databases.newFile();
      // Open all the time: so it is not the next opener that flushes.
      const { db, stores } = survivor(path);
      const { code, signal, lines } = await ends(mode, path);
      expect([code, signal]).toEqual([0, null]);
      const { transaction, durableTransaction } = db.stats();
      expect(durableTransaction).toBe(transaction);
      expect(await check(db, stores, lines)).toBe(transactions);
    },
  );

  test('that calls process.exit in the middle of commits loses none that was resolved', async () => {
    for (let round = 0; round < 2; round++) {
      const path = databases.newFile();
      const { db, stores } = survivor(path);
      const { code, signal, lines } = await ends('exit-in-commit', path);
      expect([code, signal]).toEqual([0, null]);
      expect(lines.length).toBeGreaterThan(0);
      await check(db, stores, lines);
      await db.write((tx) => step(tx, stores, 9));
    }
  });

  test('that calls process.exit with a transaction open leaves nothing of it, and no lock', async () => {
    const path = databases.newFile();
    const { db, stores } = survivor(path);
    const { code, signal } = await ends('exit-in-transaction', path);
    expect([code, signal]).toEqual([0, null]);
    expect(await check(db, stores, [])).toBe(0);
    await db.write((tx) => step(tx, stores, 9));
    expect(await check(db, stores, [])).toBe(1);
  });

  test('that calls process.exit while it waits for the writer lock ends at once', async () => {
    const path = databases.newFile();
    const { db, stores } = survivor(path);
    const tx = await db.beginWrite();
    const { code, signal, lines } = await ends('exit-while-waiting', path);
    expect([code, signal, lines]).toEqual([0, null, []]);
    tx.abort();
    expect(await check(db, stores, [])).toBe(0);
    await db.write((t) => step(t, stores, 9));
  });

  test('that dies of an uncaught error in the middle of a commit leaves one whole transaction', async () => {
    const path = databases.newFile();
    const { db, stores } = survivor(path);
    const { code, signal } = await ends('throw-in-commit', path);
    expect([code, signal]).toEqual([7, null]);
    expect([0, 1]).toContain(await check(db, stores, []));
    await db.write((tx) => step(tx, stores, 9));
  });
});

describe('a worker thread', () => {
  test.each(['terminate', 'terminate-interval'])(
    'that is terminated in the middle of a commit or a read harms nobody, and frees slots and lock (%s)',
    async (mode) => {
      const path = databases.newFile();
      const { db, stores } = survivor(path);
      const { code, signal, lines, error } = await ends(mode, path);
      expect([code, signal, error]).toEqual([0, null, '']);
      expect(lines.at(-1)).toBe('lives 3');
      await check(db, stores, lines);
      await db.write((tx) => step(tx, stores, 9));
    },
    60_000,
  );
});
