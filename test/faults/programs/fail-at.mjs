// The file by which a process tells its own fail-at.c which call to fail; see there for its layout.
import { openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

export const KINDS = [
  'none',
  'open',
  'close',
  'read',
  'write',
  'msync',
  'sync',
  'fallocate',
  'truncate',
  'stat',
  'statx',
  'statfs',
  'map',
  'reserve',
  'lock',
  'wait',
  'unlock',
  'look',
  'dup',
  'rename',
  'renameat2',
  'link',
  'unlink',
  'chmod',
  'thread',
  'memfd',
  'lookup',
];
const SHORT = { half: -1, one: -2, zero: -3 };
const COUNTS_AT = 8;
const FOLDER_AT = 512;

/** The number that stands for an action: an errno by its name, or a way to be short. */
const actionNumber = (action) => SHORT[action] ?? constants.errno[action];

export class FailAt {
  #file;
  #bytes = Buffer.alloc(4096);
  #words = new BigInt64Array(this.#bytes.buffer, this.#bytes.byteOffset, 64);

  constructor(path) {
    this.#file = openSync(path, 'r+');
  }

  /** Counts from 0 the calls on files below `folder`, an absolute path, and fails those that `fault` names. */
  arm(folder, fault) {
    this.#bytes.fill(0);
    if (fault.kind !== undefined) this.#words[0] = BigInt(KINDS.indexOf(fault.kind));
    if (fault.action !== undefined) this.#words[1] = BigInt(actionNumber(fault.action));
    this.#words[2] = BigInt(fault.first ?? 0);
    this.#words[3] = BigInt(fault.span ?? 1);
    if (fault.standing !== undefined) {
      this.#words[5] = BigInt(KINDS.indexOf(fault.standing.kind));
      this.#words[6] = BigInt(actionNumber(fault.standing.action));
    }
    this.#bytes.write(folder, FOLDER_AT);
    this.#write();
  }

  disarm() {
    this.#bytes.fill(0);
    this.#write();
  }

  /** How many calls were failed, and how many of each kind there were, since `arm`. */
  look() {
    readSync(this.#file, this.#bytes, 0, FOLDER_AT, 0);
    const counts = {};
    KINDS.forEach((kind, i) => {
      const count = Number(this.#words[COUNTS_AT + i]);
      if (count > 0) counts[kind] = count;
    });
    return { fired: Number(this.#words[4]), counts };
  }

  /** What `work` does is neither counted nor failed. Nothing else may be at work. */
  unseen(work) {
    writeSync(this.#file, '\0', FOLDER_AT);
    try {
      return work();
    } finally {
      writeSync(this.#file, '/', FOLDER_AT);
    }
  }

  #write() {
    writeSync(this.#file, this.#bytes, 0, this.#bytes.length, 0);
  }
}
