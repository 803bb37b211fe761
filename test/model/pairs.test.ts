/**
 * As model.test.ts, for stores with `multi`, `versions` and `expires`, and for large values. The
 * clock is the test's own. To go on from round n: COPPICE_SEED=seed COPPICE_FROM=n.
 */

import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { newPath, newTinyFile } from '../support/fresh-database.ts';
import { PAIR_STEP_KINDS, PairsWorld } from '../support/model-pairs-world.ts';
import type { Setting } from '../support/model-world.ts';

const SEQUENCES_PER_ROUND = 50;

const byte = fc.integer({ min: 0, max: 255 });
const operation = fc.tuple(
  fc.integer({ min: 0, max: PAIR_STEP_KINDS - 1 }),
  byte,
  byte,
  byte,
  byte,
);
const operations = fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' });

const options = { durability: 'manual', addressSpace: 2 ** 30 } as const;

const SETTINGS: Record<string, { share: number; make: () => Setting }> = {
  'in memory, every page verified each time': {
    share: 4,
    make: () => ({ path: ':memory:', options: { ...options, verify: 'always' }, large: 70_000 }),
  },
  'in a file, reopened': {
    share: 2,
    make: () => ({ path: newPath(), options, large: 200_000 }),
  },
  'in a file with pages of 256 bytes, reopened': {
    share: 2,
    make: () => ({ path: newTinyFile(256), options, large: 2000 }),
  },
};

afterEach(() => vi.restoreAllMocks());

for (const [name, { share, make }] of Object.entries(SETTINGS)) {
  test(
    `pairs, versions, expiry and large values do what a sorted array does, ${name}`,
    async () => {
      const rounds = cases(share, share * 100);
      const begun = Date.now();
      let sequences = 0;
      for (let round = firstRound; round < firstRound + rounds; round++) {
        if (long) console.log(`${name}: round ${round}, seed ${seed + round}`);
        const property = fc.asyncProperty(operations, async (sequence) => {
          const world = new PairsWorld(make(), begun);
          vi.spyOn(Date, 'now').mockImplementation(() => world.now);
          try {
            await world.run(sequence);
          } finally {
            world.close();
          }
        });
        await fc.assert(property, { seed: seed + round, numRuns: SEQUENCES_PER_ROUND });
        sequences += SEQUENCES_PER_ROUND;
      }
      expect(sequences).toBe(rounds * SEQUENCES_PER_ROUND);
    },
    3 * 3_600_000,
  );
}
