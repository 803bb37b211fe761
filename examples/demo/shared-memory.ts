/** How much memory a process uses for a mapped file, and how much of it it shares. */

import { readFileSync } from 'node:fs';

/** In bytes, from /proc/PID/smaps. */
export interface MappedMemory {
  /** Pages of the file that the process has in its address space. */
  readonly rss: number;
  /** Of those, what is as it is in the file and that others have in theirs too. */
  readonly sharedClean: number;
  /** Its share: each page divided by the number of processes that have it. */
  readonly pss: number;
}

/** Sums up the mappings of `path` in a process; undefined where there is no /proc (macOS). */
export function mappedMemory(pid: number, path: string): MappedMemory | undefined {
  if (process.platform !== 'linux') return undefined;
  const sums = { rss: 0, sharedClean: 0, pss: 0 };
  let ours = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const [, field, kilobytes] = line.match(/^(\w+):\s+(\d+) kB$/) ?? [];
    if (field === undefined) {
      // The first line of a mapping: addresses, permissions, offset, device, inode, path.
      if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) ours = line.endsWith(` ${path}`);
    } else if (ours) {
      const bytes = Number(kilobytes) * 1024;
      if (field === 'Rss') sums.rss += bytes;
      if (field === 'Shared_Clean') sums.sharedClean += bytes;
      if (field === 'Pss') sums.pss += bytes;
    }
  }
  return sums;
}
