/** The data file and its lock file under the feet of who has them open: never two truths. */

import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  CannotOpenError,
  CoppiceError,
  type Database,
  DatabaseLockedError,
  IoError,
  open,
} from '../../src/index.ts';
import { type Child, newFolder, note, program } from '../support/process-children.ts';
import { Dice } from '../support/process-random.ts';
import {
  checkState,
  prepare,
  type StateStores,
  step,
  storesOf,
} from '../support/process-state.mjs';

const folder = newFolder('files');
const here = import.meta.url;
let made = 0;

/** A path in a folder of its own. */
function newPath(): string {
  const own = join(folder, `files-${made++}`);
  mkdirSync(own);
  return join(own, 'data');
}

function create(path = newPath()): { db: Database; stores: StateStores; path: string } {
  const db = open(path);
  return { db, stores: prepare(db), path };
}

/** What another process meets that opens the path: 'open', or a code and a message. */
async function openElsewhere(path: string): Promise<string> {
  const child = program(here, 'open-only.mjs', [path, { lockTimeout: 300 }]);
  const line = await child.line();
  child.say('go');
  await child.ended();
  return line;
}

async function checkWhole(path: string, n: number): Promise<void> {
  const db = open(path);
  expect(db.read((s) => checkState(s, storesOf(db)))).toBe(n);
  await db.verify();
  expect(db.stats().readers).toEqual([]);
  await db.close();
}

describe('the lock file', () => {
  test('removed while the database is open: those who have it go on, a second opener is refused', async () => {
    const { db, stores, path } = create();
    rmSync(`${path}-lock`);
    await db.write((tx) => step(tx, stores, 1));
    expect(await openElsewhere(path)).toMatch(
      /^DATABASE_LOCKED .*its lock file .*-lock is not there/,
    );
    expect(() => open(path)).toThrow(DatabaseLockedError);
    await db.write((tx) => step(tx, stores, 1));
    expect(db.read((s) => checkState(s, stores))).toBe(2);
    await db.close();
    // Alone again, a new one is made.
    expect(await openElsewhere(path)).toMatch(/^open/);
    await checkWhole(path, 2);
  });

  test('of another database in its place: a second opener is refused, and changes neither', async () => {
    const { db, stores, path } = create();
    const other = create();
    rmSync(`${path}-lock`);
    linkSync(`${other.path}-lock`, `${path}-lock`);
    expect(await openElsewhere(path)).toMatch(/^DATABASE_LOCKED .*belongs to another file/);
    await db.write((tx) => step(tx, stores, 1));
    await other.db.write((tx) => step(tx, other.stores, 1));
    await other.db.write((tx) => step(tx, other.stores, 1));
    await db.close();
    // This one is in use by the other database: it must not be made into one of ours.
    await checkWhole(path, 1);
    expect(other.db.read((s) => checkState(s, other.stores))).toBe(2);
    await other.db.write((tx) => step(tx, other.stores, 1));
    await other.db.close();
    await checkWhole(other.path, 3);
  });
});

