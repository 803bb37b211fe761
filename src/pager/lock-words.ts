/**
 * The lock file's words, by what they mean.
 *
 * 1. A retained entry is written only under the writer lock, or alone under the opener lock, and
 *    its state word last; it is freed only when nothing may list it any more
 *    (commit-and-recovery.md).
 * 2. D, the commit in progress and the published snapshot are each named by ONE word, so that a
 *    process killed between two stores leaves either the old or the new.
 * 3. The file can be written by anybody who may write the database: an index that it holds is
 *    looked at before it is used.
 */

import { StorageFaultError } from '../errors.ts';
import { META_SLOT_OFFSETS } from '../format/geometry.ts';
import {
  ENTRY,
  entryAt,
  LOCK_FILE_MAGIC,
  LOCK_FILE_VERSION,
  readWide,
  retainedEntries,
  SESSIONS,
  SLOT,
  slotAt,
  WORD,
  writeWide,
} from '../format/lock-file.ts';
import type { RollBack } from '../format/meta.ts';
import { high32 } from '../format/segment.ts';
import type { SnapshotRoots } from './snapshot.ts';
import { shortId } from './snapshot.ts';

/** What ties a lock file to one data file and one boot of the machine. */
export interface LockFileIdentity {
  readonly bootId: string;
  readonly device: string;
  readonly inode: string;
  readonly uuid: Uint8Array;
}

/** Who holds something, for messages. */
export interface Holder {
  readonly pid: number;
  readonly thread: number;
  readonly startedAt: number;
}

export class LockWords {
  readonly words: Int32Array;
  readonly readerSlots: number;
  readonly entries: number;

  constructor(words: Int32Array, readerSlots: number) {
    this.words = words;
    this.readerSlots = readerSlots;
    this.entries = retainedEntries(readerSlots);
  }

  load(word: number): number {
    return Atomics.load(this.words, word);
  }
  store(word: number, value: number): void {
    Atomics.store(this.words, word, value);
  }

  // Identity

  /** Whether it was made for this data file since the machine started, and is whole. */
  belongsTo(identity: LockFileIdentity): boolean {
    if (this.load(WORD.whole) !== 1 || this.load(WORD.magic) !== LOCK_FILE_MAGIC) return false;
    if (this.load(WORD.version) !== LOCK_FILE_VERSION) return false;
    if (this.load(WORD.readerSlots) !== this.readerSlots) return false;
    const expected = identityWords(identity);
    return expected.every((word, i) => this.load(WORD.bootId + i) === word);
  }

  /** Makes all of it new: identity cleared first and written last. Alone, under the opener lock. */
  rebuild(identity: LockFileIdentity): void {
    this.store(WORD.whole, 0);
    // Not word by word: that took a millisecond of each open. Nobody else looks.
    this.words.fill(0);
    this.store(WORD.magic, LOCK_FILE_MAGIC);
    this.store(WORD.version, LOCK_FILE_VERSION);
    this.store(WORD.readerSlots, this.readerSlots);
    this.store(WORD.retainedEntries, this.entries);
    identityWords(identity).forEach((word, i) => {
      this.store(WORD.bootId + i, word);
    });
  }

  finishRebuild(): void {
    this.store(WORD.whole, 1);
  }

  /** Where the locks of its slots lie. */
  get session(): number {
    return this.load(WORD.session) & (SESSIONS - 1);
  }
  set session(session: number) {
    this.store(WORD.session, session);
  }

  // Retained entries

  /** Writes `roots` into a free entry and returns its index. */
  retain(roots: SnapshotRoots, metaSlot: number): number {
    for (let i = 0; i < this.entries; i++) {
      const at = entryAt(i);
      if (this.load(at + ENTRY.state) !== 0) continue;
      writeWide(this.words, at + ENTRY.id, roots.id);
      this.store(at + ENTRY.cataloguePage, roots.cataloguePage);
      writeWide(this.words, at + ENTRY.catalogueBirth, roots.catalogueBirth);
      this.store(at + ENTRY.mapPage, roots.mapPage);
      writeWide(this.words, at + ENTRY.mapBirth, roots.mapBirth);
      this.store(at + ENTRY.filePages, roots.filePages);
      this.store(at + ENTRY.pagesInUse, roots.pagesInUse);
      this.store(at + ENTRY.metaSlot, metaSlot + 1);
      this.store(at + ENTRY.state, 1);
      if (i >= this.entriesUsed) this.store(WORD.entriesUsed, i + 1);
      return i;
    }
    throw damaged(`all ${this.entries} of its retained entries are in use`);
  }

  /** No entry at or past this index is in use. */
  get entriesUsed(): number {
    return clamp(this.load(WORD.entriesUsed), this.entries);
  }

  isRetained(entry: number): boolean {
    return this.load(this.at(entry) + ENTRY.state) === 1;
  }

  drop(entry: number): void {
    this.store(this.at(entry) + ENTRY.state, 0);
  }

  entryId(entry: number): number {
    return readWide(this.words, this.at(entry) + ENTRY.id);
  }

  /** The meta slot that names the entry's snapshot, -1 when none does. */
  entryMetaSlot(entry: number): number {
    const slot = this.load(this.at(entry) + ENTRY.metaSlot) - 1;
    return slot < META_SLOT_OFFSETS.length ? Math.max(slot, -1) : -1;
  }

