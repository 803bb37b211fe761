/**
 * A value far larger than the memory that its reader and writer may take: put as a stream, read as
 * one, and in parts, of which no more is loaded than is asked for.
 */

import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dropFromMemory } from '../../examples/demo/page-cache.ts';
import { open } from '../../src/index.ts';
import { long } from '../frame/size.ts';
import { Child, newFolder, note, until } from '../support/process-children.ts';

const SIZE = long ? 900_000_000 : 300_000_000;
const MOST_ANONYMOUS_BYTES = 100_000_000;
const programOf = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));

async function linesOf(name: string, ...parameters: readonly string[]): Promise<readonly string[]> {
  const child = new Child(process.execPath, [programOf(name), ...parameters]);
  const { code, lines, error } = await child.ended();
  expect({ code, error }).toEqual({ code: 0, error: '' });
  return lines;
}

async function run(...parameters: readonly (string | number)[]): Promise<Record<string, unknown>> {
  const lines = await linesOf('large-value', ...parameters.map(String));
  return JSON.parse(lines.at(-1)!) as Record<string, unknown>;
}

test(`${SIZE / 1e6} MB are put and read as streams in less than 100 MB, and 1 MB loads 1.2 MB`, async () => {
  const path = join(newFolder('large-value'), 'db');
  const { anonymousBytes, putMs } = await run('put', path, SIZE);
  note(
    `put: ${Math.round(Number(anonymousBytes) / 1e6)} MB of memory, ${Math.round(Number(putMs))} ms`,
  );
  expect(anonymousBytes).toBeLessThan(MOST_ANONYMOUS_BYTES);
  expect(statSync(path).size).toBeLessThan(1.1 * SIZE);

  if (dropFromMemory(path)) {
    const [from, to] = [SIZE / 2, SIZE / 2 + 1_000_000];
    const { residentBytes, right } = await run('slice', path, from, to);
    note(`a slice of 1 MB loaded ${residentBytes} bytes`);
    expect(right).toBe(true);
    expect(residentBytes).toBeLessThan(1_200_000);
  } else note('the file cannot be dropped from the page cache here: not tried what a slice loads');

  const read = await run('stream', path);
  note(`read: ${Math.round(Number(read.anonymousBytes) / 1e6)} MB of memory`);
  expect(read.right).toBe(true);
  expect(read.anonymousBytes).toBeLessThan(MOST_ANONYMOUS_BYTES);
}, 300_000);

test.each(['exit', 'end', 'close'])(
  'a process and its workers may end with views open: %s',
  async (how) => {
    const path = join(newFolder('views'), 'db');
    const [views, length] = await linesOf('views-open', path, how);
    expect(views).toBe('20');
    if (how === 'close') expect(length).toBe('0');
    const db = open(path, { readOnly: true });
    expect((await db.verify()).problems).toEqual([]);
    expect(db.stats().readers.filter(({ self }) => !self)).toEqual([]);
    db.closeSync();
  },
);

test('a process that is killed while a value comes leaves nothing beside the database', async () => {
  const folder = newFolder('killed-stream');
  const path = join(folder, 'db');
  const child = new Child(process.execPath, [programOf('large-value'), 'put', path, String(SIZE)]);
  // It is in the midst of it when the process has a file open that has no name.
  const isStaging = (): boolean =>
    readdirSync(`/proc/${child.pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${child.pid}/fd/${fd}`).endsWith('(deleted)');
      } catch {
        return false;
      }
    });
  if (process.platform === 'linux') await until(isStaging);
  await child.kill();
  expect(readdirSync(folder).sort()).toEqual(['db', 'db-lock']);
  const db = open(path);
  expect((await db.verify()).problems).toEqual([]);
  expect(db.store('blobs', { key: 'string', value: 'bytes' }).has('large')).toBe(false);
  await db.close();
});
