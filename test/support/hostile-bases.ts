/**
 * The files that are damaged: small databases of many shapes, made through the public API, with
 * what each of their states holds.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open } from '../../src/index.ts';
import { createFile } from '../../src/pager/create-file.ts';
import { contentOf, type FileContent } from './hostile-image.ts';

export type HostileKey = number | string;
export type HostileValue = Uint8Array | string | number | object;
export type StoreContent = readonly (readonly [HostileKey, HostileValue])[];

/** How a store is to be asked for. */
export interface StoreKind {
  readonly name: string;
  readonly key: 'u32' | 'string' | 'tuple';
  readonly value: 'bytes' | 'string' | 'msgpack' | 'json';
  /** With versions and times of expiry. */
  readonly stamped?: true;
  /** With shared structures. */
  readonly shares?: true;
}

/** What a transaction left, each store in the order of its keys. */
export interface State {
  readonly transaction: number;
  readonly stores: Record<string, StoreContent>;
}

export interface Base {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly stores: readonly StoreKind[];
  readonly states: readonly State[];
  readonly content: FileContent;
  /** The file as it was some transactions before. */
  readonly older: Uint8Array;
  /** How often it is drawn, beside others. */
  readonly weight: number;
}

const numbers: StoreKind = { name: 'numbers', key: 'u32', value: 'bytes' };
const words: StoreKind = { name: 'words', key: 'string', value: 'string' };
const mixed: StoreKind = { name: 'mixed', key: 'tuple', value: 'msgpack' };
const stamped: StoreKind = { name: 'stamped', key: 'u32', value: 'string', stamped: true };
const users: StoreKind = { name: 'users', key: 'u32', value: 'msgpack', shares: true };
const notes: StoreKind = { name: 'notes', key: 'string', value: 'json' };

/** Writes transactions and remembers what they left. */
class Builder {
  readonly states: State[] = [];
  older: Uint8Array = new Uint8Array(0);
  private readonly db: Database;
  private readonly kinds: readonly StoreKind[];
  private readonly models = new Map<string, Map<HostileKey, HostileValue>>();

  constructor(db: Database, kinds: readonly StoreKind[]) {
    this.db = db;
    this.kinds = kinds;
    for (const { name } of kinds) this.models.set(name, new Map());
    this.note();
  }

  /** One transaction: puts, and removes where the value is undefined. */
  commit(changes: [store: string, key: HostileKey, value: HostileValue | undefined][]): void {
    this.db.writeSync((tx) => {
      for (const [name, key, value] of changes) {
        const kind = this.kinds.find((each) => each.name === name)!;
        const stamps = kind.stamped === true;
        const store = this.db.store<HostileKey, unknown>(name, {
          key: kind.key,
          value: kind.value,
          versions: stamps,
          expires: stamps,
          sharedStructures: kind.shares === true,
        } as object);
        if (value === undefined) tx.remove(store, key);
        else tx.put(store, key, value);
        const model = this.models.get(name)!;
        if (value === undefined) model.delete(key);
        else model.set(key, value);
      }
    });
    this.note();
  }

  /** The same content in another transaction. */
  note(): void {
    const stores: Record<string, StoreContent> = {};
    for (const [name, model] of this.models) {
      stores[name] = [...model].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    }
    this.states.push({ transaction: this.db.lastTransaction, stores });
  }

  keepOlder(): void {
    this.older = Uint8Array.from(readFileSync(this.db.path));
  }
}

interface Shape {
  readonly name: string;
  readonly pageSize: number;
  readonly weight: number;
  readonly stores: readonly StoreKind[];
  /** Not closed: the newest meta is then one whose pages have to be walked. */
  readonly left?: boolean;
  build(builder: Builder, db: Database): void | Promise<void>;
}

const value = (key: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (key * 31 + i * 7) & 0xff);
const word = (i: number): string => `${['al', 'be', 'ga', 'ge'][i % 4]!}${'xyz'.repeat(i % 3)}${i}`;
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

/** A few hundred entries, some replaced and some removed again, so that pages are free. */
function fewNumbers(builder: Builder, count: number, length: number): void {
  builder.commit(range(0, count).map((i) => ['numbers', i * 3, value(i, length + (i % 5))]));
  builder.commit(range(0, count / 2).map((i) => ['numbers', i * 6 + 1, value(i, length)]));
  builder.commit(range(0, count / 4).map((i) => ['numbers', i * 3, value(i + 7, length)]));
  builder.commit(range(count / 8, count / 4).map((i) => ['numbers', i * 3, undefined]));
  // Round the file, over what has become free.
  for (let round = 0; round < 8; round++) {
    builder.commit(range(0, 12).map((i) => ['numbers', i * 24 + 3, value(round, length)]));
    if (round === 5) builder.keepOlder();
  }
  builder.commit([['numbers', 5, value(5, length)]]);
}

