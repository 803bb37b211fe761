/**
 * A tree, to write: all that Tree does, on the tree as it goes, and the changes.
 *
 * 1. Sizes are checked, and an overflow run is made, before anything is touched: KeyTooLargeError,
 *    ValueTooLargeError and the RangeError of `append` leave the tree as it was. After any other
 *    error the tree is not used again until `reset`.
 * 2. Beside `root` nothing here says what the tree holds. The engine saves the root, and gives it
 *    back by `reset` when it undoes a nested part.
 */

import { assert } from '../assert.ts';
import { KeyTooLargeError, ValueTooLargeError } from '../errors.ts';
import type { TreeRoot } from '../format/catalogue.ts';
import { LEAF_SLOT_BYTES } from '../format/geometry.ts';
import { slotCount } from '../format/page-header.ts';
import type { PageWriter } from '../pager/page-reader.ts';
import type { StagedPayload } from '../pager/staged-payload.ts';
import { appendEntries, appendEntry, comesNext, type EntryList } from './append.ts';
import { isAtEdge } from './branch-edit.ts';
import type { Cursor } from './cursor.ts';
import { removeEntries } from './delete.ts';
import { Edit } from './edit.ts';
import { insertEntry, insertFirst, replaceEntry } from './insert.ts';
import { type Bound, compareLeafKey } from './keys.ts';
import { entryBytes } from './leaf-edit.ts';
import { type FindPlace, type PackPass, packStep } from './pack.ts';
import { freeTree, removeRange } from './remove-range.ts';
import type { Scratch } from './scratch.ts';
import { search } from './search.ts';
import { Tree } from './tree.ts';

/**
 * So many cursors wait to be told of a change; older ones copy their keys before there are more, so
 * that cursors which nobody uses any longer cannot pile up in a transaction that changes nothing.
 */
const MOST_WATCHED = 64;

/** `changes` is never that. */
const NEVER = -1;

export class WritableTree extends Tree {
  private readonly edit: Edit;
  private readonly cursors: Cursor[] = [];
  /** A change has begun and not ended. */
  private changing = false;
  /**
   * When equal to `changes`: the edit's path still leads to the tree's last leaf, and it is dirty.
   */
  private tail = NEVER;

  /**
   * `scratch` may serve any number of trees with pages of that size. `leafFlags`:
   * PAGE_FLAG.versions, expires and catalogue, the same in every leaf of the tree.
   */
  constructor(pages: PageWriter, root: TreeRoot, scratch: Scratch, leafFlags: number) {
    super(pages, root);
    this.edit = new Edit(pages, this.root, scratch, leafFlags);
  }

  /**
   * Sets the value of key[0, keyLength) to value[start, end). Returns whether the key is new.
   * With `append` the key has to be greater than all others of the tree, else RangeError.
   */
  put(
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    start: number,
    end: number,
    append = false,
    version = 0,
    expiry = 0,
  ): boolean {
    const edit = this.edit;
    const { pages, entry } = edit;
    const { maxKeyBytes, maxValueBytes, maxLeafEntryBytes } = pages.geometry;
    if (keyLength > maxKeyBytes) throw new KeyTooLargeError(keyLength, maxKeyBytes);
    if (end - start > maxValueBytes) throw new ValueTooLargeError(end - start, maxValueBytes);
    entry.begin(key, keyLength, version, expiry);
    entry.value = value;
    entry.start = start;
    entry.end = end;
    entry.runPage = 0;
    const isLong = entryBytes(edit.leafFlags, entry, 0) + LEAF_SLOT_BYTES > maxLeafEntryBytes;
    if (!isLong && this.tail === this.changes && comesNext(edit)) {
      this.putNext();
      return true;
    }
    const last = this.aim(append);
    if (isLong) {
      entry.runPage = pages.allocateRun(value, start, end);
      entry.runBirth = pages.transaction;
    }
    return this.putEntry(last);
  }

  /** The same with a value that is staged, which is always one for an overflow run. */
  putStaged(
    key: Uint8Array,
    keyLength: number,
    value: StagedPayload,
    append: boolean,
    version: number,
    expiry: number,
  ): boolean {
    const { pages, entry } = this.edit;
    const { maxKeyBytes } = pages.geometry;
    if (keyLength > maxKeyBytes) throw new KeyTooLargeError(keyLength, maxKeyBytes);
    entry.begin(key, keyLength, version, expiry);
    const last = this.aim(append);
    entry.start = 0;
    entry.end = value.length;
    entry.runPage = pages.allocateStaged(value);
    entry.runBirth = pages.transaction;
    return this.putEntry(last);
  }

  /** The short way of loading in order: puts `edit.entry`, where `comesNext` says that it can. */
  private putNext(): void {
    const { edit } = this;
    this.begin();
    edit.touchPath(edit.path.depth);
    appendEntry(edit);
    this.changing = false;
    this.tail = this.changes;
    edit.entry.letGo();
  }

