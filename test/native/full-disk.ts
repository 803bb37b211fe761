/** A file system of a few pages, to run into its end. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs `body` with a path on a tmpfs of 3 MiB, of which 1 MiB is taken by a file that `makeRoom`
 * removes. False when none can be mounted (not root).
 */
export async function onFullDisk(
  body: (path: string, makeRoom: () => void) => Promise<void>,
): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmdirSync(folder);
    return false;
  }
  try {
    const ballast = join(folder, 'ballast');
    writeFileSync(ballast, new Uint8Array(2 ** 20));
    await body(join(folder, 'file'), () => unlinkSync(ballast));
  } finally {
    execFileSync('umount', ['-l', folder]);
    rmdirSync(folder);
  }
  return true;
}
