/**
 * A tree, to read: one snapshot's root and the pages behind it.
 *
 * An object of this class serves any number of snapshots of its store, one after the other
 * (`reset`). It makes no garbage: what it finds is left in `found`, and holds until the next call.
 */

import type { TreeRoot } from '../format/catalogue.ts';
import { slotCount } from '../format/page-header.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { Cursor } from './cursor.ts';
import { EntryView } from './entry.ts';
import type { Bound } from './keys.ts';
import { Path } from './path.ts';
import { rankOfPath, searchIndex } from './rank.ts';
import { search } from './search.ts';

export class Tree {
  readonly pages: PageReader;
  /** The root's page (0: the tree is empty), its birth, the entries, and the last version. */
  readonly root: TreeRoot;
  /** Grows with every change, so that a cursor knows when its position no longer holds. */
  changes = 0;
  /** The entry that `find`, `get` or `at` found. */
  readonly found: EntryView;
  protected readonly path: Path = new Path();

  constructor(pages: PageReader, root: TreeRoot) {
    this.pages = pages;
    const { page, birth, entries, version } = root;
    this.root = { page, birth, entries, version };
    this.found = new EntryView(pages);
  }

  /**
   * Turns to another root: of another snapshot, or the one that a nested part began with. Cursors
   * of a WritableTree go on from their keys; those of a tree that is only read may not be used
   * again.
   */
  reset(root: TreeRoot): void {
    this.beforeChange();
    this.root.page = root.page;
    this.root.birth = root.birth;
    this.root.entries = root.entries;
    this.root.version = root.version;
  }

  /** Is key[0, length) there? Leaves its entry in `found`. */
  find(key: Uint8Array, length: number): boolean {
    const root = this.root;
    const path = this.path;
    if (root.page === 0 || !search(this.pages, root.page, root.birth, key, length, path)) {
      return false;
    }
    this.found.show(path.segment, path.offset, path.slot);
    return true;
  }

  /** As `find`, and finds the value too: in found.valueSegment, from valueStart to valueEnd. */
  get(key: Uint8Array, length: number): boolean {
    if (!this.find(key, length)) return false;
    this.found.loadValue();
    return true;
  }

  /** Leaves the first entry whose key is >= key in `found`. False: there is none. */
  ceiling(key: Uint8Array, length: number): boolean {
    const { page, birth } = this.root;
    const path = this.path;
    if (page === 0) return false;
    search(this.pages, page, birth, key, length, path);
    if (path.slot === slotCount(path.segment, path.offset)) {
      return this.at(rankOfPath(this.pages, path));
    }
    this.found.show(path.segment, path.offset, path.slot);
    return true;
  }

  /** How many keys are < key, or <= key when `after`. Reads each page of one path twice at most. */
  rank(key: Uint8Array, length: number, after: boolean): number {
    const { page, birth } = this.root;
    if (page === 0) return 0;
    const found = search(this.pages, page, birth, key, length, this.path);
    return rankOfPath(this.pages, this.path) + (found && after ? 1 : 0);
  }

  /**
   * Leaves entry `index`, 0 .. entries - 1 in the order of keys, in `found`. False: no such entry.
   */
  at(index: number): boolean {
    const { page, birth, entries } = this.root;
    if (!(index >= 0 && index < entries)) return false;
    searchIndex(this.pages, page, birth, index, this.path);
    this.found.show(this.path.segment, this.path.offset, this.path.slot);
    return true;
  }

  /** How many entries lie in the range; an end that is undefined is open. */
  count(lower: Bound | undefined, upper: Bound | undefined): number {
    return Math.max(0, this.rankOfUpper(upper) - this.rankOfLower(lower));
  }

  /** The index of the first entry of a range that begins so. */
  rankOfLower(lower: Bound | undefined): number {
    return lower === undefined ? 0 : this.rank(lower.key, lower.length, !lower.inclusive);
  }

  /** The index after the last entry of a range that ends so. */
  rankOfUpper(upper: Bound | undefined): number {
    if (upper === undefined) return this.root.entries;
    return this.rank(upper.key, upper.length, upper.inclusive);
  }

  /** A new cursor, which stands nowhere. `forOneLook`: it is not used after the next change. */
  cursor(forOneLook: boolean = false): Cursor {
    return new Cursor(this, forOneLook);
  }

  /** Asks for `cursor.keep()` before the next change. A tree that is only read has none. */
  watch(_cursor: Cursor): void {}

  protected beforeChange(): void {
    this.changes++;
  }
}
