/** What all pieces of a backup have in common: where they are copied from, and in what parts. */

import type { MappedPages } from '../pager/mapped-pages.ts';
import type { Pager } from '../pager/pager.ts';
import type { SnapshotRoots } from '../pager/snapshot.ts';
import type { Pace } from '../transaction/pace.ts';

/** The snapshot that is backed up; whoever made this keeps it. */
export interface BackedUpSnapshot {
  readonly pager: Pager;
  /** Each page is verified whenever it is touched. */
  readonly pages: MappedPages;
  readonly roots: SnapshotRoots;
  readonly pace: Pace;
  readonly progress: (done: number, total: number) => void;
}

/**
 * Some bytes of a piece, about PART_BYTES at most, which follow those before; without `bytes` they
 * are zeros.
 */
export interface PiecePart {
  readonly length: number;
  readonly bytes?: Uint8Array;
}

/** One piece, its content to come: `parts` can be gone through once. */
export interface BackupPiece {
  readonly pages: number;
  readonly lengthBytes: number;
  readonly parts: AsyncGenerator<PiecePart, void>;
}

/** Copied at a time. */
export const PART_BYTES: number = 2 ** 20;

/**
 * Copies pages of the file to target[at, ...). No view of the mapping leaves here; and what could
 * not be read is noticed before it is given to anyone: STORAGE_FAULT.
 */
export function copyPages(
  pages: MappedPages,
  first: number,
  count: number,
  target: Uint8Array,
  at: number,
): void {
  const { pageSize } = pages.geometry;
  pages.forEachPart(first, count, (page, here) => {
    const o = pages.bytesAt(page, 0, here * pageSize);
    const { bytes } = pages.segment;
    target.set(bytes.subarray(o, o + here * pageSize), at + (page - first) * pageSize);
  });
  pages.throwOnFault();
}
