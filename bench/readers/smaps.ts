/**
 * Memory of a process as /proc/PID/smaps and smaps_rollup tell it. Pss: each page divided by the
 * number of processes that have it in their address space.
 */

/** In bytes. */
export interface MappedMemory {
  /** Pages that the process has in its address space. */
  readonly rssBytes: number;
  /** Its share of them. */
  readonly pssBytes: number;
}

/** The mappings of the file, together. `smaps`: the text of /proc/PID/smaps. */
export function fileMemory(smaps: string, path: string): MappedMemory {
  return sum(smaps, (head) => head.endsWith(` ${path}`));
}

/** All mappings. `rollup`: the text of /proc/PID/smaps_rollup. */
export function processMemory(rollup: string): MappedMemory {
  return sum(rollup, () => true);
}

/** `counts`: whether a mapping does, from its first line. */
function sum(text: string, counts: (head: string) => boolean): MappedMemory {
  let rssBytes = 0;
  let pssBytes = 0;
  let counted = false;
  for (const line of text.split('\n')) {
    const [, field, kibibytes] = line.match(/^(\w+):\s+(\d+) kB$/) ?? [];
    if (field === undefined) {
      // Addresses, permissions, offset, device, inode, path.
      if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) counted = counts(line);
    } else if (counted) {
      if (field === 'Rss') rssBytes += Number(kibibytes) * 1024;
      if (field === 'Pss') pssBytes += Number(kibibytes) * 1024;
    }
  }
  return { rssBytes, pssBytes };
}
