/**
 * What npm runs after it has built the addon of an installed package: keeps the code to start with.
 * The library works without, and starts slower, so whatever goes wrong here is told and no more. In a
 * checkout there may be nothing to run yet: scripts/setup.mjs does the same when all is compiled.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MOST_MS = 30_000;

const program = fileURLToPath(new URL('../dist/bundle/keep-code.js', import.meta.url));
if (existsSync(program)) {
  const options = { timeout: MOST_MS, encoding: 'utf8' };
  const { status, signal, error, stderr } = spawnSync(process.execPath, [program], options);
  if (status !== 0) {
    const why = error?.message ?? signal ?? stderr.trim();
    console.warn(`coppice: the code to start with was not kept: ${why}`);
  }
}
