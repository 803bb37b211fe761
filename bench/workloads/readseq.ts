/** Scans in the order of the keys: all of the store either way, its keys only, a hundred entries. */

import type { Awaitable, Session } from '../contenders/contender.ts';
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
  prepare: (place) => entryScans(place, false),
};

export const readreverse: Workload = {
  ...readseq,
  name: 'readreverse',
  title: 'the same, from the last to the first',
  task: 'reverse',
  quick: false,
  prepare: (place) => entryScans(place, true),
};

export const readkeys: Workload = {
  ...readseq,
  name: 'readkeys',
  quick: false,
  title: 'scan, key strings only',
  task: 'keys',
  prepare(place) {
    return scans(place, expectedKey, (session) => session.keyScanner(place.variant));
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

function entryScans(place: Place, reverse: boolean): Promise<Prepared> {
  return scans(place, expectedEntry, (session) => session.scanner(place.variant, reverse));
}

/** All of the store; a small one again and again, as many entries as there are gets in a round. */
function scans(
  place: Place,
  expectedOf: (row: number) => number,
  scanner: (session: Session) => () => Awaitable<number>,
): Promise<Prepared> {
  const { rows, gets } = place.scale;
  const times = Math.ceil(Math.max(gets, rows) / rows);
  return inSession(place, { operations: times * rows, bytesPut: 0 }, (session) => {
    const scan = scanner(session);
    const expected = sumOfRows(0, rows, expectedOf);
    return {
      async run() {
        for (let i = 0; i < times; i++) requireSeen(await scan(), expected);
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
