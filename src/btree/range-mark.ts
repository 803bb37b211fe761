/**
 * Whether a range of a tree has changed between two transactions, without keeping the older one.
 *
 * What is noted of a range is a few numbers: the root, how many entries the range had, and which
 * leaves its two ends led to. Let M be the transaction in which they were noted, and N a later one.
 * Any commit in between that put, removed or wrote anew an entry of the range leaves one of these:
 *
 *     a leaf of N that overlaps the range and was born after M
 *     another count
 *     another leaf at one of the ends
 *
 * For if no such leaf is newer than M, all that overlap the range in N were there in M, with the
 * same content; and if the count is the same too, they hold all that the range held in M. So the
 * leaf that the commit found the entry's place in held nothing of the range in M, and is gone. It
 * reached into the range from outside: it was the leaf at one of the ends. A tree without entries
 * has no leaf; its root's birth says when it was emptied. So what was changed and changed back is
 * found too, and what is found may have been a change beside the range.
 */

import { childBirth, childPage } from '../format/branch.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import { PAGE_TYPE, pageLevel, slotCount } from '../format/page-header.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { type Bound, lastBegun } from './keys.ts';
import { Path, ROOT_TYPE, wrongLevel } from './path.ts';
import { rankOfPath } from './rank.ts';
import { search } from './search.ts';
import type { Tree } from './tree.ts';

/** A range of keys; an end that is undefined is open. */
export interface KeyRange {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

/** What an end of a range led to: how many entries come before it, and a leaf. */
interface End {
  readonly rank: number;
  readonly page: number;
  readonly birth: number;
}

/** What is noted of a range. */
export interface RangeMark {
  readonly transaction: number;
  readonly page: number;
  readonly birth: number;
  readonly lower: End;
  readonly upper: End;
}

/** For one search at a time: nothing in it is needed afterwards. */
const path = new Path();

/** Notes what the range is like in the tree, which is that of the snapshot `transaction`. */
export function markRange(tree: Tree, transaction: number, { lower, upper }: KeyRange): RangeMark {
  const { pages, root } = tree;
  return {
    transaction,
    page: root.page,
    birth: root.birth,
    lower: endOf(pages, root, lower, lower?.inclusive === false, 0),
    upper: endOf(pages, root, upper, upper?.inclusive === true, root.entries),
  };
}

/** Whether the range may have changed since the mark was made: see above. O(log n) pages. */
export function rangeHasChanged(tree: Tree, mark: RangeMark, range: KeyRange): boolean {
  const { pages, root } = tree;
  if (root.page === mark.page && root.birth === mark.birth) return false;
  // Of two trees one is empty, or both are: then one was emptied after the mark.
  if (root.page === 0 || mark.page === 0) return true;
  const now = markRange(tree, mark.transaction, range);
  return (
    now.upper.rank - now.lower.rank !== mark.upper.rank - mark.lower.rank ||
    !sameLeaf(now.lower, mark.lower) ||
    !sameLeaf(now.upper, mark.upper) ||
    hasNewerLeaf(pages, root, mark.transaction, range)
  );
}

/** Whether a leaf that overlaps the range was born after `since`. It goes below no older page. */
export function hasNewerLeaf(
  pages: PageReader,
  root: Readonly<TreeRoot>,
  since: number,
  { lower, upper }: KeyRange,
): boolean {
  if (root.page === 0 || root.birth <= since) return false;
  return newerBelow(pages, root.page, root.birth, -1, since, lower, upper);
}

/** The same of what is below a page that was born after `since`; `level` is -1 for a root. */
function newerBelow(
  pages: PageReader,
  page: number,
  birth: number,
  level: number,
  since: number,
  lower: Bound | undefined,
  upper: Bound | undefined,
): boolean {
  const o = pages.find(page, birth, level < 0 ? ROOT_TYPE : PAGE_TYPE.branch);
  const s = pages.segment;
  const found = pageLevel(s, o);
  if (level >= 0 && found !== level) wrongLevel(page, found, level);
  if (found === 0) return true;
  const n = slotCount(s, o);
  const { pageSize, maxKeyBytes } = pages.geometry;
  const separator = new Uint8Array(maxKeyBytes);
  const first = lower === undefined ? 0 : lastBegun(s, o, pageSize, separator, lower, true);
  const last =
    upper === undefined ? n - 1 : lastBegun(s, o, pageSize, separator, upper, upper.inclusive);
  for (let i = first; i <= last; i++) {
    const childBorn = childBirth(s, o, n, i);
    if (childBorn <= since) continue;
    if (found === 1) return true;
    const from = i === first ? lower : undefined;
    const to = i === last ? upper : undefined;
    if (newerBelow(pages, childPage(s, o, n, i), childBorn, found - 1, since, from, to)) {
      return true;
    }
  }
  return false;
}

/** Where the bound leads to; `open`: the rank of an end that is open. */
function endOf(
  pages: PageReader,
  root: Readonly<TreeRoot>,
  bound: Bound | undefined,
  afterKey: boolean,
  open: number,
): End {
  if (bound === undefined || root.page === 0) return { rank: open, page: 0, birth: 0 };
  const { key, length } = bound;
  const found = search(pages, root.page, root.birth, key, length, path);
  const rank = rankOfPath(pages, path) + (found && afterKey ? 1 : 0);
  return { rank, page: path.pages[path.depth]!, birth: path.births[path.depth]! };
}

function sameLeaf(a: End, b: End): boolean {
  return a.page === b.page && a.birth === b.birth;
}
