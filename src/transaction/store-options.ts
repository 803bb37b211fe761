/** What a store may be asked to be. */

import type {
  Key,
  KeyCodec,
  KeyCodecName,
  KeyFormat,
  KeyTypes,
  ValueCodec,
  ValueCodecName,
  ValueFormat,
  ValueTypes,
} from '../codec/codec.ts';
import { PairFormat, pairedValues } from '../codec/pair.ts';
import { isKeyCodecName, isValueCodecName, keyFormat, valueFormat } from '../codec/registry.ts';
import { isWellFormed } from '../codec/utf8.ts';
import { CorruptionError, StoreMismatchError } from '../errors.ts';
import { STORE_FLAG, STORE_FLAG_NAMES, type StoreDescription } from '../format/catalogue.ts';
import { requireSameFlags, type StoreFormats } from './store-definition.ts';
import { isHidden } from './store-shapes.ts';

/** The keys of a store whose key codec is C. */
export type KeyOf<C> = C extends KeyCodecName ? KeyTypes[C] : C extends KeyCodec<infer K> ? K : Key;
/** The values of a store whose value codec is C. */
export type ValueOf<C> = C extends ValueCodecName
  ? ValueTypes[C]
  : C extends ValueCodec<infer V>
    ? V
    : C extends KeyCodecName | KeyCodec<unknown>
      ? KeyOf<C>
      : unknown;

/** Codecs and kind of a store. They are recorded in the file when the store is made. */
export interface StoreOptions<K, V> {
  /** 'tuple'; left out for an existing store: what the file records. */
  key?: KeyCodecName | KeyCodec<K>;
  /**
   * 'msgpack'; with `multi` a key codec, 'tuple'. Left out for an existing store: what the file
   * records.
   */
  value?: ValueCodecName | ValueCodec<V> | KeyCodecName | KeyCodec<V>;
  /** A key has a sorted set of values. An entry is a key with one of its values. false */
  multi?: boolean;
  /** Entries have a version, which grows with each callback or call that writes them. false */
  versions?: boolean;
  /** Entries may expire: see PutOptions. false */
  expires?: boolean;
  /**
   * The lists of property names of objects are kept once for all values, not with each of them:
   * smaller values, which are read faster. For 'msgpack' values. false
   */
  sharedStructures?: boolean;
  /** true; false: STORE_NOT_FOUND when the store is absent. */
  create?: boolean;
}

const NAMES: readonly string[] = [
  'key',
  'value',
  'multi',
  'versions',
  'expires',
  'sharedStructures',
  'create',
];

/** Throws TypeError for what cannot name a store. */
export function checkStoreName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`A store's name must be a non-empty string, got ${String(name)}.`);
  }
  if (isHidden(name)) {
    throw new TypeError(
      `A store's name must not begin with U+0000, got ${JSON.stringify(name)}: such names are of ` +
        'the engine.',
    );
  }
  if (!isWellFormed(name)) {
    throw new TypeError(`A store's name has a lone surrogate: ${JSON.stringify(name)}.`);
  }
}

