/**
 * kill -9: nothing that was acknowledged is lost, locks and slots are free at once, and every snapshot
 * is exactly one transaction. The long run kills 10,000 times; COPPICE_FROM=N goes on from round N.
 */

import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { killAtLibrary, newFolder, note, program, sleep } from '../support/process-children.ts';
import { Fleet, type Member } from '../support/process-fleet.ts';
import { Dice } from '../support/process-random.ts';
import { step, storesOf } from '../support/process-state.mjs';

const folder = newFolder('kill');
let made = 0;
const newPath = (): string => join(folder, `kill-${made++}`);

/** Nobody waits for a timeout: those of the programs are 60 s. */
const AT_ONCE_MS = 4000;
const SLOW = long ? 24 * 3_600_000 : 240_000;

const PARENT = 99;

describe('while a survivor has the database open', () => {
  const members: Record<string, Member> = {
    writer1: { program: 'writer.mjs', parameters: [1, { pause: 15 }] },
    writer2: { program: 'writer.mjs', parameters: [2, { pause: 15 }] },
    big: { program: 'writer.mjs', parameters: [3, { bytes: 600_000, pause: 80, tell: true }] },
    reader1: { program: 'reader.mjs', parameters: [] },
    reader2: { program: 'reader.mjs', parameters: [] },
    reader3: { program: 'reader.mjs', parameters: [] },
    opener: { program: 'opener.mjs', parameters: [4, 60] },
    threads: { program: 'threads.mjs', parameters: [5] },
  };
  /** Who is killed, and when. */
  const kills: readonly [victim: string, when: string][] = [
    ['writer1', 'any time'],
    ['writer1', 'acknowledged'],
    ['writer2', 'stopped'],
    ['writer2', 'acknowledged'],
    ['big', 'begun'],
    ['big', 'begun'],
    ['big', 'stopped'],
    ['opener', 'any time'],
    ['opener', 'acknowledged'],
    ['threads', 'any time'],
    ['reader1', 'any time'],
  ];

  test(
    'a process killed at any time leaves all that it acknowledged, and nobody waits for it',
    async () => {
      const rounds = cases(12, 10_000);
      const fleet = new Fleet(import.meta.url, newPath());
      for (const [name, member] of Object.entries(members)) fleet.start(name, member);
      await fleet.working();
      const db = open(fleet.path, { lockTimeout: 60_000 });
      const stores = storesOf(db);
      let slowest = 0;
      for (let round = firstRound; round < firstRound + rounds; round++) {
        const dice = new Dice('kill', round);
        const [victim, when] = kills[round % kills.length]!;
        const child = fleet.doom(victim);
        child.skip();
        if (when === 'acknowledged') await child.line('ack');
        if (when === 'begun') await child.line('begin');
        await sleep(dice.next() * (when === 'begun' ? 12 : 25));
        if (when === 'stopped') {
          child.signal('SIGSTOP');
          await sleep(dice.next() * 20);
        }
        child.signal('SIGKILL');
        await fleet.kill(victim);
        const start = performance.now();
        await db.write((tx) => step(tx, stores, PARENT));
        slowest = Math.max(slowest, performance.now() - start);
        await fleet.check(db, stores).catch((error: unknown) => {
          throw new Error(`round ${round}: after killing ${victim} (${when})`, { cause: error });
        });
        fleet.requireNoFailure();
        fleet.start(victim, members[victim]!);
      }
      await fleet.working();
      await fleet.killAll();
      expect(slowest).toBeLessThan(AT_ONCE_MS);
      // All readers are dead: none of their snapshots counts any more.
      expect(db.stats().readers).toEqual([]);
      // One of them may have died after its flush and before it published: the next writer ends
      // that commit. Without one the next opener would, and find a transaction more.
      await db.write((tx) => step(tx, stores, PARENT));
      const n = await fleet.check(db, stores);
      await db.close();
      expect(await fleet.checkAlone()).toBe(n);
      note(`${rounds} kills, the next commit within ${Math.ceil(slowest)} ms, ${n} transactions`);
    },
    SLOW,
  );

  const points = [
    'lock:after',
    'pwritev:before',
    'pwritev:half',
    'pwritev:after',
    'msync:before',
    'msync:after',
    'unlock:before',
    'fallocate:before',
    'fallocate:after',
  ];
  test.each(points)(
    'a writer killed at a call of a commit leaves all that it acknowledged (%s)',
    async (point) => {
      const library = killAtLibrary();
      if (library === undefined) return;
      // A small commit writes its pages with one call and its meta with the next: both are met.
      const rounds = cases(point.startsWith('pwritev') ? 2 : 1, 100);
      const fleet = new Fleet(import.meta.url, newPath());
      const db = open(fleet.path, { lockTimeout: 60_000 });
      const stores = storesOf(db);
      for (let round = 0; round < rounds; round++) {
        const dice = new Dice(point, firstRound + Math.floor(round / 2));
        const rare = point.startsWith('fallocate');
        const count = 1 + dice.below(rare ? 2 : 9) + (round % 2);
        const child = fleet.start('writer', {
          program: 'writer.mjs',
          parameters: [
            1,
            { pause: 0, bytes: rare ? 3e6 : dice.pick([500, 500, 50_000]), count: 60 },
          ],
          env: { LD_PRELOAD: library, COPPICE_KILL_AT: `${point}:${count}` },
        });
        fleet.doom('writer');
        const { signal } = await child.ended();
        expect(signal, `round ${round}: ${point}:${count} ${child.lines.at(-1)}`).toBe('SIGKILL');
        const start = performance.now();
        await db.write((tx) => step(tx, stores, PARENT));
        expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
        await fleet.check(db, stores);
      }
      expect(db.stats().readers).toEqual([]);
      await db.close();
      await fleet.checkAlone();
    },
    SLOW,
  );
});

