/** Point reads at random, value bytes as the contender's users get them. */

import { randomKeys, VALUE_BYTES } from '../data.ts';
import { inSession, type Workload } from './workload.ts';

export const readrandom: Workload = {
  name: 'readrandom',
  title: 'get at random, value bytes',
  durability: 'reads',
  task: 'get',
  goal: { kind: 'ratio', now: 2, later: 3 },
  clock: 'cpu',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  writes: false,
  peers: true,

  prepare(place) {
    const { gets, rows } = place.scale;
    return inSession(place, { operations: gets, bytesPut: 0 }, (session) => {
      const get = session.reader(place.variant);
      const keys = randomKeys(gets, rows, 1);
      return {
        run() {
          let bytes = 0;
          for (const key of keys) bytes += get(key)?.length ?? 0;
          if (bytes !== gets * VALUE_BYTES) throw new Error(`${bytes} bytes were read`);
        },
      };
    });
  },
};
