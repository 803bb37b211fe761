/** The plain value codecs: 'string' (UTF-8), 'bytes' (as they are) and 'none' (a set: no value). */

import type { EncodedValue, ValueFormat } from './codec.ts';
import { ownedCopies, ownedCopy } from './owned-copy.ts';
import { refusal, unreadable } from './unreadable.ts';
import { isWellFormed, loneSurrogate, readUtf8, writeUtf8 } from './utf8.ts';

export const stringValue: ValueFormat<string> = {
  name: 'string',

  encode(value, out) {
    if (typeof value !== 'string') throw refusal("A value of a 'string' store", 'a string', value);
    encodeText(value, out, 'The value');
  },

  read(bytes, start, end) {
    return readUtf8(bytes, start, end, 'string');
  },
};

export const bytesValue: ValueFormat<Uint8Array> = {
  name: 'bytes',

  encode(value, out) {
    if (!(value instanceof Uint8Array)) {
      throw refusal("A value of a 'bytes' store", 'a Uint8Array', value);
    }
    out.set(value, 0, value.length);
  },

  read: ownedCopy,
  readMany: ownedCopies,
  adopt: (bytes) => bytes,
};

const NOTHING: Uint8Array = new Uint8Array(0);

export const noneValue: ValueFormat<true> = {
  name: 'none',

  /** Takes `true`, which is what `get` gives, and undefined, so that `put(key)` will do. */
  encode(value: true | undefined, out) {
    if (value !== true && value !== undefined) {
      throw refusal("A value of a 'none' store", 'true or left out', value);
    }
    out.set(NOTHING, 0, 0);
  },

  read(_bytes, start, end) {
    if (end !== start) throw unreadable('none', `${end - start} bytes where none belong`);
    return true;
  },
};

/**
 * Short texts are encoded one after the other into a chunk, which is dropped when it is full: what
 * lies in it is never overwritten, and a put makes no object.
 */
const CHUNK_BYTES = 64 * 1024;
/** UTF-16 units; at most three bytes each. */
const SHORT_TEXT_LENGTH = 1024;

let chunk: Uint8Array = NOTHING;
let used = 0;

/** Points `out` at the UTF-8 bytes of `text`. Errors: TypeError for a lone surrogate. */
export function encodeText(text: string, out: EncodedValue, subject: string): void {
  if (text.length > SHORT_TEXT_LENGTH) {
    if (!isWellFormed(text)) throw loneSurrogate(subject, text);
    const bytes = Buffer.from(text, 'utf8');
    out.set(bytes, 0, bytes.length);
    return;
  }
  if (used + 3 * text.length > chunk.length) {
    chunk = new Uint8Array(Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer);
    used = 0;
  }
  const start = used;
  used = writeUtf8(text, chunk, start, subject);
  out.set(chunk, start, used);
}
