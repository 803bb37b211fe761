/** A folder for the file, and that nothing is left behind: no folder, no process. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killAllChildren } from './children.ts';
import { isInMemoryOnly } from './page-cache.ts';

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Makes the folder and returns the path for the file; all is removed when the process ends. */
export function makeWorkplace(keep: boolean): string {
  const folder = mkdtempSync(join(parentFolder(), 'coppice-demo-'));
  process.on('exit', () => {
    killAllChildren();
    if (!keep) rmSync(folder, { recursive: true, force: true });
  });
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.once(signal, () => process.exit(128 + number));
  }
  return join(realpathSync(folder), 'cities.coppice');
}

/** Where temporary files belong, unless that is memory: then out/, which git ignores. */
function parentFolder(): string {
  return isInMemoryOnly(tmpdir()) ? join(import.meta.dirname, '../..') : tmpdir();
}
