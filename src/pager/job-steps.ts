/** Steps that the jobs of commits, flushes and recovery share. */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../format/geometry.ts';
import { WORD } from '../format/lock-file.ts';
import { high32 } from '../format/segment.ts';
import type { Job } from './job.ts';

/** A meta goes to its slot, and everything written so far to the disk. */
export function flushMeta(job: Job, meta: Uint8Array, slot: number): void {
  job.write().piece(meta, 0, META_SLOT_BYTES, META_SLOT_OFFSETS[slot]!).flush();
}

/** The snapshot of that entry is D, and its meta reserves ids (rule 3). */
export function settleDurable(job: Job, entry: number, idsReservedUntil: number): void {
  job.store(WORD.durable, entry + 1);
  // Low first: torn across 2^32 it is too small, which only costs a confirming meta.
  job.store(WORD.idsReservedUntil, idsReservedUntil | 0);
  job.store(WORD.idsReservedUntil + 1, high32(idsReservedUntil));
}

/**
 * Wakes who waits for another snapshot to be published, in any process. They wait on the very word
 * that publishes: a writer that is killed right after that store has told them, if late.
 */
export function wakeWaiting(job: Job): void {
  job.wake(WORD.published, WORD.waits, WORD.woken);
}

/**
 * What follows a failure that is no abort: the flag, and its cause (rule 5). The slot that a meta
 * was to go to is zeroed, in the page cache at least: the flag is gone when somebody deletes the
 * lock file, and what failed would look whole there, with pages that are not on the disk.
 */
export function poisonOnFailure(job: Job, slot = -1): void {
  job.onPoison().storeErrno(WORD.poisonErrno).store(WORD.poisoned, 1);
  if (slot >= 0) job.zero(META_SLOT_OFFSETS[slot]!, META_SLOT_BYTES);
}