describe('the data file', () => {
  test('renamed while it is open: its handles go on, a second opener of the new name is refused', async () => {
    const { db, stores, path } = create();
    const renamed = `${path}-renamed`;
    renameSync(path, renamed);
    await db.write((tx) => step(tx, stores, 1));
    expect(await openElsewhere(renamed)).toMatch(/^DATABASE_LOCKED/);
    await db.close();
    await checkWhole(renamed, 1);
  });

  test('renamed while it is open, and another made under the old name: both go on, each by itself', async () => {
    const { db, stores, path } = create();
    for (let i = 0; i < 3; i++) await db.write((tx) => step(tx, stores, 1));
    renameSync(path, `${path}-renamed`);
    const second = create(path);
    // The lock file under the old name is in use by the first.
    await second.db.write((tx) => step(tx, second.stores, 2));
    expect(db.read((s) => checkState(s, stores))).toBe(3);
    await db.write((tx) => step(tx, stores, 1));
    await db.write((tx) => step(tx, stores, 1));
    await second.db.write((tx) => step(tx, second.stores, 2));
    expect(db.read((s) => checkState(s, stores))).toBe(5);
    expect(second.db.read((s) => checkState(s, second.stores))).toBe(2);
    await db.close();
    expect(await openElsewhere(path)).toMatch(/^open/);
    await second.db.close();
    await checkWhole(`${path}-renamed`, 5);
    await checkWhole(path, 2);
  });

  test('deleted while it is open: it can be read, and every commit is a named error', async () => {
    const { db, stores, path } = create();
    await db.write((tx) => step(tx, stores, 1));
    rmSync(path);
    await expect(db.write((tx) => step(tx, stores, 1))).rejects.toThrow(
      `${path} was deleted; nothing can be committed to it`,
    );
    await expect(db.write((tx) => step(tx, stores, 1))).rejects.toBeInstanceOf(IoError);
    expect(() => db.writeSync((tx) => step(tx, stores, 1))).toThrow(/was deleted/);
    expect(db.read((s) => checkState(s, stores))).toBe(1);
    await db.verify();
    await db.close();
    expect(existsSync(path)).toBe(false);
  });

  test('deleted and made again while it is open: the new one is another database, undisturbed', async () => {
    const { db, stores, path } = create();
    for (let i = 0; i < 2; i++) await db.write((tx) => step(tx, stores, 1));
    rmSync(path);
    const second = create(path);
    await second.db.write((tx) => step(tx, second.stores, 2));
    expect(db.read((s) => checkState(s, stores))).toBe(2);
    await expect(db.write((tx) => step(tx, stores, 1))).rejects.toThrow(/was deleted/);
    expect(second.db.read((s) => checkState(s, second.stores))).toBe(1);
    await db.close();
    await second.db.write((tx) => step(tx, second.stores, 2));
    await second.db.close();
    await checkWhole(path, 2);
  });

  test('opened by a symlink is opened by its real path, with the same lock file', async () => {
    const { db, stores, path } = create();
    const link = join(newPath(), '..', 'link');
    symlinkSync(path, link);
    const by = open(link);
    expect(by.path).toBe(db.path);
    expect(existsSync(`${link}-lock`)).toBe(false);
    await by.write((tx) => step(tx, storesOf(by), 2));
    expect(db.read((s) => checkState(s, stores))).toBe(1);
    expect(await openElsewhere(link)).toMatch(/^open/);
    await by.close();
    await db.close();
    await checkWhole(link, 1);
  });

  test('a symlink to nothing is refused as one, and nothing is made', () => {
    const path = newPath();
    symlinkSync(`${path}-target`, path);
    expect(() => open(path)).toThrow(CannotOpenError);
    expect(() => open(path)).toThrow(/is a symbolic link to something that does not exist/);
    expect(readdirSync(join(path, '..'))).toEqual(['data']);
  });

  test('opened by a hard link while it is open is refused', async () => {
    const { db, stores, path } = create();
    linkSync(path, `${path}-hard`);
    expect(await openElsewhere(`${path}-hard`)).toMatch(/^DATABASE_LOCKED/);
    await db.write((tx) => step(tx, stores, 1));
    await db.close();
    await checkWhole(`${path}-hard`, 1);
    await checkWhole(path, 1);
  });

  test('opened by a hard link that was used before, with a lock file of its own, is refused while it is open', async () => {
    const { db: first, path } = create();
    await first.close();
    const hard = `${path}-hard`;
    linkSync(path, hard);
    // Leaves a lock file that names this very file, in this very boot of the machine.
    expect(await openElsewhere(hard)).toMatch(/^open/);
    expect(existsSync(`${hard}-lock`)).toBe(true);
    const db = open(path);
    const stores = storesOf(db);
    await db.write((tx) => step(tx, stores, 1));
    expect(await openElsewhere(hard)).toMatch(/^DATABASE_LOCKED/);
    await db.write((tx) => step(tx, stores, 1));
    await db.close();
    await checkWhole(hard, 2);
    await checkWhole(path, 2);
  });
});

