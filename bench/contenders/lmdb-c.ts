/** C LMDB: compiles lmdb-c.c against the system's liblmdb, where that and a compiler are there. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Program } from './contender.ts';

const SOURCE = resolve('bench/contenders/lmdb-c.c');
const FOLDER = resolve('out/bench-native');

/** The program; or, in words, why it is left out. */
export function lmdbC(): Program | { readonly absent: string } {
  const version = liblmdbVersion();
  if (version === undefined) {
    return { absent: 'no lmdb.h or no C compiler (Debian: liblmdb-dev, gcc)' };
  }
  const path = join(FOLDER, 'lmdb-c');
  const current = existsSync(path) && statSync(path).mtimeMs > statSync(SOURCE).mtimeMs;
  if (!current) {
    mkdirSync(FOLDER, { recursive: true });
    const args = ['-O2', '-Wall', '-Wextra', '-o', path, SOURCE, '-llmdb'];
    const { status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
    if (status !== 0) return { absent: `lmdb-c.c was not compiled: ${stderr.trim()}` };
  }
  return {
    name: 'lmdb-c',
    version,
    path,
    borrowing: [],
    workloads: [
      'readrandom',
      'searchrandom',
      'readmissing',
      'readhot',
      'readseq',
      'readreverse',
      'seekrandom',
      'fillsync',
      'overwrite',
    ],
    sizeBytes: (folder) => statSync(join(folder, 'data.mdb')).size,
  };
}

/** By the header that the compiler finds. */
function liblmdbVersion(): string | undefined {
  const { status, stdout } = spawnSync('cc', ['-E', '-P', '-'], {
    input: '#include <lmdb.h>\nversion MDB_VERSION_MAJOR MDB_VERSION_MINOR MDB_VERSION_PATCH\n',
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  return stdout
    .match(/version (\d+) (\d+) (\d+)/)
    ?.slice(1)
    .join('.');
}
