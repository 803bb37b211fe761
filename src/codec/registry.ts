/**
 * From what a user names or gives as a codec to what the engine uses.
 *
 * A codec of the user's own is checked at every call: it may be wrong, but it never makes the
 * engine write past a target or hand out a view on the mapping.
 */

import { bytesKey } from './bytes.ts';
import type {
  KeyCodec,
  KeyCodecName,
  KeyFormat,
  KeyTypes,
  ValueCodec,
  ValueCodecName,
  ValueFormat,
  ValueTypes,
} from './codec.ts';
import { f64Key } from './float.ts';
import { u32Key, u64Key } from './integers.ts';
import { jsonValue } from './json.ts';
import { msgpackValue } from './msgpack.ts';
import { stringKey } from './string.ts';
import { tupleKey } from './tuple.ts';
import { describe, readFailure } from './unreadable.ts';
import { isWellFormed } from './utf8.ts';
import { bytesValue, noneValue, stringValue } from './values.ts';

const KEY_FORMATS: { readonly [N in KeyCodecName]: KeyFormat<KeyTypes[N]> } = {
  tuple: tupleKey,
  string: stringKey,
  bytes: bytesKey,
  u32: u32Key,
  u64: u64Key,
  f64: f64Key,
};

const VALUE_FORMATS: { readonly [N in ValueCodecName]: ValueFormat<ValueTypes[N]> } = {
  msgpack: msgpackValue,
  json: jsonValue,
  string: stringValue,
  bytes: bytesValue,
  none: noneValue,
};

/** One format for each codec of a user: stores asked for twice are the same then. */
const customKeys = new WeakMap<object, KeyFormat<unknown>>();
const customValues = new WeakMap<object, ValueFormat<unknown>>();

/** The record of a store holds both names, and fits a page. */
const MAX_NAME_LENGTH = 255;

export function isKeyCodecName(name: string): name is KeyCodecName {
  return Object.hasOwn(KEY_FORMATS, name);
}

export function isValueCodecName(name: string): name is ValueCodecName {
  return Object.hasOwn(VALUE_FORMATS, name);
}

/** The format for a built-in name or a user's codec. Errors: TypeError. */
export function keyFormat<N extends KeyCodecName>(codec: N): KeyFormat<KeyTypes[N]>;
export function keyFormat<K>(codec: KeyCodec<K>): KeyFormat<K>;
export function keyFormat(codec: unknown): KeyFormat<unknown>;
export function keyFormat(codec: unknown): KeyFormat<unknown> {
  if (typeof codec === 'string') {
    if (isKeyCodecName(codec)) return KEY_FORMATS[codec];
    throw unknownName('key', codec, Object.keys(KEY_FORMATS));
  }
  checkShape('key', codec);
  let format = customKeys.get(codec);
  if (format?.name !== codec.name) {
    format = customKey(codec);
    customKeys.set(codec, format);
  }
  return format;
}

/** The format for a built-in name or a user's codec. Errors: TypeError. */
export function valueFormat<N extends ValueCodecName>(codec: N): ValueFormat<ValueTypes[N]>;
export function valueFormat<V>(codec: ValueCodec<V>): ValueFormat<V>;
export function valueFormat(codec: unknown): ValueFormat<unknown>;
export function valueFormat(codec: unknown): ValueFormat<unknown> {
  if (typeof codec === 'string') {
    if (isValueCodecName(codec)) return VALUE_FORMATS[codec];
    throw unknownName('value', codec, Object.keys(VALUE_FORMATS));
  }
  checkShape('value', codec);
  let format = customValues.get(codec);
  if (format?.name !== codec.name) {
    format = customValue(codec);
    customValues.set(codec, format);
  }
  return format;
}

function customKey(codec: KeyCodec<unknown>): KeyFormat<unknown> {
  const { name } = codec;
  return {
    name,
    fixedSize: undefined,
    selfDelimiting: false,
    isCustom: true,

    write(key, target, offset) {
      const end: unknown = codec.encode(key, target, offset);
      if (end === -1) return -1;
      if (Number.isInteger(end) && Number(end) >= offset && Number(end) <= target.length) {
        return Number(end);
      }
      throw new TypeError(
        `encode of the key codec '${name}' returned ${describe(end)}; it must return the end of ` +
          `what it wrote, within ${offset}..${target.length}, or -1 when that is too small.`,
      );
    },

    writePrefix() {
      throw new TypeError(
        `'prefix' is for 'string', 'bytes' and 'tuple' stores; the key codec '${name}' has none. ` +
          "Use 'gte' and 'lt'.",
      );
    },

    read(bytes, start, end) {
      return decode(codec, bytes, start, end);
    },
  };
}

function customValue(codec: ValueCodec<unknown>): ValueFormat<unknown> {
  const { name } = codec;
  return {
    name,
    isCustom: true,

    encode(value, out) {
      const bytes: unknown = codec.encode(value);
      if (!(bytes instanceof Uint8Array)) {
        throw new TypeError(
          `encode of the value codec '${name}' must return a Uint8Array, ` +
            `but returned ${describe(bytes)}.`,
        );
      }
      out.set(bytes, 0, bytes.length);
    },

    read(bytes, start, end) {
      return decode(codec, bytes, start, end);
    },
  };
}

/** Gives the codec a copy with a buffer of its own, which it may keep or transfer. */
function decode(
  codec: { readonly name: string; decode(bytes: Uint8Array): unknown },
  bytes: Uint8Array,
  start: number,
  end: number,
): unknown {
  const copy = new Uint8Array(bytes.subarray(start, end));
  try {
    return codec.decode(copy);
  } catch (cause) {
    throw readFailure(codec.name, cause);
  }
}

function checkShape(
  kind: 'key' | 'value',
  codec: unknown,
): asserts codec is KeyCodec<unknown> & ValueCodec<unknown> {
  if (typeof codec !== 'object' || codec === null) {
    throw new TypeError(
      `A ${kind} codec must be a name or an object with name, encode and decode, ` +
        `but got ${describe(codec)}.`,
    );
  }
  const { name, encode, decode } = codec as { readonly [property: string]: unknown };
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`The name of a ${kind} codec must be a text, but got ${describe(name)}.`);
  }
  if (name.length > MAX_NAME_LENGTH || !isWellFormed(name)) {
    throw new TypeError(
      `The name of a ${kind} codec must be at most ${MAX_NAME_LENGTH} characters without lone ` +
        `surrogates, but got ${describe(name)}.`,
    );
  }
  if (isKeyCodecName(name) || isValueCodecName(name)) {
    throw new TypeError(`The ${kind} codec '${name}' has the name of a built-in one.`);
  }
  if (typeof encode !== 'function' || typeof decode !== 'function') {
    throw new TypeError(`The ${kind} codec '${name}' must have the methods encode and decode.`);
  }
}

function unknownName(kind: 'key' | 'value', name: string, names: readonly string[]): TypeError {
  return new TypeError(
    `There is no ${kind} codec ${describe(name)}. Built in are ${names.join(', ')}; ` +
      'for one of your own give the codec itself.',
  );
}
