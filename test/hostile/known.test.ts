/** Damage that once ended in something else than a typed error. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { runCases } from '../support/hostile-fleet.ts';
import { KNOWN_DAMAGE, knownCases } from '../support/hostile-known.ts';

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
