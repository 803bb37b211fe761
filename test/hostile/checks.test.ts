/**
 * The proof's own proof: copies of the library in which one check is missing, each of which has to
 * fail on damage that is known (test/support/hostile-known.ts).
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Base, makeBases } from '../support/hostile-bases.ts';
import { runCases } from '../support/hostile-fleet.ts';
import { knownCases } from '../support/hostile-known.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'coppice-hostile-'));
let bases: Base[];

beforeAll(async () => {
  bases = await makeBases(folder);
  for (const name of ['build', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A check, where it stands in the built library, and what is there without it. */
interface Missing {
  readonly check: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const MISSING: readonly Missing[] = [
  {
    check: 'the checksum of a page',
    file: 'pager/mapped-pages.js',
    from: 'if (this.verifiesChecksums) {',
    to: 'if (false) {',
  },
  {
    check: 'the checksum of a part of a value',
    file: 'pager/mapped-run.js',
    from: 'if (pages.verifiesChecksums && !',
    to: 'if (false && !',
  },
  {
    check: 'the checksum of a meta slot',
    file: 'format/meta.js',
    from: 'if (!sum.every((byte, i) => bytes[i] === byte))',
    to: 'if (false)',
  },
  {
    check: 'the birth that a pointer expects',
    file: 'pager/mapped-pages.js',
    from: 'if (pageBirth(s, o) !== birth) {',
    to: 'if (false) {',
  },
  {
    check: 'that pointers lead to pages of the file',
    file: 'format/validate.js',
    from: 'export function pointerFault(s, o, geometry) {',
    to: 'export function pointerFault(s, o, geometry) { return undefined;',
  },
  {
    check: 'that roots stand in leaves of the catalogue',
    file: 'transaction/catalogue.js',
    from: 'if ((entry.flags & PAGE_FLAG.catalogue) !== 0) {',
    to: 'if (true) {',
  },
  {
    check: 'that the leaves which a range passes go on',
    file: 'btree/cursor.js',
    from: 'if (order * direction > 0)',
    to: 'if (true)',
  },
  {
    check: 'that a tree has no more leaves than the file has pages',
    file: 'transaction/statistics.js',
    from: 'if (leaves.length > filePages) {',
    to: 'if (false) {',
  },
  {
    check: 'that no more pages are let go of than there are',
    file: 'pager/write-pages.js',
    from: 'if (!this.base.exists(0, this.freed.push(page))) {',
    to: 'this.freed.push(page); if (false) {',
  },
  {
    check: 'that a child is of the level that its parent wants',
    file: 'btree/path.js',
    from: 'export function wrongLevel(page, level, expected) {',
    to: 'export function wrongLevel(page, level, expected) { return;',
  },
  {
    check: 'that a walk reaches no page twice',
    file: 'pager/walk.js',
    from: "if (!this.reached.add(page, 1))\n            return this.stop(page, 'reached twice');",
    to: '',
  },
  {
    check: 'that a check reaches no page twice',
    file: 'btree/check.js',
    from: 'if (!this.reach(page, 1)) {',
    to: 'if (!this.reach(page, 1) && false) {',
  },
  {
    check: 'that the map has what is let go of',
    file: 'pager/map-update.js',
    from: 'if (was === inUse)\n            throw mapFault(',
    to: 'if (was === inUse)\n            throw new Error(',
  },
];

/** The library without a check. */
function without({ file, from, to }: Missing): string {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  cpSync(join(ROOT, 'dist'), dist, { recursive: true });
  const path = join(dist, file);
  const text = readFileSync(path, 'utf8');
  expect(text.split(from).length, `${file} has the check once`).toBe(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  return dist;
}

test.each(MISSING.map((missing) => [missing.check, missing] as const))(
  'missed: %s',
  async (_, missing) => {
    const { cases, stories } = knownCases(bases);
    const outcome = await runCases(bases, (id) => cases[id]!, 0, cases.length, {
      dist: without(missing),
      hangMs: 5_000,
      mostFailures: 1,
    });
    const [first] = outcome.failures;
    console.log(
      `${missing.check}: ${first && `${stories[first.id]}: ${first.what.slice(0, 160)}`}`,
    );
    expect(outcome.failures.length).toBeGreaterThan(0);
  },
  120_000,
);
