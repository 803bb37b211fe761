// worker.mjs ID: works on a database as told on stdin, a line each; answers each with 'idle' at last.
//     prepare PATH           makes the database
//     write PATH OPTIONS     commits until something fails, and closes. OPTIONS: { durability,
//                            flushInterval, upkeep, sizes, pause }
//     recover PATH           opens, says what it found, and closes
//     check PATH             the same with every check, and commits three times
import { subscribe } from 'node:diagnostics_channel';
import {
  checkState,
  commands,
  open,
  ownTransactions,
  parameters,
  prepare,
  say,
  sleep,
  step,
  storesOf,
} from '../../processes/programs/program.mjs';

const id = Number(parameters[0]);
const IDS = [1, 2, 3];
const parent = process.ppid;
/**
 * What becomes of work when the disk is gone. CORRUPTION: the kernel drops pages that it cannot write,
 * and reads them again as they were before.
 */
const GONE = new Set([
  'IO',
  'DATABASE_POISONED',
  'STORAGE_FAULT',
  'CANNOT_OPEN',
  'CORRUPTION',
  'DATABASE_LOCKED',
]);

let steppedBackFrom = 0;
subscribe('coppice:recovery', (message) => {
  steppedBackFrom = message.steppedBackFrom;
});

/** One transaction of `by`; what it was is told before anything is committed. */
function one(db, stores, by, bytes, options) {
  return db.write((tx) => {
    const made = step(tx, stores, by, bytes);
    say('try', by, made.own, made.n);
    return made;
  }, options);
}

const acknowledge = (by, { own, n }) => say('ack', by, own, n);

/** Mostly small, now and then much larger. */
function size(sizes) {
  if (Math.random() < 0.8) return Math.floor(Math.random() * 3000);
  return Math.floor(Math.random() * sizes);
}

async function write(db, options) {
  const { durability, upkeep, sizes, pause } = options;
  const stores = storesOf(db);
  say('opened');
  let unflushed = 0;
  for (;;) {
    // Nobody is there to cut the power any more.
    if (process.ppid !== parent) process.exit(1);
    const batch = [];
    const count = Math.random() < 0.3 ? 4 : 1;
    const more = durability !== 'commit' && Math.random() < 0.1 ? { durability: 'commit' } : {};
    for (let i = 0; i < count; i++) batch.push(one(db, stores, id, size(sizes), more));
    const outcomes = await Promise.allSettled(batch);
    for (const { status, reason } of outcomes) {
      // A full disk is no end: nothing was changed.
      if (status === 'rejected' && reason.code !== 'DISK_FULL') throw reason;
    }
    const last = outcomes.findLast(({ status }) => status === 'fulfilled')?.value;
    unflushed++;
    if (last !== undefined && (durability === 'commit' || more.durability === 'commit')) {
      acknowledge(id, last);
    } else if (last !== undefined && Math.random() < 0.15) {
      await db.flush();
      say('flushed', unflushed);
      unflushed = 0;
      acknowledge(id, last);
    }
    if (upkeep && Math.random() < 0.04) await db.compact();
    if (upkeep && Math.random() < 0.02) await db.trim();
    if (Math.random() < 0.3) await sleep(Math.random() * pause);
  }
}

/** What the file holds, in one snapshot. */
function found(db, stores) {
  return db.read((snapshot) => {
    const n = checkState(snapshot, stores);
    return [n, ...IDS.map((by) => ownTransactions(snapshot, stores, by)), steppedBackFrom];
  });
}

async function check(db) {
  const stores = storesOf(db);
  say('found', ...found(db, stores));
  await db.verify();
  for (let i = 0; i < 3; i++) acknowledge(3, await one(db, stores, 3, size(20_000)));
  await db.verify();
}

const work = {
  prepare: (db) => void prepare(db),
  write,
  recover: (db) => void say('recovered', ...found(db, storesOf(db))),
  check,
};

say('ready');
for await (const line of commands()) {
  const [word, path, text] = line.split(' ');
  const { durability, flushInterval, ...options } = JSON.parse(text ?? '{}');
  let db;
  steppedBackFrom = 0;
  try {
    db = open(path, { lockTimeout: 20_000, ...(durability && { durability, flushInterval }) });
    await work[word](db, { durability, ...options });
    await db.close();
  } catch (error) {
    const told = GONE.has(error?.code) && word !== 'check' ? 'down' : 'FAILED';
    say(told, error?.code ?? '', String(error?.stack ?? error).replaceAll('\n', ' | '));
    await db?.close().catch(({ code }) => say('close', code));
  }
  say('idle');
}
