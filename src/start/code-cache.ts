/**
 * The code that V8 made of the library when it was installed, kept beside the addon. To begin with
 * it spares a process the compiling of some 200 functions: docs/architecture.md, "Starting".
 *
 * V8 looks whether the code is of its own version and flags. That it is whole and of this very
 * library is for us to look at: V8 compares lengths, and damaged code would be run. In Node 20 the
 * code brings the path along that stack traces name, so the path counts, too.
 */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hashBytes } from '../pager/hash-bytes.ts';
import { temporaryPath } from '../pager/random.ts';

/** What code is made of. */
export interface Source {
  readonly path: string;
  readonly text: Uint8Array;
}

/** Before the code: three hashes, of the library's path, of its text, and of the code. */
const SEAL_BYTES = 24;

/** Where the code for this Node lies. `library`: a file in dist/bundle/. */
export function codePath(library: URL): string {
  const name = `coppice-${process.version}-${process.arch}.code`;
  return fileURLToPath(new URL(`../../build/Release/${name}`, library));
}

/** The code kept at `path`, when it is whole and was made of `source`; else undefined. */
export function keptCode(path: string, source: Source): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    const code = bytes.subarray(SEAL_BYTES);
    return sealOf(source, code).equals(bytes.subarray(0, SEAL_BYTES)) ? code : undefined;
  } catch {
    // None was kept, or the addon is missing, which is told when it is needed.
    return undefined;
  }
}

/** Keeps the code made of `source` at `path`, whole at any time. */
export function keepCode(path: string, source: Source, code: Uint8Array): void {
  const unfinished = temporaryPath(path, 'unfinished');
  try {
    writeFileSync(unfinished, Buffer.concat([sealOf(source, code), code]));
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function sealOf({ path, text }: Source, code: Uint8Array): Buffer {
  return Buffer.concat([hashBytes(Buffer.from(path)), hashBytes(text), hashBytes(code)]);
}
