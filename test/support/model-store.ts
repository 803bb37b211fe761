/** What a store should hold: a sorted array, with the order and the values of one kind of store. */

import type { RangeOptions, StoreOptions } from '../../src/index.ts';

/** Keys and values of a kind of store, made from small numbers, and the order of the keys. */
export interface StoreKind {
  readonly name: string;
  readonly options: StoreOptions<unknown, unknown>;
  key(a: number, b: number): unknown;
  /** `large`: bytes that do not fit into a leaf. */
  value(n: number, large: number): unknown;
  compare(a: unknown, b: unknown): number;
  /** Undefined when the kind has no prefixes. */
  prefix?(a: number): { prefix: unknown; matches(key: unknown): boolean };
}

const numeric = (a: unknown, b: unknown): number => {
  const [x, y] = [a as number | bigint, b as number | bigint];
  return x < y ? -1 : x > y ? 1 : 0;
};
/** UTF-8 orders as code points do. */
const textual = (a: unknown, b: unknown): number => {
  const [x, y] = [String(a), String(b)];
  let i = 0;
  while (i < x.length && x[i] === y[i]) i++;
  return (x.codePointAt(i) ?? -1) - (y.codePointAt(i) ?? -1);
};
const bytewise = (a: unknown, b: unknown): number =>
  Buffer.compare(a as Uint8Array, b as Uint8Array);

const RANKS = ['null', 'bytes', 'string', 'number', 'bigint', 'boolean', 'date', 'array'];
function rankOf(key: unknown): number {
  if (key === null) return 0;
  if (key instanceof Uint8Array) return 1;
  if (key instanceof Date) return 6;
  if (Array.isArray(key)) return 7;
  return RANKS.indexOf(typeof key);
}

/** The documented order of 'tuple' keys. */
export function compareTuple(a: unknown, b: unknown): number {
  const rank = rankOf(a);
  if (rank !== rankOf(b)) return rank - rankOf(b);
  if (rank === 0) return 0;
  if (rank === 1) return bytewise(a, b);
  if (rank === 2) return textual(a, b);
  if (rank !== 7) return numeric(Number(a), Number(b));
  const [x, y] = [a as unknown[], b as unknown[]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = compareTuple(x[i], y[i]);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

const TEXTS = ['', 'a', 'ab', 'b', 'é', '\u{ffff}', '\u{10000}', 'ada', 'ada\u0000', 'z'];
const text = (a: number, b: number): string => TEXTS[a % TEXTS.length]! + (b % 41).toString(36);

const tuple: StoreKind = {
  name: 'tuples',
  options: {},
  key(a, b) {
    switch (a % 9) {
      case 0:
        return ['user', b];
      case 1:
        return [text(b, 0), [b % 3]];
      case 2:
        return text(a >> 3, b);
      case 3:
        return (b - 100) * (a % 2 === 0 ? 1 : 0.5);
      case 4:
        return [null, b % 5 === 0, Uint8Array.of(b)];
      case 5:
        return BigInt(b - 128) * 2n ** 70n;
      case 6:
        return new Date(b * 1000);
      case 7:
        return Uint8Array.of(b, a);
      default:
        return ['user', b % 7, text(a >> 3, b)];
    }
  },
  value: (n, large) => (n % 7 === 0 ? 'x'.repeat(large + n) : { n, list: [n, null, `v${n}`] }),
  compare: compareTuple,
  prefix(a) {
    const prefix = a % 2 === 0 ? ['user'] : ['user', a % 7];
    const matches = (key: unknown): boolean =>
      Array.isArray(key) && prefix.every((element, i) => compareTuple(key[i], element) === 0);
    return { prefix, matches };
  },
};

const strings: StoreKind = {
  name: 'texts',
  options: { key: 'string', value: 'json' },
  key: text,
  value: (n, large) => (n % 7 === 0 ? ['x'.repeat(large + n)] : { n }),
  compare: textual,
  prefix(a) {
    const prefix = TEXTS[a % TEXTS.length]!;
    return { prefix, matches: (key) => String(key).startsWith(prefix) };
  },
};

const bytes: StoreKind = {
  name: 'bytes',
  options: { key: 'bytes', value: 'bytes' },
  key: (a, b) => Uint8Array.from([b, a, 255, 255].slice(0, (a + b) % 5)),
  value: (n, large) => new Uint8Array(n % 7 === 0 ? large + n : n).fill(n),
  compare: bytewise,
  prefix(a) {
    const prefix = Uint8Array.from([a % 2 === 0 ? 255 : a, 255].slice(0, a % 3));
    const matches = (key: unknown): boolean =>
      Buffer.from(key as Uint8Array)
        .subarray(0, prefix.length)
        .equals(prefix);
    return { prefix, matches };
  },
};

const numbers: StoreKind = {
  name: 'numbers',
  options: { key: 'u32', value: 'string' },
  key: (a, b) => (a % 4 === 0 ? 2 ** 32 - 1 - b : a * 3 + b),
  value: (n, large) => `value ${n}${n % 7 === 0 ? 'y'.repeat(large) : ''}`,
  compare: numeric,
};

const bigints: StoreKind = {
  name: 'set',
  options: { key: 'u64', value: 'none' },
  key: (a, b) => (a % 4 === 0 ? 2n ** 64n - 1n - BigInt(b) : BigInt(a) * 5n + BigInt(b)),
  value: () => true,
  compare: numeric,
};

const floats: StoreKind = {
  name: 'floats',
  options: { key: 'f64', value: 'msgpack' },
  key: (a, b) => (b - 100) * 1.5 ** ((a % 60) - 30),
  value: (n) => new Map([[n, new Date(n)]]),
  compare: numeric,
};

/** A user's codecs: keys of two characters in the reverse of their order. */
const backwards: StoreKind = {
  name: 'backwards',
  options: {
    key: {
      name: 'two-backwards',
      encode(key: unknown, target: Uint8Array, offset: number): number {
        if (offset + 2 > target.length) return -1;
        target[offset] = 255 - String(key).charCodeAt(0);
        target[offset + 1] = 255 - String(key).charCodeAt(1);
        return offset + 2;
      },
      decode: (key: Uint8Array): unknown => String.fromCharCode(255 - key[0]!, 255 - key[1]!),
    },
    value: {
      name: 'decimal',
      encode: (value: unknown): Uint8Array => Buffer.from(String(value)),
      decode: (value: Uint8Array): unknown => Number(Buffer.from(value).toString()),
    },
  },
  key: (a, b) => String.fromCharCode(97 + (a % 26), 97 + (b % 26)),
  value: (n) => n,
  compare: (a, b) => -textual(a, b),
};

/** Entries with a version and room for a time of expiry, which are not given one here. */
const stamped: StoreKind = {
  ...strings,
  name: 'stamped',
  options: {
    key: 'string',
    value: 'json',
    versions: true,
    expires: true,
  },
};

/** Values of many shapes, new ones again and again, and some that are never shared. */
const alike: StoreKind = {
  ...strings,
  name: 'alike',
  options: { key: 'string', sharedStructures: true },
  value(n, large) {
    if (n % 7 === 0) return { text: 'x'.repeat(large + n) };
    if (n % 5 === 0) return Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`n${i}`, n]));
    return n % 2 === 0 ? { [`name${n}`]: n, list: [{ n }, { n, of: null }] } : { n, of: `v${n}` };
  },
};

