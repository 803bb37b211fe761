/**
 * Overflow runs: values that do not fit a leaf.
 *
 *     head page [head page ...] | payload, from a page boundary
 *
 * A run is contiguous and lies inside one segment. Each head page has a page header (type overflow;
 * `level` 0; `count` the checksums on it; `flags` 0) and then XXH3-64 checksums, one for each 64
 * KiB of payload, the last one of a shorter rest; seeded with the secret of the database + the
 * chunk's index (64-bit wrapping). The head's own checksum, number and birth bind them to the run.
 * The pages of the payload have no header.
 * The length of the value stands in the reference. The rest of the last payload page is zero.
 */

import { PAGE_HEADER_BYTES } from './geometry.ts';

/** Byte offset, from the start of the run, of the checksum of chunk `index`. */
export function chunkChecksumAt(index: number, pageSize: number, checksumsPerHead: number): number {
  const head = Math.floor(index / checksumsPerHead);
  return head * pageSize + PAGE_HEADER_BYTES + 8 * (index - head * checksumsPerHead);
}
