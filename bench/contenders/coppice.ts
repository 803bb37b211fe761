/** Coppice: default options, so each write is durable when its promise resolves. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type Store } from 'coppice';
import { seenKey, seenValue } from '../data.ts';
import type { Contender, EngineStats, Entry, HeldReader, Session } from './contender.ts';
import { versionOf } from './versions.ts';

const file = (folder: string): string => join(folder, 'data.coppice');

export const coppice: Contender = {
  name: 'coppice',
  version: versionOf('coppice'),
  variants: {
    get: ['get'],
    search: ['has'],
    scan: ['range'],
    reverse: ['range'],
    keys: ['keys'],
    count: ['count'],
    offset: ['at', 'keys'],
    seek: ['range'],
    objects: ['get'],
    load: ['write', 'append'],
    transaction: ['write', 'writeSync'],
    remove: ['write', 'writeSync'],
    put: ['put', 'writeSync'],
    group: ['put'],
    relaxed: ['put', 'writeSync'],
    open: ['open'],
  },
  borrowing: [],
  file,
  sizeBytes: (folder) => statSync(file(folder)).size,
  open: (folder, durability) =>
    new CoppiceSession(
      open(file(folder), { durability: durability === 'relaxed' ? 'interval' : 'commit' }),
    ),
  openObjects(folder) {
    const db = open(file(folder));
    const store = db.store<string, object>('objects', {
      key: 'string',
      value: 'msgpack',
      sharedStructures: true,
    });
    return {
      async fill(entries) {
        await db.write((tx) => {
          for (const [key, value] of entries) tx.put(store, key, value);
        });
      },
      get: (key) => store.get(key),
      close: () => db.close(),
    };
  },
};

class CoppiceSession implements Session {
  private readonly db: Database;
  private readonly store: Store<string, Uint8Array>;

  constructor(db: Database) {
    this.db = db;
    this.store = db.store('bench', { key: 'string', value: 'bytes' });
  }

  async fill(entries: Iterable<Entry>): Promise<void> {
    await this.store.bulkLoad(entries);
  }

  reader(): (key: string) => Uint8Array | undefined {
    const { store } = this;
    return (key) => store.get(key);
  }

  searcher(): (key: string) => boolean {
    const { store } = this;
    return (key) => store.has(key);
  }

  scanner(_variant: string, reverse: boolean): () => number {
    const { store } = this;
    return () => {
      let seen = 0;
      for (const [key, value] of store.range({ reverse })) seen += seenKey(key) + seenValue(value);
      return seen;
    };
  }

  keyScanner(): () => number {
    const { store } = this;
    return () => {
      let seen = 0;
      for (const key of store.keys()) seen += seenKey(key);
      return seen;
    };
  }

  counter(): (from: string, to: string) => number {
    const { store } = this;
    return (gte, lt) => store.count({ gte, lt });
  }

  offsetter(variant: string): (offset: number) => string | undefined {
    const { store } = this;
    if (variant === 'at') return (offset) => store.at(offset)?.[0];
    return (offset) => store.keys({ offset, limit: 1 }).first();
  }

  seeker(): (key: string, limit: number) => number {
    const { store } = this;
    return (gte, limit) => {
      let seen = 0;
      for (const [key, value] of store.range({ gte, limit })) {
        seen += seenKey(key) + seenValue(value);
      }
      return seen;
    };
  }

  loader(variant: string): (keys: Iterable<string>, value: Uint8Array) => Promise<void> {
    const { db, store } = this;
    const options = variant === 'append' ? { append: true } : {};
    return (keys, value) =>
      db.write((tx) => {
        for (const key of keys) tx.put(store, key, value, options);
      });
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

  remover(variant: string): (keys: readonly string[]) => Promise<void> {
    const { db, store } = this;
    if (variant === 'writeSync') {
      return async (keys) => {
        db.writeSync((tx) => {
          for (const key of keys) tx.remove(store, key);
        });
      };
    }
    return (keys) =>
      db.write((tx) => {
        for (const key of keys) tx.remove(store, key);
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
