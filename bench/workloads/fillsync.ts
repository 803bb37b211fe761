/** One put after the other, each on the disk before the next begins. */

import { KEY_BYTES, randomKeys, VALUE_BYTES, valueBytes } from '../data.ts';
import { inSession, type Workload } from './workload.ts';

export const fillsync: Workload = {
  name: 'fillsync',
  title: 'single put, one at a time',
  durability: 'flushed to the disk, each put',
  task: 'put',
  goal: { kind: 'ratio', now: 1.2, later: 1.7 },
  roundsFactor: 5,
  freshProcess: false,
  prepare: (place) => {
    const { puts, rows } = place.scale;
    return inSession(
      place,
      async (session) => {
        const put = session.putter(place.variant);
        const keys = randomKeys(puts, rows, 7);
        const value = valueBytes();
        return async () => {
          value[0]!++;
          for (const key of keys) await put(key, value);
          return puts * (KEY_BYTES + VALUE_BYTES);
        };
      },
      puts,
    );
  },
};
