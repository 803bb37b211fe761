/**
 * Compaction beside readers and writers in other processes, and killed at any time: nothing that was
 * acknowledged is lost, every snapshot is whole, and all go on with the same file.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { killAtLibrary, newFolder, note, sleep, until } from '../support/process-children.ts';
import { Fleet, type Member } from '../support/process-fleet.ts';
import { Dice } from '../support/process-random.ts';
import { step, storesOf } from '../support/process-state.mjs';

const folder = newFolder('compaction');
let made = 0;
const SLOW = long ? 24 * 3_600_000 : 240_000;
const PARENT = 99;

const others: Record<string, Member> = {
  writer: { program: 'writer.mjs', parameters: [1, { pause: 5, bytes: 30_000 }] },
  reader1: { program: 'reader.mjs', parameters: [] },
  reader2: { program: 'reader.mjs', parameters: [] },
};
const compactor: Member = { program: 'compactor.mjs', parameters: [] };

test(
  'killed at any time it loses nothing, and nobody else has to open the file anew',
  async () => {
    const rounds = cases(8, 2000);
    const fleet = new Fleet(import.meta.url, join(folder, `compaction-${made++}`));
    for (const [name, member] of Object.entries(others)) fleet.start(name, member);
    fleet.start('compactor', compactor);
    await fleet.working();
    const { ino } = statSync(fleet.path);
    const db = open(fleet.path, { lockTimeout: 60_000 });
    const stores = storesOf(db);
    let compactions = 0;
    for (let round = firstRound; round < firstRound + rounds; round++) {
      const dice = new Dice('compaction', round);
      const child = fleet.doom('compactor');
      child.skip();
      await child.line('begin');
      await sleep(dice.next() * 60);
      await fleet.kill('compactor');
      compactions += child.lines.filter((line) => line.startsWith('compacted')).length;
      await db.write((tx) => step(tx, stores, PARENT));
      await fleet.check(db, stores);
      fleet.requireNoFailure();
      fleet.start('compactor', compactor);
    }
    const last = fleet.member('compactor');
    await until(() => last.lines.some((line) => line.startsWith('compacted')), 60_000);
    fleet.requireNoFailure();
    await fleet.killAll();
    expect(statSync(fleet.path).ino).toBe(ino);
    // The file is small again when everyone but this one is gone.
    await db.store('filler').clear();
    await db.compact();
    const { fileBytes, snapshotBytes } = db.stats();
    expect(fileBytes).toBeLessThan(1.5 * snapshotBytes + 2 ** 18);
    const n = await fleet.check(db, stores);
    await db.close();
    expect(await fleet.checkAlone()).toBe(n);
    note(`compaction: ${rounds} kills, ${compactions} that went to their end, ${n} transactions`);
  },
  SLOW,
);

test.each(['pwritev:half', 'msync:before', 'msync:after', 'unlock:before', 'fallocate:after'])(
  'killed at a call of one of its transactions (%s)',
  async (point) => {
    const library = killAtLibrary();
    if (library === undefined) return;
    const rounds = cases(2, 100);
    const fleet = new Fleet(import.meta.url, join(folder, `compaction-${made++}`));
    const db = open(fleet.path, { lockTimeout: 60_000 });
    const stores = storesOf(db);
    for (let round = 0; round < rounds; round++) {
      const dice = new Dice(point, firstRound + round);
      const count = point.startsWith('fallocate') ? 1 + dice.below(2) : 2 + dice.below(40);
      const env = { LD_PRELOAD: library, COPPICE_KILL_AT: `${point}:${count}` };
      const child = fleet.start('compactor', { ...compactor, env });
      fleet.doom('compactor');
      const { signal } = await child.ended();
      expect(signal, `round ${round}: ${point}:${count} ${child.lines.at(-1)}`).toBe('SIGKILL');
      await db.write((tx) => step(tx, stores, PARENT));
      await fleet.check(db, stores);
    }
    expect(db.stats().readers).toEqual([]);
    await db.close();
    await fleet.checkAlone();
  },
  SLOW,
);
