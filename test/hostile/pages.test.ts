/** Damaged files of every kind end in a typed error, or in what was written. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { Cases } from '../support/hostile-cases.ts';
import { reportOf, runCases } from '../support/hostile-fleet.ts';

const folder = mkdtempSync(join(tmpdir(), 'coppice-hostile-'));
let bases: Base[];

beforeAll(async () => {
  bases = await makeBases(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNT = cases(20_000, 1_000_000);

test(
  `${COUNT} damaged files: a typed error, or what was written`,
  async () => {
    const made = new Cases('pages', bases);
    const start = performance.now();
    const outcome = await runCases(bases, (id) => made.make(id), firstRound, COUNT);
    const seconds = (performance.now() - start) / 1000;
    console.log(
      `hostile pages: ${outcome.run} cases in ${seconds.toFixed(1)} s, seed ${seed}, errors in: ` +
        [...outcome.codes].map(([code, count]) => `${code} ${count}`).join(', '),
    );
    expect(reportOf('pages', outcome, seed)).toBe('');
    expect(outcome.run).toBe(COUNT - firstRound);
    expect(outcome.codes.get('CORRUPTION') ?? 0).toBeGreaterThan(outcome.run / 10);
  },
  long ? 0 : 900_000,
);
