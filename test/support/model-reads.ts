/** Compares what a reader says of a store with what the model holds. */

import { isDeepStrictEqual } from 'node:util';
import type { RangeOptions, Store } from '../../src/index.ts';
import type { ModelEntry, ModelState, ModelStore } from './model-store.ts';

export type AnyStore = Store<unknown, unknown>;

/** The reading methods of a store, with the store bound: of it, a snapshot or a transaction. */
export type BoundReader = Pick<
  AnyStore,
  | 'get'
  | 'has'
  | 'getMany'
  | 'getEntry'
  | 'range'
  | 'keys'
  | 'values'
  | 'count'
  | 'rank'
  | 'at'
  | 'first'
  | 'last'
  | 'sample'
>;

/**
 * Throws unless both are deeply equal; the message shows both. `what` is a function where it takes
 * longer to say it than to compare.
 */
export function same(found: unknown, expected: unknown, what: string | (() => string)): void {
  if (isDeepStrictEqual(found, expected)) return;
  const said = typeof what === 'string' ? what : what();
  throw new Error(`${said}: found ${show(found)}, expected ${show(expected)}`);
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'bigint' ? `${part}n` : part,
    ) ?? 'undefined';
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length})` : text;
}

/** A range from four small numbers; `matches` is what its prefix means. */
export interface ModelRange {
  readonly range: RangeOptions<unknown>;
  readonly matches: ((key: unknown) => boolean) | undefined;
}

/** `shape`: which ends there are, which direction, whether limit, offset and prefix. */
export function rangeOf(store: ModelStore, shape: number, a: number, b: number): ModelRange {
  const { kind } = store;
  const range: RangeOptions<unknown> = {};
  // Ends are keys of the store as often as not.
  const low = store.entries[a % (2 * store.entries.length + 1)]?.[0] ?? kind.key(a, b);
  const high = store.entries[b % (2 * store.entries.length + 1)]?.[0] ?? kind.key(b, a);
  // Both at once: the narrower one counts, and gt of equal ones.
  if ((shape & 1) !== 0) range.gt = low;
  if ((shape & 2) !== 0) range.gte = (shape & 1) !== 0 && a % 3 === 0 ? kind.key(b, a) : low;
  if ((shape & 4) !== 0) range.lt = high;
  if ((shape & 8) !== 0) range.lte = (shape & 4) !== 0 && b % 3 === 0 ? kind.key(a, b) : high;
  if ((shape & 16) !== 0) range.reverse = true;
  if ((shape & 96) === 32) range.limit = a % 9;
  if ((shape & 96) === 64) range.offset = b % 9;
  if ((shape & 96) === 96) {
    range.limit = b % 5;
    range.offset = a % 40;
  }
  const narrowed = (shape & 128) !== 0 ? kind.prefix?.(a) : undefined;
  if (narrowed !== undefined) range.prefix = narrowed.prefix;
  return { range, matches: narrowed?.matches };
}

/** Ranges, in all forms. */
export function checkRange(reader: BoundReader, store: ModelStore, of: ModelRange): void {
  const { range, matches } = of;
  const expected = store.range(range, matches);
  const what = (part: string) => (): string => `${store.kind.name} ${show(range)} ${part}`;
  same([...reader.range(range)], expected, what('range'));
  same(
    reader.keys(range).toArray(),
    expected.map(([key]) => key),
    what('keys'),
  );
  same(
    reader.values(range).toArray(),
    expected.map(([, value]) => value),
    what('values'),
  );
  same(reader.count(range), expected.length, what('count'));
  same(reader.first(range), expected[0], what('first'));
  same(reader.last(range), expected.at(-1), what('last'));
}

/** One key, one index. */
export function checkLook(reader: BoundReader, store: ModelStore, a: number, b: number): void {
  const key = store.entries[a % (2 * store.entries.length + 1)]?.[0] ?? store.kind.key(a, b);
  const what = (part: string) => (): string => `${store.kind.name} ${show(key)} ${part}`;
  const entry = store.find(key);
  same(reader.get(key), entry?.[1], what('get'));
  same(reader.has(key), entry !== undefined, what('has'));
  const { length } = store.entries;
  const found = reader.getEntry(key);
  same(
    found && { ...found, version: typeof found.version },
    entry && {
      key,
      value: entry[1],
      version: store.kind.options.versions === true ? 'number' : 'undefined',
      expires: undefined,
    },
    what('getEntry'),
  );
  same(reader.rank(key), store.place(key), what('rank'));
  const index = (b % (length + 3)) - 1;
  same(reader.at(index), store.entries.at(index), what(`at(${index})`));
  same(reader.at(-length - 1), undefined, what('before the first'));
  const keys = [key, store.kind.key(b, a), key];
  same(
    reader.getMany(keys),
    keys.map((k) => store.find(k)?.[1]),
    what('getMany'),
  );
  const sample = reader.sample();
  if (sample === undefined) same(length, 0, what('sample of an empty store'));
  else same(sample, store.find(sample[0]), what('sample'));
}

/** Everything in every store. */
export function checkAll(readerOf: (name: string) => BoundReader, state: ModelState): void {
  for (const [name, store] of state) {
    const reader = readerOf(name);
    same([...reader.range()], store.entries, `${name}`);
    same(reader.count(), store.entries.length, `${name} count`);
  }
}

/** An iteration that goes on while other things happen, and what it still has to give. */
export interface HeldIteration {
  readonly iterator: Iterator<unknown>;
  readonly left: ModelEntry[];
}

/** Takes `steps` items of it. False when it has ended. */
export function advance(held: HeldIteration, steps: number): boolean {
  for (let i = 0; i < steps; i++) {
    const { done, value } = held.iterator.next();
    const expected = held.left.shift();
    same(done === true ? undefined : value, expected, 'an iteration that was held');
    if (expected === undefined) return false;
  }
  return true;
}
