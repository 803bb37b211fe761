/**
 * classic-level: LevelDB. Values as views on what it read ('view'), `getSync`, batches, iterators by
 * `nextv` with a large `highWaterMarkBytes`, as its documentation advises. Durable writes have
 * `sync: true`; its default, called "no sync" here, leaves the flush to the system.
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { seenKey, seenValue } from '../data.ts';
import type { Contender, Entry, HeldReader, Session, SessionDurability } from './contender.ts';
import type { Peer } from './peers.ts';

/** The part of the package that is used: it may be absent, and so are its types. */
interface Level {
  open(): Promise<void>;
  getSync(key: string, options?: { snapshot: LevelSnapshot }): Uint8Array | undefined;
  put(key: string, value: Uint8Array, options: WriteOptions): Promise<void>;
  batch(operations: readonly Operation[], options: WriteOptions): Promise<void>;
  iterator(options: RangeOptions): LevelIterator<[string, Uint8Array]>;
  keys(options: RangeOptions): LevelIterator<string>;
  snapshot(): LevelSnapshot;
  close(): Promise<void>;
}
interface LevelIterator<T> {
  nextv(size: number): Promise<T[]>;
  close(): Promise<void>;
}
interface LevelSnapshot {
  close(): Promise<void>;
}
interface WriteOptions {
  readonly sync: boolean;
}
interface RangeOptions {
  readonly gte?: string;
  readonly lt?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly highWaterMarkBytes: number;
}
type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };
type LevelClass = new (folder: string, options: { valueEncoding: 'view' }) => Level;

const BATCH = 1_000;
const highWaterMarkBytes = 1024 * 1024;

export function classicLevel(peer: Peer): Contender | undefined {
  if (!('module' in peer) || !isLevelModule(peer.module)) return undefined;
  const { ClassicLevel } = peer.module;
  const file = (folder: string): string => join(folder, 'level');
  return {
    name: 'classic-level',
    version: peer.version,
    variants: {
      get: ['getSync'],
      scan: ['nextv'],
      reverse: ['nextv'],
      keys: ['nextv'],
      count: ['nextv'],
      seek: ['nextv'],
      load: ['batch'],
      transaction: ['batch', 'batch, no sync'],
      remove: ['batch', 'batch, no sync'],
      put: ['put', 'put, no sync'],
      group: ['put'],
      relaxed: ['put, its default'],
      open: ['open'],
    },
    borrowing: ['batch, no sync', 'put, no sync'],
    file,
    sizeBytes: (folder) =>
      readdirSync(file(folder)).reduce(
        (bytes, name) => bytes + statSync(join(file(folder), name)).size,
        0,
      ),
    async open(folder, durability) {
      const db = new ClassicLevel(file(folder), { valueEncoding: 'view' });
      await db.open();
      return new LevelSession(db, durability ?? 'flushed');
    },
  };
}

class LevelSession implements Session {
  private readonly db: Level;
  private readonly flushes: boolean;

  constructor(db: Level, durability: SessionDurability) {
    this.db = db;
    this.flushes = durability === 'flushed';
  }

  async fill(entries: Iterable<Entry>): Promise<void> {
    let part: Operation[] = [];
    for (const [key, value] of entries) {
      if (part.push({ type: 'put', key, value }) < BATCH) continue;
      await this.db.batch(part, { sync: false });
      part = [];
    }
    await this.db.batch(part, { sync: true });
  }

  reader(): (key: string) => Uint8Array | undefined {
    const { db } = this;
    return (key) => db.getSync(key);
  }

  searcher(): (key: string) => boolean {
    const { db } = this;
    return (key) => db.getSync(key) !== undefined;
  }

  scanner(_variant: string, reverse: boolean): () => Promise<number> {
    const { db } = this;
    return () => seenEntries(db.iterator({ reverse, highWaterMarkBytes }));
  }

  keyScanner(): () => Promise<number> {
    const { db } = this;
    return async () => {
      let seen = 0;
      await eachPart(db.keys({ highWaterMarkBytes }), (keys) => {
        for (const key of keys) seen += seenKey(key);
      });
      return seen;
    };
  }

  counter(): (from: string, to: string) => Promise<number> {
    const { db } = this;
    return async (gte, lt) => {
      let count = 0;
      await eachPart(db.keys({ gte, lt, highWaterMarkBytes }), (keys) => {
        count += keys.length;
      });
      return count;
    };
  }

  seeker(): (key: string, limit: number) => Promise<number> {
    const { db } = this;
    return async (gte, limit) => {
      const iterator = db.iterator({ gte, limit, highWaterMarkBytes });
      const entries = await iterator.nextv(limit);
      await iterator.close();
      let seen = 0;
      for (const [key, value] of entries) seen += seenKey(key) + seenValue(value);
      return seen;
    };
  }

  loader(): (keys: Iterable<string>, value: Uint8Array) => Promise<void> {
    const { db } = this;
    return async (keys, value) => {
      const operations = Array.from(keys, (key): Operation => ({ type: 'put', key, value }));
      await db.batch(operations, { sync: true });
    };
  }

  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void> {
    const { db } = this;
    const sync = this.syncOf(variant);
    return (keys, value) =>
      db.batch(
        keys.map((key) => ({ type: 'put', key, value })),
        { sync },
      );
  }

  remover(variant: string): (keys: readonly string[]) => Promise<void> {
    const { db } = this;
    const sync = this.syncOf(variant);
    return (keys) =>
      db.batch(
        keys.map((key) => ({ type: 'del', key })),
        { sync },
      );
  }

  putter(variant: string): (key: string, value: Uint8Array) => Promise<void> {
    const { db } = this;
    const sync = this.syncOf(variant);
    return (key, value) => db.put(key, value, { sync });
  }

  hold(): HeldReader {
    const snapshot = this.db.snapshot();
    return {
      get: (key) => this.db.getSync(key, { snapshot }),
      close: () => void snapshot.close(),
    };
  }

  stats(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    return this.db.close();
  }

  private syncOf(variant: string): boolean {
    return this.flushes && !variant.endsWith('no sync');
  }
}

async function seenEntries(iterator: LevelIterator<[string, Uint8Array]>): Promise<number> {
  let seen = 0;
  await eachPart(iterator, (entries) => {
    for (const [key, value] of entries) seen += seenKey(key) + seenValue(value);
  });
  return seen;
}

async function eachPart<T>(iterator: LevelIterator<T>, look: (part: T[]) => void): Promise<void> {
  for (;;) {
    const part = await iterator.nextv(BATCH);
    if (part.length === 0) break;
    look(part);
  }
  await iterator.close();
}

function isLevelModule(module: unknown): module is { ClassicLevel: LevelClass } {
  return typeof module === 'object' && module !== null && 'ClassicLevel' in module;
}
