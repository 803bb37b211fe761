/**
 * Random steps on stores with `multi`, `versions` and `expires`, and on large values, against
 * ModelPairs. The clock is the world's own: it stands still but for the step that moves it.
 */

import { Readable } from 'node:stream';
import {
  type Blob,
  type Database,
  open,
  type PutOptions,
  type RangeOptions,
  type Snapshot,
  type Store,
  type ValueView,
  type WriteTransaction,
} from '../../src/index.ts';
import { checkWhole } from './fresh-database.ts';
import { ModelPairs, PAIR_KINDS } from './model-pairs.ts';
import { same } from './model-reads.ts';
import type { Operation, Setting } from './model-world.ts';

type PairStore = Store<string, number>;
type Pairs = Map<string, ModelPairs>;
/** The reading methods of a store, with the store bound: of it, a snapshot or a transaction. */
type BoundPairs = Pick<
  PairStore,
  | 'get'
  | 'has'
  | 'getEntry'
  | 'getAll'
  | 'range'
  | 'keys'
  | 'values'
  | 'count'
  | 'rank'
  | 'first'
  | 'last'
  | 'sample'
>;

/** So few that a pair is met again. */
const VALUES = 6;
const KEYS = ['', 'a', 'a\u0000', 'ab', 'b', 'é', '\u{10000}', 'z'];

/** Of an entry that `getEntry` does not give. */
const UNKNOWN = -1;

/** Thrown by callbacks that are to be undone. */
class Undo extends Error {}

export class PairsWorld {
  /** ms since 1970, as Date.now says it. */
  now: number;
  private readonly setting: Setting;
  private db: Database;
  private stores = new Map<string, PairStore>();
  private large: Store<string, Uint8Array>;
  private state: Pairs = new Map();
  private readonly values = new Map<string, Uint8Array>();
  private snapshots: { snapshot: Snapshot; state: Pairs; values: Map<string, Uint8Array> }[] = [];
  private held: { bytes: Uint8Array; view: ValueView | undefined; blob: Blob | undefined }[] = [];

  constructor(setting: Setting, now: number) {
    this.setting = setting;
    this.now = now;
    this.db = open(setting.path, setting.options);
    this.large = this.ask();
    for (const kind of PAIR_KINDS) {
      this.state.set(kind.name, new ModelPairs(kind, () => this.now));
    }
  }

