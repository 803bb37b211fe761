/** Damage that once ended in something else than a typed error. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENTRY, entryAt } from '../../src/format/lock-file.ts';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { runCases } from '../support/hostile-fleet.ts';
import { KNOWN_DAMAGE, knownCases } from '../support/hostile-known.ts';
import type { LockCase } from '../support/hostile-lock.ts';
import { makePieces, withFilePages } from '../support/hostile-pieces.ts';

const folder = mkdtempSync(join(tmpdir(), 'coppice-hostile-'));
let bases: Base[];

beforeAll(async () => {
  bases = await makeBases(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(KNOWN_DAMAGE.map(({ story }) => story))(
  '%s',
  async (story) => {
    const { cases, stories } = knownCases(bases);
    const own = cases.filter((_, i) => stories[i] === story);
    const outcome = await runCases(bases, (i) => ({ ...own[i]!, id: i }), 0, own.length);
    expect(outcome.failures.map(({ id, what }) => `variant ${own[id]!.variant}: ${what}`)).toEqual(
      [],
    );
    expect(outcome.run).toBe(own.length);
  },
  60_000,
);

/** Words of the first retained entries, changed while a handle has the lock file open. */
function entriesWith(word: number, value: number): LockCase {
  const ops = [0, 1, 2].map((i) => ['set', entryAt(i) + word, value] as const);
  const lock = { ops, lengthBytes: undefined, junk: undefined, whileOpen: true };
  return { id: 0, base: 0, verify: 'first-read', use: 'write', lock };
}

test('a retained snapshot whose id is no whole number kept readers looking for ever', async () => {
  const lock = entriesWith(ENTRY.id + 1, -0x8000_0000);
  const outcome = await runCases(bases, () => lock, 0, 1, { hangMs: 10_000 });
  expect(outcome.failures).toEqual([]);
  expect([...outcome.codes.keys()]).toContain('STORAGE_FAULT');
}, 60_000);

test('a retained snapshot that names a fifth meta slot made close read from nowhere', async () => {
  const lock = entriesWith(ENTRY.metaSlot, 5);
  expect((await runCases(bases, () => lock, 0, 1)).failures).toEqual([]);
}, 60_000);

test('an increment that leads to a file of 2^31 pages kept restore looking at each', async () => {
  const pieces = await makePieces(folder, (path) => Uint8Array.from(readFileSync(path)));
  pieces[2] = withFilePages(pieces[2]!, 2 ** 31);
  const damaged = { id: 0, pieces, exact: false };
  const outcome = await runCases(bases, () => damaged, 0, 1, { hangMs: 10_000 });
  expect(outcome.failures).toEqual([]);
  expect([...outcome.codes.keys()]).toEqual(['CORRUPTION']);
}, 60_000);
