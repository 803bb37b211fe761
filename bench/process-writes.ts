/** What this process has written so far, by the kernel's count: exact, unlike a time. */

import { readFileSync } from 'node:fs';

export interface Writes {
  /** Calls of write, pwrite and the like: one for each contiguous piece that a commit writes. */
  readonly calls: number;
  /** Bytes given to them. */
  readonly bytes: number;
}

/** Zeros where the system keeps no count (it is Linux's /proc/self/io). */
export function writesOfThisProcess(): Writes {
  if (process.platform !== 'linux') return { calls: 0, bytes: 0 };
  const text = readFileSync('/proc/self/io', 'latin1');
  const count = (name: string): number => Number(text.match(`${name}: (\\d+)`)?.[1] ?? 0);
  return { calls: count('syscw'), bytes: count('wchar') };
}
