/**
 * better-sqlite3: WAL, as its documentation advises, prepared statements, a WITHOUT ROWID table,
 * reads through a mapping (mmap_size). Durable variants have `synchronous = FULL`, with which each
 * commit flushes the log; those called NORMAL flush at checkpoints only, and are no peer where
 * durable writes are asked for.
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { seenKey, seenValue } from '../data.ts';
import type { Contender, Entry, HeldReader, Session } from './contender.ts';
import type { Peer } from './peers.ts';

/** The part of the package that is used; it brings no types. */
interface Sqlite {
  pragma(text: string): unknown;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  transaction<A extends readonly unknown[]>(fn: (...args: A) => void): (...args: A) => void;
  close(): void;
}
interface Statement {
  run(...values: unknown[]): unknown;
  get(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown[];
  iterate(...values: unknown[]): Iterable<unknown>;
  pluck(): Statement;
  raw(): Statement;
}
type SqliteClass = new (path: string, options?: { readonly: boolean }) => Sqlite;

const file = (folder: string): string => join(folder, 'data.sqlite');

/** Over any file that is measured: SQLite takes its own maximum, some 2 GiB, where this is more. */
const MAP_BYTES = 2 ** 40;

/** undefined when `peer` is not what it should be. */
export function betterSqlite3(peer: Peer): Contender | undefined {
  if (!('module' in peer) || !isSqliteClass(peer.module)) return undefined;
  const Database = peer.module;
  return {
    name: 'better-sqlite3',
    version: peer.version,
    variants: {
      get: ['get'],
      search: ['get'],
      scan: ['iterate', 'all'],
      reverse: ['iterate', 'all'],
      keys: ['iterate', 'all'],
      count: ['count(*)'],
      offset: ['OFFSET'],
      seek: ['all'],
      load: ['transaction'],
      transaction: ['transaction', 'transaction NORMAL'],
      remove: ['transaction', 'transaction NORMAL'],
      put: ['run', 'run NORMAL'],
      relaxed: ['run, synchronous NORMAL'],
      open: ['open'],
    },
    borrowing: ['transaction NORMAL', 'run NORMAL'],
    file,
    sizeBytes: (folder) =>
      [file(folder), `${file(folder)}-wal`]
        .filter((path) => existsSync(path))
        .reduce((bytes, path) => bytes + statSync(path).size, 0),
    open: (folder) => new SqliteSession(Database, file(folder)),
  };
}

class SqliteSession implements Session {
  private readonly db: Sqlite;
  private readonly another: () => Sqlite;

  constructor(Database: SqliteClass, path: string) {
    this.db = new Database(path);
    this.another = () => new Database(path, { readonly: true });
    this.db.pragma('journal_mode = WAL');
    this.db.pragma(`mmap_size = ${MAP_BYTES}`);
    this.db.pragma('synchronous = FULL');
    this.db.exec(
      'CREATE TABLE IF NOT EXISTS bench (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID',
    );
  }

  async fill(entries: Iterable<Entry>): Promise<void> {
    const put = this.db.prepare('INSERT INTO bench VALUES (?, ?)');
    this.db.transaction(() => {
      for (const [key, value] of entries) put.run(key, value);
    })();
    this.db.pragma('wal_checkpoint(TRUNCATE)');
  }

  reader(): (key: string) => Uint8Array | undefined {
    const statement = this.db.prepare('SELECT value FROM bench WHERE key = ?').pluck();
    return (key) => bytesOrNothing(statement.get(key));
  }

  searcher(): (key: string) => boolean {
    const statement = this.db.prepare('SELECT 1 FROM bench WHERE key = ?').pluck();
    return (key) => statement.get(key) !== undefined;
  }

  scanner(variant: string, reverse: boolean): () => number {
    const order = reverse ? 'DESC' : 'ASC';
    const statement = this.db.prepare(`SELECT key, value FROM bench ORDER BY key ${order}`).raw();
    return () => seenRows(variant === 'all' ? statement.all() : statement.iterate());
  }

  keyScanner(variant: string): () => number {
    const statement = this.db.prepare('SELECT key FROM bench ORDER BY key').pluck();
    return () => {
      let seen = 0;
      for (const key of variant === 'all' ? statement.all() : statement.iterate()) {
        if (typeof key === 'string') seen += seenKey(key);
      }
      return seen;
    };
  }

  counter(): (from: string, to: string) => number {
    const sql = 'SELECT count(*) FROM bench WHERE key >= ? AND key < ?';
    const statement = this.db.prepare(sql).pluck();
    return (from, to) => Number(statement.get(from, to));
  }

  offsetter(): (offset: number) => string | undefined {
    const sql = 'SELECT key FROM bench ORDER BY key LIMIT 1 OFFSET ?';
    const statement = this.db.prepare(sql).pluck();
    return (offset) => {
      const key = statement.get(offset);
      return typeof key === 'string' ? key : undefined;
    };
  }

  seeker(): (key: string, limit: number) => number {
    const sql = 'SELECT key, value FROM bench WHERE key >= ? ORDER BY key LIMIT ?';
    const statement = this.db.prepare(sql).raw();
    return (key, limit) => seenRows(statement.all(key, limit));
  }

  loader(): (keys: Iterable<string>, value: Uint8Array) => Promise<void> {
    const put = this.db.prepare('INSERT INTO bench VALUES (?, ?)');
    const load = this.db.transaction((keys: Iterable<string>, value: Uint8Array) => {
      for (const key of keys) put.run(key, value);
    });
    return async (keys, value) => load(keys, value);
  }

  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void> {
    this.relax(variant);
    const put = this.db.prepare(PUT);
    const write = this.db.transaction((keys: readonly string[], value: Uint8Array) => {
      for (const key of keys) put.run(key, value);
    });
    return async (keys, value) => write(keys, value);
  }

  remover(variant: string): (keys: readonly string[]) => Promise<void> {
    this.relax(variant);
    const remove = this.db.prepare('DELETE FROM bench WHERE key = ?');
    const write = this.db.transaction((keys: readonly string[]) => {
      for (const key of keys) remove.run(key);
    });
    return async (keys) => write(keys);
  }

  putter(variant: string): (key: string, value: Uint8Array) => Promise<void> {
    this.relax(variant);
    const put = this.db.prepare(PUT);
    return async (key, value) => {
      put.run(key, value);
    };
  }

  hold(): HeldReader {
    const db = this.another();
    const statement = db.prepare('SELECT value FROM bench WHERE key = ?').pluck();
    db.exec('BEGIN');
    // The first read is what fixes the state.
    statement.get('');
    return { get: (key) => bytesOrNothing(statement.get(key)), close: () => db.close() };
  }

  stats(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.db.close();
  }

  private relax(variant: string): void {
    if (variant.endsWith('NORMAL')) this.db.pragma('synchronous = NORMAL');
  }
}

const PUT =
  'INSERT INTO bench VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value';

function seenRows(rows: Iterable<unknown>): number {
  let seen = 0;
  for (const row of rows) {
    if (!isRow(row)) throw new Error('a row is not a key and a value');
    seen += seenKey(row[0]) + seenValue(row[1]);
  }
  return seen;
}

function isRow(row: unknown): row is [string, Uint8Array] {
  return Array.isArray(row) && row.length === 2;
}

function bytesOrNothing(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}

function isSqliteClass(module: unknown): module is SqliteClass {
  return typeof module === 'function';
}
