/** The meta slots bit by bit, and what is read beside the data file: lock files, backup pieces. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, firstRound, long } from '../frame/size.ts';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { type AnyCase, reportOf, runCases } from '../support/hostile-fleet.ts';
import { makeLockCase } from '../support/hostile-lock.ts';
import { MetaCases } from '../support/hostile-metas.ts';
import { makePieces, PieceCases } from '../support/hostile-pieces.ts';

const folder = mkdtempSync(join(tmpdir(), 'coppice-hostile-'));
let bases: Base[];

beforeAll(async () => {
  bases = await makeBases(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TIMEOUT = long ? 0 : 900_000;

/** Runs cases, says how it went, and fails when one of them did. */
async function run<C extends AnyCase>(
  name: string,
  make: (id: number) => C,
  from: number,
  count: number,
): Promise<void> {
  const start = performance.now();
  const outcome = await runCases(bases, make, from, count);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `hostile ${name}: ${outcome.run} cases in ${seconds.toFixed(1)} s, seed ${seed}, errors in: ` +
      [...outcome.codes].map(([code, n]) => `${code} ${n}`).join(', '),
  );
  expect(reportOf(name, outcome, seed)).toBe('');
  expect(outcome.run).toBe(count - from);
}

test.each([
  ['closed', 3],
  ['left open', 1],
])(
  'every bit and every field of the meta slots of a file that was %s',
  async (name, base) => {
    const metas = new MetaCases(bases, base);
    // A share of them, spread over all and over the ways of opening; a long run takes each.
    const step = long ? 1 : 7;
    const make = (id: number) => metas.make((id * step + (seed % step)) % metas.count);
    await run(`metas, ${name}`, (id) => ({ ...make(id), id }), 0, Math.ceil(metas.count / step));
  },
  TIMEOUT,
);

test(
  'lock files of every kind',
  async () => {
    const make = (id: number) => makeLockCase(bases.slice(0, 5), id);
    await run('locks', make, firstRound, cases(1500, 60_000));
  },
  TIMEOUT,
);

test(
  'pieces of a backup',
  async () => {
    const made = new PieceCases(
      await makePieces(folder, (path) => Uint8Array.from(readFileSync(path))),
    );
    await run('pieces', (id) => made.make(id), firstRound, cases(600, 20_000));
  },
  TIMEOUT,
);
