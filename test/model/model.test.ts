/**
 * Random operations through the public API, against a sorted array.
 *
 * A run is a number of rounds of 50 sequences; round n of a run has the seed of the run + n. To go on
 * from round n: COPPICE_SEED=seed COPPICE_FROM=n.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { newPath, newTinyFile } from '../support/fresh-database.ts';
import { type Setting, Site, STEP_KINDS } from '../support/model-world.ts';

const SEQUENCES_PER_ROUND = 50;

const byte = fc.integer({ min: 0, max: 255 });
const operation = fc.tuple(fc.integer({ min: 0, max: STEP_KINDS - 1 }), byte, byte, byte, byte);
const operations = fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' });

/** Most of it without a flush for each commit: this is not about disks. */
const options = { durability: 'manual', addressSpace: 2 ** 30 } as const;

const SETTINGS: Record<string, { share: number; make: () => Setting }> = {
  'in memory': { share: 22, make: () => ({ path: ':memory:', options, large: 3000 }) },
  'in memory, each write flushed, every page verified each time': {
    share: 2,
    make: () => ({
      path: ':memory:',
      options: { ...options, durability: 'commit', verify: 'always' },
      large: 70_000,
    }),
  },
  'in a file, reopened': {
    share: 4,
    make: () => ({ path: newPath(), options, large: 3000 }),
  },
  'in a file with pages of 512 bytes, reopened': {
    share: 8,
    make: () => ({ path: newTinyFile(512), options, large: 400 }),
  },
  'in a file with pages of 256 bytes, reopened': {
    share: 4,
    make: () => ({ path: newTinyFile(256), options, large: 200 }),
  },
};

for (const [name, { share, make }] of Object.entries(SETTINGS)) {
  test.concurrent(
    `a database does what a sorted array does, ${name}`,
    async () => {
      const rounds = cases(share, share * 100);
      let sequences = 0;
      for (let round = firstRound; round < firstRound + rounds; round++) {
        if (long)
          console.log(`${name}: round ${round} of ${firstRound + rounds}, seed ${seed + round}`);
        const site = new Site(make);
        const property = fc.asyncProperty(operations, (sequence) => site.run(sequence));
        try {
          await fc.assert(property, { seed: seed + round, numRuns: SEQUENCES_PER_ROUND });
        } finally {
          site.close();
        }
        sequences += SEQUENCES_PER_ROUND;
      }
      expect(sequences).toBe(rounds * SEQUENCES_PER_ROUND);
    },
    6 * 3_600_000,
  );
}
