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
import { isKeyCodecName, isValueCodecName, keyFormat, valueFormat } from '../codec/registry.ts';
import { isWellFormed } from '../codec/utf8.ts';
import { StoreMismatchError, UnsupportedError } from '../errors.ts';
import type { StoreDescription } from '../format/catalogue.ts';

/** The keys of a store whose key codec is C. */
export type KeyOf<C> = C extends KeyCodecName ? KeyTypes[C] : C extends KeyCodec<infer K> ? K : Key;
/** The values of a store whose value codec is C. */
export type ValueOf<C> = C extends ValueCodecName
  ? ValueTypes[C]
  : C extends ValueCodec<infer V>
    ? V
    : unknown;

/** Codecs and kind of a store. They are recorded in the file when the store is made. */
export interface StoreOptions<K, V> {
  /** 'tuple'; left out for an existing store: what the file records. */
  key?: KeyCodecName | KeyCodec<K>;
  /** 'msgpack'; left out for an existing store: what the file records. */
  value?: ValueCodecName | ValueCodec<V> | KeyCodecName | KeyCodec<V>;
  multi?: boolean;
  versions?: boolean;
  expires?: boolean;
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
    if (option !== 'create' && value) {
      throw new UnsupportedError(
        `Stores with ${option}: true are not supported by this version of coppice yet.`,
      );
    }
  }
}

/** The formats of a store: those given, else those recorded, else the defaults. */
export function formatsOf(
  name: string,
  key: unknown,
  value: unknown,
  recorded: StoreDescription | undefined,
): { keys: KeyFormat<unknown>; values: ValueFormat<unknown> } {
  if (typeof value === 'string' && isKeyCodecName(value) && !isValueCodecName(value)) {
    throw new UnsupportedError(
      `value: '${value}' is a key codec, for stores with multi: true, which are not supported yet.`,
    );
  }
  const recordedKey = recorded?.key ?? 'tuple';
  const recordedValue = recorded?.value ?? 'msgpack';
  if (key === undefined && !isKeyCodecName(recordedKey)) {
    throw new StoreMismatchError(name, 'key', recordedKey, 'left out; give the codec itself');
  }
  if (value === undefined && !isValueCodecName(recordedValue)) {
    throw new StoreMismatchError(name, 'value', recordedValue, 'left out; give the codec itself');
  }
  return { keys: keyFormat(key ?? recordedKey), values: valueFormat(value ?? recordedValue) };
}
