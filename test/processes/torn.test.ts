/**
 * Recovery's walk on a real file of several windows. The walk once worked out where a page lies in its
 * segment, while the page was seen through a window: of a root past the first 4 MiB nothing below was
 * looked at, and a torn commit was believed. The simulator did not see it, because its windows were as
 * large as its segments; now they are a quarter.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newFolder, program } from '../support/process-children.ts';

const PAGE = 4096;
const folder = newFolder('torn');

/** The pages of the file that say they were written by that transaction. */
function pagesBornIn(file: Buffer, transaction: number): number[] {
  const found: number[] = [];
  for (let page = 3; page < file.length / PAGE; page++) {
    const at = page * PAGE;
    const isPage = file.readUInt32LE(at + 16) === page;
    if (isPage && file.readUIntLE(at + 8, 6) === transaction) found.push(page);
  }
  return found;
}

test('a commit of which any one page did not reach the disk is given up, wherever it lies in the file', async () => {
  const path = join(folder, 'data');
  const child = program(import.meta.url, 'torn.mjs', [path]);
  const [before, last] = (await child.line()).split(' ').map(Number);
  await child.ended();
  const whole = readFileSync(path);
  const pages = pagesBornIn(whole, last!);
  expect(pages.length).toBeGreaterThan(40);
  // Past the first windows: that is what this is about.
  expect(Math.min(...pages)).toBeGreaterThan((8 << 20) / PAGE);
  for (const page of [undefined, ...pages]) {
    const torn = Buffer.from(whole);
    if (page !== undefined) torn.fill(0, page * PAGE, (page + 1) * PAGE);
    const copy = join(folder, `torn-${page}`);
    writeFileSync(copy, torn);
    const db = open(copy);
    expect(db.lastTransaction).toBe(page === undefined ? last : before);
    const store = db.store<number, Uint8Array>('s');
    let changed = 0;
    for (let i = 0; i < 200_000; i += 5000) changed += store.get(i)![0]!;
    expect(changed).toBe(page === undefined ? 40 : 0);
    await db.close();
  }
});