  async run(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) await this.do(operation);
    this.letGo();
    this.checkAll(this.db, this.state, this.values);
    await checkWhole(this.db);
    this.db.closeSync();
  }

  close(): void {
    this.db.closeSync();
  }

  private ask(): Store<string, Uint8Array> {
    for (const { name, options } of PAIR_KINDS) {
      const { multi, ...rest } = options;
      this.stores.set(name, this.db.store<string, number>(name, { ...rest, multi }));
    }
    return this.db.store('large', { key: 'string', value: 'bytes' });
  }

  private async do([what, a, b, c, d]: Operation): Promise<void> {
    const { name } = PAIR_KINDS[d % PAIR_KINDS.length]!;
    const model = this.state.get(name)!;
    const store = this.stores.get(name)!;
    const key = KEYS[a % KEYS.length]!;
    switch (STEPS[what % STEPS.length]!) {
      case 'put':
        await this.put(store, model, key, b, c);
        break;
      case 'putMany': {
        const entries = Array.from({ length: 1 + (c % 20) }, (_, i) => {
          return [KEYS[(a + (i >> 2)) % KEYS.length]!, (b + i * 3) % VALUES] as const;
        });
        const load = c % 3 === 0 ? store.bulkLoad(entries) : store.putMany(entries);
        same(await load, entries.length, 'putMany or bulkLoad');
        const written = new Set<string>();
        for (const [k, value] of entries) {
          const there = model.find(k, value);
          // Where there is nothing to note of it, a pair that is there is left as it is.
          if (there !== undefined && name === 'pairs') continue;
          model.put({ key: k, value, expires: 0, version: 0 });
          written.add(k);
        }
        this.noteVersions(store, model);
        break;
      }
      case 'remove':
        await this.remove(store, model, key, b, c);
        break;
      case 'update':
        if (!model.isMulti) await this.update(store, model, key, b, c);
        break;
      case 'removeRange': {
        const range = rangeOf(a, b, c);
        const live = model.within(model.live, range).length;
        const all = model.within(model.all, range).length;
        between(await store.removeRange(range), live, all, 'removeRange');
        const gone = new Set(model.within(model.all, range));
        model.remove((entry) => gone.has(entry));
        break;
      }
      case 'clear':
        if (c % 4 !== 0) break;
        between(await store.clear(), model.live.length, model.all.length, 'clear');
        model.all = [];
        break;
      case 'write':
        await this.write(a, b, c, d);
        break;
      case 'time':
        this.now += a % 20;
        break;
      case 'look':
        look(store, model, key, b, c);
        for (const { snapshot, state } of this.snapshots) {
          look(bind(snapshot, store), state.get(name)!, key, b, c);
        }
        break;
      case 'snapshot': {
        if (this.snapshots.length > 2) this.snapshots.shift()!.snapshot.close();
        const state = new Map([...this.state].map(([n, store]) => [n, store.copy()]));
        const values = new Map(this.values);
        this.snapshots.push({ snapshot: this.db.snapshot(), state, values });
        break;
      }
      case 'putLarge':
        await this.putLarge(key, b, c);
        break;
      case 'hold':
        this.hold(key, c);
        break;
      case 'compact':
        await this.db.compact();
        break;
      case 'reopen':
        if (this.setting.path === ':memory:') break;
        this.letGo();
        await this.db.close();
        this.db = open(this.setting.path, this.setting.options);
        this.large = this.ask();
        this.checkAll(this.db, this.state, this.values);
        break;
    }
  }

  private async put(
    store: PairStore,
    model: ModelPairs,
    key: string,
    b: number,
    c: number,
  ): Promise<void> {
    const value = b % VALUES;
    const there = model.find(key, value);
    const options: PutOptions = {};
    let expires = 0;
    if (model.kind.options.expires === true && c % 3 !== 2) {
      if (c % 2 === 0) options.expireIn = b % 90;
      else options.expireAt = this.now + (b % 90) - 10;
      expires = c % 2 === 0 ? this.now + (b % 90) : this.now + (b % 90) - 10;
    }
    let isAllowed = true;
    if (c % 5 === 0) {
      options.ifAbsent = true;
      isAllowed = there === undefined;
    } else if (model.kind.options.versions === true && c % 5 === 1 && there?.version !== UNKNOWN) {
      options.ifVersion = there === undefined ? null : there.version + (c % 2);
      isAllowed = there === undefined || c % 2 === 0;
    }
    const isNew = isAllowed && !(model.isMulti && there !== undefined);
    same(await store.put(key, value, options), isNew, `put into ${store.name}`);
    if (!isAllowed || (there !== undefined && store.name === 'pairs')) return;
    model.put({ key, value, expires, version: 0 });
    this.noteVersions(store, model);
    look(store, model, key, b, c);
  }

  private async remove(
    store: PairStore,
    model: ModelPairs,
    key: string,
    b: number,
    c: number,
  ): Promise<void> {
    const value = b % VALUES;
    if (!model.isMulti || c % 2 === 0) {
      const there = model.of(key).length > 0;
      same(await store.remove(key), there, 'remove of a key');
      model.remove((entry) => entry.key === key);
      return;
    }
    const there = model.find(key, value);
    const wrong = c % 5 === 1;
    const options =
      there !== undefined && there.version > 0 && c % 3 === 0
        ? { value, ifVersion: there.version + (wrong ? 1 : 0) }
        : { value };
    const isGone = there !== undefined && !('ifVersion' in options && wrong);
    same(await store.remove(key, options), isGone, 'remove of a pair');
    // One that has expired goes, too, when no version was asked for.
    if (isGone || !('ifVersion' in options)) {
      model.remove((entry) => entry.key === key && entry.value === value);
    }
  }

  private async update(
    store: PairStore,
    model: ModelPairs,
    key: string,
    b: number,
    c: number,
  ): Promise<void> {
    const there = model.of(key)[0];
    const value = c % 4 === 0 ? undefined : b % VALUES;
    const result = await store.update(key, (old) => {
      same(old, there?.value, 'the old value');
      return value;
    });
    same(result, value, 'update');
    if (value === undefined) model.remove((entry) => entry.key === key);
    else {
      model.put({ key, value, expires: there?.expires ?? 0, version: 0 });
      this.noteVersions(store, model);
      look(store, model, key, b, c);
    }
  }

  /** Several changes in one callback, a part of which may be undone, or all. */
  private async write(a: number, b: number, c: number, d: number): Promise<void> {
    const draft = new Map([...this.state].map(([n, store]) => [n, store.copy()]));
    const some = (tx: WriteTransaction, into: Pairs, from: number): void => {
      for (let i = 0; i < 4; i++) {
        const { name } = PAIR_KINDS[(d + from + i) % PAIR_KINDS.length]!;
        const [store, model] = [this.stores.get(name)!, into.get(name)!];
        const key = KEYS[(a + i) % KEYS.length]!;
        const value = (b + i * 7) % VALUES;
        if ((c + i) % 3 === 0) {
          same(tx.remove(store, key), model.of(key).length > 0, 'remove in a transaction');
          model.remove((entry) => entry.key === key);
        } else {
          const there = model.find(key, value);
          const isNew = !(model.isMulti && there !== undefined);
          same(tx.put(store, key, value), isNew, 'put in a transaction');
          if (isNew || name !== 'pairs') model.put({ key, value, expires: 0, version: 0 });
        }
        look(bind(tx, store), model, key, b, c);
      }
    };
    try {
      await this.db.write((tx) => {
        some(tx, draft, 0);
        const inner = new Map([...draft].map(([n, store]) => [n, store.copy()]));
        try {
          tx.nested((part) => {
            some(part, inner, 1);
            if (c % 2 === 0) throw new Undo();
          });
          for (const [n, model] of inner) draft.set(n, model);
        } catch (error) {
          if (!(error instanceof Undo)) throw error;
        }
        if (c % 5 === 0) throw new Undo();
      });
    } catch (error) {
      if (error instanceof Undo && c % 5 === 0) return;
      throw error;
    }
    this.state = draft;
    for (const [n, model] of draft) this.noteVersions(this.stores.get(n)!, model);
  }

  /**
   * What was just written has one version, greater than all that were there; it is noted. What was
   * not written has the one that it had.
   */
  private noteVersions(store: PairStore, model: ModelPairs): void {
    if (model.kind.options.versions !== true) return;
    const before = Math.max(0, ...model.all.map(({ version }) => version));
    const found = new Set<number>();
    model.all = model.all.map((entry) => {
      if (entry.version !== 0 || !model.isLive(entry)) return entry;
      const first = model.of(entry.key)[0];
      // Of a multi store getEntry gives the first; the others tell theirs by a condition.
      if (first !== entry) return entry;
      const version = store.getEntry(entry.key)!.version!;
      found.add(version);
      return { ...entry, version };
    });
    same(found.size <= 1, true, 'one version for one piece');
    for (const version of found) same(version > before, true, 'a version grows');
    const [version] = found;
    if (version === undefined) {
      // None that could be asked: they are not asked with a condition either.
      model.all = model.all.map((e) => (e.version === 0 ? { ...e, version: UNKNOWN } : e));
    } else {
      model.all = model.all.map((e) => (e.version === 0 ? { ...e, version } : e));
    }
  }

  private async putLarge(key: string, b: number, c: number): Promise<void> {
    // Two sizes mostly, so that the pages of one that was replaced are taken by the next.
    const size = b % 4 === 0 ? (b * this.setting.large) >> 5 : this.setting.large * (1 + (b % 2));
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = (i * 7 + c) & 0xff;
    if (c % 2 === 0) await this.large.put(key, bytes);
    else same(await this.large.putStream(key, size, streamOf(bytes, c)), true, 'putStream');
    this.values.set(key, bytes);
  }

  /** Views and blobs of the newest state, and of snapshots, that stay while other things happen. */
  private hold(key: string, c: number): void {
    if (this.held.length > 4) this.letGoOf(this.held.shift()!);
    const old = this.snapshots[c % 4];
    const bytes = (old?.values ?? this.values).get(key);
    const view = old === undefined ? this.large.view(key) : old.snapshot.view(this.large, key);
    const blob = old === undefined ? this.large.blob(key) : old.snapshot.blob(this.large, key);
    same(view === undefined, bytes === undefined, 'a view of what is absent');
    same(blob?.size, bytes?.length, 'the size of a blob');
    if (bytes === undefined) return;
    // Its own: nobody else sees it.
    if (c % 3 === 0) view?.bytes.fill(c);
    // One of them: each keeps its value by itself.
    if (c % 2 === 0 || c % 3 === 0) {
      view?.dispose();
      this.held.push({ bytes, view: undefined, blob });
    } else {
      blob?.dispose();
      this.held.push({ bytes, view, blob: undefined });
    }
  }

  /** Looks once more, after all that happened since. */
  private letGoOf({ bytes, view, blob }: (typeof this.held)[number]): void {
    const [from, to] = [bytes.length >> 2, bytes.length >> 1];
    if (view !== undefined) same(Buffer.compare(view.bytes, bytes), 0, 'a view that was held');
    if (blob !== undefined) {
      const part = blob.slice(from, to);
      same(Buffer.compare(part, bytes.subarray(from, to)), 0, 'a blob that was held');
    }
    view?.dispose();
    blob?.dispose();
  }

  private letGo(): void {
    for (const held of this.held.splice(0)) this.letGoOf(held);
    for (const { snapshot, state, values } of this.snapshots.splice(0)) {
      this.checkAll(snapshot, state, values);
      snapshot.close();
    }
  }

  private checkAll(
    reader: Snapshot | Database,
    state: Pairs,
    values: ReadonlyMap<string, Uint8Array>,
  ): void {
    for (const [name, model] of state) {
      const store = this.stores.get(name)!;
      const range = 'get' in reader ? reader.range(store) : store.range();
      same(
        [...range],
        model.live.map(({ key, value }) => [key, value]),
        name,
      );
    }
    for (const key of KEYS) {
      const found = 'get' in reader ? reader.get(this.large, key) : this.large.get(key);
      const bytes = values.get(key);
      same(found?.length, bytes?.length, 'the length of a large value');
      if (bytes !== undefined) same(Buffer.compare(found!, bytes), 0, 'a large value');
    }
  }
}

