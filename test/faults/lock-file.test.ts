/**
 * A lock file that somebody cuts short, or writes nonsense to, while the database is open ends the
 * handles on it: a named error from whatever needs it, no signal, nothing committed, and all is
 * right after opening again.
 */

import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WORD } from '../../src/format/lock-file.ts';
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

/**
 * Case 1395 of the hostile lock files, seed 220570370. The ids that are reserved are used up, so a
 * write begins with a flush; D is an entry that does not exist, so there is no flush. The hold of
 * the lock that was taken for the flush stayed: other handles waited for the lock until this one
 * was closed.
 */
test('a flush that cannot be made keeps no hold of the writer lock', async () => {
  const path = await newDatabase();
  const options = { durability: 'manual', lockTimeout: 200 } as const;
  const handles = [open(path, options), open(path, options)];
  setWord(`${path}-lock`, WORD.durable, 8191);
  setWord(`${path}-lock`, WORD.lastIdStarted + 1, -1);
  const damaged = { code: 'STORAGE_FAULT', message: expect.stringMatching(/lock file/) };
  for (let i = 0; i < 3; i++) {
    for (const db of handles) {
      const store = db.store<number, number>('s', { key: 'u32' });
      expect(() => db.writeSync((tx) => tx.put(store, 0, 2))).toThrow(
        expect.objectContaining(damaged),
      );
      await expect(store.put(0, 3)).rejects.toMatchObject(damaged);
    }
  }
  for (const db of handles) {
    await db.close().catch((error: unknown) => expect(error).toMatchObject(damaged));
  }
  const again = open(path);
  const store = again.store<number, number>('s', { key: 'u32' });
  expect(store.get(0)).toBe(0);
  await store.put(0, 4);
  await again.close();
});

function setWord(path: string, word: number, value: number): void {
  const file = openSync(path, 'r+');
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  writeSync(file, bytes, 0, 4, 4 * word);
  closeSync(file);
}
