/** Processes and threads that add shapes to one store with shared structures at once. */

import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Database, Store } from '../../src/index.ts';
import { program } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import { shapesIn } from '../support/shape-trees.ts';
import { shapedValue } from '../support/shape-values.mjs';

const databases = new SharedDatabases('shapes', async (db) => {
  expect((await db.verify()).problems).toEqual([]);
  expect(db.stats().readers).toEqual([]);
});
const here = import.meta.url;
const COUNT = 200;

function openStore(path: string): { db: Database; store: Store<number, unknown> } {
  const db = databases.open(path, { durability: 'manual' });
  return { db, store: db.store('s', { key: 'u32', sharedStructures: true }) };
}

/** Each value is that of its key; returns the keys. */
function checkAll(store: Store<number, unknown>): number[] {
  return [...store.range()].map(([key, value]) => {
    expect(value).toEqual(shapedValue(key));
    return key;
  });
}

/** No shape is there twice. Returns how many name their own key. */
async function checkShapes(db: Database): Promise<number> {
  const shapes = await shapesIn(db, 's');
  expect(new Set(shapes.map(String)).size).toBe(shapes.length);
  expect(shapes.flat().filter((name) => name.startsWith('undone'))).toEqual([]);
  return shapes.filter(([name]) => /^p\d+$/.test(name!)).length;
}

test('two processes add 200 shapes each at once, and everyone reads all', async () => {
  const { db, store } = openStore(databases.newPath());
  await store.put(0, shapedValue(0));
  const children = [1, 2].map((id) => program(here, 'shapes.mjs', [db.path, id, COUNT]));
  for (const child of children) await child.line('ready');
  let most = 0;
  for (let done = false; !done; ) {
    done = children.every((child) => !child.running);
    most = Math.max(most, checkAll(store).length);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const child of children) {
    const { lines, error } = await child.ended();
    expect(lines.filter((line) => line.startsWith('FAILED')).join(), error).toBe('');
    expect(lines.at(-1)).toBe('done');
  }
  expect(checkAll(store)).toHaveLength(2 * COUNT + 1);
  expect(await checkShapes(db)).toBe(2 * COUNT + 1);
  // One that has not seen any of it before.
  const reader = program(here, 'shapes.mjs', [db.path, 3, 0]);
  expect(await reader.line('read ')).toBe(`read ${2 * COUNT + 1}`);
  expect((await reader.ended()).lines.at(-1)).toBe('done');
}, 120_000);

test('writers that are killed in the middle leave whole values, and the next one goes on', async () => {
  const { db, store } = openStore(databases.newPath());
  const acknowledged: number[] = [];
  for (let round = 1; round <= 6; round++) {
    const children = [2 * round, 2 * round + 1].map((id) =>
      program(here, 'shapes.mjs', [db.path, id, 'Infinity']),
    );
    // At a point that differs from round to round: after so many lines of the one or the other.
    for (let n = 0; n < 5 + 7 * round; n++) await children[n % 2]!.line('ack');
    for (const child of children) {
      const { lines } = await child.kill();
      expect(lines.filter((line) => line.startsWith('FAILED'))).toEqual([]);
      for (const line of lines) {
        if (line.startsWith('ack ')) acknowledged.push(Number(line.slice(4)));
      }
    }
    await store.put(round, shapedValue(round));
    const there = new Set(checkAll(store));
    expect(acknowledged.filter((key) => !there.has(key))).toEqual([]);
    await checkShapes(db);
  }
}, 120_000);

test('a worker thread and its process add shapes to one store', async () => {
  const { db, store } = openStore(databases.newPath());
  const worker = new Worker(new URL('programs/shapes.mjs', here), {
    workerData: [db.path, 1, 60],
  });
  const failures: unknown[] = [];
  const ended = new Promise<void>((resolve) => {
    worker.on('error', (error) => failures.push(error));
    worker.on('exit', (code) => {
      if (code !== 0) failures.push(code);
      resolve();
    });
  });
  for (let i = 0; i < 60; i++) {
    await store.put(i, shapedValue(i));
    checkAll(store);
  }
  await ended;
  expect(failures).toEqual([]);
  expect(checkAll(store)).toHaveLength(120);
  expect(await checkShapes(db)).toBe(120);
}, 120_000);
