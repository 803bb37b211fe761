/** Single puts: one after the other, a hundred at once, large ones, and ones not flushed each. */

import type { SessionDurability } from '../contenders/contender.ts';
import { KEY_BYTES, randomKeys, VALUE_BYTES, valueBytes } from '../data.ts';
import { inSession, type Place, type Prepared, requireWritten, type Workload } from './workload.ts';

const AT_ONCE = 100;
const LARGE_BYTES = 100_000;

export const fillsync: Workload = {
  name: 'fillsync',
  title: 'single put, one at a time',
  durability: 'flushed to the disk, each put',
  task: 'put',
  clock: 'wall',
  roundsFactor: 5,
  // 10,000 puts: V8 goes on compiling for so long.
  warmUp: 100,
  freshProcess: false,
  starts: 'own rows',
  quick: true,
  peers: true,
  prepare: (place) => puts(place, { operations: place.scale.puts }),
};

export const fillgroup: Workload = {
  ...fillsync,
  name: 'fillgroup',
  title: `${AT_ONCE} puts awaited at once`,
  durability: 'flushed to the disk before a put resolves',
  task: 'group',
  roundsFactor: 1,
  warmUp: 20,
  quick: false,
  prepare: (place) => puts(place, { operations: place.scale.puts * 10, atOnce: AT_ONCE }),
};

export const fillinterval: Workload = {
  ...fillsync,
  name: 'fillinterval',
  title: 'single put, one at a time, flushed later',
  durability: 'some time later (interval, noSync, NORMAL)',
  task: 'relaxed',
  roundsFactor: 1,
  warmUp: 20,
  quick: false,
  prepare: (place) => puts(place, { operations: place.scale.puts * 10, durability: 'relaxed' }),
};

export const fill100K: Workload = {
  ...fillsync,
  name: 'fill100K',
  title: 'single put of 100,000 bytes',
  roundsFactor: 1,
  warmUp: 1,
  starts: 'empty',
  quick: false,
  prepare(place) {
    const operations = Math.ceil(place.scale.puts / 5);
    return puts(place, { operations, valueLength: LARGE_BYTES, among: 200 });
  },
};

interface Puts {
  readonly operations: number;
  readonly atOnce?: number;
  readonly durability?: SessionDurability;
  readonly valueLength?: number;
  /** Rows that are drawn from; without it, all that there are. */
  readonly among?: number;
}

function puts(place: Place, what: Puts): Promise<Prepared> {
  const { operations, atOnce = 1, durability, valueLength = VALUE_BYTES, among } = what;
  const bytesPut = operations * (KEY_BYTES + valueLength);
  return inSession(
    place,
    { operations, bytesPut },
    (session) => {
      const put = session.putter(place.variant);
      const value = valueBytes(valueLength);
      let seed = 1;
      let keys: string[] = [];
      return {
        before() {
          keys = randomKeys(operations, among ?? place.scale.rows, seed++);
          value[0]!++;
        },
        async run() {
          if (atOnce === 1) {
            for (const key of keys) await put(key, value);
            return;
          }
          for (let i = 0; i < keys.length; i += atOnce) {
            await Promise.all(keys.slice(i, i + atOnce).map((key) => put(key, value)));
          }
        },
        check: () => requireWritten(place, session, { keys, value }),
      };
    },
    durability,
  );
}
