/**
 * Processes of two containers on one file: each is process 1 of a PID namespace of its own, so what
 * the lock file says of pids and threads is the same for both. Only the kernel's locks are trusted.
 */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open, WriterLockTimeoutError } from '../../src/index.ts';
import { Child, newFolder, note } from '../support/process-children.ts';
import { checkState, prepare, step, storesOf } from '../support/process-state.mjs';

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

function hasNamespaces(): boolean {
  try {
    execFileSync('unshare', [...NAMESPACE, 'true'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    note(`no PID namespaces here: containers were not tried (${String(error).split('\n')[0]})`);
    return false;
  }
}

/** A process in a namespace of its own, with a snapshot and, when it says so, the writer lock. */
function contained(path: string, id: number): Child {
  const at = join(import.meta.dirname, 'programs/contained.mjs');
  return new Child('unshare', [...NAMESPACE, process.execPath, at, path, String(id)]);
}

test('two processes with the same pid on one file: one that is killed frees its own slots and lock, the other keeps its', async () => {
  if (!hasNamespaces()) return;
  const path = join(newFolder('containers'), 'data');
  const db = open(path, { lockTimeout: 300 });
  const stores = prepare(db);
  const [first, second] = [contained(path, 1), contained(path, 2)];
  expect(await first.line('opened')).toBe('opened 1');
  expect(await second.line('opened')).toBe('opened 1');
  const readers = () => db.stats().readers.length;
  expect(readers()).toBe(2);
  await db.write((tx) => step(tx, stores, 9));

  // One waits while the other has the lock; the message names a pid, for what it is worth.
  first.say('begin');
  await first.line('begun');
  const refused = await db.write((tx) => step(tx, stores, 9)).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(WriterLockTimeoutError);
  second.say('put');
  await first.kill();
  expect(await second.line('put')).toBe('put 1');
  expect(readers()).toBe(1);
  second.say('check');
  expect(await second.line('checked')).toBe('checked 0');
  await db.write((tx) => step(tx, stores, 9));
  expect(db.read((snapshot) => checkState(snapshot, storesOf(db)))).toBe(3);
  await db.verify();
  await second.kill();
  expect(readers()).toBe(0);
  await db.close();
}, 60_000);
