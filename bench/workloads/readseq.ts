/** A scan of the whole store in the order of its keys: key strings and value bytes. */

import { KEY_BYTES, VALUE_BYTES } from '../data.ts';
import { inSession, type Workload } from './workload.ts';

export const readseq: Workload = {
  name: 'readseq',
  title: 'scan, key strings and value bytes',
  durability: 'reads',
  task: 'scan',
  goal: { kind: 'ratio', now: 2, later: 3 },
  clock: 'cpu',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: false,
  writes: false,
  peers: true,

  prepare(place) {
    const { rows } = place.scale;
    return inSession(place, { operations: rows, bytesPut: 0 }, (session) => {
      const scan = session.scanner(place.variant);
      return {
        run() {
          const bytes = scan();
          if (bytes !== rows * (KEY_BYTES + VALUE_BYTES))
            throw new Error(`${bytes} bytes were read`);
        },
      };
    });
  },
};