/** Checks the options of a store. Throws TypeError, UNSUPPORTED. */
export function checkStoreOptions(name: unknown, options: object | undefined): void {
  checkStoreName(name);
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of a store must be an object, got ${String(options)}.`);
  }
  for (const [option, value] of Object.entries(options)) {
    if (!NAMES.includes(option)) {
      throw new TypeError(`A store has no option "${option}"; it has ${NAMES.join(', ')}.`);
    }
    if (option === 'key' || option === 'value' || value === undefined) continue;
    if (typeof value !== 'boolean') {
      throw new TypeError(`${option} must be true or false, got ${String(value)}.`);
    }
  }
}

/** A store as it was asked for, or as it is recorded where that says nothing. */
export interface ResolvedStore {
  readonly formats: StoreFormats<unknown, unknown>;
  readonly flags: number;
}

/** What is given, else what is recorded, else the default. Throws STORE_MISMATCH, TypeError. */
export function resolveStore(
  name: string,
  options: StoreOptions<unknown, unknown> | undefined,
  recorded: StoreDescription | undefined,
): ResolvedStore {
  const flags = flagsOf(options, recorded?.flags ?? 0);
  if (recorded !== undefined) requireSameFlags(name, recorded.flags, flags);
  if ((flags & STORE_FLAG.sharedStructures) !== 0) requireSharing(name, options, recorded, flags);
  const { key, value } = options ?? {};
  const recordedKey = recorded?.key ?? 'tuple';
  if (key === undefined && !isKeyCodecName(recordedKey)) {
    throw new StoreMismatchError(name, 'key', recordedKey, CODEC_WANTED);
  }
  const keys = keyFormat(key ?? recordedKey);
  if ((flags & STORE_FLAG.multi) === 0) {
    return {
      formats: { keys, values: plainValues(name, value, recorded), pairs: undefined },
      flags,
    };
  }
  const pairs = new PairFormat(keys, orderedValues(name, value, recorded));
  return { formats: { keys: pairs.keys, values: pairedValues(pairs.values), pairs }, flags };
}

const CODEC_WANTED = 'left out; give the codec itself';

function flagsOf(options: StoreOptions<unknown, unknown> | undefined, recorded: number): number {
  let flags = 0;
  for (const flag of STORE_FLAG_NAMES) {
    const given = options?.[flag];
    if (given ?? (recorded & STORE_FLAG[flag]) !== 0) flags |= STORE_FLAG[flag];
  }
  return flags;
}

/** Structures are shared by 'msgpack' values alone. */
function requireSharing(
  name: string,
  options: StoreOptions<unknown, unknown> | undefined,
  recorded: StoreDescription | undefined,
  flags: number,
): void {
  const multi = (flags & STORE_FLAG.multi) !== 0;
  if (recorded !== undefined && (multi || recorded.value !== 'msgpack')) {
    const what = multi ? 'has multi' : `holds '${recorded.value}' values`;
    throw new CorruptionError(
      0,
      `The catalogue's record of store "${name}" says that it shares structures and ${what}.`,
    );
  }
  const { value = 'msgpack' } = options ?? {};
  if (!multi && (value === 'msgpack' || recorded !== undefined)) return;
  throw new TypeError(
    "sharedStructures: true is for 'msgpack' values, but store " +
      `"${name}" was to have ${multi ? 'multi: true' : 'other ones'}.`,
  );
}

function plainValues(
  name: string,
  value: unknown,
  recorded: StoreDescription | undefined,
): ValueFormat<unknown> {
  if (typeof value === 'string' && isKeyCodecName(value) && !isValueCodecName(value)) {
    if (recorded !== undefined) throw new StoreMismatchError(name, 'value', recorded.value, value);
    throw new TypeError(
      `value: '${value}' is a key codec, for stores with multi: true. Others have msgpack, json, ` +
        'string, bytes, none, or a codec of your own.',
    );
  }
  const known = recorded?.value ?? 'msgpack';
  if (value === undefined && !isValueCodecName(known)) {
    throw new StoreMismatchError(name, 'value', known, CODEC_WANTED);
  }
  return valueFormat(value ?? known);
}

/** The values of a multi store have an order, so they have a key codec. */
function orderedValues(
  name: string,
  value: unknown,
  recorded: StoreDescription | undefined,
): KeyFormat<unknown> {
  if (typeof value === 'string' && isValueCodecName(value) && !isKeyCodecName(value)) {
    if (recorded !== undefined) throw new StoreMismatchError(name, 'value', recorded.value, value);
    throw new TypeError(
      `value: '${value}' has no order, and the values of a store with multi: true are sorted. ` +
        'They have a key codec: tuple, string, bytes, u32, u64, f64, or one of your own.',
    );
  }
  const known = recorded?.value ?? 'tuple';
  if (value === undefined && !isKeyCodecName(known)) {
    throw new StoreMismatchError(name, 'value', known, CODEC_WANTED);
  }
  return keyFormat(value ?? known);
}
