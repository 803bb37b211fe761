/** Point reads: at random, of hot keys, of keys that are absent, and of no value at all. */

import { expectedValue, keyOf, randomRows, seenValue } from '../data.ts';
import { inSession, type Place, type Prepared, requireSeen, type Workload } from './workload.ts';

export const readrandom: Workload = {
  name: 'readrandom',
  title: 'get at random, value bytes',
  durability: 'reads',
  task: 'get',
  clock: 'cpu',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  starts: 'shared rows',
  quick: true,
  peers: true,
  prepare: (place) => gets(place, place.scale.rows),
};

export const readhot: Workload = {
  ...readrandom,
  name: 'readhot',
  quick: false,
  title: 'get at random, the first 1 % of the keys',
  prepare: (place) => gets(place, Math.ceil(place.scale.rows / 100)),
};

export const readmissing: Workload = {
  ...readrandom,
  name: 'readmissing',
  quick: false,
  title: 'get of keys that are absent',
  prepare(place) {
    const { gets: operations, rows } = place.scale;
    return inSession(place, { operations, bytesPut: 0 }, (session) => {
      const get = session.reader(place.variant);
      // Between two keys that are there.
      const keys = randomRows(operations, rows, 1).map((row) => `${keyOf(row)}5`);
      return {
        run() {
          let found = 0;
          for (const key of keys) if (get(key) !== undefined) found++;
          requireSeen(found, 0);
        },
      };
    });
  },
};

export const searchrandom: Workload = {
  ...readrandom,
  name: 'searchrandom',
  title: 'search at random, no value made',
  task: 'search',
  quick: false,
  prepare(place) {
    const { gets: operations, rows } = place.scale;
    return inSession(place, { operations, bytesPut: 0 }, (session) => {
      const has = session.searcher(place.variant);
      const keys = randomRows(operations, rows, 1).map(keyOf);
      return {
        run() {
          let found = 0;
          for (const key of keys) if (has(key)) found++;
          requireSeen(found, operations);
        },
      };
    });
  },
};

/** Gets among the first `among` rows. */
function gets(place: Place, among: number): Promise<Prepared> {
  const operations = place.scale.gets;
  return inSession(place, { operations, bytesPut: 0 }, (session) => {
    const get = session.reader(place.variant);
    const drawn = randomRows(operations, among, 1);
    const keys = drawn.map(keyOf);
    const expected = drawn.reduce((sum, row) => sum + expectedValue(row), 0);
    return {
      run() {
        let seen = 0;
        for (const key of keys) {
          const value = get(key);
          if (value !== undefined) seen += seenValue(value);
        }
        requireSeen(seen, expected);
      },
    };
  });
}
