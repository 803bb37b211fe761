/**
 * Opening a file and reading one key, in a process that has just started and loaded the package.
 * `openlarge` does it with the file made 64 GiB long by a hole at its end: the time must not depend
 * on the length.
 */

import { truncateSync } from 'node:fs';
import { keyOf, VALUE_BYTES } from '../data.ts';
import { type Place, type Prepared, startClock, type Workload } from './workload.ts';

const LARGE_BYTES = 64 * 2 ** 30;

export const openfile: Workload = {
  name: 'open',
  title: 'open the file and get one key',
  durability: 'reads; a new process each time',
  task: 'open',
  clock: 'wall',
  roundsFactor: 1,
  warmUp: 1,
  freshProcess: true,
  starts: 'shared rows',
  quick: true,
  peers: true,
  prepare: opening,
};

export const openlarge: Workload = {
  ...openfile,
  name: 'openlarge',
  title: 'the same, file 64 GiB long',
  peers: false,

  prepare(place) {
    truncateSync(place.contender.file(place.folder), LARGE_BYTES);
    return opening(place);
  },
};

function opening({ contender, folder, variant, scale }: Place): Prepared {
  return {
    async round() {
      const elapsed = startClock();
      const session = await contender.open(folder);
      const value = session.reader(variant)(keyOf(scale.rows >> 1));
      const times = elapsed();
      const length = value?.length;
      await session.close();
      if (length !== VALUE_BYTES) throw new Error('the row was not found');
      return { operations: 1, ...times, bytesPut: 0 };
    },
    close: async () => {},
  };
}