  entryRoots(entry: number): SnapshotRoots {
    const at = this.at(entry);
    return {
      id: readWide(this.words, at + ENTRY.id),
      cataloguePage: this.load(at + ENTRY.cataloguePage) >>> 0,
      catalogueBirth: readWide(this.words, at + ENTRY.catalogueBirth),
      mapPage: this.load(at + ENTRY.mapPage) >>> 0,
      mapBirth: readWide(this.words, at + ENTRY.mapBirth),
      filePages: this.load(at + ENTRY.filePages) >>> 0,
      pagesInUse: this.load(at + ENTRY.pagesInUse) >>> 0,
    };
  }

  /** The first word of an entry that another word names. */
  private at(entry: number): number {
    if (entry >= 0 && entry < this.entries) return entryAt(entry);
    throw damaged(`it names retained entry ${entry} of ${this.entries}`);
  }

  /** The retained entry with that short id, -1 when there is none. */
  findEntry(short: number): number {
    const hint = this.load(WORD.publishedEntry);
    if (hint >= 0 && hint < this.entries && this.entryHasId(hint, short)) return hint;
    const used = this.entriesUsed;
    for (let i = 0; i < used; i++) if (this.entryHasId(i, short)) return i;
    return -1;
  }

  private entryHasId(entry: number, short: number): boolean {
    const at = entryAt(entry);
    return this.load(at + ENTRY.state) === 1 && this.load(at + ENTRY.id) === short;
  }

  // Named snapshots

  /** The short id of the published snapshot. */
  get published(): number {
    return this.load(WORD.published);
  }

  /** Publishes outside of a job: alone, under the opener lock or the writer lock. */
  publish(entry: number): void {
    this.store(WORD.publishedEntry, entry);
    this.store(WORD.published, shortId(this.entryId(entry)));
  }

  /** The entry of D, -1 when it is not known. */
  get durableEntry(): number {
    return this.load(WORD.durable) - 1;
  }
  set durableEntry(entry: number) {
    this.store(WORD.durable, entry + 1);
  }

  /**
   * Whether something that was written with durability 'interval' is not durable yet. Who wrote it,
   * and whether its process lives, is of no matter.
   */
  get isFlushDue(): boolean {
    const written = this.load(WORD.intervalWrite);
    const { durableEntry } = this;
    if (written === 0 || durableEntry < 0) return false;
    return ((written - shortId(this.entryId(durableEntry))) | 0) > 0;
  }

  /** The entry of the commit in progress, -1 when there is none. */
  get commitInProgress(): number {
    return this.load(WORD.commitInProgress) - 1;
  }

  get poisoned(): boolean {
    return this.load(WORD.poisoned) !== 0;
  }

  get lastIdStarted(): number {
    return readWide(this.words, WORD.lastIdStarted);
  }
  set lastIdStarted(id: number) {
    // High first: torn across 2^32 it is too large, which only skips ids.
    this.store(WORD.lastIdStarted + 1, high32(id));
    this.store(WORD.lastIdStarted, id | 0);
  }

  get idsReservedUntil(): number {
    return readWide(this.words, WORD.idsReservedUntil);
  }
  set idsReservedUntil(id: number) {
    writeWide(this.words, WORD.idsReservedUntil, id);
  }

  /** What every meta says of it. Set when the file is rebuilt, and the same from then on. */
  get rolledBack(): RollBack {
    return {
      to: readWide(this.words, WORD.rolledBackTo),
      from: readWide(this.words, WORD.rolledBackFrom),
    };
  }
  set rolledBack(rolledBack: RollBack) {
    writeWide(this.words, WORD.rolledBackTo, rolledBack.to);
    writeWide(this.words, WORD.rolledBackFrom, rolledBack.from);
  }

  // Holders

  holder(word: number): Holder {
    return {
      pid: this.load(word),
      thread: this.load(word + 1),
      startedAt: readWide(this.words, word + 2),
    };
  }

  setHolder(word: number, holder: Holder): void {
    this.store(word, holder.pid);
    this.store(word + 1, holder.thread);
    writeWide(this.words, word + 2, holder.startedAt);
  }

  // Reader slots

  /** The word of reader slot `i` that names the snapshot in use. */
  slotWord(i: number): number {
    return slotAt(this.readerSlots, i) + SLOT.snapshot;
  }

  get slotsUsed(): number {
    return clamp(this.load(WORD.slotsUsed), this.readerSlots);
  }

  /** Says that slot `i` is in use from now on, for scanners, which look no further than this. */
  noteSlotUsed(i: number): void {
    for (;;) {
      const used = this.load(WORD.slotsUsed);
      if (used > i) return;
      if (Atomics.compareExchange(this.words, WORD.slotsUsed, used, i + 1) === used) return;
    }
  }
}

function clamp(count: number, most: number): number {
  return Math.max(0, Math.min(count, most));
}

function damaged(what: string): StorageFaultError {
  return new StorageFaultError(
    `The lock file is damaged: ${what}. Close the database in every process and open it again.`,
  );
}

/** Words 2 to 13: boot id, device, inode, uuid. */
function identityWords(identity: LockFileIdentity): number[] {
  const hex = identity.bootId.replaceAll('-', '').padEnd(32, '0').slice(0, 32);
  const boot = [0, 8, 16, 24].map((at) => Number.parseInt(hex.slice(at, at + 8), 16) | 0);
  const uuid = new DataView(identity.uuid.buffer, identity.uuid.byteOffset, 16);
  return [
    ...boot,
    ...words64(identity.device),
    ...words64(identity.inode),
    ...[0, 4, 8, 12].map((at) => uuid.getInt32(at, true)),
  ];
}

function words64(decimal: string): number[] {
  const n = BigInt(decimal);
  return [Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n))];
}
