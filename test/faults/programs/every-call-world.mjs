// One case of every-call.mjs: a folder, the fault that waits in it, and what has to hold whatever
// the fault does: errors are typed and told once, a failed transaction leaves nothing, a handle that
// is not poisoned works on.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { CoppiceError, checkState, open, step, storesOf } from './program.mjs';

const addon = createRequire(import.meta.url)('../../../build/Release/coppice.node');

/** Longer than anything here takes on a busy machine. */
const DEADLINE_MS = 30_000;
const DISK_FULL = ['ENOSPC', 'EDQUOT'];
/** What an operation may say of a failed call. */
const CODES = {
  open: ['CANNOT_OPEN', 'DISK_FULL', 'STORAGE_FAULT'],
  read: ['IO', 'STORAGE_FAULT'],
  write: ['IO', 'DISK_FULL', 'DATABASE_POISONED', 'STORAGE_FAULT'],
  copy: ['IO', 'DISK_FULL', 'CANNOT_OPEN', 'DATABASE_POISONED', 'STORAGE_FAULT'],
};

export class World {
  folder;
  /** Transactions that are durable, and published, by what was acknowledged. */
  durable = 0;
  published = 0;
  poisoned = false;
  /** Nothing was ever written to it. */
  empty = false;
  problems = [];
  codes = {};
  /** The transactions that it may be in, where what was acknowledged does not say it. */
  allowed = undefined;
  /** Databases beside the main one that the checker is to open: { path, allowed }. */
  others = [];
  #failAt;
  #fault;

  /** `fault.invisible`: nobody may notice it. */
  constructor(folder, failAt, fault) {
    this.folder = folder;
    this.#failAt = failAt;
    this.#fault = fault;
  }

  get path() {
    return join(this.folder, 'data');
  }

  problem(text) {
    this.problems.push(text.replaceAll('\n', ' | '));
  }

