/**
 * Which snapshot a file has when nobody has it open, and how interrupted work is finished.
 * Source: docs/commit-and-recovery.md, "Opening" and "A commit", step 1.
 *
 * Rule 8: recovery believes nothing that is torn, and writes nothing but the lock file; rule 5 and
 * the work of a dead writer apart.
 */

import { CorruptionError } from '../errors.ts';
import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../format/geometry.ts';
import { ENTRY, entryAt, WORD } from '../format/lock-file.ts';
import {
  joinRollBacks,
  META_KIND,
  type Meta,
  NO_ROLL_BACK,
  type RollBack,
} from '../format/meta.ts';
import { Job } from './job.ts';
import { flushMeta, poisonOnFailure, settleDurable, wakeWaiting } from './job-steps.ts';
import type { LockWords } from './lock-words.ts';
import type { MappedPages } from './mapped-pages.ts';
import { type DatabaseIdentity, metaBytes, nextSlot, readMeta, reservationAfter } from './metas.ts';
import { rootsOfMeta, type SnapshotRoots, shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';
import { type WalkFault, walkBornSince } from './walk.ts';

/** What recovery found, for diagnostics and for the first writer. */
export interface Recovered {
  readonly roots: SnapshotRoots;
  readonly slot: number;
  readonly idsReservedUntil: number;
  /** The transaction that was given up because its pages had not all reached the disk, or 0. */
  readonly steppedBackFrom: number;
  /** All that was ever given up. */
  readonly rolledBack: RollBack;
}

/**
 * The newest snapshot of the slots (newest first) that is whole. A one-flush commit is believed
 * after a walk of what it wrote; when that fails, the snapshot before it is taken, and no further.
 */
export function recoverFromSlots(
  storage: Storage,
  pages: MappedPages,
  metas: readonly Meta[],
): Recovered {
  const newest = metas[0]!;
  const fault = faultOfMeta(storage, pages, newest);
  if (fault === undefined) return recovered(newest, metas, 0);
  const previous = slotBefore(newest, metas);
  if (wasDurable(newest, metas) || previous === undefined) {
    throw new CorruptionError(
      fault.page,
      `${storage.path}: transaction ${newest.transaction} was durable, but page ${fault.page} ` +
        `is damaged: ${fault.what}. Restore a backup, or open with { recover: 'previous' } to go ` +
        'back to an older state that is whole.',
    );
  }
  return recovered(previous, metas, newest.transaction);
}

/**
 * The meta of the snapshot before `newest`. It may stand in two slots, once confirmed; then it is
 * the one in the slot before `newest`'s: so the next meta, which confirms it, overwrites `newest`.
 * Else a later commit could complete the pages that `newest` lacks, and bring it back.
 */
function slotBefore(newest: Meta, metas: readonly Meta[]): Meta | undefined {
  const previous = metas.filter((meta) => meta.transaction === newest.previousDurable);
  return previous.find((meta) => nextSlot(meta.slot) === newest.slot) ?? previous[0];
}

/** The newest snapshot but one that passes a full walk: `{ recover: 'previous' }`. */
export function recoverPrevious(
  storage: Storage,
  pages: MappedPages,
  metas: readonly Meta[],
): Recovered {
  const newest = metas[0]!;
  for (const meta of metas) {
    if (meta.transaction === newest.transaction) continue;
    const fault = faultSince(storage, pages, meta, 0);
    if (fault === undefined) return recovered(meta, metas, newest.transaction);
  }
  throw new CorruptionError(
    0,
    `${storage.path}: no state older than transaction ${newest.transaction} is whole. ` +
      'Restore a backup.',
  );
}

/** Whether the snapshot of a slot is known to have been durable once. */
function wasDurable(meta: Meta, metas: readonly Meta[]): boolean {
  return (
    meta.kind !== META_KIND.oneFlush ||
    metas.some((other) => other !== meta && other.previousDurable === meta.transaction) ||
    metas.some(
      (other) => other.transaction === meta.transaction && other.kind !== META_KIND.oneFlush,
    )
  );
}

function faultOfMeta(storage: Storage, pages: MappedPages, meta: Meta): WalkFault | undefined {
  // One that needs no walk was durable before: what is wrong with it now, reads will find.
  const since = meta.kind === META_KIND.oneFlush ? meta.previousDurable : meta.transaction;
  return faultSince(storage, pages, meta, since);
}

/** What is wrong with the file's length, or with what was born after `since`. */
function faultSince(
  storage: Storage,
  pages: MappedPages,
  meta: Meta,
  since: number,
): WalkFault | undefined {
  const roots = rootsOfMeta(meta);
  const bytes = storage.sizeBytes();
  if (bytes < roots.filePages * pages.geometry.pageSize) {
    return { page: roots.filePages - 1, what: `the file ends at byte ${bytes}` };
  }
  return walkBornSince(storage, pages, roots, since, () => {});
}

function recovered(meta: Meta, metas: readonly Meta[], steppedBackFrom: number): Recovered {
  // Whatever any of them reserved may have been used: after going back, ids of what is given up
  // too.
  const idsReservedUntil = metas.reduce(
    (until, other) => Math.max(until, other.idsReservedUntil),
    meta.transaction,
  );
  const { transaction: to, slot } = meta;
  const now = steppedBackFrom === 0 ? NO_ROLL_BACK : { to, from: steppedBackFrom };
  const rolledBack = metas.reduce((all, other) => joinRollBacks(all, other.rolledBack), now);
  return { roots: rootsOfMeta(meta), slot, idsReservedUntil, steppedBackFrom, rolledBack };
}

/**
 * Step 1 of a commit: finishes what a writer that died left behind. Under the writer lock. Returns
 * the id that was finished, 0 when there was nothing to do.
 *
 * A flush may have failed and its process died before it could say so: the kernel then holds pages
 * marked clean that are not on the disk. So what was born since D is written again, not only
 * flushed. And it may have published and not woken who waits for that.
 */
export function finishDeadCommit(
  storage: Storage,
  lock: LockWords,
  pages: MappedPages,
  identity: DatabaseIdentity,
): number {
  const entry = lock.commitInProgress;
  if (entry < 0) return 0;
  const id = lock.entryId(entry);
  if (lock.durableEntry === entry) {
    // D moves after the publishing and the wake: nothing is left to be done.
    lock.store(WORD.commitInProgress, 0);
    return id;
  }
  const slot = lock.entryMetaSlot(entry);
  const meta = readMeta(storage, slot);
  const roots = lock.entryRoots(entry);
  const job = new Job();
  const since = lock.entryId(lock.durableEntry);
  const whole =
    meta !== undefined &&
    meta.transaction === id &&
    readyToFinish(storage, pages, roots, since, meta, job) === undefined;
  if (!whole) {
    // It never got as far as its meta, or wanted none: it was not promised to anyone. Or a meta
    // whose pages are not all there: the filesystem was lost and mounted again in between.
    job.clear();
    if (slot >= 0) {
      // What is published is the base of what comes next, and may be clean and not on the disk too.
      const published = lock.findEntry(lock.published);
      if (published !== lock.durableEntry) {
        rewriteSince(storage, pages, lock.entryRoots(published), since, job);
      }
      job.zero(META_SLOT_OFFSETS[slot]!, META_SLOT_BYTES).flush();
    }
    wakeWaiting(job);
    job.store(WORD.commitInProgress, 0);
    if (shortId(id) !== lock.published) job.store(entryAt(entry) + ENTRY.state, 0);
    poisonOnFailure(job, slot);
    storage.runSync(job);
    return 0;
  }
  const publishedEntry = lock.findEntry(lock.published);
  const newer = roots.id > lock.entryId(publishedEntry);
  const reserved = Math.max(meta.idsReservedUntil, lock.idsReservedUntil);
  const { rolledBack } = lock;
  const { kind } = meta;
  const bytes = metaBytes(storage, identity, roots, slot, kind, since, reserved, rolledBack);
  flushMeta(job, bytes, slot);
  if (newer) {
    job.store(WORD.publishedEntry, entry).store(WORD.published, shortId(id));
    job.store(WORD.commits, (lock.load(WORD.commits) + 1) | 0);
  }
  wakeWaiting(job);
  job.store(WORD.durable, entry + 1).store(WORD.commitInProgress, 0);
  poisonOnFailure(job, slot);
  storage.runSync(job);
  return id;
}

/**
 * Adds to `job` what a dead writer's snapshot needs before its meta may be written again. After a
 * commit of one flush that is all that was born since D. A meta of two flushes proves that its
 * pages are on the disk; they are left alone, because recovery would not look at them again.
 */
function readyToFinish(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  since: number,
  meta: Meta,
  job: Job,
): WalkFault | undefined {
  if (meta.kind !== META_KIND.oneFlush) {
    return walkBornSince(storage, pages, roots, since, () => {});
  }
  const fault = rewriteSince(storage, pages, roots, since, job);
  job.flush();
  return fault;
}

/**
 * Makes the published snapshot durable after all processes died but the machine did not: its pages
 * are in the page cache only. Alone, under the opener lock. A machine that was not restarted can
 * still have lost the filesystem and mounted it again, so the walk comes first.
 */
export function makePublishedDurable(
  storage: Storage,
  lock: LockWords,
  pages: MappedPages,
  identity: DatabaseIdentity,
): WalkFault | undefined {
  const entry = lock.findEntry(lock.published);
  const roots = lock.entryRoots(entry);
  const durableId = lock.entryId(lock.durableEntry);
  const job = new Job();
  const fault = rewriteSince(storage, pages, roots, durableId, job);
  if (fault !== undefined) return fault;
  if (lock.durableEntry === entry) return undefined;
  const slot = nextSlot(lock.entryMetaSlot(lock.durableEntry));
  const reserved = reservationAfter(lock.lastIdStarted);
  // One flush, so that a recovery walks it: another opener that dies here leaves its meta, and the
  // next one writes the same pages again.
  const kind = META_KIND.oneFlush;
  const { rolledBack } = lock;
  const bytes = metaBytes(storage, identity, roots, slot, kind, durableId, reserved, rolledBack);
  flushMeta(job, bytes, slot);
  job.store(entryAt(entry) + ENTRY.metaSlot, slot + 1);
  settleDurable(job, entry, reserved);
  poisonOnFailure(job, slot);
  storage.runSync(job);
  return undefined;
}

/**
 * Rule 5: after a poisoning the next opener that is alone takes D, and zeroes every other slot
 * before the flag is cleared, or a later power failure could bring the failed transaction back.
 */
export function clearPoison(storage: Storage, durableSlot: number): void {
  const job = new Job();
  META_SLOT_OFFSETS.forEach((offset, slot) => {
    if (slot !== durableSlot) job.zero(offset, META_SLOT_BYTES);
  });
  job.flush();
  storage.runSync(job);
}

/**
 * Makes the state that `recoverPrevious` found the newest in the file, before anything that was
 * given up is taken out: its meta says what that was, and reserves the ids that were in use. So a
 * power failure in between finds the slots as they were, or this, which counts (readMetas).
 */
export function settlePrevious(
  storage: Storage,
  identity: DatabaseIdentity,
  found: Recovered,
): Recovered {
  const slot = nextSlot(found.slot);
  const { roots, idsReservedUntil, rolledBack } = found;
  const { id } = roots;
  const kind = META_KIND.confirming;
  const bytes = metaBytes(storage, identity, roots, slot, kind, id, idsReservedUntil, rolledBack);
  // What it goes back to may be in the page cache only.
  const job = new Job().flush();
  flushMeta(job, bytes, slot);
  META_SLOT_OFFSETS.forEach((offset, other) => {
    if (other !== slot && other !== found.slot) job.zero(offset, META_SLOT_BYTES);
  });
  job.flush();
  storage.runSync(job);
  return { ...found, slot };
}

/** Adds to `job` the writing of every page born since `since`, from the mapping, as it is. */
function rewriteSince(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  since: number,
  job: Job,
): WalkFault | undefined {
  const { pageSize } = pages.geometry;
  job.write();
  return walkBornSince(storage, pages, roots, since, (page, count) => {
    pages.forEachPart(page, count, (part, here) => {
      const o = pages.bytesAt(part, 0, here * pageSize);
      job.piece(pages.segment.bytes, o, here * pageSize, part * pageSize);
    });
  });
}