/** One key, and a range, in all forms. */
function look(from: BoundPairs, model: ModelPairs, key: string, b: number, c: number): void {
  const of = model.of(key);
  const what = `${model.kind.name} ${JSON.stringify(key)}`;
  const values = of.map((entry) => entry.value);
  same(from.get(key), values[0], `${what} get`);
  same(from.has(key), of.length > 0, `${what} has`);
  same([...from.getAll(key)], values, `${what} getAll`);
  const entry = from.getEntry(key);
  same(entry?.value, values[0], `${what} getEntry`);
  same(entry?.expires ?? 0, of[0]?.expires ?? 0, `${what} expires`);
  const version = of[0]?.version ?? 0;
  if (version > 0) same(entry?.version, version, `${what} version`);
  if (model.isMulti) {
    for (let v = 0; v < VALUES; v++) {
      same(from.has(key, v), model.find(key, v) !== undefined, `${what} has ${v}`);
    }
    const [low, high] = [c % VALUES, (c * 3) % VALUES];
    const reverse = b % 2 === 0;
    const expected = values.filter((v) => v >= low && v < high);
    if (reverse) expected.reverse();
    const found = from.getAll(key, { gte: low, lt: high, reverse, limit: 5 });
    same([...found], expected.slice(0, 5), `${what} getAll in a range`);
  }
  const all = model.within(model.all, { gte: key, lte: key }).length;
  between(from.count({ gte: key, lte: key }), of.length, all, `${what} count`);
  const before = model.within(model.live, { lt: key }).length;
  between(from.rank(key), before, model.within(model.all, { lt: key }).length, `${what} rank`);
  lookAtRange(from, model, rangeOf(b, c, b + c));
}