  /**
   * Finds the place of `edit.entry`. Returns whether it comes after all others of a tree that has
   * some; with `append` it has to, else RangeError.
   */
  private aim(append: boolean): boolean {
    const { entry } = this.edit;
    const empty = this.root.page === 0;
    const last = !empty && this.seekTail(entry.key, entry.keyLength);
    if (append && !empty && !last) {
      entry.letGo();
      throw new RangeError('append: the key is not the greatest');
    }
    return last;
  }

  /** Puts `edit.entry` where the path leads to. Returns whether the key is new. */
  private putEntry(last: boolean): boolean {
    const { edit } = this;
    const { path, entry } = edit;
    this.begin();
    let added = true;
    if (this.root.page === 0) insertFirst(edit);
    else {
      edit.touchPath(path.depth);
      added = !path.found;
      if (!added) replaceEntry(edit);
      else if (insertEntry(edit) && last) this.tail = this.changes;
    }
    this.changing = false;
    // The tree may be kept until the next transaction.
    entry.letGo();
    return added;
  }

  /**
   * After a put that ended on the tree's last leaf: puts entries of the list, from place `from` on,
   * that come in order after it, on the same leaf. Returns how many, which may be none.
   */
  append(list: EntryList, from: number, version: number): number {
    if (this.tail !== this.changes) return 0;
    const { edit } = this;
    this.begin();
    edit.touchPath(edit.path.depth);
    const appended = appendEntries(edit, list, from, version);
    this.changing = false;
    this.tail = this.changes;
    return appended;
  }

  /** False after a change failed half-way: the tree is not to be used until `reset`. */
  get isWhole(): boolean {
    return !this.changing;
  }

  /** Removes key[0, keyLength). Returns whether it was there. */
  remove(key: Uint8Array, keyLength: number): boolean {
    const edit = this.edit;
    const { page, birth } = this.root;
    if (page === 0) return false;
    this.tail = NEVER;
    if (!search(edit.pages, page, birth, key, keyLength, edit.path)) return false;
    this.begin();
    edit.touchPath(edit.path.depth);
    removeEntries(edit, edit.path.slot, edit.path.slot + 1);
    this.changing = false;
    return true;
  }

  /** Removes every entry in the range; an end that is undefined is open. Returns how many. */
  removeRange(lower: Bound | undefined, upper: Bound | undefined): number {
    const from = this.rankOfLower(lower);
    return this.removeSpan(from, this.rankOfUpper(upper) - from);
  }

  /**
   * Removes `entries` entries from the one at index `from` on. Returns how many: none when <= 0.
   */
  removeSpan(from: number, entries: number): number {
    if (entries <= 0) return 0;
    if (entries === this.root.entries) return this.clear();
    this.begin();
    removeRange(this.edit, from, entries);
    this.changing = false;
    return entries;
  }

  /** Removes every entry. Returns how many there were. */
  clear(): number {
    const entries = this.root.entries;
    if (this.root.page === 0) return 0;
    this.begin();
    freeTree(this.edit);
    this.changing = false;
    return entries;
  }

  /** One step of a pass of compaction: see pack.ts. It looks at no more than `most` leaves. */
  pack(pass: PackPass, most: number, findPlace: FindPlace): void {
    if (this.root.page === 0) {
      pass.finished = true;
      return;
    }
    this.begin();
    packStep(this.edit, pass, most, findPlace);
    this.changing = false;
  }

  /** To be called while the pages of the part that is undone are still there: cursors read them. */
  override reset(root: TreeRoot): void {
    super.reset(root);
    this.changing = false;
  }

  override watch(cursor: Cursor): void {
    if (this.cursors.length === MOST_WATCHED) {
      for (const older of this.cursors.splice(0, MOST_WATCHED / 2)) older.keep();
    }
    this.cursors.push(cursor);
  }

  protected override beforeChange(): void {
    for (let i = 0; i < this.cursors.length; i++) this.cursors[i]!.keep();
    this.cursors.length = 0;
    super.beforeChange();
  }

  private begin(): void {
    assert(!this.changing, 'a tree is used after a change of it failed');
    this.changing = true;
    if (this.cursors.length > 0) this.beforeChange();
    else this.changes++;
  }

  /**
   * Leads the edit's path to where the key is or belongs. Returns whether it comes after all keys
   * of the tree; loading in order finds that out by one comparison with the last.
   */
  private seekTail(key: Uint8Array, length: number): boolean {
    const { pages, path } = this.edit;
    const known = this.tail === this.changes;
    this.tail = NEVER;
    if (known) {
      const n = slotCount(path.segment, path.offset);
      const pageSize = pages.geometry.pageSize;
      if (compareLeafKey(path.segment, path.offset, pageSize, n - 1, key, length) < 0) {
        path.slot = n;
        path.found = false;
        return true;
      }
    }
    const { page, birth } = this.root;
    if (search(pages, page, birth, key, length, path)) return false;
    if (path.slot !== slotCount(path.segment, path.offset)) return false;
    return isAtEdge(this.edit, path.depth, true);
  }
}
