/**
 * watch over processes: told of what others commit, also when they are killed; asleep when nobody
 * does; in nobody's way at the end of a process or thread.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Database, Store } from '../../src/index.ts';
import { cases } from '../frame/size.ts';
import { note, program, sleep, until } from '../support/process-children.ts';
import { SharedDatabases } from '../support/process-databases.ts';
import { Dice } from '../support/process-random.ts';

const databases = new SharedDatabases('watch');
const here = import.meta.url;

/** The addon's thread looks anew after so long, when a writer died right before it could wake. */
const LOOKS_ANEW_MS = 30_000;
const SLOW = 180_000;

function numbers(db: Database): Store<number, unknown> {
  return db.store('numbers', { key: 'u32', value: 'json' });
}

/** A new database that has the store. */
async function newFile(): Promise<{ path: string; db: Database; store: Store<number, unknown> }> {
  const path = databases.newPath();
  const db = databases.open(path, { durability: 'manual' });
  const store = numbers(db);
  await store.put(1, 'made');
  return { path, db, store };
}

describe('what another process commits is told', () => {
  test.each(['commit', 'interval', 'manual'] as const)(
    "with durability '%s'",
    async (durability) => {
      const { path, db, store } = await newFile();
      const children = ['{}', '{"readOnly":true}'].map((how) =>
        program(here, 'watch.mjs', ['tell', path, how]),
      );
      for (const child of children) await child.line('watches');
      for (let n = 0; n < 20; n++) {
        await db.write((tx) => tx.put(store, 1, n), { durability });
        for (const child of children) {
          const [, transaction, found] = (await child.line('told')).split(' ');
          expect(Number(transaction)).toBe(db.lastTransaction);
          expect(found).toBe(`${n}`);
        }
      }
      await store.put(1, 'end');
      for (const child of children)
        expect(await child.ended()).toMatchObject({ code: 0, error: '' });
    },
  );

  test('to threads of that process, each with a handle of its own', async () => {
    const { path, db, store } = await newFile();
    const other = databases.open(path, { durability: 'manual' });
    const told = [db, other].map((handle) => handle.watch(numbers(handle)).next());
    const writer = program(here, 'watch.mjs', ['write', path]);
    await Promise.all(told);
    await writer.kill();
    expect(store.get(1)).not.toBe('made');
  });
});

test(
  'writers are killed in the middle of their commits: no change is missed',
  async () => {
    const { path, db } = await newFile();
    const dice = new Dice('killed writers');
    let told = 0;
    let reports = 0;
    const watch = db.watch(numbers(db));
    const loop = (async () => {
      for await (const { transaction } of watch) {
        told = transaction;
        reports++;
      }
    })();
    for (let round = 0; round < cases(12, 2000); round++) {
      const durability = dice.pick(['commit', 'interval', 'manual'] as const);
      const flushInterval = dice.pick([5, 60_000]);
      const how = { durability, flushInterval, lockTimeout: 60_000 };
      const writer = program(here, 'watch.mjs', ['write', path, how]);
      await writer.line('writes');
      const before = db.lastTransaction;
      // Or it is killed when its commits have not begun.
      if (dice.below(4) > 0) await until(() => db.lastTransaction > before);
      await sleep(dice.below(60));
      await writer.kill();
      // Nobody comes after it who would wake.
      await until(() => told >= db.lastTransaction, LOOKS_ANEW_MS + 15_000);
    }
    expect(reports).toBeGreaterThan(5);
    await db.close();
    await loop;
  },
  cases(SLOW, 6 * 3_600_000),
);

/** The system calls of a process and its threads in so many seconds; undefined: they cannot be seen. */
function systemCalls(pid: number, seconds: number): string[] | undefined {
  const strace = ['/usr/bin/strace', '/bin/strace'].find((path) => existsSync(path));
  if (strace === undefined) return undefined;
  const { stderr } = spawnSync(
    'timeout',
    ['-s', 'INT', `${seconds}`, strace, '-f', '-q', '-p', `${pid}`],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  if (/Operation not permitted/.test(stderr)) return undefined;
  // What they stood in before, and what they are left in, is no call of theirs.
  return stderr
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('strace: '))
    .filter((line) => !/<(unfinished|detached) \.\.\.>$/.test(line))
    .filter((line) => !/restart_syscall\(<\.\.\. resuming/.test(line));
}

test(
  'hundreds of idle watchers make no system call for ten seconds, nor does their handle',
  async () => {
    const { path, db, store } = await newFile();
    // Without the flag V8 wakes every 8 s while it finds something to collect, which may be a minute.
    const quiet = ['--no-memory-reducer'];
    const idle = program(here, 'watch.mjs', ['idle', path, { durability: 'interval' }], {}, quiet);
    await idle.line('idle');
    // It has flushed and confirmed what it wrote. Of four tries two may see the addon look anew.
    await sleep(3000);
    let calls: string[] | undefined = [];
    for (let tries = 0; tries < 4; tries++) {
      calls = systemCalls(idle.pid, 10);
      if (calls === undefined || calls.length === 0) break;
    }
    if (calls === undefined) {
      note('no strace here, or it may not look: system calls of an idle watcher were not counted');
    } else expect(calls).toEqual([]);
    expect(idle.running).toBe(true);
    // It sleeps, and is not deaf.
    await db.write((tx) => tx.put(store, 1, 'end'));
    await idle.line('told');
    expect(await idle.ended()).toMatchObject({ code: 0, error: '' });
  },
  SLOW,
);

describe('a process ends by itself', () => {
  const modes: Record<string, readonly string[]> = {
    'left-behind': [],
    'between-two': [],
    aborted: ['AbortError'],
    returned: ['done true'],
    closed: ['done true'],
    exit: [],
    terminated: Array(5).fill('terminated 1'),
  };
  test.each(Object.entries(modes))('%s', async (mode, lines) => {
    const { path, db, store } = await newFile();
    const ending = await program(here, 'watch.mjs', [mode, path]).ended();
    expect(ending).toEqual({ code: 0, signal: null, error: '', lines });
    // Whoever writes afterwards finds nothing in its way.
    await store.put(1, 2);
    expect(db.stats().readers).toEqual([]);
  });

  test('but not while a next is pending', async () => {
    const { path, store } = await newFile();
    const child = program(here, 'watch.mjs', ['tell', path]);
    await child.line('watches');
    await sleep(500);
    expect(child.running).toBe(true);
    await store.put(1, 'end');
    expect((await child.ended()).code).toBe(0);
  });
});
