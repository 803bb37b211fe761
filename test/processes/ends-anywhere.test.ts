/**
 * A thread or process may end in the middle of anything: at once, with the exit code that was given,
 * harming nobody, and leaving neither slot nor lock behind.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LOCK_BYTE } from '../../src/format/lock-file.ts';
import type { Database } from '../../src/index.ts';
import { native } from '../../src/pager/native.ts';
import { Child, type Ending, program } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import { checkState, type StateStores, step } from '../support/process-state.mjs';

const databases = new SharedDatabases('ends-anywhere');
const here = import.meta.url;

/** A new database, open here all the time. */
function create(): ReturnType<SharedDatabases['create']> {
  return databases.create({ lockTimeout: 5000 });
}

/** Slots, lock and state are as if nobody else had been there. */
async function requireUnharmed(db: Database, stores: StateStores): Promise<void> {
  expect(db.stats().readers).toEqual([]);
  const n = db.read((snapshot) => checkState(snapshot, stores));
  const start = performance.now();
  await db.write((tx) => step(tx, stores, 9));
  expect(performance.now() - start).toBeLessThan(3000);
  // What died in the middle of a commit may have come so far that it was finished for it.
  const after = db.read((snapshot) => checkState(snapshot, stores));
  expect([n + 1, n + 2]).toContain(after);
  await db.verify();
}

async function ends(how: string, kind: string, path: string): Promise<Ending> {
  const start = performance.now();
  const ending = await program(here, 'ends-anywhere.mjs', [how, kind, path]).ended();
  // Who waits for a lock would wait for a minute.
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(ending.lines.filter((line) => line.startsWith('FAILED'))).toEqual([]);
  expect(ending.error).toBe('');
  return ending;
}

const ANYTHING: readonly string[] = [
  'open',
  'get',
  'iterator',
  'write',
  'group',
  'begin-write',
  'flush',
  'compact',
  'backup',
  'restore',
  'verify',
];

describe('a worker thread that is terminated', () => {
  test.each(ANYTHING)(
    'in the middle of %s harms nobody',
    async (kind) => {
      const { path, db, stores } = create();
      const { code, signal, lines } = await ends('terminate', kind, path);
      expect([code, signal, lines.at(-1)]).toEqual([0, null, 'lives']);
      await requireUnharmed(db, stores);
    },
    60_000,
  );

  test.each(['waiting', 'waiting-sync'])(
    'while it waits for the writer lock ends at once (%s)',
    async (kind) => {
      const { path, db, stores } = create();
      const tx = await db.beginWrite();
      const { code, signal, lines } = await ends('terminate', kind, path);
      expect([code, signal, lines.at(-1)]).toEqual([0, null, 'lives']);
      tx.abort();
      await requireUnharmed(db, stores);
    },
    60_000,
  );

  test('while it waits for its turn to open ends at once', async () => {
    const { path, db, stores } = create();
    const other = native().openFile(path, { write: true, create: false });
    expect(other.tryLock(LOCK_BYTE.opener)).toBe(true);
    const { code, signal, lines } = await ends('terminate', 'waiting-to-open', path);
    expect([code, signal, lines.at(-1)]).toEqual([0, null, 'lives']);
    other.close();
    await requireUnharmed(db, stores);
  }, 60_000);
});

describe('process.exit', () => {
  test.each(ANYTHING.flatMap((kind) => [['exit', kind] as const, ['exit-over', kind] as const]))(
    '(%s) in the middle of %s ends at once with its code',
    async (how, kind) => {
      const { path, db, stores } = create();
      const { code, signal } = await ends(how, kind, path);
      expect([code, signal]).toEqual([23, null]);
      await requireUnharmed(db, stores);
    },
    60_000,
  );

  test.each([
    ['exit', 'waiting'],
    ['exit-over', 'waiting'],
    ['exit-over', 'waiting-sync'],
  ])(
    '(%s) while the writer lock is waited for ends at once with its code (%s)',
    async (how, kind) => {
      const { path, db, stores } = create();
      const tx = await db.beginWrite();
      const { code, signal } = await ends(how, kind, path);
      expect([code, signal]).toEqual([23, null]);
      tx.abort();
      await requireUnharmed(db, stores);
    },
    60_000,
  );
});

describe('a death', () => {
  /** One that writes no core file. */
  function mortal(kind: string, path: string): Child {
    const at = join(import.meta.dirname, 'programs/ends-anywhere.mjs');
    const command = [process.execPath, at, 'stay', kind, path];
    return new Child('sh', ['-c', 'ulimit -c 0; exec "$@"', 'sh', ...command]);
  }

  const DEATHS = ['SIGKILL', 'SIGSEGV', 'SIGBUS', 'SIGTERM', 'SIGINT', 'abort'] as const;
  const KINDS = ['iterator', 'write', 'begin-write'] as const;

  test.each(DEATHS.flatMap((death) => KINDS.map((kind) => [death, kind] as const)))(
    'by %s in the middle of %s frees slots and lock at once',
    async (death, kind) => {
      const { path, db, stores } = create();
      const child = mortal(kind, path);
      await child.line('begun');
      child.say(death);
      const { code, signal } = await child.ended();
      expect(code).toBeNull();
      expect(signal).toBe(death === 'abort' ? 'SIGABRT' : death);
      await requireUnharmed(db, stores);
      // The copy of anything unfinished lies beside its target, not beside the database.
      expect(readdirSync(databases.folder).filter((name) => name.includes('-new-'))).toEqual([]);
    },
    60_000,
  );
});
