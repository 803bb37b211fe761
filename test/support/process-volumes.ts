/** File systems of a test's own: small, or read-only. Only for root; others get a note. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder, note } from './process-children.ts';

export interface Volume {
  readonly folder: string;
  remount(...options: readonly string[]): void;
}

/**
 * Runs `body` on a tmpfs of `bytes`, which is unmounted afterwards. False, with a note, where none can
 * be mounted.
 */
export async function onVolume(
  bytes: number,
  body: (volume: Volume) => Promise<void>,
): Promise<boolean> {
  const folder = join(newFolder('volume'), 'mounted');
  mkdirSync(folder);
  const mount = (...options: readonly string[]): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', folder], {
      stdio: 'pipe',
    });
  };
  try {
    mount(`size=${bytes}`);
  } catch (error) {
    rmdirSync(folder);
    note(`no tmpfs can be mounted here, so this was not tried: ${String(error).split('\n')[0]}`);
    return false;
  }
  try {
    await body({
      folder,
      remount: (...options) => {
        execFileSync('mount', ['-o', ['remount', ...options].join(','), folder], { stdio: 'pipe' });
      },
    });
  } finally {
    execFileSync('umount', ['-l', folder]);
    rmdirSync(folder);
  }
  return true;
}
