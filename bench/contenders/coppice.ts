/** Coppice: default options, so each write is durable when its promise resolves. */

import { join } from 'node:path';
import { type Database, open, type Store } from 'coppice';
import type { Contender, EngineStats, HeldReader, Session } from './contender.ts';
import { versionOf } from './versions.ts';

const file = (folder: string): string => join(folder, 'data.coppice');

export const coppice: Contender = {
  name: 'coppice',
  version: versionOf('coppice'),
  variants: {
    get: ['get'],
    scan: ['range'],
    transaction: ['write', 'writeSync'],
    put: ['put', 'writeSync'],
    open: ['open'],
  },
  borrowing: [],
  file,
  open: (folder) => new CoppiceSession(open(file(folder))),
};

class CoppiceSession implements Session {
  private readonly db: Database;
  private readonly store: Store<string, Uint8Array>;

  constructor(db: Database) {
    this.db = db;
    this.store = db.store('bench', { key: 'string', value: 'bytes' });
  }

  async fill(keys: Iterable<string>, value: Uint8Array): Promise<void> {
    const { db, store } = this;
    await db.write((tx) => {
      for (const key of keys) tx.put(store, key, value);
    });
  }

  reader(): (key: string) => Uint8Array | undefined {
    const { store } = this;
    return (key) => store.get(key);
  }

  scanner(): () => number {
    const { store } = this;
    return () => {
      let bytes = 0;
      for (const [key, value] of store.range()) bytes += key.length + value.length;
      return bytes;
    };
  }

  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void> {
    const { db, store } = this;
    if (variant === 'writeSync') {
      return async (keys, value) => {
        db.writeSync((tx) => {
          for (const key of keys) tx.put(store, key, value);
        });
      };
    }
    return (keys, value) =>
      db.write((tx) => {
        for (const key of keys) tx.put(store, key, value);
      });
  }

  putter(variant: string): (key: string, value: Uint8Array) => Promise<void> {
    const { db, store } = this;
    if (variant === 'writeSync') {
      return async (key, value) => {
        db.writeSync((tx) => tx.put(store, key, value));
      };
    }
    return async (key, value) => {
      await store.put(key, value);
    };
  }

  hold(): HeldReader {
    const { store } = this;
    const snapshot = this.db.snapshot();
    return { get: (key) => snapshot.get(store, key), close: () => snapshot.close() };
  }

  stats(): EngineStats {
    return this.db.stats();
  }

  close(): Promise<void> {
    return this.db.close();
  }
}
