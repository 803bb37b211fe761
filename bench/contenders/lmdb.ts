/**
 * lmdb-js. `overlappingSync` is switched off: with it (the default) the promise of a write resolves
 * when the write is committed, before it is on the disk. Without it each commit calls fdatasync and
 * writes its meta page through a descriptor with O_DSYNC (seen with strace). With it, awaiting
 * `db.flushed` flushes as often and writes once more; in a short trial on a busy disk it was no
 * faster. 'relaxed' is `noSync`.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { seenKey, seenValue } from '../data.ts';
import type { Contender, Entry, HeldReader, Session } from './contender.ts';
import { versionOf } from './versions.ts';

const FILL_TRANSACTION = 10_000;

const file = (folder: string): string => join(folder, 'data.mdb');

export const lmdb: Contender = {
  name: 'lmdb',
  version: versionOf('lmdb'),
  variants: {
    get: ['get', 'getBinary', 'getBinaryFast'],
    search: ['doesExist'],
    scan: ['getRange'],
    reverse: ['getRange'],
    keys: ['getKeys'],
    count: ['getKeysCount'],
    offset: ['getKeys'],
    seek: ['getRange'],
    objects: ['get'],
    load: ['transactionSync', 'append'],
    transaction: ['transaction', 'transactionSync', 'puts'],
    remove: ['transaction', 'transactionSync', 'removes'],
    put: ['put', 'putSync'],
    group: ['put'],
    relaxed: ['put', 'putSync'],
    open: ['open'],
  },
  borrowing: ['getBinaryFast'],
  file,
  sizeBytes: (folder) => statSync(file(folder)).size,
  open: (folder, durability) =>
    new LmdbSession(
      open<Uint8Array, string>({
        path: folder,
        noSubdir: false,
        encoding: 'binary',
        overlappingSync: false,
        noSync: durability === 'relaxed',
      }),
    ),
  openObjects(folder) {
    const db = open<object, string>({
      path: folder,
      noSubdir: false,
      overlappingSync: false,
      sharedStructuresKey: Symbol.for('structures'),
    });
    return {
      async fill(entries) {
        db.transactionSync(() => {
          for (const [key, value] of entries) db.putSync(key, value);
        });
      },
      get: (key) => db.get(key),
      close: () => db.close(),
    };
  },
};

class LmdbSession implements Session {
  private readonly db: RootDatabase<Uint8Array, string>;

  constructor(db: RootDatabase<Uint8Array, string>) {
    this.db = db;
  }

  async fill(entries: Iterable<Entry>): Promise<void> {
    const { db } = this;
    let part: Entry[] = [];
    const write = (): void => {
      db.transactionSync(() => {
        for (const [key, value] of part) void db.put(key, value);
      });
      part = [];
    };
    for (const entry of entries) {
      if (part.push(entry) === FILL_TRANSACTION) write();
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

  searcher(): (key: string) => boolean {
    const { db } = this;
    return (key) => db.doesExist(key);
  }

  scanner(_variant: string, reverse: boolean): () => number {
    const { db } = this;
    return () => {
      let seen = 0;
      for (const { key, value } of db.getRange({ reverse }))
        seen += seenKey(key) + seenValue(value);
      return seen;
    };
  }

  keyScanner(): () => number {
    const { db } = this;
    return () => {
      let seen = 0;
      for (const key of db.getKeys()) seen += seenKey(key);
      return seen;
    };
  }

  counter(): (from: string, to: string) => number {
    const { db } = this;
    return (start, end) => db.getKeysCount({ start, end });
  }

  offsetter(): (offset: number) => string | undefined {
    const { db } = this;
    return (offset) => {
      for (const key of db.getKeys({ offset, limit: 1 })) return key;
      return undefined;
    };
  }

  seeker(): (key: string, limit: number) => number {
    const { db } = this;
    return (start, limit) => {
      let seen = 0;
      for (const { key, value } of db.getRange({ start, limit })) {
        seen += seenKey(key) + seenValue(value);
      }
      return seen;
    };
  }

  loader(variant: string): (keys: Iterable<string>, value: Uint8Array) => Promise<void> {
    const { db } = this;
    const append = variant === 'append';
    return async (keys, value) => {
      db.transactionSync(() => {
        for (const key of keys) {
          if (append) db.putSync(key, value, { append });
          else void db.put(key, value);
        }
      });
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

  remover(variant: string): (keys: readonly string[]) => Promise<void> {
    const { db } = this;
    if (variant === 'transactionSync') {
      return async (keys) => {
        db.transactionSync(() => {
          for (const key of keys) void db.remove(key);
        });
      };
    }
    if (variant === 'removes') {
      return async (keys) => {
        let last: Promise<boolean> | undefined;
        for (const key of keys) last = db.remove(key);
        await last;
      };
    }
    return async (keys) => {
      await db.transaction(() => {
        for (const key of keys) void db.remove(key);
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
