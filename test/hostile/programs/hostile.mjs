// Opens damaged files, thousands of them: `node hostile.mjs DIST FOLDER`. Cases come from the parent
// in batches; the number of the one that runs stands in FOLDER/running, for when this dies of it.
import { closeSync, ftruncateSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { change, expectedOf, Log, readAll, THREW } from './exercise.mjs';
import { captureLock, runLockCase } from './lock-cases.mjs';
import { runRestoreCase } from './restore-cases.mjs';

const [dist, folder] = process.argv.slice(2);
const library = await import(pathToFileURL(join(dist, 'index.js')).href);
const { open, CoppiceError } = library;

/** More than this process takes when all is well, by several times. */
const MOST_MEMORY = 600 * 2 ** 20;

const running = openSync(join(folder, 'running'), 'w+');
const runningBytes = Buffer.alloc(8);
const bases = [];

// One after the other: the next batch comes before this one is done.
let turn = Promise.resolve();
process.on('message', (message) => {
  turn = turn.then(() => take(message));
});

async function take(message) {
  if (message.bases !== undefined) {
    for (const base of message.bases) bases.push(prepare(base, bases.length));
    process.send({ ready: true });
    return;
  }
  const results = [];
  for (const test of message.cases) {
    runningBytes.writeDoubleLE(test.id);
    writeSync(running, runningBytes, 0, 8, 0);
    const log = new Log(CoppiceError, test.lock === undefined ? [] : ['DATABASE_LOCKED', 'IO']);
    try {
      await run(test, log);
    } catch (error) {
      log.fail(`outside of any attempt: ${error?.stack ?? error}`);
    }
    const memory = process.memoryUsage.rss();
    if (memory > MOST_MEMORY) log.fail(`memory: ${Math.round(memory / 2 ** 20)} MiB`);
    results.push({ id: test.id, codes: log.codes, failures: log.failures });
  }
  process.send({ results });
}

process.on('unhandledRejection', (error) => {
  writeSync(2, `unhandled: ${error?.stack ?? error}\n`);
  process.exit(9);
});

function prepare(base, index) {
  const path = join(folder, `${index}.coppice`);
  const keys = new Map();
  for (const { name } of base.stores) {
    const all = new Set();
    for (const state of base.states) for (const [key] of state.stores[name]) all.add(key);
    // Some that are not there.
    for (let i = 0; i < 12; i++) all.add(typeof [...all][0] === 'string' ? `no ${i}` : 5000 + i);
    keys.set(name, [...all]);
  }
  writeFileSync(path, base.bytes);
  const fd = openSync(path, 'r+');
  return { ...base, path, keys, fd };
}

async function run(test, log) {
  if (test.pieces !== undefined) return runRestoreCase(library, folder, test, log);
  const base = bases[test.base];
  if (test.lock !== undefined) {
    base.live ??= await captureLock(library, base);
    return runLockCase(library, base, test, log);
  }
  damage(base, test);
  try {
    await use(base, test, log);
  } finally {
    mend(base, test);
  }
}

function damage(base, test) {
  rmSync(`${base.path}-lock`, { force: true });
  for (const [at, bytes] of test.patches) writeSync(base.fd, bytes, 0, bytes.length, at);
  if (test.lengthBytes !== base.bytes.length) ftruncateSync(base.fd, test.lengthBytes);
}

function mend(base, test) {
  if (test.use === 'immutable' && test.lengthBytes === base.bytes.length) {
    for (const [at, bytes] of test.patches) {
      writeSync(base.fd, base.bytes, at, bytes.length, at);
    }
    return;
  }
  ftruncateSync(base.fd, base.bytes.length);
  writeSync(base.fd, base.bytes, 0, base.bytes.length, 0);
}

/** Opens it, reads, writes, checks, and opens it again. */
async function use(base, test, log) {
  const { verify } = test;
  const readOnly = test.use !== 'write';
  const how = { create: false, verify, maxReaders: 8, flushInterval: 1_000_000 };
  const db = log.attempt('open', () =>
    open(base.path, {
      ...how,
      readOnly,
      immutable: test.use === 'immutable',
      ...(test.recover ? { recover: 'previous' } : {}),
    }),
  );
  if (db === THREW) return;
  let expected;
  try {
    expected = expectedState(db, base, test, log);
    readAll(db, base, expected, log);
    if (test.variant % 4 === 0) {
      log.attempt('stores', () => db.stores());
      log.attempt('stats', () => db.stats());
    }
    // Or the changes come to pages that nobody has read.
    const verifies = test.variant % 3 > 0;
    if (verifies) {
      await log.attemptAsync('verify', () => db.verify({ collect: test.variant % 2 === 0 }));
    }
    if (!readOnly) {
      await change(db, base, expected, test.variant, log);
      if (!verifies) await log.attemptAsync('verify', () => db.verify({ collect: true }));
    }
  } finally {
    log.attempt('close', () => db.closeSync());
  }
  if (readOnly) return;
  const again = log.attempt('open again', () =>
    open(base.path, { ...how, readOnly: true, immutable: test.variant % 2 === 0 }),
  );
  if (again === THREW) return;
  try {
    readAll(again, base, expected, log);
  } finally {
    log.attempt('close', () => again.closeSync());
  }
}

/** What the state that was opened holds, when that can be known. */
function expectedState(db, base, test, log) {
  if (!test.exact) return undefined;
  const { lastTransaction } = db;
  const state = base.states.find(({ transaction }) => transaction >= lastTransaction);
  if (state !== undefined) return expectedOf(state);
  log.fail(`transaction ${lastTransaction} is no state of the file`);
  return undefined;
}

// The parent is gone, and cannot tidy up.
process.on('disconnect', () => {
  closeSync(running);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