const SHAPES: readonly Shape[] = [
  {
    name: 'a deep tree',
    pageSize: 256,
    weight: 3,
    stores: [numbers],
    build: (builder) => fewNumbers(builder, 160, 12),
  },
  {
    name: 'a tree of pages of 512 bytes, not closed',
    pageSize: 512,
    weight: 3,
    left: true,
    stores: [numbers],
    build: (builder) => fewNumbers(builder, 160, 12),
  },
  {
    name: 'overflow runs',
    pageSize: 512,
    weight: 4,
    left: true,
    stores: [numbers],
    build: (builder) => {
      builder.commit(range(0, 40).map((i) => ['numbers', i, value(i, 20 + (i % 8) * 90)]));
      builder.keepOlder();
      builder.commit([
        ['numbers', 3, value(3, 67_000)],
        ['numbers', 100, value(9, 2048)],
      ]);
      builder.commit([['numbers', 20, value(2, 900)]]);
    },
  },
  {
    name: 'several stores',
    pageSize: 512,
    weight: 4,
    stores: [numbers, words, mixed, notes, stamped],
    build: (builder, db) => {
      builder.commit(range(0, 60).map((i) => ['words', word(i), `value ${i}`]));
      builder.commit(
        range(0, 40).map((i) => [
          'mixed',
          i % 2 === 0 ? i : i / 4,
          { a: i, b: [`${i}`, null, 1.5] },
        ]),
      );
      builder.commit(range(0, 30).map((i) => ['notes', word(i), { note: i, of: ['json', true] }]));
      builder.keepOlder();
      builder.commit(range(0, 90).map((i) => ['numbers', i, value(i, 9)]));
      builder.commit(range(0, 60).map((i) => ['stamped', i, `stamped ${i}`]));
      const gone = db.store<number, string>('gone', { key: 'u32', value: 'string' });
      db.writeSync((tx) => tx.put(gone, 1, 'x'));
      builder.note();
      db.writeSync((tx) => tx.dropStore('gone'));
      builder.note();
      builder.commit(range(0, 20).map((i) => ['words', word(2 * i), undefined]));
    },
  },
  {
    name: 'pages of 4096 bytes',
    pageSize: 4096,
    weight: 3,
    stores: [numbers, words],
    build: (builder) => {
      fewNumbers(builder, 240, 40);
      builder.commit(range(0, 50).map((i) => ['words', word(i), `value ${i}`]));
      builder.commit([['numbers', 7, value(1, 10_000)]]);
    },
  },
  {
    name: 'shared structures',
    pageSize: 256,
    weight: 3,
    stores: [users, words],
    build: (builder) => {
      const user = (i: number): object => ({
        id: i,
        [`of${i % 30}`]: [{ a: i }, { [`b${i}`]: 1 }],
      });
      builder.commit(range(0, 40).map((i) => ['users', i, user(i)]));
      builder.keepOlder();
      builder.commit(range(0, 30).map((i) => ['words', word(i), `value ${i}`]));
      for (let round = 1; round < 5; round++) {
        builder.commit(range(0, 10).map((i) => ['users', 20 * round + i, user(50 * round + i)]));
      }
      builder.commit(range(0, 10).map((i) => ['users', 3 * i, undefined]));
    },
  },
  {
    name: 'a map of three levels',
    pageSize: 256,
    weight: 0.2,
    left: true,
    stores: [numbers],
    build: (builder) => {
      builder.commit([['numbers', 0, new Uint8Array(7_600_000)]]);
      builder.commit([['numbers', 0, undefined]]);
      builder.commit([['numbers', 1, value(1, 30)]]);
      builder.keepOlder();
      for (let round = 0; round < 4; round++) {
        builder.commit(range(0, 40).map((i) => ['numbers', i, value(i + round, 30)]));
      }
    },
  },
  {
    name: 'moved runs',
    pageSize: 512,
    weight: 3,
    stores: [numbers],
    build: async (builder, db) => {
      builder.commit(range(0, 60).map((i) => ['numbers', i, value(i, 300 + (i % 7) * 100)]));
      builder.keepOlder();
      builder.commit(range(0, 40).map((i) => ['numbers', i, undefined]));
      await db.compact();
      builder.note();
    },
  },
  {
    name: 'several windows',
    pageSize: 4096,
    weight: 0.2,
    stores: [numbers],
    build: (builder) => {
      builder.commit(range(0, 100).map((i) => ['numbers', i, value(i, 900 + i)]));
      builder.commit([['numbers', 200, new Uint8Array(9_000_000).fill(7)]]);
      builder.older = new Uint8Array(0);
    },
  },
];

/** Makes the files in the folder, and reads them. */
export async function makeBases(folder: string): Promise<Base[]> {
  const bases: Base[] = [];
  for (const shape of SHAPES) {
    const path = join(folder, `made-${bases.length}.coppice`);
    createFile(path, shape.pageSize);
    const db = open(path);
    const builder = new Builder(db, shape.stores);
    await shape.build(builder, db);
    const left = Uint8Array.from(readFileSync(path));
    await db.close();
    const read = shape.left === true ? left : Uint8Array.from(readFileSync(path));
    const content = contentOf(read);
    // What the file was given in advance says nothing.
    const end = content.metas.reduce((most, { filePages }) => Math.max(most, filePages), 0);
    const bytes = read.slice(0, end * shape.pageSize);
    const { states, older } = builder;
    const { name, stores, weight } = shape;
    bases.push({ name, bytes, stores, states: states.slice(-8), content, older, weight });
  }
  return bases;
}
