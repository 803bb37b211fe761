/**
 * A lock file that somebody cuts short while the database is open ends the handles on it: a named error
 * from whatever needs it, no signal, nothing committed, and all is right after opening again.
 */

import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newFolder, program } from '../support/process-children.ts';

const folder = newFolder('lock-file');
let made = 0;
const GONE = /-lock was cut short while the database was open/;

async function newDatabase(): Promise<string> {
  const path = join(folder, `cut-${made++}`);
  const db = open(path);
  const store = db.store<number, number>('s', { key: 'u32' });
  await db.write((tx) => {
    for (let i = 0; i < 1000; i++) tx.put(store, i, i);
  });
  await db.close();
  return path;
}

/** All of it; the page that names the newest snapshot stays; the first reader slots stay too. */
const LENGTHS = [0, 4096, 12_288];

describe.each(LENGTHS)('cut down to %i bytes', (length) => {
  test('nothing is committed any more, reads are right or refused, and the next opening is whole', async () => {
    const path = await newDatabase();
    const db = open(path);
    const store = db.store<number, number>('s', { key: 'u32' });
    await store.put(0, 1);
    const snapshot = db.snapshot();
    truncateSync(`${path}-lock`, length);
    await expect(store.put(0, 2)).rejects.toThrow(GONE);
    expect(() => db.writeSync((tx) => tx.put(store, 0, 3))).toThrow(GONE);
    const refused = { code: 'STORAGE_FAULT', message: expect.stringMatching(GONE) };
    for (let i = 0; i < 3; i++) {
      try {
        expect(store.get(0)).toBe(1);
      } catch (error) {
        expect(error).toMatchObject(refused);
      }
    }
    snapshot.close();
    // What was asked of it cannot be promised: the flush, the giving back.
    await db.close().catch((error: unknown) => expect(error).toMatchObject(refused));
    expect(db.closed).toBe(true);
    const again = open(path);
    const now = again.store<number, number>('s', { key: 'u32' });
    expect(now.get(0)).toBe(1);
    expect(now.count()).toBe(1000);
    await now.put(0, 4);
    await again.verify();
    await again.close();
  });

  test('processes that write and read in threads end with the error, not by a signal', async () => {
    const path = await newDatabase();
    const child = program(import.meta.url, 'cut-lock-file.mjs', [path]);
    for (let thread = 0; thread < 2; thread++) await child.line('goes on');
    truncateSync(`${path}-lock`, length);
    const { code, signal, lines } = await child.ended();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(lines.filter((line) => line.startsWith('ended'))).toEqual([
      'ended STORAGE_FAULT',
      'ended STORAGE_FAULT',
    ]);
  });
});
