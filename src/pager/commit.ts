/**
 * The commit, as a recipe. Source: docs/commit-and-recovery.md, "A commit, step by step".
 *
 * Order of the job's steps, and what each guards against:
 *
 *     GUARD not poisoned, base published   a commit queued behind a failed one is not run
 *     commit in progress                   names what a takeover has to finish (step 1)
 *     pages, overflow runs                 into pages that no retained snapshot uses (rule 1)
 *     [flush]                              when much was born since D: recovery's walk stays short
 *     meta                                 into a slot that is not D's (rule 2)
 *     flush                                all of it is on the disk, in one go
 *     publish                              one store of one word (rule 4)
 *     wake who waits for that              a writer killed before this is followed by one who wakes
 *     D, ids reserved, nothing in progress
 *     on abort: forget it                  a full disk changes nothing (rule 5)
 *     on poison: the flag and its cause    a failed flush proves nothing about later ones (rule 5)
 *                zeros over the meta       by the slots what failed is not found either
 *     finally: release the writer lock
 */

import { META_SLOT_BYTES } from '../format/geometry.ts';
import { ENTRY, entryAt, WORD } from '../format/lock-file.ts';
import { META_KIND } from '../format/meta.ts';
import { Job } from './job.ts';
import { flushMeta, poisonOnFailure, settleDurable, wakeWaiting } from './job-steps.ts';
import type { LockWords } from './lock-words.ts';
import { type DatabaseIdentity, metaBytes, nextSlot, reservationAfter } from './metas.ts';
import type { Placement } from './placement.ts';
import { shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';
import type { WritePages } from './write-pages.ts';
import type { CommitCounts, Durability, Tip } from './write-session.ts';

/** When more than this was born since D, a commit flushes twice, and its pages need no walk. */
export const TWO_FLUSH_BYTES: number = 16 * 2 ** 20;

/** Pages [from, until) to fill with zeros, ahead of what later commits need (rule 6). */
export interface Zeros {
  /** Past every retained snapshot, and the new one. */
  readonly from: number;
  readonly until: number;
  /** The file has no page before this that was allocated and never written. */
  readonly writtenUntil: number;
}

/** What the commit of one transaction needs to know of its surroundings. */
export interface CommitRequest {
  readonly storage: Storage;
  readonly lock: LockWords;
  readonly identity: DatabaseIdentity;
  readonly placement: Placement;
  /** What was placed. */
  readonly pages: WritePages;
  readonly tip: Tip;
  readonly durability: Durability;
  readonly zeros: Zeros;
}

/** A job that is ready to run, and the tip that it leads to. */
export interface PreparedCommit {
  readonly job: Job;
  readonly tip: Tip;
  readonly cost: Readonly<CommitCounts>;
}

/** Writes the retained entry of the new snapshot, and composes the job that makes it the newest. */
export function prepareCommit(request: CommitRequest): PreparedCommit {
  const { lock, placement, tip, durability } = request;
  const { roots } = placement;
  const durable = durability === 'commit';
  const slot = durable ? nextSlot(tip.durableSlot) : -1;
  const entry = lock.retain(roots, slot);
  const cost: CommitCounts = { count: 1, pages: 0, runs: 0, bytes: 0, flushes: 0 };

  const job = new Job();
  job.guard(WORD.poisoned, 0).guard(WORD.published, shortId(tip.roots.id));
  job.store(WORD.commitInProgress, entry + 1);
  writePlacement(request, job, cost);
  const bytesSinceDurable = tip.bytesSinceDurable + cost.bytes;
  if (durable) flushWithMeta(request, job, cost, slot, bytesSinceDurable > TWO_FLUSH_BYTES);
  if (durability === 'interval') job.store(WORD.intervalWrite, shortId(roots.id));
  publish(job, entry, roots.id, tip.commits + 1);
  job.store(WORD.sweep, placement.sweep);
  const { writtenUntil } = request.zeros;
  job.store(WORD.writtenUntil, writtenUntil);
  if (durable) settleDurable(job, entry, reservationAfter(roots.id));
  job.store(WORD.commitInProgress, 0);
  endJob(job, entry, slot, true);

  return {
    job,
    cost,
    tip: {
      roots,
      entry,
      durableId: durable ? roots.id : tip.durableId,
      durableEntry: durable ? entry : tip.durableEntry,
      durableSlot: durable ? slot : tip.durableSlot,
      commits: tip.commits + 1,
      writtenUntil,
      bytesSinceDurable: durable ? 0 : bytesSinceDurable,
    },
  };
}

/**
 * The job that makes the snapshot of `tip`, already published, durable: for `flush`, the timer of
 * `interval`, a clean close. Always two flushes, so that it needs no walk. With the tip durable
 * already it is a confirming meta, which reserves ids and says that its snapshot is known to be
 * whole.
 */
export function prepareFlush(
  storage: Storage,
  lock: LockWords,
  identity: DatabaseIdentity,
  tip: Tip,
): PreparedCommit {
  const confirming = tip.durableEntry === tip.entry;
  const slot = nextSlot(tip.durableSlot);
  const reserved = reservationAfter(Math.max(lock.lastIdStarted, tip.roots.id));
  const kind = confirming ? META_KIND.confirming : META_KIND.twoFlushes;
  const { roots, durableId } = tip;
  const { rolledBack } = lock;
  const bytes = metaBytes(storage, identity, roots, slot, kind, durableId, reserved, rolledBack);
  const job = new Job();
  job.guard(WORD.poisoned, 0).guard(WORD.published, shortId(tip.roots.id));
  if (!confirming) {
    // Only now: until D is this snapshot, its entry must not name a slot that holds something else.
    job.store(entryAt(tip.entry) + ENTRY.metaSlot, slot + 1);
    job.store(WORD.commitInProgress, tip.entry + 1).flush();
  }
  flushMeta(job, bytes, slot);
  job.store(entryAt(tip.entry) + ENTRY.metaSlot, slot + 1);
  settleDurable(job, tip.entry, reserved);
  job.store(WORD.commitInProgress, 0);
  endJob(job, tip.entry, slot, false);
  return {
    job,
    cost: { count: 0, pages: 0, runs: 0, bytes: META_SLOT_BYTES, flushes: confirming ? 1 : 2 },
    tip: {
      ...tip,
      durableId: tip.roots.id,
      durableEntry: tip.entry,
      durableSlot: slot,
      bytesSinceDurable: 0,
    },
  };
}

/** Step 3: the pages of the commit. */
function writePlacement(request: CommitRequest, job: Job, cost: CommitCounts): void {
  const { identity, placement } = request;
  const { pageSize } = identity;
  job.writePages(pageSize, identity.secretLow, identity.secretHigh);
  let next = -1;
  for (const { page, bytes, o } of placement.pages) {
    job.piece(bytes, o, pageSize, page * pageSize);
    if (page !== next) cost.runs++;
    next = page + 1;
  }
  for (const { page, run } of placement.runs) {
    job.piece(run.bytes, 0, run.heads * pageSize, page * pageSize);
  }
  if (placement.runs.length > 0) job.write();
  for (const { page, run } of placement.runs) {
    let at = (page + run.heads) * pageSize;
    request.pages.forEachPayload(run, (bytes, start, length) => {
      job.piece(bytes, start, length, at);
      at += length;
    });
    cost.pages += run.pages;
    cost.runs++;
  }
  cost.pages += placement.pages.length;
  cost.bytes += cost.pages * pageSize;
  const { from, until } = request.zeros;
  if (until > from) {
    job.zero(from * pageSize, (until - from) * pageSize);
    cost.bytes += (until - from) * pageSize;
  }
  job.notify();
}

/** Step 4: the meta and the flush. */
function flushWithMeta(
  request: CommitRequest,
  job: Job,
  cost: CommitCounts,
  slot: number,
  twice: boolean,
): void {
  const { storage, identity, placement, tip } = request;
  const { roots } = placement;
  const { rolledBack } = request.lock;
  const kind = twice ? META_KIND.twoFlushes : META_KIND.oneFlush;
  const reserved = reservationAfter(roots.id);
  const { durableId } = tip;
  const bytes = metaBytes(storage, identity, roots, slot, kind, durableId, reserved, rolledBack);
  if (twice) job.flush();
  flushMeta(job, bytes, slot);
  cost.bytes += META_SLOT_BYTES;
  cost.flushes += twice ? 2 : 1;
}

/** Step 5: readers use the snapshot from the second store on. */
function publish(job: Job, entry: number, id: number, commits: number): void {
  job.store(WORD.publishedEntry, entry);
  job.store(WORD.published, shortId(id));
  job.store(WORD.commits, commits | 0);
  wakeWaiting(job);
}

function endJob(job: Job, entry: number, slot: number, ownsEntry: boolean): void {
  job.onAbort().store(WORD.commitInProgress, 0);
  if (ownsEntry) job.store(entryAt(entry) + ENTRY.state, 0);
  poisonOnFailure(job, slot);
  job.finally().release();
}
