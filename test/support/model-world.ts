/**
 * A database and its model, side by side: each operation is done to both, and what comes back is
 * compared at once.
 */

import { isDeepStrictEqual } from 'node:util';
import {
  type Database,
  type Durability,
  type OpenOptions,
  open,
  type RangeOptions,
  type Snapshot,
  type WriteTransaction,
} from '../../src/index.ts';
import { checkWhole } from './fresh-database.ts';
import { ModelBackups } from './model-backups.ts';
import {
  type AnyStore,
  advance,
  type BoundReader,
  checkAll,
  checkLook,
  checkRange,
  type HeldIteration,
  rangeOf,
  same,
} from './model-reads.ts';
import { copyState, KINDS, type ModelEntry, type ModelState, ModelStore } from './model-store.ts';

/** One operation: what, and four numbers that say on what. */
export type Operation = readonly [what: number, a: number, b: number, c: number, d: number];

/** How a sequence is run. */
export interface Setting {
  readonly path: string;
  readonly options: OpenOptions;
  /** Bytes that do not fit into a leaf. */
  readonly large: number;
}

/** A watch, and what its range held when it was last told. */
interface Watched {
  readonly name: string;
  readonly range: RangeOptions<unknown>;
  readonly matches: ((key: unknown) => boolean) | undefined;
  readonly changes: AsyncIterableIterator<{ transaction: number }>;
  seen: readonly ModelEntry[];
}

/** Thrown by callbacks that are to be undone. */
class Undo extends Error {}

const DURABILITIES: readonly Durability[] = ['commit', 'interval', 'manual', 'manual', 'manual'];

/** Sequences for which a database is used: opening one costs a full garbage collection. */
const SEQUENCES_PER_DATABASE = 10;

/** The database of one sequence after the other. A sequence begins with no store. */
export class Site {
  private readonly make: () => Setting;
  private world: World | undefined;
  private sequences = 0;

  constructor(make: () => Setting) {
    this.make = make;
  }

  /** Runs a sequence. After a failure the next one begins with a new database. */
  async run(operations: readonly Operation[]): Promise<void> {
    const world = this.world ?? new World(this.make());
    this.world = undefined;
    try {
      await world.run(operations);
      if (++this.sequences % SEQUENCES_PER_DATABASE !== 0) {
        await world.clear();
        this.world = world;
      }
    } finally {
      if (this.world === undefined) world.close();
    }
  }

  close(): void {
    this.world?.close();
    this.world = undefined;
  }
}

export class World {
  private db: Database;
  private state: ModelState = new Map();
  private readonly stores = new Map<string, AnyStore>();
  private readonly setting: Setting;
  private snapshots: { snapshot: Snapshot; state: ModelState }[] = [];
  private held: HeldIteration[] = [];
  private watched: Watched[] = [];
  private readonly backups = new ModelBackups();

  constructor(setting: Setting) {
    this.setting = setting;
    this.db = open(setting.path, setting.options);
    for (const kind of KINDS) this.state.set(kind.name, new ModelStore(kind));
    this.ask();
  }

