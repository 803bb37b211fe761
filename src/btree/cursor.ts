/**
 * A place in the order of a tree's entries, and steps from it in both directions.
 *
 * 1. A step inside a leaf touches that leaf only. Copy-on-write leaves have no links to their
 *    siblings: at a leaf's end the cursor goes on through the branches that its path names.
 * 2. The range is turned into slots once a leaf, so that a step compares no keys.
 * 3. In a tree that is being written the cursor sees the tree as it goes. Before the first change
 *    after a step the tree tells it (`keep`), and it copies its key; the next step starts from that
 *    key, whether the entry is still there or not. A tree that does not change costs no copy.
 * 4. The first keys of the leaves that it passes ascend, or descend: so it passes none twice, and
 *    comes to an end also in a damaged tree whose branches share their children.
 */

import { assert } from '../assert.ts';
import { CorruptionError } from '../errors.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import { fixedBytes, leafEntry, leafSlotsAt, storedValueBytes } from '../format/leaf.ts';
import { prefixLength, slotCount } from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { EntryView, tooLong } from './entry.ts';
import type { Bound } from './keys.ts';
import { compareFirstKeys, compareLeafKey, leafLowerBound } from './keys.ts';
import { Path } from './path.ts';
import { rankOfPath, searchIndex } from './rank.ts';
import { descendEdge, findChild, findOnPath, search, searchEdge } from './search.ts';

/** What a cursor sees of its tree. */
export interface CursorTree {
  readonly pages: PageReader;
  readonly root: TreeRoot;
  /** Grows with every change. */
  readonly changes: number;
  /** Asks for `cursor.keep()` before the next change. */
  watch(cursor: Cursor): void;
}

/** The cursor has no position. */
const NOWHERE = -1;
/** The position is the key in `kept`: the pages that held it may have changed. */
const KEPT = -2;

export class Cursor extends EntryView {
  private tree: CursorTree;
  private readonly path: Path = new Path();
  private lower: Bound | undefined;
  private upper: Bound | undefined;
  /** The leaf's slots that are in the range are [begin, end); the cursor is at `slot`. */
  private slot = -1;
  private begin = 0;
  private end = 0;
  /** Entries in the leaf. */
  private count = 0;
  /** The tree's `changes` when the position was taken, or NOWHERE, or KEPT. */
  private changes = NOWHERE;
  private watched: boolean;
  private kept: Uint8Array | undefined;
  private keptLength = 0;

  /** `forOneLook`: it is not used after the next change, and the tree need not tell it. */
  constructor(tree: CursorTree, forOneLook: boolean) {
    super(tree.pages);
    this.tree = tree;
    this.watched = forOneLook;
  }

  /**
   * Keeps every later move inside the range; an end that is undefined is open. The bounds' bytes
   * must stay as they are while the cursor is used. The cursor stands nowhere afterwards.
   */
  setRange(lower: Bound | undefined, upper: Bound | undefined): void {
    this.lower = lower;
    this.upper = upper;
    this.changes = NOWHERE;
  }

  /** To the first entry of the range. False: there is none, and the cursor stands nowhere. */
  first(): boolean {
    const lower = this.lower;
    if (lower !== undefined) return this.seek(lower.key, lower.length, lower.inclusive);
    return this.toEdge(false);
  }

  /** To the last entry of the range. */
  last(): boolean {
    const upper = this.upper;
    if (upper !== undefined) return this.seekBack(upper.key, upper.length, upper.inclusive);
    return this.toEdge(true);
  }

  /**
   * To the first entry >= key, or > key unless `inclusive`. False when that is out of the range.
   */
  seek(key: Uint8Array, length: number, inclusive: boolean): boolean {
    const { page, birth } = this.tree.root;
    this.changes = NOWHERE;
    if (page === 0) return false;
    const found = search(this.pages, page, birth, key, length, this.path);
    if (found && !inclusive) this.path.slot++;
    if (this.path.slot === slotCount(this.path.segment, this.path.offset)) {
      if (!this.toSibling(1)) return false;
    }
    return this.stand();
  }

  /** To the last entry <= key, or < key unless `inclusive`. False when that is out of the range. */
  seekBack(key: Uint8Array, length: number, inclusive: boolean): boolean {
    const { page, birth } = this.tree.root;
    this.changes = NOWHERE;
    if (page === 0) return false;
    const found = search(this.pages, page, birth, key, length, this.path);
    if (!found || !inclusive) this.path.slot--;
    if (this.path.slot < 0 && !this.toSibling(-1)) return false;
    return this.stand();
  }

