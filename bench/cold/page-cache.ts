/** What the system keeps of a file in memory, and how to make it forget. */

import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';

/**
 * Drops the file from the page cache: posix_fadvise(POSIX_FADV_DONTNEED), for which GNU dd needs no
 * root. Nobody may have it mapped. Throws when a part of it is still there.
 */
export function dropFromMemory(path: string): void {
  run('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0']);
  const left = residentBytes(path);
  if (left > 0) {
    throw new Error(`${path}: ${left} bytes cannot be dropped from the page cache. Give --dir.`);
  }
}

/** How much of the file is in memory, whoever wanted it. */
export function residentBytes(path: string): number {
  return Number(run('fincore', ['--bytes', '--noheadings', '--output', 'RES', path]));
}

/** How much the system reads around a page that is touched; undefined: not known. */
export function readAheadBytes(path: string): number | undefined {
  const { dev } = statSync(path);
  const major = Math.floor(dev / 256) % 4096;
  const minor = (dev % 256) + Math.floor(dev / 2 ** 20) * 256;
  try {
    const text = readFileSync(`/sys/class/bdi/${major}:${minor}/read_ahead_kb`, 'utf8');
    return Number.parseInt(text, 10) * 1024;
  } catch {
    return undefined;
  }
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  const why = error?.message ?? stderr.trim();
  throw new Error(
    `${program} failed: ${why}. Cold starts are measured on Linux, by dd of GNU coreutils and ` +
      'fincore of util-linux.',
  );
}
