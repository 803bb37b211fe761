/** Scans in the order of the keys: all of the store either way, its keys only, a hundred entries. */

import { expectedKey, expectedValue, keyOf, randomRows } from '../data.ts';
import { inSession, type Place, type Prepared, requireSeen, type Workload } from './workload.ts';

const ENTRIES_EACH = 100;

export const readseq: Workload = {
  name: 'readseq',
  title: 'scan, key strings and value bytes',
  durability: 'reads',
  task: 'scan',
  clock: 'cpu',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  starts: 'shared rows',
  quick: true,
  peers: true,
  prepare: (place) => scans(place, false),
};

export const readreverse: Workload = {
  ...readseq,
  name: 'readreverse',
  title: 'the same, from the last to the first',
  task: 'reverse',
  quick: false,
  prepare: (place) => scans(place, true),
};

export const readkeys: Workload = {
  ...readseq,
  name: 'readkeys',
  quick: false,
  title: 'scan, key strings only',
  task: 'keys',
  prepare(place) {
    const { rows } = place.scale;
    return inSession(place, { operations: rows, bytesPut: 0 }, (session) => {
      const scan = session.keyScanner(place.variant);
      const expected = sumOfRows(0, rows, expectedKey);
      return {
        async run() {
          requireSeen(await scan(), expected);
        },
      };
    });
  },
};

export const seekrandom: Workload = {
  ...readseq,
  name: 'seekrandom',
  quick: false,
  title: `seek at random, ${ENTRIES_EACH} entries each`,
  task: 'seek',
  prepare(place) {
    const { gets, rows } = place.scale;
    const operations = Math.ceil(gets / ENTRIES_EACH);
    const entries = Math.min(ENTRIES_EACH, rows);
    return inSession(place, { operations, bytesPut: 0 }, (session) => {
      const seek = session.seeker(place.variant);
      const drawn = randomRows(operations, rows - entries + 1, 1);
      const keys = drawn.map(keyOf);
      const expected = drawn.reduce((sum, row) => sum + sumOfRows(row, entries, expectedEntry), 0);
      return {
        async run() {
          let seen = 0;
          for (const key of keys) {
            const part = seek(key, ENTRIES_EACH);
            // No promise is waited for where there is none.
            seen += typeof part === 'number' ? part : await part;
          }
          requireSeen(seen, expected);
        },
      };
    });
  },
};

function scans(place: Place, reverse: boolean): Promise<Prepared> {
  const { rows } = place.scale;
  return inSession(place, { operations: rows, bytesPut: 0 }, (session) => {
    const scan = session.scanner(place.variant, reverse);
    const expected = sumOfRows(0, rows, expectedEntry);
    return {
      async run() {
        requireSeen(await scan(), expected);
      },
    };
  });
}

function expectedEntry(row: number): number {
  return expectedKey(row) + expectedValue(row);
}

function sumOfRows(first: number, count: number, of: (row: number) => number): number {
  let sum = 0;
  for (let row = first; row < first + count; row++) sum += of(row);
  return sum;
}
