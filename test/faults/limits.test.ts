/** Limits of the process: the address space, and the size of a file. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { Child, newFolder, note } from '../support/process-children.ts';

const folder = newFolder('limits');

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    note('no prlimit here: limits were not tried');
    return false;
  }
}

/** Runs programs/limited.mjs under a limit. */
function limited(limit: string, ...parameters: readonly string[]): Child {
  const path = fileURLToPath(new URL('programs/limited.mjs', import.meta.url));
  return new Child('prlimit', [limit, '--', process.execPath, path, ...parameters]);
}

test.each([[4], [8], [24]])(
  'with an address space of %d GiB (RLIMIT_AS) the reservation is smaller, and all works',
  async (gib) => {
    if (!hasPrlimit()) return;
    const path = join(folder, `space-${gib}`);
    const { code, signal, lines, error } = await limited(`--as=${gib * 2 ** 30}`, path).ended();
    expect([code, signal, error]).toEqual([0, null, '']);
    expect(lines).toEqual(['wrote 500', 'READ 500', 'done']);
    const db = open(path);
    expect(db.store('data', { key: 'u32', value: 'bytes' }).count()).toBe(500);
    await db.verify();
    await db.close();
  },
);

test('a file that may grow no further (RLIMIT_FSIZE) is DISK_FULL, nothing changed, still usable', async () => {
  if (!hasPrlimit()) return;
  const path = join(folder, 'size');
  const { code, signal, lines, error } = await limited(
    `--fsize=${3 * 2 ** 20}`,
    path,
    'fill',
  ).ended();
  expect([code, signal, error]).toEqual([0, null, '']);
  expect(lines[1]).toMatch(/^DISK_FULL .*Nothing was changed/);
  expect(lines.slice(2)).toEqual(['READ 500', 'done']);
  const db = open(path);
  expect(db.store('data', { key: 'u32', value: 'bytes' }).count()).toBe(500);
  await db.verify();
  await db.close();
});