describe('a data file that is copied while it is open', () => {
  /** Copies the file piece by piece, and lets `between` happen after each. */
  async function copy(path: string, dice: Dice, between: () => Promise<unknown>): Promise<string> {
    const to = newPath();
    const bytes = statSync(path).size;
    const pieces = dice.below(12) + 2;
    const order = Array.from({ length: pieces }, (_, i) => i);
    if (dice.next() < 0.5) order.reverse();
    const from = openSync(path, 'r');
    const target = openSync(to, 'w');
    for (const i of order) {
      const start = Math.floor((bytes * i) / pieces);
      const piece = Buffer.alloc(Math.floor((bytes * (i + 1)) / pieces) - start);
      const length = readSync(from, piece, 0, piece.length, start);
      writeSync(target, piece, 0, length, start);
      await between();
    }
    closeSync(from);
    closeSync(target);
    return to;
  }

  test('with its lock file, while nobody writes, is another database in the same state', async () => {
    const { db, stores, path } = create();
    await db.write((tx) => step(tx, stores, 1));
    const to = await copy(path, new Dice('still copy'), async () => {});
    copyFileSync(`${path}-lock`, `${to}-lock`);
    const other = open(to);
    await other.write((tx) => step(tx, storesOf(other), 2));
    await db.write((tx) => step(tx, stores, 1));
    await db.write((tx) => step(tx, stores, 1));
    expect(other.read((s) => checkState(s, storesOf(other)))).toBe(2);
    expect(db.read((s) => checkState(s, stores))).toBe(3);
    await other.close();
    await db.close();
    await checkWhole(to, 2);
    await checkWhole(path, 3);
  });

  // A copy of this kind is no backup: pages are reused while it is made. What must not be is a mixture.
  test('beside a writer is one whole transaction or a named error, never a mixture', async () => {
    const { db, stores, path } = create();
    const dice = new Dice('copies beside a writer');
    const met = { whole: 0, refused: 0 };
    for (let round = 0; round < 150; round++) {
      const to = await copy(path, dice, async () => {
        for (let i = dice.below(4); i > 0; i--) {
          await db.write((tx) => step(tx, stores, 1, dice.pick([50, 3000, 40_000])));
        }
      });
      if (dice.next() < 0.5) copyFileSync(`${path}-lock`, `${to}-lock`);
      try {
        const other = open(to);
        try {
          await other.verify();
          other.read((s) => checkState(s, storesOf(other)));
          await other.write((tx) => step(tx, storesOf(other), 2));
          met.whole++;
        } finally {
          await other.close();
        }
      } catch (error) {
        if (!(error instanceof CoppiceError)) throw error;
        expect(['CORRUPTION', 'STORAGE_FAULT', 'NOT_A_DATABASE']).toContain(error.code);
        met.refused++;
      }
      rmSync(join(to, '..'), { recursive: true });
    }
    const n = db.read((s) => checkState(s, stores));
    await db.close();
    await checkWhole(path, n);
    note(`copies beside a writer: ${met.whole} whole, ${met.refused} refused`);
    expect(met.whole).toBeGreaterThan(10);
    expect(met.refused).toBeGreaterThan(10);
  }, 60_000);
});

describe('a new database', () => {
  test('made by six processes at once is made once, and all of them write to it', async () => {
    for (let round = 0; round < 2; round++) {
      const path = newPath();
      const ids = [1, 2, 3, 4, 5, 6];
      const children: Child[] = ids.map((id) => program(here, 'create.mjs', [path, id]));
      for (const child of children) await child.line('ready');
      for (const child of children) child.say('go');
      for (const child of children) {
        const { code, lines } = await child.ended();
        expect([code, lines.at(-1)]).toEqual([0, 'done']);
      }
      const db = open(path);
      const stores = storesOf(db);
      expect(db.read((s) => ids.map((id) => s.get(stores.acks, id)))).toEqual(ids.map(() => 5));
      await db.verify();
      await db.close();
      // No temporary file stays.
      expect(readdirSync(join(path, '..')).sort()).toEqual(['data', 'data-lock']);
    }
  }, 60_000);
});
