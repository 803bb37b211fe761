/**
 * lmdb-js. `overlappingSync` is switched off: with it (the default) the promise of a write resolves
 * when the write is committed, before it is on the disk. Without it each commit calls fdatasync and
 * writes its meta page through a descriptor with O_DSYNC (seen with strace). With it, awaiting
 * `db.flushed` flushes as often and writes once more; in a short trial on a busy disk it was no
 * faster.
 */

import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import type { Contender, HeldReader, Session } from './contender.ts';
import { versionOf } from './versions.ts';

const FILL_TRANSACTION = 10_000;

export const lmdb: Contender = {
  name: 'lmdb',
  version: versionOf('lmdb'),
  variants: {
    get: ['get', 'getBinary', 'getBinaryFast'],
    scan: ['getRange'],
    transaction: ['transaction', 'transactionSync', 'puts'],
    put: ['put', 'putSync'],
    open: ['open'],
  },
  borrowing: ['getBinaryFast'],
  file: (folder) => join(folder, 'data.mdb'),
  open: (folder) =>
    new LmdbSession(
      open<Uint8Array, string>({
        path: folder,
        noSubdir: false,
        encoding: 'binary',
        overlappingSync: false,
      }),
    ),
};

class LmdbSession implements Session {
  private readonly db: RootDatabase<Uint8Array, string>;

  constructor(db: RootDatabase<Uint8Array, string>) {
    this.db = db;
  }

  async fill(keys: Iterable<string>, value: Uint8Array): Promise<void> {
    const { db } = this;
    let part: string[] = [];
    const write = (): void => {
      db.transactionSync(() => {
        for (const key of part) void db.put(key, value);
      });
      part = [];
    };
    for (const key of keys) {
      if (part.push(key) === FILL_TRANSACTION) write();
    }
    write();
    await db.flushed;
  }

  reader(variant: string): (key: string) => Uint8Array | undefined {
    const { db } = this;
    if (variant === 'getBinary') return (key) => db.getBinary(key);
    // Its result is only good until the next read: the one variant that copies nothing out.
    if (variant === 'getBinaryFast') return (key) => db.getBinaryFast(key);
    return (key) => db.get(key);
  }

  scanner(): () => number {
    const { db } = this;
    return () => {
      let bytes = 0;
      for (const { key, value } of db.getRange()) bytes += key.length + value.length;
      return bytes;
    };
  }

  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void> {
    const { db } = this;
    if (variant === 'transactionSync') {
      return async (keys, value) => {
        db.transactionSync(() => {
          for (const key of keys) void db.put(key, value);
        });
      };
    }
    if (variant === 'puts') {
      return async (keys, value) => {
        let last: Promise<boolean> | undefined;
        for (const key of keys) last = db.put(key, value);
        await last;
      };
    }
    return async (keys, value) => {
      await db.transaction(() => {
        for (const key of keys) void db.put(key, value);
      });
    };
  }

  putter(variant: string): (key: string, value: Uint8Array) => Promise<void> {
    const { db } = this;
    if (variant === 'putSync') {
      return async (key, value) => {
        db.putSync(key, value);
      };
    }
    return async (key, value) => {
      await db.put(key, value);
    };
  }

  hold(): HeldReader {
    const { db } = this;
    const transaction = db.useReadTransaction();
    return { get: (key) => db.get(key, { transaction }), close: () => transaction.done() };
  }

  stats(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.db.close();
  }
}
