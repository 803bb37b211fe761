/**
 * Databases for one test each: made here, and after the test checked whole, with nothing left open,
 * and removed.
 */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect } from 'vitest';
import { type Database, type OpenOptions, open } from '../../src/index.ts';
import { createFile } from '../../src/pager/create-file.ts';

/** Memory, where there is some to be had as a folder: these tests are not about disks. */
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'coppice-api-'));
const opened = new Set<Database>();
let made = 0;

afterEach(async () => {
  const left = [...opened];
  opened.clear();
  try {
    for (const db of left) if (!db.closed) await checkWhole(db);
  } finally {
    for (const db of left) await db.close();
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A path at which there is nothing yet. */
export function newPath(): string {
  return join(folder, `${made++}.coppice`);
}

/** Opens a database that is checked and closed after the test. */
export function openFresh(path = ':memory:', options?: OpenOptions): Database {
  const db = open(path, options);
  opened.add(db);
  return db;
}

/**
 * The path of a new database with pages that are smaller than `open` makes them, so that few keys
 * make a deep tree. `open(path)` takes the page size from the file.
 */
export function newTinyFile(pageSize: 256 | 512 | 1024): string {
  const path = newPath();
  createFile(path, pageSize);
  return path;
}

/** Every page is sound and accounted for, and nothing holds a snapshot any more. */
export async function checkWhole(db: Database): Promise<void> {
  const { readers, open: inUse } = db.stats();
  expect(readers.filter(({ self }) => self)).toEqual([]);
  expect(inUse).toEqual({ iterators: 0, snapshots: 0, views: 0, queuedBytes: 0 });
  expect((await db.verify()).problems).toEqual([]);
}
