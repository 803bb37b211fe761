/**
 * Where a search ended, and the way it took: one object, used again and again.
 *
 * `pages[d]`, `births[d]` and `slots[d]` belong to depth d: 0 is the root, `depth` the leaf. As a
 * child's level is one less than its parent's, `depth` is the level of the root, and the page at
 * depth d has level `depth - d`. slots[d] is the child that was taken; the leaf's is `slot`.
 */

import { CorruptionError } from '../errors.ts';
import { NO_SEGMENT, type Segment } from '../format/segment.ts';

/** The type to give to PageReader.find for a root: a leaf or a branch. */
export const ROOT_TYPE = 0;

export class Path {
  // Made with each transaction and each iteration, and fastest as literals. Eight are deeper than
  // any tree of 2^32 pages that was not made to be deep; for one that was the arrays grow.
  readonly pages: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  // Fractions, so that V8 knows the births to be doubles from the beginning.
  readonly births: number[] = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  readonly slots: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  /** Branches above the leaf. */
  depth = 0;
  /** The leaf's segment, and its byte offset there. */
  segment: Segment = NO_SEGMENT;
  offset = 0;
  /** The first slot of the leaf whose key is >= the key sought; the leaf's count when none is. */
  slot = 0;
  /** Is the key in that slot the one sought? */
  found = false;
  /** Bytes of a page or an entry, read ahead; their values mean nothing. */
  ahead = 0;
}

/** Throws: a branch leads to a page of another level than its own less one. */
export function wrongLevel(page: number, level: number, expected: number): never {
  throw new CorruptionError(page, `page ${page}: level ${level}, its parent wants ${expected}`);
}