  /** To entry `index` of the tree, counted from its first. False when that is out of the range. */
  seekIndex(index: number): boolean {
    const { page, birth, entries } = this.tree.root;
    this.changes = NOWHERE;
    if (!(index >= 0 && index < entries)) return false;
    searchIndex(this.pages, page, birth, index, this.path);
    return this.stand();
  }

  /** One on. False: there is none in the range, and the cursor stays where it is. */
  next(): boolean {
    if (this.changes !== this.tree.changes) return this.resume(1);
    const slot = this.slot + 1;
    if (slot < this.end) {
      this.slot = slot;
      this.entry = leafEntry(this.segment, this.leaf, this.count, slot);
      return true;
    }
    return this.end === this.count && this.stepOut(1);
  }

  /** One back. False: there is none in the range, and the cursor stays where it is. */
  previous(): boolean {
    if (this.changes !== this.tree.changes) return this.resume(-1);
    const slot = this.slot - 1;
    if (slot >= this.begin) {
      this.slot = slot;
      this.entry = leafEntry(this.segment, this.leaf, this.count, slot);
      return true;
    }
    return this.begin === 0 && this.stepOut(-1);
  }

  /**
   * Entries of its leaf, from the one that it stands at on, that steps would come to: 1 or more.
   * Only while the tree has not changed, as for `glance` and `skip`.
   */
  ahead(reverse: boolean): number {
    return reverse ? this.slot - this.begin + 1 : this.end - this.slot;
  }

