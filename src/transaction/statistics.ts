/** What a database tells of itself. */

import { wrongLevel } from '../btree/path.ts';
import { CorruptionError } from '../errors.ts';
import { childBirth, childPage } from '../format/branch.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import {
  fixedBytes,
  leafDirectoryEnd,
  leafEntry,
  overflowLength,
  VALUE_IN_OVERFLOW,
  valueWord,
} from '../format/leaf.ts';
import {
  heapSize,
  holeBytes,
  PAGE_FLAG,
  PAGE_TYPE,
  pageFlags,
  pageLevel,
  slotCount,
} from '../format/page-header.ts';
import { mappingStats } from '../pager/mapping-stats.ts';
import type { PageReader } from '../pager/page-reader.ts';
import type { Pager } from '../pager/pager.ts';
import type { ListedReader } from '../pager/readers.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import type { CommitCounts } from '../pager/write-session.ts';
import { allRecords } from './catalogue.ts';
import { isHidden } from './store-shapes.ts';

/** Sizes in bytes, ages in milliseconds. */
export interface DatabaseStats {
  fileBytes: number;
  /** What the file takes of the disk: less than its length when it has holes. */
  allocatedBytes: number;
  /**
   * In use by any snapshot that must not be overwritten: the newest, the newest durable one, and
   * those that readers have.
   */
  liveBytes: number;
  /** The rest of the file: free to be written. */
  freeBytes: number;
  /** In use by the newest snapshot alone. */
  snapshotBytes: number;
  pageSize: number;
  /** The published transaction. */
  transaction: number;
  /** The newest transaction that is known to survive a power failure. */
  durableTransaction: number;
  /**
   * Snapshots in use, by any process. `bytesHeld`: what is free as soon as this snapshot is let go
   * of, because no other needs it; `ageMs`: since it was taken, 0 for a read that is going on.
   */
  readers: { snapshot: number; ageMs: number; self: boolean; bytesHeld: number }[];
  /**
   * Branch and leaf pages are counted; overflow pages and fill (0..1, bytes in use of what the
   * leaves hold) are exact for stores of up to 256 leaves, and else estimated from 256 leaves
   * spread evenly.
   */
  stores: {
    name: string;
    count: number;
    depth: number;
    branchPages: number;
    leafPages: number;
    overflowPages: number;
    fill: number;
  }[];
  /** Since this handle opened. */
  commits: { count: number; pages: number; runs: number; bytes: number; flushes: number };
  open: { iterators: number; snapshots: number; views: number; queuedBytes: number };
  mapping: {
    mappedBytes: number;
    residentBytes: number;
    /** Of this process. */
    minorFaults: number;
    majorFaults: number;
  };
}

/** Leaves that are looked at to estimate the fill of a large store. */
const SAMPLED_LEAVES = 256;

/** Collects them. `roots` is the newest snapshot, kept by the caller. */
export function collectStats(
  pager: Pager,
  roots: SnapshotRoots,
  readers: readonly ListedReader[],
  open: DatabaseStats['open'],
): DatabaseStats {
  const { pageSize } = pager.pages.geometry;
  // Before the trees are looked at: that loads pages.
  const mapping = mappingStats(pager.storage);
  const space = pager.space(roots, readers);
  // After the snapshots were looked at: it is as long as the longest of them.
  const sizeBytes = pager.storage.sizeBytes();
  const commits: CommitCounts = { ...pager.counts };
  return {
    fileBytes: sizeBytes,
    allocatedBytes: pager.storage.status().allocatedBytes,
    liveBytes: space.liveBytes,
    freeBytes: Math.max(0, sizeBytes - space.liveBytes),
    snapshotBytes: roots.pagesInUse * pageSize,
    pageSize,
    transaction: roots.id,
    // It may have moved on since.
    durableTransaction: Math.min(roots.id, pager.durableTransaction),
    readers: space.readers,
    stores: allRecords(pager.pages, roots)
      .filter(({ name }) => !isHidden(name))
      .map(({ name, root }) => ({ name, ...treeStats(pager.pages, root, roots.filePages) })),
    commits,
    open,
    mapping,
  };
}

type TreeStats = Omit<DatabaseStats['stores'][number], 'name'>;

interface Counted {
  leaves: number;
  bytes: number;
  overflowPages: number;
}

function treeStats(pages: PageReader, root: TreeRoot, filePages: number): TreeStats {
  if (root.page === 0) {
    return { count: 0, depth: 0, branchPages: 0, leafPages: 0, overflowPages: 0, fill: 0 };
  }
  const leaves: { page: number; birth: number }[] = [];
  const o = pages.find(root.page, root.birth, 0);
  const depth = pageLevel(pages.segment, o) + 1;
  const branchPages = depth === 1 ? 0 : collectLeaves(pages, root, depth - 1, leaves, filePages);
  if (depth === 1) leaves.push(root);
  const counted: Counted = { leaves: 0, bytes: 0, overflowPages: 0 };
  const step = Math.max(1, leaves.length / SAMPLED_LEAVES);
  for (let i = 0; i < leaves.length; i += step) {
    const leaf = leaves[Math.floor(i)]!;
    countLeaf(pages, leaf.page, leaf.birth, counted);
  }
  const scale = leaves.length / counted.leaves;
  return {
    count: root.entries,
    depth,
    branchPages,
    leafPages: leaves.length,
    overflowPages: Math.round(counted.overflowPages * scale),
    fill: counted.bytes / (counted.leaves * pages.geometry.capacity),
  };
}

/** Lists the leaves below a branch from the branches alone; returns how many branches there are. */
function collectLeaves(
  pages: PageReader,
  branch: { page: number; birth: number },
  level: number,
  leaves: { page: number; birth: number }[],
  filePages: number,
): number {
  const o = pages.find(branch.page, branch.birth, PAGE_TYPE.branch);
  const s = pages.segment;
  const n = slotCount(s, o);
  const { page } = branch;
  const found = pageLevel(s, o);
  if (found !== level) wrongLevel(page, found, level);
  // In a damaged tree branches may share their children.
  if (leaves.length > filePages) {
    throw new CorruptionError(page, `page ${page}: more leaves in its tree than pages in the file`);
  }
  let branches = 1;
  for (let i = 0; i < n; i++) {
    const child = { page: childPage(s, o, n, i), birth: childBirth(s, o, n, i) };
    if (level === 1) leaves.push(child);
    else branches += collectLeaves(pages, child, level - 1, leaves, filePages);
  }
  return branches;
}

function countLeaf(pages: PageReader, page: number, birth: number, counted: Counted): void {
  const o = pages.find(page, birth, PAGE_TYPE.leaf);
  const s = pages.segment;
  const n = slotCount(s, o);
  counted.leaves++;
  counted.bytes += leafDirectoryEnd(0, n) - leafDirectoryEnd(0, 0);
  counted.bytes += heapSize(s, o) - holeBytes(s, o);
  const flags = pageFlags(s, o);
  if ((flags & PAGE_FLAG.overflow) === 0) return;
  const fixed = fixedBytes(flags);
  for (let i = 0; i < n; i++) {
    const e = leafEntry(s, o, n, i);
    if ((valueWord(s, e) & VALUE_IN_OVERFLOW) === 0) continue;
    counted.overflowPages += pages.geometry.overflowPages(overflowLength(s, e + fixed));
  }
}
