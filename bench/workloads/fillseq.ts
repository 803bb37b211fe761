/** All rows in the order of their keys, in one transaction, into an empty database. */

import { ascendingKeys, ROW_BYTES, randomKeys, valueBytes } from '../data.ts';
import { inFreshSessions, requireWritten, type Workload } from './workload.ts';

export const fillseq: Workload = {
  name: 'fillseq',
  title: 'insert ascending, all in one transaction',
  durability: 'flushed to the disk, the transaction',
  task: 'load',
  clock: 'wall',
  roundsFactor: 0.5,
  warmUp: 1,
  freshProcess: false,
  starts: 'empty',
  quick: false,
  peers: true,
  prepare(place) {
    const { rows } = place.scale;
    return inFreshSessions(place, { operations: rows, bytesPut: rows * ROW_BYTES }, (session) => {
      const load = session.loader(place.variant);
      const value = valueBytes();
      const keys = [...ascendingKeys(rows)];
      return {
        run: () => load(keys, value),
        check: () =>
          requireWritten(place, session, { keys: randomKeys(1000, rows, 1), value, entries: rows }),
      };
    });
  },
};