export const KINDS: readonly StoreKind[] = [
  tuple,
  strings,
  bytes,
  numbers,
  bigints,
  floats,
  backwards,
  stamped,
  alike,
];

export type ModelEntry = readonly [key: unknown, value: unknown];

/** The entries of one store in the order of their keys. */
export class ModelStore {
  readonly kind: StoreKind;
  entries: ModelEntry[] = [];
  /** Whether the file has it, or will have with the next write. */
  present = true;

  constructor(kind: StoreKind) {
    this.kind = kind;
  }

  copy(): ModelStore {
    const copy = new ModelStore(this.kind);
    copy.entries = [...this.entries];
    copy.present = this.present;
    return copy;
  }

  /** The first place whose key is >= key. */
  place(key: unknown): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.kind.compare(this.entries[middle]![0], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(key: unknown): ModelEntry | undefined {
    const entry = this.entries[this.place(key)];
    return entry !== undefined && this.kind.compare(entry[0], key) === 0 ? entry : undefined;
  }

  put(key: unknown, value: unknown): void {
    const there = this.find(key) === undefined ? 0 : 1;
    this.entries.splice(this.place(key), there, [key, value]);
  }

  remove(key: unknown): boolean {
    if (this.find(key) === undefined) return false;
    this.entries.splice(this.place(key), 1);
    return true;
  }

  /** The entries of a range; `matches` stands for its prefix. */
  range(range: RangeOptions<unknown>, matches?: (key: unknown) => boolean): ModelEntry[] {
    const { compare } = this.kind;
    const { gt, gte, lt, lte, offset = 0, limit = Infinity } = range;
    const found = this.entries.filter(
      ([key]) =>
        (gt === undefined || compare(key, gt) > 0) &&
        (gte === undefined || compare(key, gte) >= 0) &&
        (lt === undefined || compare(key, lt) < 0) &&
        (lte === undefined || compare(key, lte) <= 0) &&
        (matches === undefined || matches(key)),
    );
    if (range.reverse === true) found.reverse();
    return found.slice(offset, limit === Infinity ? undefined : offset + limit);
  }
}

/** All stores of one state. */
export type ModelState = Map<string, ModelStore>;

export function copyState(state: ModelState): ModelState {
  return new Map([...state].map(([name, store]) => [name, store.copy()]));
}
