/** The package as others load it, from dist/, in processes and threads of their own. */

import { execFile } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newPath, openFresh } from '../support/fresh-database.ts';

const root = resolve(import.meta.dirname, '../..');
const entry = join(root, 'dist/bundle/coppice.js');
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
const run = promisify(execFile);

// npm test builds dist/ first.
describe.skipIf(!existsSync(entry))('from dist', () => {
  test("import, and require('coppice')", async () => {
    const path = newPath();
    const esm = await run(process.execPath, [fixture('imported.mjs'), entry, path]);
    expect(esm.stdout.trim()).toBe('[["esm",true]]');
    const cjs = await run(process.execPath, [fixture('required.cjs'), entry, path]);
    expect(cjs.stdout.trim()).toBe('[["cjs",[1,2]],["esm",true]] function');
    expect(openFresh(path).store('s').count()).toBe(2);
  });

  test('worker threads each open the path', async () => {
    const path = newPath();
    const count = 25;
    const db = openFresh(path);
    const store = db.store('counts', { key: 'string', value: 'json' });
    const workers = ['one', 'two', 'three'].map((name) => {
      const worker = new Worker(fixture('writer-worker.mjs'), {
        workerData: { entry, path, name, count },
      });
      return new Promise<{ name: string; seen: number }>((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
      });
    });
    for (let i = 0; i < count; i++) await store.update('all', (n) => Number(n ?? 0) + 1);
    const told = await Promise.all(workers);
    expect(store.get('all')).toBe(4 * count);
    expect(told.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
    expect(Math.max(...told.map(({ seen }) => seen))).toBeGreaterThanOrEqual(3 * count);
    expect(store.getMany(['one', 'two', 'three'])).toEqual([count, count, count]);
  });
});

describe('diagnostics channels', () => {
  function listen(name: string): { told: unknown[]; stop: () => void } {
    const told: unknown[] = [];
    const listener = (message: unknown): void => void told.push(message);
    channel(name).subscribe(listener);
    return { told, stop: () => channel(name).unsubscribe(listener) };
  }

  test('coppice:commit tells of each commit, and of nothing else', async () => {
    const db = openFresh();
    const { told, stop } = listen('coppice:commit');
    const store = db.store('s');
    await Promise.all([store.put('a', 1), store.put('b', 1)]);
    const first = db.lastTransaction;
    await db.write((tx) => tx.get(store, 'a'));
    db.writeSync((tx) => tx.put(store, 'c', 1), { durability: 'manual' });
    const second = db.lastTransaction;
    const tx = await db.beginWrite({ durability: 'interval' });
    tx.put(store, 'd', 1);
    await tx.commit();
    const idle = await db.beginWrite();
    await idle.commit();
    stop();
    expect(told).toEqual([
      { path: ':memory:', transaction: first, durability: 'commit' },
      { path: ':memory:', transaction: second, durability: 'manual' },
      { path: ':memory:', transaction: db.lastTransaction, durability: 'interval' },
    ]);
  });

  test('coppice:slow-reader tells of a snapshot older than warnAfter', async () => {
    const path = newPath();
    const db = openFresh(path, { warnAfter: 0 });
    const store = db.store('s');
    await store.put('a', 1);
    using snapshot = db.snapshot();
    const { told, stop } = listen('coppice:slow-reader');
    await store.put('a', 2);
    stop();
    expect(told).toContainEqual(
      expect.objectContaining({ path: db.path, snapshot: snapshot.transaction, self: true }),
    );
  });

  test('coppice:recovery tells what an opener found that was alone', async () => {
    const path = newPath();
    const first = open(path);
    await first.store('s').put('a', 1);
    const { lastTransaction } = first;
    await first.close();
    const { told, stop } = listen('coppice:recovery');
    const db = openFresh(path);
    openFresh(path);
    stop();
    expect(told).toEqual([{ path: db.path, transaction: lastTransaction, steppedBackFrom: 0 }]);
  });
});
