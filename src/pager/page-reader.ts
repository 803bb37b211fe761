/**
 * Pages, as the tree sees them: two small interfaces, one to read, one to write.
 *
 * A pointer is a page number with the birth that the page must have. A page is reached by `find`,
 * which returns its byte offset and leaves the segment that holds it in `segment`: no object is
 * made, and the caller copies both into local constants before it finds another page.
 *
 * A dirty page, that is one which lies in private memory until the commit, has a negative number.
 */

import type { Geometry } from '../format/geometry.ts';
import type { Segment } from '../format/segment.ts';
import type { StagedPayload } from './staged-payload.ts';

/** Pages of one snapshot, or of one write transaction. */
export interface PageReader {
  readonly geometry: Geometry;
  /** The segment of the page found last, or the copy that the last part of a run was read from. */
  segment: Segment;
  /** Pages found so far: a count to prove O(log n) with. */
  visits: number;

  /**
   * The byte offset of `page` in `segment`, its identity checked, and its checksum and structure
   * when it is touched for the first time. `type` is one of PAGE_TYPE, or 0 for the root of a tree:
   * a leaf or a branch.
   * Throws CorruptionError when another page lies there than the pointer names, STORAGE_FAULT when
   * it cannot be read. A dirty page is trusted.
   */
  find(page: number, birth: number, type: number): number;

  /**
   * Overflow runs: calls for a run's parts. Checks the head pages and the chunks that hold payload
   * bytes [from, to), and returns where payload byte 0 has its place, as an offset in `segment`, in
   * which bytes [from, to) lie. Byte 0 itself need not, and the offset may be negative.
   */
  findRun(page: number, birth: number, length: number, from: number, to: number): number;
}

/** Pages of a write transaction: read, copy before change, allocate, free. */
export interface PageWriter extends PageReader {
  /** The transaction, which is the birth of every page that it writes. */
  readonly transaction: number;

  /**
   * A page that may be changed in place: `page` itself when this transaction (or this nested part
   * of it) made it, else a dirty copy of it, the old page being freed. Returns the number of the
   * page to change; the caller stores it, with birth `transaction`, where the old pointer stood.
   * `birth` and `type` as in `find`.
   */
  touch(page: number, birth: number, type: number): number;

  /** A new dirty page with its header set and all else zero. */
  allocate(type: number, level: number, flags: number): number;

  /** Lets go of a page that is no longer reachable from this transaction's trees. */
  free(page: number): void;

  /**
   * A new dirty overflow run with a copy of value[start, end), checksums set. Returns its number,
   * negative. Throws ValueTooLargeError.
   */
  allocateRun(value: Uint8Array, start: number, end: number): number;

  /** The same of a value that lies in a file of its own until the commit is done. */
  allocateStaged(value: StagedPayload): number;

  /**
   * A new dirty run with the value of the run at `page`, which is a page of the file and is let go
   * of. Its place is `place`, the first of pages that are set apart for it. Returns its number,
   * negative.
   */
  moveRun(page: number, birth: number, length: number, place: number): number;

  /** Lets go of an overflow run with a value of `length` bytes. */
  freeRun(page: number, length: number): void;
}