describe('when all processes are killed', () => {
  const lockFiles = ['as it is', 'deleted', 'of another file', 'cut short'] as const;

  /** What becomes of the lock file before the database is opened again. */
  function change(path: string, lockFile: (typeof lockFiles)[number]): void {
    const lock = `${path}-lock`;
    if (lockFile === 'deleted') rmSync(lock);
    if (lockFile === 'of another file') {
      const other = newPath();
      using _ = open(other);
      copyFileSync(`${other}-lock`, lock);
    }
    if (lockFile === 'cut short') copyFileSync('/dev/null', lock);
  }

  test.each(lockFiles)(
    "whoever opens next finds all that was acknowledged, durability 'commit', lock file %s",
    async (lockFile) => {
      const rounds = cases(1, 200);
      for (let round = 0; round < rounds; round++) {
        const dice = new Dice(`all ${lockFile}`, firstRound + round);
        const fleet = new Fleet(import.meta.url, newPath());
        fleet.start('a', { program: 'writer.mjs', parameters: [1, { pause: 0, bytes: 40_000 }] });
        fleet.start('b', { program: 'writer.mjs', parameters: [2, { pause: 1 }] });
        fleet.start('reader', { program: 'reader.mjs', parameters: [] });
        await fleet.working();
        await sleep(dice.next() * 60);
        await fleet.killAll();
        change(fleet.path, lockFile);
        const n = await fleet.checkAlone();
        const db = open(fleet.path);
        const stores = storesOf(db);
        for (let i = 0; i < 3; i++) await db.write((tx) => step(tx, stores, PARENT));
        expect(await fleet.check(db, stores)).toBe(n + 3);
        expect(db.stats().readers).toEqual([]);
        await db.close();
        fleet.requireNoFailure();
      }
    },
    SLOW,
  );

  test.each(['interval', 'manual'])(
    "nothing that was resolved is lost while the machine lives, durability '%s'",
    async (durability) => {
      const rounds = cases(1, 200);
      for (let round = 0; round < rounds; round++) {
        const dice = new Dice(durability, firstRound + round);
        const fleet = new Fleet(import.meta.url, newPath());
        const options = { pause: 0, bytes: 20_000, open: { durability, flushInterval: 20 } };
        fleet.start('a', { program: 'writer.mjs', parameters: [1, options] });
        fleet.start('b', { program: 'writer.mjs', parameters: [2, options] });
        await fleet.working();
        await sleep(dice.next() * 80);
        await fleet.killAll();
        const db = open(fleet.path);
        // What was published only is durable before open returns.
        const { transaction, durableTransaction } = db.stats();
        expect(durableTransaction).toBe(transaction);
        await fleet.check(db, storesOf(db));
        await db.close();
        await fleet.checkAlone();
      }
    },
    SLOW,
  );

  test(
    "a deleted lock file takes 'interval' writes back to one durable transaction, never to a torn one",
    async () => {
      const fleet = new Fleet(import.meta.url, newPath());
      const durable = { pause: 5, bytes: 5000 };
      const interval = {
        pause: 0,
        bytes: 20_000,
        open: { durability: 'interval', flushInterval: 30 },
      };
      fleet.start('durable', { program: 'writer.mjs', parameters: [1, durable] });
      fleet.start('interval', { program: 'writer.mjs', parameters: [2, interval] });
      await fleet.working();
      await sleep(new Dice('interval without lock file').next() * 100);
      await fleet.killAll();
      rmSync(`${fleet.path}-lock`);
      // Of the writer with 'interval' any number may be missing.
      fleet.acknowledged.delete(2);
      await fleet.checkAlone();
    },
    SLOW,
  );
});

describe('a database that is being made', () => {
  const points = ['fallocate:before', 'pwritev:half', 'msync:before', 'msync:after'];
  test.each(points)(
    'is absent or whole for the next one after its maker was killed (%s)',
    async (point) => {
      const library = killAtLibrary();
      if (library === undefined) return;
      for (const count of long ? [1, 2, 3, 4] : [1]) {
        const path = newPath();
        const env = { LD_PRELOAD: library, COPPICE_KILL_AT: `${point}:${count}` };
        const child = program(import.meta.url, 'writer.mjs', [path, 1, { count: 5 }], env);
        await child.ended();
        const db = open(path);
        await db.store('a').put('key', 'value');
        await db.verify();
        await db.close();
      }
    },
    SLOW,
  );
});