function lookAtRange(from: BoundPairs, model: ModelPairs, range: RangeOptions<string>): void {
  const expected = model.within(model.live, range);
  if (range.reverse === true) expected.reverse();
  const what = `${model.kind.name} ${JSON.stringify(range)}`;
  const pairs = expected.map(({ key, value }) => [key, value]);
  const values = expected.map(({ value }) => value);
  same([...from.range(range)], pairs, what);
  same([...from.values(range)], values, `${what} values`);
  const keys = [...new Set(expected.map(({ key }) => key))];
  same([...from.keys(range)], keys, `${what} keys`);
  same([...from.keys({ ...range, limit: 2 })], keys.slice(0, 2), `${what} some keys`);
  same(from.first(range), pairs[0], `${what} first`);
  same(from.last(range), pairs.at(-1), `${what} last`);
  const sample = from.sample();
  if (sample === undefined) same(model.live.length, 0, `${what} sample of nothing`);
  else same(model.find(sample[0], sample[1])?.value, sample[1], `${what} sample`);
}

function between(found: number, low: number, high: number, what: string): void {
  if (found >= low && found <= high) return;
  throw new Error(`${what}: found ${found}, expected ${low} to ${high}`);
}

function streamOf(bytes: Uint8Array, c: number): Readable {
  function* pieces(): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1 + c * 100)
      yield bytes.subarray(at, at + 1 + c * 100);
  }
  return Readable.from(pieces());
}

