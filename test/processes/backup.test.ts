/** kill -9 during a backup or a restore: the target is as it was, or whole. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { cases, long } from '../frame/size.ts';
import { newFolder, program, sleep } from '../support/process-children.ts';
import { Dice } from '../support/process-random.ts';

const folder = newFolder('backup');

test.each(['full', 'compact', 'restore'] as const)(
  'of a process that makes one: %s',
  async (what) => {
    const path = join(folder, `${what}-source`);
    const db = open(path, { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 40; i++) {
      const from = i * 1000;
      await store.putMany(
        Array.from({ length: 1000 }, (_, k) => [from + k, Buffer.alloc(100, k)] as const),
      );
    }
    await store.put(1_000_000, Buffer.alloc(3_000_000, 7));
    const image = join(folder, `${what}-image`);
    await db.backup(image);
    const before = Buffer.alloc(100_000, 'what was there ');
    let [untouched, whole, tookMs] = [0, 0, 0];
    for (let round = 0; round < cases(10, 500); round++) {
      const dice = new Dice(`backup ${what}`, round);
      const target = join(folder, `${what}-${round}`);
      writeFileSync(target, before);
      const source = what === 'restore' ? image : path;
      const child = program(import.meta.url, 'backup.mjs', [source, target, what]);
      // At once, after it has been done, or at any time: how long one takes the first one shows.
      const start = performance.now();
      await child.line('begin');
      if (round % 3 === 1) {
        await child.line('done');
        await child.line('begin');
        tookMs = performance.now() - start;
      }
      if (round % 3 === 2) await sleep(dice.next() * 1.5 * tookMs);
      await child.kill();
      if (readFileSync(target).equals(before)) {
        untouched++;
        continue;
      }
      whole++;
      const made = open(target);
      expect((await made.verify()).entries).toBe(40_001);
      await made.close();
    }
    expect(untouched).toBeGreaterThan(0);
    expect(whole).toBeGreaterThan(0);
    // Nobody keeps a snapshot of the source any more.
    await store.put(1, Buffer.alloc(10));
    expect(db.stats().readers).toEqual([]);
    await db.close();
  },
  long ? 24 * 3_600_000 : 60_000,
);
