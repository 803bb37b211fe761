/** One put after the other, each on the disk before the next begins. */

import { KEY_BYTES, randomKeys, VALUE_BYTES, valueBytes } from '../data.ts';
import { inSession, type Workload } from './workload.ts';

export const fillsync: Workload = {
  name: 'fillsync',
  title: 'single put, one at a time',
  durability: 'flushed to the disk, each put',
  task: 'put',
  goal: { kind: 'ratio', now: 1.2, later: 1.7 },
  clock: 'wall',
  roundsFactor: 5,
  // 2,000 puts.
  warmUp: 20,
  freshProcess: false,
  writes: true,
  peers: true,

  prepare(place) {
    const { puts, rows } = place.scale;
    const bytesPut = puts * (KEY_BYTES + VALUE_BYTES);
    return inSession(place, { operations: puts, bytesPut }, (session) => {
      const put = session.putter(place.variant);
      const value = valueBytes();
      let seed = 1;
      let keys: string[] = [];
      return {
        before() {
          keys = randomKeys(puts, rows, seed++);
        },
        async run() {
          value[0]!++;
          for (const key of keys) await put(key, value);
        },
      };
    });
  },
};