function rangeOf(a: number, b: number, shape: number): RangeOptions<string> {
  const [low, high] = [KEYS[a % KEYS.length]!, KEYS[b % KEYS.length]!];
  return {
    reverse: (shape & 16) !== 0,
    ...((shape & 3) === 1 ? { gt: low } : {}),
    ...((shape & 3) === 2 ? { gte: low } : {}),
    ...((shape & 12) === 4 ? { lt: high } : {}),
    ...((shape & 12) === 8 ? { lte: high } : {}),
    ...((shape & 96) === 96 ? { prefix: low } : {}),
  };
}

function bind(reader: Snapshot | WriteTransaction, store: PairStore): BoundPairs {
  return {
    get: (key) => reader.get(store, key),
    has: (key, value) => reader.has(store, key, value),
    getEntry: (key) => reader.getEntry(store, key),
    getAll: (key, range) => reader.getAll(store, key, range),
    range: (range) => reader.range(store, range),
    keys: (range) => reader.keys(store, range),
    values: (range) => reader.values(store, range),
    count: (range) => reader.count(store, range),
    rank: (key) => reader.rank(store, key),
    first: (range) => reader.first(store, range),
    last: (range) => reader.last(store, range),
    sample: () => reader.sample(store),
  };
}

/** What may happen; what stands here twice happens twice as often. */
const STEPS = [
  'put',
  'put',
  'put',
  'put',
  'putMany',
  'putMany',
  'remove',
  'remove',
  'update',
  'update',
  'update',
  'removeRange',
  'clear',
  'write',
  'write',
  'time',
  'time',
  'look',
  'look',
  'snapshot',
  'putLarge',
  'putLarge',
  'putLarge',
  'hold',
  'hold',
  'hold',
  'compact',
  'reopen',
] as const;

/** `what` of an operation is below this. */
export const PAIR_STEP_KINDS: number = STEPS.length;
