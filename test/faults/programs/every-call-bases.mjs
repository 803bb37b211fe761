// What the scenes of every-call.mjs begin with: a closed database, one with free room to come, the
// pieces of a backup, and the files as deaths of a process leave them.
//
// A process that dies leaves its files as they are: so a copy of them, made while it lives, is what
// its death at that moment leaves. Only the lock file has to be told that the copy is its data file.
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { open, prepare, step } from './program.mjs';

/** Words of the lock file, and of an entry of its table: src/format/lock-file.ts. */
const WORD = { inode: 8, poisoned: 50, poisonErrno: 51 };

/** Makes a database of five transactions at `path`; it is left open. */
function make(path, failAt) {
  failAt.disarm();
  const db = open(path, { flushInterval: 3_600_000 });
  const stores = prepare(db);
  for (let i = 0; i < 5; i++) db.writeSync((tx) => step(tx, stores, 1, i * 1500));
  return { db, stores };
}

export async function makeBases(folder, failAt) {
  const at = (base) => {
    mkdirSync(join(folder, base));
    return join(folder, base, 'data');
  };
  const plain = make(at('plain'), failAt);
  await plain.db.close();

  const roomy = make(at('roomy'), failAt);
  const ballast = roomy.db.store('ballast', { key: 'u32', value: 'bytes' });
  for (let from = 0; from < 600; from += 100) {
    const keys = Array.from({ length: 100 }, (_, i) => from + i);
    await ballast.putMany(keys.map((key) => [key, Buffer.alloc(5000, key)]));
  }
  await roomy.db.close();

  const pieces = make(join(folder, 'making'), failAt);
  mkdirSync(join(folder, 'pieces'));
  const { transaction } = await pieces.db.backup(join(folder, 'pieces', 'full'));
  for (const bytes of [70_000, 500]) pieces.db.writeSync((tx) => step(tx, pieces.stores, 1, bytes));
  await pieces.db.backup(join(folder, 'pieces', 'part'), { since: transaction });
  await pieces.db.close();

  await died(folder, 'published', failAt, async ({ db, stores }) => {
    for (let i = 0; i < 2; i++) {
      await db.write((tx) => step(tx, stores, 1, 10_000), { durability: 'interval' });
    }
  });
  await died(folder, 'restarted', failAt, async ({ db, stores }) => {
    await db.write((tx) => step(tx, stores, 1, 10_000));
  });
  // The lock file of before the restart counts for nothing.
  rmSync(join(folder, 'restarted', 'data-lock'));
  await died(folder, 'poisoned', failAt, (made) => failingCommit(made, failAt, folder, 'msync'));
  // The same, but dead before it could say so.
  const silent = { silent: true };
  await died(folder, 'flush', failAt, (m) => failingCommit(m, failAt, folder, 'msync'), silent);
  await died(folder, 'pages', failAt, (m) => failingCommit(m, failAt, folder, 'write'), silent);
}

async function failingCommit({ db, stores }, failAt, folder, kind) {
  failAt.arm(folder, { kind, action: 'EIO', first: kind === 'write' ? 2 : 1 });
  await db.write((tx) => step(tx, stores, 1, 100_000)).catch(() => {});
  failAt.disarm();
}

/** The files as they are after `work`, with the process that has them open dead. */
async function died(folder, base, failAt, work, { silent = false } = {}) {
  const path = join(folder, `${base}-making`);
  const made = make(path, failAt);
  await work(made);
  mkdirSync(join(folder, base));
  for (const end of ['', '-lock']) copyFileSync(path + end, join(folder, base, `data${end}`));
  await made.db.close();
  if (silent) {
    setWord(join(folder, base, 'data-lock'), WORD.poisoned, 0);
    setWord(join(folder, base, 'data-lock'), WORD.poisonErrno, 0);
  }
}

/** Copies what a base has into the folder of a case. */
export function layOut(base, folder) {
  const names = readdirSync(base);
  for (const name of names) copyFileSync(join(base, name), join(folder, name));
  if (!names.includes('data-lock')) return;
  const { ino } = statSync(join(folder, 'data'), { bigint: true });
  setWord(join(folder, 'data-lock'), WORD.inode, Number(ino & 0xffff_ffffn));
  setWord(join(folder, 'data-lock'), WORD.inode + 1, Number(ino >> 32n));
}

function setWord(path, word, value) {
  const file = openSync(path, 'r+');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  writeSync(file, bytes, 0, 4, 4 * word);
  closeSync(file);
}
