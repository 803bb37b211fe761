// A database whose lock file was damaged: what processes that died left, or what others use now.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readAll, THREW } from './exercise.mjs';

const HOW = { create: false, maxReaders: 8, lockTimeout: 200, flushInterval: 1_000_000 };

/** The data file and the lock file as they are while somebody has them open, and has not flushed. */
export async function captureLock({ open }, base) {
  rmSync(`${base.path}-lock`, { force: true });
  writeFileSync(base.path, base.bytes);
  const db = open(base.path, { ...HOW, durability: 'manual' });
  const kind = base.stores[0];
  const store = db.store(kind.name, { key: kind.key, value: kind.value });
  const snapshot = db.snapshot();
  for (let i = 0; i < 4; i++) {
    db.writeSync((tx) => {
      for (const [key, value] of base.states.at(-1).stores[kind.name].slice(i, i + 3)) {
        tx.remove(store, key);
        tx.put(store, key, value);
      }
    });
  }
  const live = { data: readFileSync(base.path), lock: readFileSync(`${base.path}-lock`) };
  snapshot.close();
  await db.close();
  restore(base);
  return live;
}

function restore(base) {
  writeFileSync(base.path, base.bytes);
}

/** Does what `ops` say to the words of a lock file. */
function damaged(lock, { ops, lengthBytes, junk }) {
  let bytes = Buffer.from(junk ?? lock);
  for (const [kind, at, value] of ops) {
    if (kind === 'set' && 4 * at + 4 <= bytes.length) bytes.writeInt32LE(value, 4 * at);
    if (kind === 'flip' && at < bytes.length) bytes[at] ^= value;
  }
  if (lengthBytes !== undefined) {
    bytes = Buffer.concat([bytes, Buffer.alloc(Math.max(0, lengthBytes - bytes.length))]);
    bytes = bytes.subarray(0, lengthBytes);
  }
  return bytes;
}

export async function runLockCase(library, base, test, log) {
  const { open } = library;
  const path = `${base.path}-lock`;
  const { lock } = test;
  rmSync(path, { force: true });
  try {
    if (lock.whileOpen) {
      await whileOpen(open, base, path, test, log);
      return;
    }
    writeFileSync(base.path, base.live.data);
    writeFileSync(path, damaged(base.live.lock, lock));
    await openAndUse(open, base, test, log);
  } finally {
    restore(base);
    rmSync(path, { force: true });
  }
}

async function openAndUse(open, base, { verify, use, lock }, log) {
  const readOnly = use === 'readOnly';
  const db = log.attempt('open', () => open(base.path, { ...HOW, verify, readOnly }));
  if (db === THREW) return;
  const expected = lock.harmless ? expectedOfLast(base) : undefined;
  try {
    readAll(db, base, expected, log);
    if (!readOnly) await writeSome(db, base, log);
    await log.attemptAsync('verify', () => db.verify({ collect: true }));
  } finally {
    log.attempt('close', () => db.closeSync());
  }
  const again = log.attempt('open again', () => open(base.path, { ...HOW, readOnly: true }));
  if (again === THREW) return;
  readAll(again, base, undefined, log);
  log.attempt('close', () => again.closeSync());
}

function expectedOfLast(base) {
  const stores = new Map();
  for (const [name, entries] of Object.entries(base.states.at(-1).stores)) {
    stores.set(name, new Map(entries));
  }
  return stores;
}

async function writeSome(db, base, log) {
  const kind = base.stores[0];
  const store = log.attempt('store', () =>
    db.store(kind.name, { key: kind.key, value: kind.value }),
  );
  if (store === THREW) return;
  const [entry] = base.states.at(-1).stores[kind.name];
  for (let i = 0; i < 2; i++) {
    log.attempt('put', () => db.writeSync((tx) => tx.put(store, entry[0], entry[1])));
  }
  await log.attemptAsync('flush', () => db.flush());
}

/** The words change under a handle that is open; then another joins. */
async function whileOpen(open, base, path, { verify, lock }, log) {
  writeFileSync(base.path, base.bytes);
  const db = open(base.path, { ...HOW, verify, durability: 'manual' });
  try {
    const kind = base.stores[0];
    const store = db.store(kind.name, { key: kind.key, value: kind.value });
    const [entry] = base.states.at(-1).stores[kind.name];
    db.writeSync((tx) => tx.put(store, entry[0], entry[1]));
    const now = readFileSync(path);
    const other = damaged(now, lock);
    // In place: it is mapped, and cutting it off would be a fault, not damage.
    writeFileSync(path, other.subarray(0, now.length), { flag: 'r+' });
    readAll(db, base, undefined, log);
    await writeSome(db, base, log);
    const joined = log.attempt('join', () => open(base.path, { ...HOW, verify }));
    if (joined !== THREW) {
      readAll(joined, base, undefined, log);
      await writeSome(joined, base, log);
      log.attempt('close', () => joined.closeSync());
    }
  } finally {
    log.attempt('close', () => db.closeSync());
  }
}
