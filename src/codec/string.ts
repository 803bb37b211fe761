/** 'string' keys: the UTF-8 bytes of the text, so they sort by code point. */

import type { KeyFormat } from './codec.ts';
import { refusal } from './unreadable.ts';
import { readManyUtf8, readUtf8, writeUtf8 } from './utf8.ts';

export const stringKey: KeyFormat<string> = {
  name: 'string',
  fixedSize: undefined,
  selfDelimiting: false,

  write(key, target, offset) {
    if (typeof key !== 'string') throw refusal("A key of a 'string' store", 'a string', key);
    return writeUtf8(key, target, offset, 'The key');
  },

  writePrefix(prefix, target, offset) {
    if (typeof prefix !== 'string') {
      throw refusal("A prefix of a 'string' store", 'a string', prefix);
    }
    return writeUtf8(prefix, target, offset, 'The prefix');
  },

  read(bytes, start, end) {
    return readUtf8(bytes, start, end, 'string');
  },

  readMany(bytes, ends, count, keys) {
    readManyUtf8(bytes, ends, count, keys, 'string');
  },
};
