/**
 * Single calls of the public API, those of Coppice beside what does the same in lmdb-js. Each is
 * told the number of a row drawn at random, and returns what was read.
 */

import { seenKey, seenValue } from '../../data.ts';
import type { Coppice, Lmdb, Rows } from './databases.ts';

export interface SingleCall {
  readonly name: string;
  readonly title: string;
  /** Done in one call; times are told of one of them. */
  readonly operations: number;
  /** Whether it writes; what was written is compared, then, not what is returned. */
  readonly writes: boolean;
  readonly coppice: Ways<Coppice>;
  readonly lmdb: Ways<Lmdb>;
}

/** The ways of doing it, by what their users call. */
type Ways<D> = Readonly<Record<string, (database: D, rows: Rows) => Call>>;

/** `i`: an index of `rows`. */
export type Call = (i: number) => unknown;

/** What lmdb-js returns here is overwritten by the next read: it does less than the others. */
export const BORROWING = 'getBinaryFast';

const FEW = 10;
const PUTS = 100;

export const calls: readonly SingleCall[] = [
  read('get', 'get, the bytes of a value', {
    coppice: {
      get:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.get(keys[i]!),
    },
    lmdb: {
      get:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.get(keys[i]!),
      getBinary:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.getBinary(keys[i]!),
      [BORROWING]:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.getBinaryFast(keys[i]!),
    },
  }),
  read('get-missing', 'get of a key that is absent', {
    coppice: {
      get:
        ({ bytes }, { absentKeys }) =>
        (i) =>
          bytes.get(absentKeys[i]!),
    },
    lmdb: {
      get:
        ({ bytes }, { absentKeys }) =>
        (i) =>
          bytes.get(absentKeys[i]!),
    },
  }),
  read('has', 'whether a key is there', {
    coppice: {
      has:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.has(keys[i]!),
    },
    lmdb: {
      doesExist:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.doesExist(keys[i]!),
    },
  }),
  read('get-object', 'get of an object of 6 fields, MessagePack, shared structures', {
    coppice: {
      get:
        ({ objects }, { keys }) =>
        (i) =>
          objects.get(keys[i]!),
    },
    lmdb: {
      get:
        ({ objects }, { keys }) =>
        (i) =>
          objects.get(keys[i]!),
    },
  }),
  read('range-10', `${FEW} entries from a key on, keys and values`, {
    coppice: {
      range:
        ({ bytes }, { keys }) =>
        (i) => {
          let seen = 0;
          for (const [key, value] of bytes.range({ gte: keys[i]!, limit: FEW })) {
            seen += seenKey(key) + seenValue(value);
          }
          return seen;
        },
    },
    lmdb: {
      getRange:
        ({ bytes }, { keys }) =>
        (i) => {
          let seen = 0;
          for (const { key, value } of bytes.getRange({ start: keys[i]!, limit: FEW })) {
            seen += seenKey(key) + seenValue(value);
          }
          return seen;
        },
    },
  }),
  read('keys-10', `${FEW} keys from a key on`, {
    coppice: {
      keys:
        ({ bytes }, { keys }) =>
        (i) => {
          let seen = 0;
          for (const key of bytes.keys({ gte: keys[i]!, limit: FEW })) seen += seenKey(key);
          return seen;
        },
    },
    lmdb: {
      getKeys:
        ({ bytes }, { keys }) =>
        (i) => {
          let seen = 0;
          for (const key of bytes.getKeys({ start: keys[i]!, limit: FEW })) seen += seenKey(key);
          return seen;
        },
    },
  }),
  read('last', 'the last key', {
    coppice: {
      keys:
        ({ bytes }) =>
        () =>
          bytes.keys({ reverse: true, limit: 1 }).first(),
    },
    lmdb: {
      getKeys:
        ({ bytes }) =>
        () => {
          for (const key of bytes.getKeys({ reverse: true, limit: 1 })) return key;
          return undefined;
        },
    },
  }),
  read('count', 'how many entries there are from a key on', {
    coppice: {
      count:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.count({ gte: keys[i]! }),
    },
    lmdb: {
      getKeysCount:
        ({ bytes }, { keys }) =>
        (i) =>
          bytes.getKeysCount({ start: keys[i]! }),
    },
  }),
  read('at', 'the key so many entries from the first', {
    coppice: {
      at:
        ({ bytes }, { numbers }) =>
        (i) =>
          bytes.at(numbers[i]!)?.[0],
    },
    lmdb: {
      getKeys:
        ({ bytes }, { numbers }) =>
        (i) => {
          for (const key of bytes.getKeys({ offset: numbers[i]!, limit: 1 })) return key;
          return undefined;
        },
    },
  }),
  write('put', 'a put as a transaction of its own, not flushed', 1, {
    coppice: {
      writeSync:
        ({ db, bytes }, { keys, values }) =>
        (i) =>
          db.writeSync((tx) => tx.put(bytes, keys[i]!, values[i]!)),
    },
    lmdb: {
      putSync:
        ({ bytes }, { keys, values }) =>
        (i) =>
          bytes.putSync(keys[i]!, values[i]!),
    },
  }),
  write('put-100', `a put, one of ${PUTS} in a transaction, not flushed`, PUTS, {
    coppice: {
      writeSync:
        ({ db, bytes }, { keys, values, after }) =>
        (i) =>
          db.writeSync((tx) => {
            for (let j = i, left = PUTS; left > 0; left--, j = after(j)) {
              tx.put(bytes, keys[j]!, values[j]!);
            }
          }),
    },
    lmdb: {
      transactionSync:
        ({ bytes }, { keys, values, after }) =>
        (i) =>
          bytes.transactionSync(() => {
            for (let j = i, left = PUTS; left > 0; left--, j = after(j)) {
              bytes.putSync(keys[j]!, values[j]!);
            }
          }),
    },
  }),
];

export function callNamed(name: string): SingleCall {
  const found = calls.find((call) => call.name === name);
  if (found === undefined) {
    const names = calls.map((call) => call.name).join(', ');
    throw new RangeError(`There is no call "${name}". There are: ${names}.`);
  }
  return found;
}

type Both = Pick<SingleCall, 'coppice' | 'lmdb'>;

function read(name: string, title: string, ways: Both): SingleCall {
  return { name, title, operations: 1, writes: false, ...ways };
}

function write(name: string, title: string, operations: number, ways: Both): SingleCall {
  return { name, title, operations, writes: true, ...ways };
}