  /**
   * Copies the keys of `count` entries, at most `ahead`, one after the other to target[0, ...),
   * from the one that it stands at on, or back. Key i ends at ends[i]. Returns how many had room.
   * Throws CorruptionError as copyKey does.
   */
  copyKeys(count: number, reverse: boolean, target: Uint8Array, ends: Int32Array): number {
    // Written out as `search` is: a scan of keys is little else.
    const { segment, leaf } = this;
    const { bytes, u16 } = segment;
    const { pageSize, maxKeyBytes } = this.pages.geometry;
    const prefix = prefixLength(segment, leaf);
    const prefixAt = leaf + pageSize - prefix;
    const fixed = fixedBytes(this.flags);
    const slots = leafSlotsAt(leaf, this.count) >> 1;
    const step = reverse ? -1 : 1;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const e = leaf + u16[slots + this.slot + i * step]!;
      const suffix = u16[e >> 1]!;
      if (prefix + suffix > maxKeyBytes) tooLong(maxKeyBytes, prefix + suffix);
      if (at + prefix + suffix > target.length) return i;
      for (let k = 0; k < prefix; k++) target[at + k] = bytes[prefixAt + k]!;
      at += prefix;
      const from = e + fixed + storedValueBytes(u16[(e >> 1) + 1]!);
      for (let k = 0; k < suffix; k++) target[at + k] = bytes[from + k]!;
      at += suffix;
      ends[i] = at;
    }
    return count;
  }

  /** Turns to the entry that lies `steps` on, less than `ahead`; the cursor stays where it is. */
  glance(steps: number): void {
    this.entry = leafEntry(this.segment, this.leaf, this.count, this.slot + steps);
  }

  /** Goes to the entry that lies `steps` on, or with a negative number back; see `glance`. */
  skip(steps: number): void {
    this.slot += steps;
    this.glance(0);
  }

  /**
   * Whether no entry of the range follows, or precedes, the one that it stands at. False also where
   * it would take a look into another leaf to say so.
   */
  endsHere(reverse: boolean): boolean {
    const isAlone = this.path.depth === 0;
    if (reverse) return this.slot === this.begin && (isAlone || this.begin > 0);
    return this.slot === this.end - 1 && (isAlone || this.end < this.count);
  }

  /** Goes on from where it stands in another object on the same root. Neither has changed. */
  goOnIn(tree: CursorTree): void {
    const { page, birth } = this.tree.root;
    assert(tree.root.page === page && tree.root.birth === birth, 'a cursor was given another tree');
    this.tree = tree;
    this.changes = tree.changes;
  }

  /** How many entries of the tree come before this one. Only while the tree has not changed. */
  get index(): number {
    this.path.slot = this.slot;
    return rankOfPath(this.pages, this.path);
  }

  /** Called by the tree before it changes: the pages that the position names are about to. */
  keep(): void {
    this.watched = false;
    if (this.changes !== this.tree.changes) return;
    this.kept ??= new Uint8Array(this.pages.geometry.maxKeyBytes);
    this.keptLength = this.copyKey(this.kept);
    this.changes = KEPT;
  }

  private toEdge(last: boolean): boolean {
    const { page, birth } = this.tree.root;
    this.changes = NOWHERE;
    if (page === 0) return false;
    searchEdge(this.pages, page, birth, last, this.path);
    return this.stand();
  }

  /** Goes on from the key that was kept, whether or not it is still there. */
  private resume(direction: 1 | -1): boolean {
    const kept = this.kept;
    if (this.changes === NOWHERE) return false;
    assert(this.changes === KEPT && kept !== undefined, 'a cursor outlived the root of its tree');
    const moved =
      direction > 0
        ? this.seek(kept, this.keptLength, false)
        : this.seekBack(kept, this.keptLength, false);
    if (!moved) this.changes = KEPT;
    return moved;
  }

  /** From the leaf's edge to the next leaf, or back again when that is out of the range. */
  private stepOut(direction: 1 | -1): boolean {
    if (!this.toSibling(direction)) return false;
    if (this.stand()) return true;
    this.toSibling(direction === 1 ? -1 : 1);
    return !this.stand();
  }

  /**
   * Moves the path to the near edge of the leaf beside it. False, and nothing moved: no such leaf.
   */
  private toSibling(direction: 1 | -1): boolean {
    const path = this.path;
    const { segment, offset } = path;
    for (let d = path.depth - 1; d >= 0; d--) {
      const o = findOnPath(this.pages, path, d);
      const slot = path.slots[d]! + direction;
      if (slot < 0 || slot === slotCount(this.pages.segment, o)) continue;
      path.slots[d] = slot;
      descendEdge(this.pages, findChild(this.pages, o, d, path), d + 1, direction < 0, path);
      this.requireBeyond(segment, offset, direction);
      return true;
    }
    return false;
  }

  /**
   * Invariant 4: throws CorruptionError unless the path's leaf comes after, or before, the one at
   * `offset`.
   */
  private requireBeyond(segment: Segment, offset: number, direction: 1 | -1): void {
    const { path } = this;
    const { pageSize } = this.pages.geometry;
    const order = compareFirstKeys(path.segment, path.offset, segment, offset, pageSize);
    if (order * direction > 0) return;
    const page = path.pages[path.depth]!;
    throw new CorruptionError(
      page,
      `page ${page}: its keys are not beyond those of the leaf before`,
    );
  }

  /** Takes the position that the path leads to. False: it is out of the range. */
  private stand(): boolean {
    const s = this.path.segment;
    const o = this.path.offset;
    const slot = this.path.slot;
    this.count = slotCount(s, o);
    this.slot = slot;
    this.begin = this.lower === undefined ? 0 : this.beginOf(this.lower);
    this.end = this.upper === undefined ? this.count : this.endOf(this.upper);
    if (slot < this.begin || slot >= this.end) {
      this.changes = NOWHERE;
      return false;
    }
    this.show(s, o, slot);
    this.changes = this.tree.changes;
    if (!this.watched) {
      this.watched = true;
      this.tree.watch(this);
    }
    return true;
  }

  private beginOf(bound: Bound): number {
    const { segment, offset } = this.path;
    const pageSize = this.pages.geometry.pageSize;
    const order = compareLeafKey(segment, offset, pageSize, 0, bound.key, bound.length);
    if (order > 0 || (order === 0 && bound.inclusive)) return 0;
    return leafLowerBound(segment, offset, pageSize, bound.key, bound.length, !bound.inclusive);
  }

  private endOf(bound: Bound): number {
    const { segment, offset } = this.path;
    const pageSize = this.pages.geometry.pageSize;
    const last = this.count - 1;
    const order = compareLeafKey(segment, offset, pageSize, last, bound.key, bound.length);
    if (order < 0 || (order === 0 && bound.inclusive)) return this.count;
    return leafLowerBound(segment, offset, pageSize, bound.key, bound.length, bound.inclusive);
  }
}