  /** The result of `work`; undefined, after the error was judged, when it failed. */
  async attempt(kind, name, work) {
    const before = this.#failAt.look().fired;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${name} hangs`)), DEADLINE_MS);
    });
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      this.#judge(kind, name, error, before);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #judge(kind, name, error, before) {
    const { invisible, span = 1, kind: call } = this.#fault;
    const action = this.#fault.action === 'zero' ? 'EIO' : this.#fault.action;
    const { fired } = this.#failAt.look();
    const wrong = (what) => this.problem(`${name}: ${what}: ${error?.code} ${error?.stack}`);
    if (!(error instanceof CoppiceError)) return wrong('an error that is not typed');
    const { code, message } = error;
    this.codes[code] = (this.codes[code] ?? 0) + 1;
    if (fired === 0) return wrong('an error without a fault');
    if (invisible) return wrong('the fault is to be seen');
    // A lock that the system does not take back is held until the handle is closed.
    if (code === 'WRITER_LOCK_TIMEOUT' && call === 'unlock') return undefined;
    if (!CODES[kind].includes(code)) return wrong('not an error of this operation');
    if (before === fired && span === 1 && !this.poisoned) return wrong('an error after the fault');
    if (code === 'DISK_FULL' && !DISK_FULL.includes(action)) return wrong('no disk was full');
    if (code === 'IO' && error.errno !== constants.errno[action]) return wrong('another errno');
    if (kind === 'write' && !this.poisoned) {
      // A failed flush proves nothing about later ones; a full disk changed nothing.
      const full = call === 'write' && DISK_FULL.includes(action);
      if (call === 'msync' && code !== 'DATABASE_POISONED') wrong('a failed flush is not fatal');
      if (full && code !== 'DISK_FULL') wrong('a full disk is fatal');
    }
    if (code !== 'DATABASE_POISONED') return undefined;
    this.poisoned = true;
    if (!message.includes(`(errno ${constants.errno[action]})`)) wrong('it does not say the cause');
    return undefined;
  }

  /** Opens the database, a second time when the first failed: then nothing may be in the way. */
  async open(options = {}, path = this.path) {
    const again = { lockTimeout: 5000, flushInterval: 3_600_000, ...options };
    for (let tries = 0; tries < 2; tries++) {
      const db = await this.attempt('open', `open ${tries}`, () => open(path, again));
      if (db === undefined) continue;
      const stores = await this.attempt('read', 'stores', () => storesOf(db));
      if (stores !== undefined) return { db, stores };
      await this.close({ db });
    }
    return undefined;
  }

  /** One transaction of process-state.mjs, and a look at what it left. */
  async commit(name, { db, stores }, { bytes = 400, durability = 'commit', how = 'write' } = {}) {
    const done = await this.attempt('write', name, async () => {
      if (how === 'sync') {
        db.writeSync((tx) => step(tx, stores, 1, bytes), { durability });
      } else if (how === 'begin') {
        const tx = await db.beginWrite({ durability });
        step(tx, stores, 1, bytes);
        await tx.commit();
      } else {
        await db.write((tx) => step(tx, stores, 1, bytes), { durability });
      }
      return true;
    });
    if (done === true) {
      this.published++;
      if (durability === 'commit') this.durable = this.published;
    }
    await this.read(name, { db, stores });
  }

  /** A write that changes no transaction's state. */
  async write(name, work) {
    return this.attempt('write', name, async () => {
      await work();
      return true;
    });
  }

  async flush(name, { db }) {
    const done = await this.write(name, () => db.flush());
    if (done === true) this.durable = this.published;
  }

  /** Whoever reads sees what was published, and nothing of what failed. */
  async read(name, { db, stores }) {
    const n = await this.attempt('read', `read after ${name}`, () => this.stateOf({ db, stores }));
    if (n !== undefined && n !== this.published) {
      this.problem(`after ${name} readers see transaction ${n}, not ${this.published}`);
    }
  }

  async close({ db }, how = 'close') {
    this.#failAt.unseen(() => this.#requireLockFree(db.path));
    await this.attempt('write', how, async () => {
      if (how === 'close') await db.close();
      else db.closeSync();
    });
    if (!db.closed) this.problem(`${how} failed and left it open`);
  }

  /** No failure may keep the writer lock, on which others would wait for ever. */
  #requireLockFree(path) {
    // Where giving it back fails, nothing can be done.
    if (this.#fault.kind === 'unlock') return;
    const file = addon.openFile(path, { write: true, create: false });
    if (!file.tryAcquireWriter()) this.problem('the writer lock is held by nobody at work');
    file.close();
  }

  stateOf({ db, stores }) {
    return db.read((snapshot) => checkState(snapshot, stores));
  }

  /** A copy to `path`: whatever it comes to, `path` then holds that or what it held before. */
  async copy(name, path, work) {
    const before = this.#failAt.unseen(() => contentOf(path));
    const done = await this.attempt('copy', name, async () => (await work()) ?? true);
    if (done !== undefined) return done;
    const after = this.#failAt.unseen(() => contentOf(path));
    const same = before === undefined ? after === undefined : after?.equals(before) === true;
    // Once it is in place only the flush of its folder is left, which cannot be undone.
    const { kind } = this.#fault;
    if (!same && kind !== 'sync' && kind !== 'open') this.problem(`${name} failed, but is there`);
    return undefined;
  }

  /** A failed write or flush is told to someone. */
  requireTold() {
    const { kind, invisible } = this.#fault;
    if (!['write', 'msync', 'sync'].includes(kind) || invisible) return;
    if (this.#failAt.look().fired > 0 && Object.keys(this.codes).length === 0) {
      this.problem('nobody was told');
    }
  }

  /** What was left beside: descriptors of this folder, and files but those. */
  leftovers(names) {
    const { kind } = this.#fault;
    for (const fd of readdirSync('/proc/self/fd')) {
      let target = '';
      try {
        target = readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        // That of the listing itself.
      }
      if (target.startsWith(`${this.folder}/`)) this.problem(`left open: ${target}`);
    }
    if (kind === 'unlink' || kind === 'link') return;
    const left = readdirSync(this.folder).filter((name) => !names.includes(name));
    if (left.length > 0) this.problem(`left behind: ${left.join(' ')}`);
  }
}

function contentOf(path) {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : readFileSync(path);
}
