/**
 * What a codec is: for users (KeyCodec, ValueCodec) and for the engine (KeyFormat, ValueFormat).
 *
 * The engine's interfaces read from the mapping and write to the place where the bytes are needed,
 * so that a get and a put copy once. `registry.ts` turns the one into the other.
 *
 * Invariants, for every format:
 * 1. What `read` returns owns its memory: no view on `bytes`, which is a window on the mapping (a
 *    write into it kills the process) or a scratch that the next call overwrites. Only `adopt` is
 *    given bytes that it may keep.
 * 2. What `encode` leaves in an EncodedValue is never overwritten by a codec, however many values
 *    are encoded before it is copied. So a codec may call back into the database (db.get in a
 *    custom `encode`, a getter, toJSON) without disturbing a value that is on its way.
 * 3. `write` puts bytes into [offset, end) of the caller's target only. It may run a user's code
 *    (custom codecs, exotic arrays): the caller takes care that this code cannot reach the same
 *    target; {@link ./key-buffer.ts KeyBuffer} does.
 * 4. Encoded keys compare as unsigned bytes in the order of the keys; every key reads back equal,
 *    or `write` throws a TypeError. Bytes that no `write` made are a ValueUnreadableError.
 */

export type Key = null | Uint8Array | string | number | bigint | boolean | Date | readonly Key[];

export type KeyCodecName = 'tuple' | 'string' | 'bytes' | 'u32' | 'u64' | 'f64';
export type ValueCodecName = 'msgpack' | 'json' | 'string' | 'bytes' | 'none';

/** A user's own order of keys. The name is recorded in the file. */
export interface KeyCodec<K> {
  name: string;
  /** Writes the key at `offset`; returns the end, or -1: too small, called again with more room. */
  encode(key: K, target: Uint8Array, offset: number): number;
  /** `bytes` is a copy that it may keep. */
  decode(bytes: Uint8Array): K;
}

/** A user's own form of values. The name is recorded in the file. */
export interface ValueCodec<V> {
  name: string;
  encode(value: V): Uint8Array;
  /** `bytes` is a copy that it may keep. */
  decode(bytes: Uint8Array): V;
}

/** What the built-in key codecs take and give. */
export interface KeyTypes {
  tuple: Key;
  string: string;
  bytes: Uint8Array;
  u32: number;
  u64: bigint;
  f64: number;
}

/** What the built-in value codecs take and give. */
export interface ValueTypes {
  msgpack: unknown;
  json: unknown;
  string: string;
  /**
   * A plain Uint8Array, yours to change. Its `buffer` may hold more than it. Where its length is a
   * multiple of 8, so is its `byteOffset`: a Float64Array can be laid over it.
   */
  bytes: Uint8Array;
  none: true;
}

/** Keys to ordered bytes and back, as the engine uses it. */
export interface KeyFormat<K> {
  readonly name: string;
  /** Bytes that every key takes; undefined when they differ. */
  readonly fixedSize: number | undefined;
  /**
   * No encoding is the start of another one, so that anything may follow a key: entries of a
   * multi store are the bytes of the key and then those of the value.
   */
  readonly selfDelimiting: boolean;
  /**
   * Writes the key's bytes from `offset`.
   * Returns their end, or -1 when `target` is too small (bytes past `offset` may be written then).
   * Errors: TypeError for what is no key of this codec.
   */
  write(key: K, target: Uint8Array, offset: number): number;
  /**
   * Writes the bytes with which every key that has this prefix begins, and no other key; result as
   * for `write`. Errors: TypeError for what is no prefix, and where there are none (numbers).
   */
  writePrefix(prefix: K, target: Uint8Array, offset: number): number;
  /**
   * The key whose bytes lie in [start, end) of `bytes`, a plain Uint8Array.
   * Errors: ValueUnreadableError when they are no key of this codec.
   */
  read(bytes: Uint8Array, start: number, end: number): K;
  /**
   * As `read` of `count` keys that lie one after the other from byte 0 on, key i up to ends[i].
   * They are left in keys[0, count). Where this is not there they are read one by one.
   */
  readMany?(bytes: Uint8Array, ends: Int32Array, count: number, keys: K[]): void;
  /** Made of a user's codec, whose code runs in all of these. */
  readonly isCustom?: boolean;
}

const EMPTY: Uint8Array = new Uint8Array(0);

/** Where the bytes of an encoded value lie. Made once by its owner and filled again and again. */
export class EncodedValue {
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;

  clear(): void {
    this.set(EMPTY, 0, 0);
  }

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }
}

/** Values to bytes and back, as the engine uses it. */
export interface ValueFormat<V> {
  readonly name: string;
  /**
   * Points `out` at the value's bytes. They may lie in the user's own array ('bytes'), so they are
   * to be copied before user code runs again; no codec overwrites them (invariant 2).
   * Errors: TypeError for what the codec would lose or change; `out` is as it was then.
   */
  encode(value: V, out: EncodedValue): void;
  /**
   * The value whose bytes lie in [start, end) of `bytes`, a plain Uint8Array.
   * Errors: ValueUnreadableError, with the cause.
   */
  read(bytes: Uint8Array, start: number, end: number): V;
  /**
   * As `read` of `count` values, value i at [starts[i], ends[i]). They are left in
   * values[0, count).
   */
  readMany?(
    bytes: Uint8Array,
    starts: Int32Array,
    ends: Int32Array,
    count: number,
    values: V[],
  ): void;
  /** The value that those bytes are, all of them, which nobody else has: it may keep them. */
  adopt?(bytes: Uint8Array): V;
  /** Made of a user's codec, whose code runs in all of these. */
  readonly isCustom?: boolean;
}
