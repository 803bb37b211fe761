/**
 * One write transaction as the pager sees it, and the tip that the next one builds on.
 */

import type { SnapshotRoots } from './snapshot.ts';
import type { WritePages } from './write-pages.ts';

/** When a commit is done. */
export type Durability = 'commit' | 'interval' | 'manual';

/** A write transaction that holds the writer lock. */
export interface WriteSession {
  /** The id of the snapshot that it makes. */
  readonly id: number;
  readonly base: SnapshotRoots;
  readonly pages: WritePages;
}

/**
 * The state that all jobs queued so far lead to. Read from the lock file when the lock is taken;
 * while a job of this handle is in flight, what that job makes of it.
 */
export interface Tip {
  readonly roots: SnapshotRoots;
  readonly entry: number;
  readonly durableId: number;
  readonly durableEntry: number;
  readonly durableSlot: number;
  readonly commits: number;
  readonly writtenUntil: number;
  /** What the flushes that are still to come have to bring to the disk: bytes born since D. */
  readonly bytesSinceDurable: number;
}

/** What a handle's commits have cost since it opened. */
export interface CommitCounts {
  count: number;
  pages: number;
  runs: number;
  bytes: number;
  flushes: number;
}
