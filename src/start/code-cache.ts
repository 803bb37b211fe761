/**
 * The code that V8 made of the library when it was installed, kept beside the addon. To begin with
 * it spares a process the compiling of some 200 functions: docs/architecture.md, "Starting".
 *
 * V8 looks whether the code is of its own version and flags. That it is of this very text and whole
 * is for us to look at: V8 compares lengths, and damaged code would be run.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hashBytes } from '../pager/hash-bytes.ts';

/** Before the code: the hash of the library's text, and the hash of the code. */
const SEAL_BYTES = 16;

/** Where the code for this Node lies. `folder`: the URL of dist/bundle/, or of a file in it. */
export function codePath(folder: string): string {
  const name = `coppice-${process.version}-${process.arch}.code`;
  return fileURLToPath(new URL(`../../build/Release/${name}`, folder));
}

/** The code kept at `path`, when it is whole and was made of `text`; else undefined. */
export function keptCode(path: string, text: Uint8Array): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    const code = bytes.subarray(SEAL_BYTES);
    return sealOf(text, code).equals(bytes.subarray(0, SEAL_BYTES)) ? code : undefined;
  } catch {
    // None was kept, or the addon is missing, which is told when it is needed.
    return undefined;
  }
}

/** Keeps the code made of `text` at `path`, whole at any time. */
export function keepCode(path: string, text: Uint8Array, code: Uint8Array): void {
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, Buffer.concat([sealOf(text, code), code]));
  renameSync(unfinished, path);
}

function sealOf(text: Uint8Array, code: Uint8Array): Buffer {
  return Buffer.concat([hashBytes(text), hashBytes(code)]);
}