  /** Does all of them, and checks the whole at the end. */
  async run(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) await this.do(operation);
    this.letGo();
    this.checkNewest();
    this.backups.clear();
    await checkWhole(this.db);
  }

  /** Drops every store: what is left is what a new database has. */
  async clear(): Promise<void> {
    this.db.writeSync((tx) => {
      for (const name of this.state.keys()) tx.dropStore(name);
    });
    same(this.db.stores(), [], 'stores after all were dropped');
    const { snapshotBytes, pageSize } = this.db.stats();
    const { pages } = await this.db.verify();
    same(snapshotBytes, pages * pageSize, 'bytes in use');
    for (const model of this.state.values()) model.entries = [];
    this.ask();
  }

  close(): void {
    this.db.closeSync();
  }

  private async do([what, a, b, c, d]: Operation): Promise<void> {
    const name = KINDS[d % KINDS.length]!.name;
    const model = this.state.get(name)!;
    const store = this.stores.get(name)!;
    const durability = DURABILITIES[c % DURABILITIES.length]!;
    const { large } = this.setting;
    switch (STEPS[what % STEPS.length]!) {
      case 'put': {
        const [key, value] = [model.kind.key(a, b), model.kind.value(c, large)];
        same(await store.put(key, value), true, 'put');
        this.changed(name, () => model.put(key, value));
        break;
      }
      case 'fill': {
        const entries = Array.from({ length: 20 + (c % 40) }, (_, i) => {
          return [model.kind.key(a + i, b + i * (c % 4)), model.kind.value(c + i, large)] as const;
        });
        same(await store.putMany(entries), entries.length, 'putMany');
        this.changed(name, () => {
          for (const [key, value] of entries) model.put(key, value);
        });
        break;
      }
      case 'condition': {
        const [key, value] = [this.someKey(model, a, b), model.kind.value(c, large)];
        const options = c % 2 === 0 ? { ifAbsent: true } : { ifVersion: null };
        const absent = model.find(key) === undefined;
        same(await store.put(key, value, options), absent, 'put with a condition');
        if (absent) this.changed(name, () => model.put(key, value));
        break;
      }
      case 'append': {
        const [key, value] = [model.kind.key(a, b), model.kind.value(c, large)];
        const greatest = model.place(key) === model.entries.length;
        const put = store.put(key, value, { append: true });
        // A refusal is told at once, and the commit of what else the turn did may be on its way
        // then: a group that is counted next begins after it.
        const turn = this.db.write(() => {});
        if (greatest) {
          same(await put, true, 'append');
          this.changed(name, () => model.put(key, value));
        } else await mustReject(put, RangeError);
        await turn;
        break;
      }
      case 'remove': {
        const key = this.someKey(model, a, b);
        same(await store.remove(key), model.find(key) !== undefined, 'remove');
        model.remove(key);
        break;
      }
      case 'removeNear': {
        const some = model.entries.slice(a % (model.entries.length + 1)).slice(0, 15);
        const removed = some.map(([key]) => store.remove(key));
        same(
          await Promise.all(removed),
          removed.map(() => true),
          'removes of one turn',
        );
        for (const [key] of some) model.remove(key);
        break;
      }
      case 'update': {
        const key = this.someKey(model, a, b);
        const value = c % 3 === 0 ? undefined : model.kind.value(c, large);
        const old = model.find(key)?.[1];
        const result = await store.update(key, (found) => {
          same(found, old, 'the old value');
          return value;
        });
        same(result, value, 'update');
        if (value === undefined) model.remove(key);
        else this.changed(name, () => model.put(key, value));
        break;
      }
      case 'removeRange': {
        const of = rangeOf(model, c & ~96, a, b);
        const gone = model.range(of.range, of.matches);
        same(await store.removeRange(of.range), gone.length, 'removeRange');
        for (const [key] of gone) model.remove(key);
        break;
      }
      case 'clear': {
        if (c % 4 !== 0) break;
        same(await store.clear(), model.entries.length, 'clear');
        model.entries = [];
        break;
      }
      case 'dropStore': {
        if (c % 3 !== 0) break;
        await this.db.dropStore(name);
        model.entries = [];
        model.present = false;
        break;
      }
      case 'group':
        await this.group(name, a, b, c);
        break;
      case 'write':
        await this.write((fn) => this.db.write(fn, { durability }), a, b, c, d);
        break;
      case 'writeSync':
        await this.write((fn) => this.db.writeSync(fn, { durability }), a, b, c, d);
        break;
      case 'beginWrite': {
        const tx = await this.db.beginWrite({ durability });
        const draft = copyState(this.state);
        this.inside(tx, draft, a, b, c, d, 3);
        if (c % 3 === 0) tx.abort();
        else {
          await tx.commit();
          this.take(draft);
        }
        same(tx.closed, true, 'closed');
        break;
      }
      case 'snapshot':
        if (this.snapshots.length > 3) this.snapshots.shift()!.snapshot.close();
        this.snapshots.push({ snapshot: this.db.snapshot(), state: copyState(this.state) });
        break;
      case 'look':
        for (const reader of this.readers(name)) checkLook(reader.bound, reader.model, a, b);
        break;
      case 'range':
        for (const reader of this.readers(name)) {
          checkRange(reader.bound, reader.model, rangeOf(reader.model, c, a, b));
        }
        break;
      case 'hold': {
        const of = rangeOf(model, c, a, b);
        const held = {
          iterator: store.range(of.range)[Symbol.iterator](),
          left: model.range(of.range, of.matches),
        };
        if (advance(held, 1)) this.held.push(held);
        break;
      }
      case 'goOn':
        this.held = this.held.filter((held) => advance(held, a % 8));
        break;
      case 'watch': {
        if (this.watched.length > 1) await this.watched.shift()!.changes.return?.();
        // A watch is told of all between the ends of its range.
        const { range, matches } = rangeOf(model, c & ~112, a, b);
        const changes = this.db.watch(store, range);
        this.watched.push({ name, range, matches, changes, seen: model.range(range, matches) });
        break;
      }
      case 'told':
        for (const watched of this.watched) await this.requireTold(watched);
        break;
      case 'prefetch': {
        const of = rangeOf(model, c, a, b);
        const keys = [this.someKey(model, a, b), this.someKey(model, b, c)];
        const { pages } = await this.db.prefetch(store, c % 3 === 0 ? keys : of.range);
        if (c % 3 === 0) same(pages > 0, model.entries.length > 0, 'pages of some keys');
        break;
      }
      case 'bulkLoad': {
        const entries = Array.from({ length: c % 60 }, (_, i) => {
          const place = c % 2 === 0 ? i : c - i;
          return [model.kind.key(a + place, b), model.kind.value(c + i, large)] as const;
        });
        same(await store.bulkLoad(entries), entries.length, 'bulkLoad');
        if (entries.length > 0) {
          this.changed(name, () => {
            for (const [key, value] of entries) model.put(key, value);
          });
        }
        break;
      }
      case 'flush':
        await this.db.flush();
        same(this.db.stats().durableTransaction, this.db.lastTransaction, 'durable');
        break;
      case 'compact':
        await this.db.compact();
        this.checkStores();
        break;
      case 'trim':
        await this.db.trim();
        break;
      case 'backup':
        await this.backups.take(this.db, this.state, c % 3 === 0, c % 7 === 0);
        break;
      case 'restore':
        await this.backups.check(a);
        break;
      case 'stores':
        this.checkStores();
        break;
      case 'reopen':
        if (this.setting.path === ':memory:') break;
        this.letGo();
        if (c % 2 === 0) await this.db.close();
        else this.db.closeSync();
        this.db = open(this.setting.path, this.setting.options);
        this.ask();
        this.checkNewest();
        break;
    }
  }

  /** Several single calls and callbacks of one turn, some of which fail: each by itself. */
  private async group(name: string, a: number, b: number, c: number): Promise<void> {
    const model = this.state.get(name)!;
    const store = this.stores.get(name)!;
    const { large } = this.setting;
    const puts = Array.from({ length: 6 }, (_, i) => {
      const [key, value] = [model.kind.key(a + i, b), model.kind.value(c + i, large)];
      return { key, value };
    });
    const commits = this.db.stats().commits.count;
    const done = puts.map(({ key, value }, i) => {
      if (i !== 3) return store.put(key, value);
      return this.db.write((tx) => {
        tx.clear(store);
        throw new Undo();
      });
    });
    done.push(store.remove(puts[0]!.key));
    const results = await Promise.allSettled(done);
    same(
      results.map((result) => (result.status === 'fulfilled' ? result.value : 'rejected')),
      [true, true, true, 'rejected', true, true, true],
      'a group',
    );
    const more = this.db.stats().commits.count - commits;
    if (more > 1) throw new Error(`one turn made ${more} commits`);
    this.changed(name, () => {
      puts.forEach(({ key, value }, i) => {
        if (i !== 3) model.put(key, value);
      });
      same(model.remove(puts[0]!.key), true, 'removed in a group');
    });
  }

  /** A callback with a few changes and reads, which may throw at its end. */
  private async write(
    run: (fn: (tx: WriteTransaction) => number) => Promise<number> | number,
    a: number,
    b: number,
    c: number,
    d: number,
  ): Promise<void> {
    const draft = copyState(this.state);
    const callback = (tx: WriteTransaction): number => {
      this.inside(tx, draft, a, b, c, d, 3);
      if (c % 4 === 0) throw new Undo();
      return c;
    };
    try {
      same(await run(callback), c, 'the result of a callback');
    } catch (error) {
      if (error instanceof Undo && c % 4 === 0) return;
      throw error;
    }
    this.take(draft);
  }

  /** Changes and reads inside a transaction; `depth`: nested parts that may follow. */
  private inside(
    tx: WriteTransaction,
    draft: ModelState,
    a: number,
    b: number,
    c: number,
    d: number,
    depth: number,
  ): void {
    const { large } = this.setting;
    for (let i = 0; i < 3 + (d % 4); i++) {
      const name = KINDS[(d + (i >> 1)) % KINDS.length]!.name;
      const store = this.stores.get(name)!;
      const model = draft.get(name)!;
      const [x, y] = [(a + i * 7) & 255, (b + i * 3) & 255];
      const key = this.someKey(model, x, y);
      switch ((c + i * (1 + (a % 5))) % 9) {
        case 0:
        case 1: {
          const value = model.kind.value(c + i, large);
          same(tx.put(store, key, value), true, 'put in a transaction');
          model.put(key, value);
          break;
        }
        case 2:
          same(tx.remove(store, key), model.remove(key), 'remove in a transaction');
          break;
        case 3: {
          const of = rangeOf(model, c, x, y);
          const gone = model.range(of.range, of.matches);
          same(tx.removeRange(store, of.range), gone.length, 'removeRange in a transaction');
          for (const [k] of gone) model.remove(k);
          break;
        }
        case 4: {
          const value = i % 2 === 0 ? undefined : model.kind.value(c, large);
          const old = model.find(key)?.[1];
          tx.update(store, key, (found) => {
            same(found, old, 'the old value in a transaction');
            return value;
          });
          if (value === undefined) model.remove(key);
          else model.put(key, value);
          break;
        }
        case 5:
          if (depth > 0) this.nested(tx, draft, x, y, c + 1, d + i, depth - 1);
          break;
        case 6:
          iterateWithChanges(tx, store, model, x, y, c, large);
          break;
        case 7:
          if (c % 8 === 0) {
            const known = model.present || model.entries.length > 0;
            const found = tx.dropStore(name);
            if (!known) same(found, false, 'dropStore of what is not there');
            model.entries = [];
            model.present = false;
          } else {
            for (let n = 0; n < 25; n++) {
              const [k, v] = [model.kind.key(x + n, y), model.kind.value(n, large)];
              tx.put(store, k, v);
              model.put(k, v);
            }
          }
          break;
        default: {
          const reader = bind(tx, store);
          checkLook(reader, model, x, y);
          checkRange(reader, model, rangeOf(model, c + i, x, y));
        }
      }
    }
    // Everything, now and then: it takes longer than all the rest.
    if (a % 8 === 0) checkAll((name) => bind(tx, this.stores.get(name)!), draft);
  }

  private nested(
    tx: WriteTransaction,
    draft: ModelState,
    a: number,
    b: number,
    c: number,
    d: number,
    depth: number,
  ): void {
    const inner = copyState(draft);
    // It stands before the nested part's changes, and goes on after they were kept or undone.
    const store = this.stores.get(KINDS[d % KINDS.length]!.name)!;
    const iterator = tx.keys(store)[Symbol.iterator]();
    const first = iterator.next();
    try {
      tx.nested((same) => {
        this.inside(same, inner, a, b, c, d, depth);
        if (c % 2 === 0) throw new Undo();
      });
      for (const [name, model] of inner) draft.set(name, model);
    } catch (error) {
      if (!(error instanceof Undo)) throw error;
    }
    const model = draft.get(store.name)!;
    if (first.done !== true && model.present) {
      const at = model.place(first.value);
      const next = model.find(first.value) === undefined ? at : at + 1;
      same(iterator.next().value, model.entries[next]?.[0], 'an iteration over a nested part');
    }
  }

  /** The newest state, and each snapshot that is open. */
  private readers(name: string): { bound: BoundReader; model: ModelStore }[] {
    const store = this.stores.get(name)!;
    return [
      { bound: store, model: this.state.get(name)! },
      ...this.snapshots.map(({ snapshot, state }) => {
        return { bound: bind(snapshot, store), model: state.get(name)! };
      }),
    ];
  }

  private checkNewest(): void {
    checkAll((name) => this.stores.get(name)!, this.state);
    this.checkStores();
  }

  private checkStores(): void {
    const expected = [...this.state.values()]
      .filter(({ present }) => present)
      .map(({ kind, entries }) => `${kind.name} ${entries.length}`);
    const found = this.db.stores().map(({ name, count }) => `${name} ${count}`);
    same(found.sort(), expected.sort(), 'stores');
  }

  /** A key that is there as often as not. */
  private someKey(model: ModelStore, a: number, b: number): unknown {
    return model.entries[a % (2 * model.entries.length + 1)]?.[0] ?? model.kind.key(a, b);
  }

  /** Something was put into a store: from now on it is there. */
  private changed(name: string, change: () => void): void {
    change();
    const model = this.state.get(name)!;
    if (model.entries.length > 0) model.present = true;
  }

  /** A transaction's state becomes the newest. */
  private take(draft: ModelState): void {
    for (const model of draft.values()) if (model.entries.length > 0) model.present = true;
    this.state = draft;
  }

  /** Asks for every store; those that were dropped are made again with the next write. */
  private ask(): void {
    for (const [name, model] of this.state) {
      this.stores.set(name, this.db.store(name, model.kind.options));
      model.present = true;
    }
  }

  /** A watch whose range holds other entries now than when it was last told has to be told. */
  private async requireTold(watched: Watched): Promise<void> {
    const { name, range, matches, changes, seen } = watched;
    const now = this.state.get(name)!.range(range, matches);
    watched.seen = now;
    if (isDeepStrictEqual(now, seen)) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('a watch was not told in 20 s')), 20_000);
    });
    const { done, value } = await Promise.race([changes.next(), late]);
    clearTimeout(timer);
    same(done, false, 'a watch that goes on');
    same(value.transaction <= this.db.lastTransaction, true, 'the transaction that a watch tells');
  }

  private letGo(): void {
    for (const { changes } of this.watched.splice(0)) void changes.return?.();
    for (const { snapshot, state } of this.snapshots.splice(0)) {
      checkAll((name) => bind(snapshot, this.stores.get(name)!), state);
      snapshot.close();
    }
    for (const held of this.held.splice(0)) {
      if (advance(held, 3)) held.iterator.return?.();
    }
  }
}

