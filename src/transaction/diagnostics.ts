/**
 * What the library tells on diagnostics_channel: it prints nothing. Every message names the `path`.
 *
 *     coppice:commit         { path, transaction, durability }: published by this handle
 *     coppice:recovery       { path, transaction, steppedBackFrom }: opened alone
 *     coppice:slow-reader    { path, snapshot, ageMs, self, bytesHeld }: older than warnAfter;
 *                            bytesHeld as in `stats`
 *     coppice:storage-fault  { path, error }: a flush failed with nobody to tell
 *     coppice:abandoned      { path, kind, transaction }: left until it was garbage collected
 */

import { channel } from 'node:diagnostics_channel';
import type { Pager } from '../pager/pager.ts';
import type { Durability } from '../pager/write-session.ts';

const commits = channel('coppice:commit');
const recoveries = channel('coppice:recovery');
const slowReaders = channel('coppice:slow-reader');
const storageFaults = channel('coppice:storage-fault');
const abandoned = channel('coppice:abandoned');

/** Looking for slow readers scans the reader slots: no more often than this. */
const SCAN_EVERY_MS = 1000;

export function tellCommit(path: string, transaction: number, durability: Durability): void {
  if (commits.hasSubscribers) commits.publish({ path, transaction, durability });
}

/** `steppedBackFrom`: the transaction given up because it had not reached the disk whole, or 0. */
export function tellRecovery(path: string, transaction: number, steppedBackFrom: number): void {
  if (recoveries.hasSubscribers) recoveries.publish({ path, transaction, steppedBackFrom });
}

export function tellStorageFault(path: string, error: unknown): void {
  storageFaults.publish({ path, error });
}

export function tellAbandoned(path: string, kind: string, transaction: number): void {
  abandoned.publish({ path, kind, transaction });
}

/** Tells of readers that are older than `warnAfterMs`: they keep the space of their snapshots. */
export class SlowReaderWatch {
  private readonly pager: Pager;
  private readonly warnAfterMs: number;
  private nextScan = 0;

  constructor(pager: Pager, warnAfterMs: number) {
    this.pager = pager;
    this.warnAfterMs = warnAfterMs;
  }

  /** Called after commits. */
  look(): void {
    if (!slowReaders.hasSubscribers) return;
    const now = Date.now();
    if (now < this.nextScan) return;
    this.nextScan = now + Math.min(SCAN_EVERY_MS, this.warnAfterMs);
    const slow = this.pager.listReaders().filter(({ ageMs }) => ageMs >= this.warnAfterMs);
    if (slow.length === 0) return;
    // The slot of short reads: there may be no other, which is when this matters most.
    const newest = this.pager.readers.beginShort();
    try {
      for (const reader of this.pager.space(newest, slow).readers) {
        slowReaders.publish({ path: this.pager.path, ...reader });
      }
    } catch {
      // A page of a map is damaged: reads will say so. The write that is told of here is done.
    } finally {
      this.pager.readers.endShort();
    }
  }
}
