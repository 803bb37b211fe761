/** Rows drawn at random, 1,000 in each durable transaction: new values, new rows, removed ones. */

import { KEY_BYTES, keyOf, ROW_BYTES, randomKeys, shuffledRows, valueBytes } from '../data.ts';
import { inSession, type Place, requireWritten, type Workload } from './workload.ts';

const ROWS_EACH = 1_000;

export const overwrite: Workload = {
  name: 'overwrite',
  title: 'overwrite at random, 1,000 a transaction',
  durability: 'flushed to the disk, each transaction',
  task: 'transaction',
  clock: 'wall',
  roundsFactor: 1,
  warmUp: 4,
  freshProcess: false,
  starts: 'own rows',
  quick: true,
  peers: true,

  prepare(place) {
    const { transactions, rows } = place.scale;
    const operations = transactions * ROWS_EACH;
    return inSession(place, { operations, bytesPut: operations * ROW_BYTES }, (session) => {
      const write = session.writer(place.variant);
      const value = valueBytes();
      let seed = 1;
      let batches: string[][] = [];
      return {
        before() {
          batches = Array.from({ length: transactions }, () => randomKeys(ROWS_EACH, rows, seed++));
        },
        async run() {
          for (const keys of batches) {
            value[0]!++;
            await write(keys, value);
          }
        },
        check: () =>
          requireWritten(place, session, { keys: batches.at(-1) ?? [], value, entries: rows }),
      };
    });
  },
};

/** Each round puts its part of the rows, so that the last one ends with all of them. */
export const fillrandom: Workload = {
  ...overwrite,
  name: 'fillrandom',
  title: 'insert at random, 1,000 a transaction',
  warmUp: 0,
  starts: 'empty',
  quick: false,

  prepare(place) {
    const operations = Math.floor(place.scale.rows / place.scale.rounds);
    return inSession(place, { operations, bytesPut: operations * ROW_BYTES }, (session) => {
      const write = session.writer(place.variant);
      const value = valueBytes();
      const parts = partsOf(place, operations);
      let entries = 0;
      let batches: string[][] = [];
      return {
        before() {
          batches = parts.next().value ?? [];
          entries += operations;
        },
        async run() {
          for (const keys of batches) await write(keys, value);
        },
        check: () => requireWritten(place, session, { keys: batches.at(-1) ?? [], value, entries }),
      };
    });
  },
};

export const deleterandom: Workload = {
  ...overwrite,
  name: 'deleterandom',
  title: 'remove at random, 1,000 a transaction',
  task: 'remove',
  warmUp: 1,
  quick: false,

  prepare(place) {
    const { transactions, rows, rounds } = place.scale;
    // No more than there are, in all of the rounds.
    const most = Math.floor(rows / (rounds + 1));
    const operations = Math.min(transactions * ROWS_EACH, most);
    return inSession(place, { operations, bytesPut: operations * KEY_BYTES }, (session) => {
      const remove = session.remover(place.variant);
      const parts = partsOf(place, operations);
      let entries = rows;
      let batches: string[][] = [];
      return {
        before() {
          batches = parts.next().value ?? [];
          entries -= operations;
        },
        async run() {
          for (const keys of batches) await remove(keys);
        },
        check: () =>
          requireWritten(place, session, {
            keys: batches.at(-1) ?? [],
            value: undefined,
            entries,
          }),
      };
    });
  },
};

/** Rows in random order, each once: so many in each part, in batches for one transaction each. */
function* partsOf(place: Place, rowsEach: number): Generator<string[][], undefined> {
  const order = shuffledRows(place.scale.rows);
  for (let first = 0; first + rowsEach <= order.length; first += rowsEach) {
    const batches: string[][] = [];
    for (let i = first; i < first + rowsEach; i += ROWS_EACH) {
      const rows = order.subarray(i, Math.min(i + ROWS_EACH, first + rowsEach));
      batches.push(Array.from(rows, keyOf));
    }
    yield batches;
  }
  return undefined;
}
