/** 'bytes' keys: the bytes themselves, in unsigned order. */

import type { KeyFormat } from './codec.ts';
import { ownedCopy } from './owned-copy.ts';
import { refusal } from './unreadable.ts';

/** Up to here a loop is faster than `set`, which wants a native call. */
const LOOP_BYTES = 24;

export const bytesKey: KeyFormat<Uint8Array> = {
  name: 'bytes',
  fixedSize: undefined,
  selfDelimiting: false,

  write(key, target, offset) {
    return copyInto(key, target, offset, "A key of a 'bytes' store");
  },

  writePrefix(prefix, target, offset) {
    return copyInto(prefix, target, offset, "A prefix of a 'bytes' store");
  },

  read: ownedCopy,
};

function copyInto(key: Uint8Array, target: Uint8Array, offset: number, subject: string): number {
  if (!(key instanceof Uint8Array)) throw refusal(subject, 'a Uint8Array', key);
  const size = key.length;
  if (offset + size > target.length) return -1;
  if (size > LOOP_BYTES) {
    target.set(key, offset);
  } else {
    for (let i = 0; i < size; i++) target[offset + i] = key[i] as number;
  }
  return offset + size;
}
