/**
 * The scratch in which the engine encodes its keys: grows by itself, and is safe when a key's codec
 * calls back into the database.
 *
 * While a key is being written, `bytes` is out of reach: a nested call finds an empty buffer and
 * makes its own. After `encode` has returned, the bytes stay until the next `encode`, so the engine
 * uses them before it runs any code of the user; a put encodes its value first, then its key.
 */

import { KeyTooLargeError } from '../errors.ts';
import type { KeyFormat } from './codec.ts';

const EMPTY: Uint8Array = new Uint8Array(0);
const FIRST_BYTES = 512;
/** A buffer larger than this is let go again; no page holds such a key (twice the largest page). */
const KEPT_BYTES = 128 * 1024;
/** A codec that wants more room than this has a bug, or a key that says so by itself. */
const MAX_ROOM_BYTES = 16 * 1024 * 1024;

export class KeyBuffer {
  /** The encoded key lies in [0, length), length being what `encode` returned. */
  bytes: Uint8Array = EMPTY;
  readonly #maxKeyBytes: number;

  /** `maxKeyBytes`: the longest key that the pages of the database take. */
  constructor(maxKeyBytes: number) {
    this.#maxKeyBytes = maxKeyBytes;
  }

  /** Encodes a key from byte 0; returns its length. Errors: KeyTooLargeError, TypeError. */
  encode<K>(format: KeyFormat<K>, key: K): number {
    return this.#run(format, key, false);
  }

  /** Encodes a prefix from byte 0; returns its length. Errors: KeyTooLargeError, TypeError. */
  encodePrefix<K>(format: KeyFormat<K>, prefix: K): number {
    return this.#run(format, prefix, true);
  }

  #run<K>(format: KeyFormat<K>, key: K, isPrefix: boolean): number {
    let target = this.bytes;
    this.bytes = EMPTY;
    if (target.length === 0) target = new Uint8Array(FIRST_BYTES);
    const first = target;
    try {
      for (;;) {
        const end = isPrefix ? format.writePrefix(key, target, 0) : format.write(key, target, 0);
        if (end > this.#maxKeyBytes) throw new KeyTooLargeError(end, this.#maxKeyBytes);
        if (end >= 0) return end;
        if (target.length >= MAX_ROOM_BYTES) throw noRoom(format.name);
        target = new Uint8Array(target.length * 4);
      }
    } finally {
      this.bytes = target.length <= KEPT_BYTES ? target : first;
    }
  }
}

function noRoom(codec: string): TypeError {
  return new TypeError(
    `A key takes more than ${MAX_ROOM_BYTES} bytes with the '${codec}' codec, or its encode ` +
      'returned -1 for every target. Use a shorter key.',
  );
}
