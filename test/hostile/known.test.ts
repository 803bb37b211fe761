/** Damage that once ended in something else than a typed error. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENTRY, entryAt } from '../../src/format/lock-file.ts';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { runCases } from '../support/hostile-fleet.ts';
import { KNOWN_DAMAGE, knownCases } from '../support/hostile-known.ts';
import type { LockCase } from '../support/hostile-lock.ts';

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

test('a retained snapshot whose id is no whole number kept readers looking for ever', async () => {
  const lock: LockCase = {
    id: 0,
    base: 0,
    verify: 'first-read',
    use: 'write',
    lock: {
      ops: [0, 1, 2].map((i) => ['set', entryAt(i) + ENTRY.id + 1, -0x8000_0000]),
      lengthBytes: undefined,
      junk: undefined,
      whileOpen: true,
    },
  };
  const outcome = await runCases(bases, () => lock, 0, 1, { hangMs: 10_000 });
  expect(outcome.failures).toEqual([]);
  expect([...outcome.codes.keys()]).toContain('STORAGE_FAULT');
}, 60_000);
