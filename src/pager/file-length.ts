/**
 * How long the file is.
 *
 * 1. It grows before pages are written past its end, with blocks allocated (rule 6).
 * 2. It is truncated only to what is past every retained snapshot, D among them (rule 7).
 */

import { WORD } from '../format/lock-file.ts';
import type { Zeros } from './commit.ts';
import { isDiskFull, isNativeError } from './failures.ts';
import type { LockWords } from './lock-words.ts';
import type { MappedPages } from './mapped-pages.ts';
import type { Placement } from './placement.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** Growth steps: an eighth of the file, within these bounds (rule 6). */
const MIN_STEP_BYTES: number = 2 ** 20;
const MAX_STEP_BYTES: number = 2 ** 28;
/** A commit of fewer pages that grows the file also writes zeros ahead, at most this much. */
const SMALL_COMMIT_PAGES = 256;
const MIN_ZERO_BYTES: number = 2 ** 18;
const MAX_ZERO_BYTES: number = 2 ** 22;

export class FileLength {
  /** The last attempt to let the file grow by a step failed. */
  diskWasFull = false;
  private readonly storage: Storage;
  private readonly lock: LockWords;
  private readonly pages: MappedPages;
  private readonly maxGrowth: number;

  /** `maxGrowth`: no step makes the file longer than so many times its live size. */
  constructor(storage: Storage, lock: LockWords, pages: MappedPages, maxGrowth: number) {
    this.storage = storage;
    this.lock = lock;
    this.pages = pages;
    this.maxGrowth = maxGrowth;
  }

  /**
   * Makes a file of `filePages` pages fit for a commit: grows it when the commit reaches past its
   * end, truncates it when every retained snapshot is shorter by more than a step. Returns the
   * pages that the commit fills with zeros. Throws NativeError when there is no room for it.
   */
  fit(
    filePages: number,
    retained: readonly SnapshotRoots[],
    placement: Placement,
    writtenUntil: number,
  ): Zeros {
    const { pageSize } = this.pages.geometry;
    const zeros = this.zerosAhead(placement, writtenUntil, retained);
    const stepPages = Math.ceil(growthStep(filePages * pageSize) / pageSize);
    const needed = Math.max(placement.roots.filePages, zeros.until);
    if (needed > filePages) {
      // A step, and zeros ahead, are conveniences: on a full disk what the commit needs will do.
      if (this.growTo(Math.max(needed, zeros.from + this.step(stepPages, zeros, placement)))) {
        this.diskWasFull = false;
        return zeros;
      }
      this.diskWasFull = true;
      if (this.growTo(needed)) return zeros;
      this.storage.grow(placement.roots.filePages * pageSize);
      return {
        from: zeros.from,
        until: zeros.from,
        writtenUntil: Math.max(writtenUntil, zeros.from),
      };
    }
    const longest = pastAll(retained, needed);
    if (filePages - longest > stepPages) {
      // Half a step stays: a file that gets longer and shorter is not grown and cut by turns.
      const kept = longest + Math.floor(growthStep(longest * pageSize) / pageSize / 2);
      this.cut(kept);
      return { ...zeros, writtenUntil: Math.min(zeros.writtenUntil, kept) };
    }
    return zeros;
  }

  /** Gives all that no retained snapshot needs back. */
  giveBack(retained: readonly SnapshotRoots[]): void {
    const longest = pastAll(retained, 0);
    if (this.storage.sizeBytes() > longest * this.pages.geometry.pageSize) this.cut(longest);
  }

  private cut(filePages: number): void {
    this.storage.truncate(filePages * this.pages.geometry.pageSize);
    this.lock.store(WORD.writtenUntil, Math.min(this.lock.load(WORD.writtenUntil), filePages));
    this.pages.forget();
  }

  /**
   * Which pages a small commit that grows the file fills with zeros (rule 6), none otherwise.
   * They begin past every retained snapshot, one of which may be longer than the new one (rule 1).
   */
  private zerosAhead(
    placement: Placement,
    writtenUntil: number,
    retained: readonly SnapshotRoots[],
  ): Zeros {
    const from = pastAll(retained, placement.roots.filePages);
    if (from <= writtenUntil || placement.pages.length > SMALL_COMMIT_PAGES) {
      return { from, until: from, writtenUntil: Math.max(writtenUntil, from) };
    }
    const { pageSize } = this.pages.geometry;
    const ahead = Math.max(MIN_ZERO_BYTES, (from * pageSize) / 16);
    const until = from + Math.floor(Math.min(ahead, MAX_ZERO_BYTES) / pageSize);
    return { from, until, writtenUntil: Math.max(writtenUntil, until) };
  }

  /** A whole step, or what `maxGrowth` leaves of it, but the smallest step at least. */
  private step(stepPages: number, zeros: Zeros, { roots }: Placement): number {
    const left = Math.floor(this.maxGrowth * roots.pagesInUse) - zeros.from;
    const least = MIN_STEP_BYTES / this.pages.geometry.pageSize;
    return Math.min(stepPages, Math.max(left, least));
  }

  /** False when there is no room for it. */
  private growTo(pages: number): boolean {
    try {
      this.storage.grow(pages * this.pages.geometry.pageSize);
      return true;
    } catch (error) {
      if (isNativeError(error) && isDiskFull(error)) return false;
      throw error;
    }
  }
}

/** The first page past every snapshot, and not before `atLeast`. */
function pastAll(snapshots: readonly SnapshotRoots[], atLeast: number): number {
  return snapshots.reduce((pages, { filePages }) => Math.max(pages, filePages), atLeast);
}

/** Rule 6: growth in steps of an eighth of the file, bounded. */
export function growthStep(fileBytes: number): number {
  return Math.min(MAX_STEP_BYTES, Math.max(MIN_STEP_BYTES, fileBytes / 8));
}