/** Iterates inside a transaction and changes the tree between the steps. */
function iterateWithChanges(
  tx: WriteTransaction,
  store: AnyStore,
  model: ModelStore,
  a: number,
  b: number,
  c: number,
  large: number,
): void {
  const reverse = a % 2 === 0;
  let steps = 0;
  for (const [key] of tx.range(store, { reverse })) {
    const change = (b + steps * 5) % 6;
    const other = model.kind.key((a + steps) & 255, (b + steps) & 255);
    if (change < 2) {
      same(tx.remove(store, key), true, 'removed under an iteration');
      model.remove(key);
    } else if (change < 4) {
      const value = model.kind.value(c + steps, large);
      tx.put(store, change === 2 ? key : other, value);
      model.put(change === 2 ? key : other, value);
    } else if (change === 4) {
      same(tx.remove(store, other), model.remove(other), 'another removed');
    }
    const place = model.place(key);
    const there = model.find(key) !== undefined;
    const next = model.entries[reverse ? place - 1 : there ? place + 1 : place]?.[0];
    const seen = tx.keys(store, { reverse, ...(reverse ? { lt: key } : { gt: key }) }).first();
    same(seen, next, 'what comes next');
    if (++steps === 12) break;
  }
}

function bind(reader: Snapshot | WriteTransaction, store: AnyStore): BoundReader {
  return {
    get: (key) => reader.get(store, key),
    has: (key) => reader.has(store, key),
    getMany: (keys) => reader.getMany(store, keys),
    getEntry: (key) => reader.getEntry(store, key),
    range: (range) => reader.range(store, range),
    keys: (range) => reader.keys(store, range),
    values: (range) => reader.values(store, range),
    count: (range) => reader.count(store, range),
    rank: (key) => reader.rank(store, key),
    at: (index) => reader.at(store, index),
    first: (range) => reader.first(store, range),
    last: (range) => reader.last(store, range),
    sample: () => reader.sample(store),
  };
}

async function mustReject(promise: Promise<unknown>, kind: new () => Error): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof kind)) throw new Error(`expected a ${kind.name}, got ${String(error)}`);
}

/** What may happen; what stands here twice happens twice as often. */
const STEPS = [
  'put',
  'put',
  'put',
  'fill',
  'fill',
  'fill',
  'condition',
  'append',
  'remove',
  'remove',
  'removeNear',
  'update',
  'removeRange',
  'clear',
  'dropStore',
  'group',
  'write',
  'write',
  'write',
  'writeSync',
  'writeSync',
  'beginWrite',
  'snapshot',
  'look',
  'look',
  'range',
  'range',
  'hold',
  'goOn',
  'watch',
  'told',
  'told',
  'prefetch',
  'bulkLoad',
  'flush',
  'compact',
  'trim',
  'backup',
  'restore',
  'stores',
  'reopen',
] as const;

/** `what` of an operation is below this. */
export const STEP_KINDS: number = STEPS.length;
