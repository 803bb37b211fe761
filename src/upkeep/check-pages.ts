/** The first pass of a backup, and the last of `restore`: is all that is to be kept sound? */

import { CorruptionError } from '../errors.ts';
import type { MappedPages } from '../pager/mapped-pages.ts';
import type { PageSet } from '../pager/page-set.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import type { Storage } from '../pager/storage.ts';
import { Walk } from '../pager/walk.ts';
import type { Pace } from '../transaction/pace.ts';

/** Looked at between two looks at the clock. */
const STEP_BYTES: number = 2 ** 17;

/**
 * Every page that the snapshot reaches and that was born after `since`, each checked in full; pages
 * of the meta slots are not among them. `name` is what messages call it; `told` hears now and then
 * how many there are so far. Throws CORRUPTION at the first damage, and STORAGE_FAULT.
 */
export async function checkPages(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  since: number,
  name: string,
  pace: Pace,
  told: (pages: number) => void = () => {},
): Promise<PageSet> {
  // Whoever called this may have waited for something before.
  pace.resume();
  const walk = new Walk(storage, pages, roots, since);
  const stepPages = Math.max(1, STEP_BYTES / pages.geometry.pageSize);
  for (;;) {
    const ended = walk.step(stepPages);
    // What could not be read looked like zeros, also when it can be read again by now.
    pages.throwOnFault();
    if (ended) break;
    if (!pace.isDue) continue;
    told(walk.reached.size);
    await pace.rest();
  }
  if (walk.fault !== undefined) {
    const { page, what } = walk.fault;
    throw new CorruptionError(page, `${name} is damaged: page ${page}: ${what}.`);
  }
  return walk.reached;
}
