/** Rows drawn at random get a new value, 1,000 in each durable transaction. */

import { KEY_BYTES, randomKeys, VALUE_BYTES, valueBytes } from '../data.ts';
import { inSession, type Workload } from './workload.ts';

const ROWS_EACH = 1_000;

export const overwrite: Workload = {
  name: 'overwrite',
  title: 'overwrite at random, 1,000 a transaction',
  durability: 'flushed to the disk, each transaction',
  task: 'transaction',
  goal: { kind: 'ratio', now: 2, later: 4 },
  clock: 'wall',
  roundsFactor: 1,
  warmUp: 4,
  freshProcess: false,
  writes: true,
  peers: true,

  prepare(place) {
    const { transactions, rows } = place.scale;
    const operations = transactions * ROWS_EACH;
    const bytesPut = operations * (KEY_BYTES + VALUE_BYTES);
    return inSession(place, { operations, bytesPut }, (session) => {
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
      };
    });
  },
};
