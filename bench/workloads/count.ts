/** Counting the entries of a range, and going to the n-th: what a tree with counts has at once. */

import { keyOf, randomRows } from '../data.ts';
import { inSession, requireSeen, type Workload } from './workload.ts';

/** Few: where entries are counted one by one, each takes as long as a scan. */
const OPERATIONS = 20;

export const count: Workload = {
  name: 'count',
  title: 'count the entries of a range at random',
  durability: 'reads',
  task: 'count',
  // Of a few microseconds, which the processor's clock is too coarse for.
  clock: 'wall',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  starts: 'shared rows',
  quick: false,
  peers: true,
  prepare(place) {
    const { rows } = place.scale;
    return inSession(place, { operations: OPERATIONS, bytesPut: 0 }, (session) => {
      const entries = session.counter(place.variant);
      const ends = randomRows(OPERATIONS, rows, 2);
      const ranges = randomRows(OPERATIONS, rows, 1).map((from, i) => {
        const to = ends[i] ?? 0;
        return [Math.min(from, to), Math.max(from, to)] as const;
      });
      const keys = ranges.map(([from, to]) => [keyOf(from), keyOf(to)] as const);
      const expected = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
      return {
        async run() {
          let found = 0;
          for (const [from, to] of keys) {
            const part = entries(from, to);
            found += typeof part === 'number' ? part : await part;
          }
          requireSeen(found, expected);
        },
      };
    });
  },
};

export const offset: Workload = {
  ...count,
  name: 'offset',
  title: 'the key so many entries from the first, at random',
  task: 'offset',
  prepare(place) {
    return inSession(place, { operations: OPERATIONS, bytesPut: 0 }, (session) => {
      const at = session.offsetter?.(place.variant);
      if (at === undefined) throw new Error(`${place.contender.name} has no offsets`);
      const rows = randomRows(OPERATIONS, place.scale.rows, 1);
      const expected = rows.map(keyOf).join();
      return {
        run() {
          const found: (string | undefined)[] = [];
          for (const row of rows) found.push(at(row));
          if (found.join() !== expected) throw new Error('other keys were found at these offsets');
        },
      };
    });
  },
};
