/**
 * Packages that only the benchmarks need: those of bench/package.json, which scripts/bench.mjs
 * installs into bench/node_modules when they are wanted.
 */

import { createRequire } from 'node:module';
import { resolve } from 'node:path';

/** From the root of the checkout: what is compiled lies elsewhere than its packages. */
const peerRequire = createRequire(resolve('bench/package.json'));

/** The package and its version; or, in words, why it is left out. */
export type Peer =
  | { readonly module: unknown; readonly version: string }
  | { readonly absent: string };

export function findPeer(name: string): Peer {
  try {
    const { version }: { version: string } = peerRequire(`${name}/package.json`);
    return { module: peerRequire(name), version };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const why = message.startsWith('Cannot find module') ? 'not installed' : message;
    return { absent: why.split('\n')[0] ?? why };
  }
}
