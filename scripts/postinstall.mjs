/**
 * What npm runs after it has built the addon of an installed package. In a checkout there may be
 * nothing to run yet: scripts/setup.mjs does the same when all is compiled.
 */

import { existsSync } from 'node:fs';

const program = new URL('../dist/bundle/keep-code.js', import.meta.url);
if (existsSync(program)) {
  try {
    await import(program.href);
  } catch (error) {
    // The library works without, and starts slower.
    console.warn(`coppice: the code to start with was not kept: ${error.message}`);
  }
}
