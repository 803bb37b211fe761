/** What the operating system keeps of the file in memory, and how to make it forget. */

import { spawnSync } from 'node:child_process';
import { readFileSync, statfsSync, statSync } from 'node:fs';

/** statfs f_type of tmpfs: its files are nowhere but in memory. */
const TMPFS = 0x01021994;

/**
 * Drops this file, and no other, from the page cache: posix_fadvise(POSIX_FADV_DONTNEED), for which
 * GNU dd needs no root. Nobody may have it mapped. Returns whether it could.
 */
export function dropFromMemory(path: string): boolean {
  if (process.platform !== 'linux' || isInMemoryOnly(path)) return false;
  const args = [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'];
  return spawnSync('dd', args, { stdio: 'ignore' }).status === 0;
}

export function isInMemoryOnly(path: string): boolean {
  return process.platform === 'linux' && statfsSync(path).type === TMPFS;
}

/** How much the system reads from this disk when one page is asked for; undefined: not known. */
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
