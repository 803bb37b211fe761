/**
 * Recovery's walk on a real file of several windows. The walk once worked out where a page lies in its
 * segment, while the page was seen through a window: of a root past the first 4 MiB nothing below was
 * looked at, and a torn commit was believed. The simulator did not see it, because its windows were as
 * large as its segments; now they are a quarter.
 */

import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { newFolder, program } from '../support/process-children.ts';

const PAGE = 4096;
/** In memory where there is such a place: the file has megabytes, and is made for each page. */
const folder = newFolder('torn', hasRoom('/dev/shm') ? '/dev/shm' : tmpdir());

/** For two files of 30 MB, beside what other tests have there. */
function hasRoom(place: string): boolean {
  if (!existsSync(place)) return false;
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize > 2 ** 28;
}

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

/** A copy of the file in which one page is zeros; none when it is undefined. */
function tornCopy(whole: Buffer, page: number | undefined): string {
  const path = join(folder, 'torn');
  rmSync(`${path}-lock`, { force: true });
  writeFileSync(path, whole);
  if (page === undefined) return path;
  const fd = openSync(path, 'r+');
  writeSync(fd, new Uint8Array(PAGE), 0, PAGE, page * PAGE);
  closeSync(fd);
  return path;
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
    const db = open(tornCopy(whole, page));
    expect(db.lastTransaction).toBe(page === undefined ? last : before);
    const store = db.store<number, Uint8Array>('s');
    let changed = 0;
    for (let i = 0; i < 200_000; i += 5000) changed += store.get(i)![0]!;
    expect(changed).toBe(page === undefined ? 40 : 0);
    await db.close();
  }
}, 120_000);
