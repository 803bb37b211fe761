/**
 * Keys that something may follow: an entry of a multi store is the bytes of its key, then those of
 * its value, and sorts by the one and then by the other.
 */

import type { KeyFormat } from './codec.ts';
import { endOfEscaped, escapeCount, escapeInPlace, unescaped } from './escaped.ts';
import { END } from './tuple-tags.ts';
import { unreadable } from './unreadable.ts';

/** A format none of whose encodings is the start of another one. */
export interface DelimitedFormat<K> extends KeyFormat<K> {
  /**
   * Where the key that starts at `start` ends; more may follow before `end`.
   * Errors: ValueUnreadableError when there is no whole key.
   */
  endOf(bytes: Uint8Array, start: number, end: number): number;
}

const made = new WeakMap<object, DelimitedFormat<unknown>>();

/**
 * The format for the keys of a multi store: as it is where each key says where it ends (numbers,
 * tuples), else its bytes escaped and ended, one byte more for most keys. The same object for the
 * same format.
 */
export function delimited<K>(format: KeyFormat<K>): DelimitedFormat<K> {
  let found = made.get(format);
  if (found === undefined) {
    found = make(format as KeyFormat<unknown>);
    made.set(format, found);
  }
  return found as DelimitedFormat<K>;
}

function make(format: KeyFormat<unknown>): DelimitedFormat<unknown> {
  const { fixedSize } = format;
  if (fixedSize !== undefined) return sized(format, fixedSize);
  if (isDelimited(format)) return format;
  return escaped(format);
}

function isDelimited(format: KeyFormat<unknown>): format is DelimitedFormat<unknown> {
  return 'endOf' in format;
}

function sized(format: KeyFormat<unknown>, bytesEach: number): DelimitedFormat<unknown> {
  return {
    ...format,
    endOf(_bytes, start, end) {
      if (start + bytesEach > end) throw cut(format.name);
      return start + bytesEach;
    },
  };
}

function escaped(format: KeyFormat<unknown>): DelimitedFormat<unknown> {
  const { name } = format;
  return {
    name,
    fixedSize: undefined,
    selfDelimiting: true,
    isCustom: format.isCustom === true,

    write(key, target, offset) {
      const plain = format.write(key, target, offset);
      const end = plain < 0 ? -1 : escapeInPlace(target, offset, plain, 1);
      if (end < 0) return -1;
      target[end] = END;
      return end + 1;
    },

    writePrefix(prefix, target, offset) {
      const plain = format.writePrefix(prefix, target, offset);
      return plain < 0 ? -1 : escapeInPlace(target, offset, plain, 0);
    },

    read(bytes, start, end) {
      const stop = end - 1;
      if (endOfEscaped(bytes, start, end) !== stop) throw cut(name);
      const escapes = escapeCount(bytes, start, stop);
      if (escapes === 0) return format.read(bytes, start, stop);
      const plain = unescaped(bytes, start, stop, escapes);
      if (plain === undefined) throw unreadable(name, 'an escape of something else than 00 and 01');
      return format.read(plain, 0, plain.length);
    },

    endOf(bytes, start, end) {
      const stop = endOfEscaped(bytes, start, end);
      if (stop < 0) throw cut(name);
      return stop + 1;
    },
  };
}

function cut(name: string): Error {
  return unreadable(name, 'the key of a multi store has no end');
}
