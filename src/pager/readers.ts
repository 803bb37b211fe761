/**
 * Readers: how a handle says which snapshots it uses, and how a writer finds out.
 *
 * A slot is owned by the handle that holds the OFD lock on its byte of the data file. The kernel
 * drops the lock when the process dies, by whatever death; no pid is trusted.
 *
 * 1. Only the owner writes a slot. A scanner ignores slots whose byte nobody holds, and clears
 *    none.
 * 2. A reader stores the snapshot's short id in its slot, and then reads the published word again.
 *    All four accesses below are sequentially consistent, so of these two orders one holds:
 *      - the reader's store precedes the writer's scan: the scan finds it, the snapshot is kept;
 *      - the writer's scan, and so the publishing before it, precedes the reader's second look: the
 *        reader finds another snapshot published, and begins again.
 * 3. Every snapshot in use stands in a slot of its own; what uses the same one shares the slot.
 * 4. D is kept in the same way, and the word of D stands for the published one: a reader lists D
 *    and then reads that word again; a writer reads it before its scan. If the reader finds the
 *    same entry, no writer had turned from it before the reader's store, so whichever scan drops it
 *    comes later and finds the slot. What the entry says is read after that, and believed when it
 *    has the id that was listed: an entry that was dropped and written anew has another.
 * 5. A scan looks at all slots twice. `pin` moves a snapshot from the short slot to another: it is
 *    listed there before it is cleared here, but a scan that has passed the one may come to the
 *    other after that, and miss it in both. It is moved once at most, so the second time it stands
 *    where it was moved to.
 */

import { DatabaseClosedError, ReadersFullError, StorageFaultError } from '../errors.ts';
import { SLOT, slotAt, slotByte, WORD, writeWide } from '../format/lock-file.ts';
import { lockFileIsGone } from './failures.ts';
import type { LockWords } from './lock-words.ts';
import { NO_SNAPSHOT, type SnapshotRoots, shortId } from './snapshot.ts';
import type { Storage } from './storage.ts';

/**
 * More often than any writer can publish while a reader looks: a try takes less than a microsecond,
 * a commit several. And few enough that a lock file which is damaged costs a read a millisecond.
 */
const MAX_TRIES = 10_000;

const NONE: ReadonlySet<number> = new Set();

interface Pin {
  readonly slot: number;
  readonly roots: SnapshotRoots;
  readonly sinceMs: number;
  users: number;
}

/** A snapshot in use by someone, as `stats` tells it. */
export interface ListedReader {
  readonly shortId: number;
  readonly ageMs: number;
  readonly self: boolean;
}

/** The reader slots of one handle. */
export class Readers {
  private readonly storage: Storage;
  private readonly lock: LockWords;
  private readonly words: Int32Array;
  /** The slot of short reads; claimed when the handle is made, and its proof of being alive. */
  private readonly short: number;
  private readonly shortWord: number;
  private depth = 0;
  /** What the last short read saw: none yet, which is never what is published. */
  private current: SnapshotRoots = NO_SNAPSHOT;
  private currentShort = 0;
  private readonly pins = new Map<number, Pin>();
  private readonly spareSlots: number[] = [];
  private readonly ownSlots = new Set<number>();

  constructor(storage: Storage, lock: LockWords) {
    this.storage = storage;
    this.lock = lock;
    this.words = lock.words;
    this.short = this.claimSlot();
    this.shortWord = lock.slotWord(this.short);
  }

  /**
   * Begins a short read of the newest published snapshot; `endShort` ends it, in a finally block.
   * Nested ones see the snapshot of the outermost.
   */
  beginShort(): SnapshotRoots {
    if (this.depth++ > 0) return this.current;
    Atomics.store(this.words, this.shortWord, this.currentShort);
    if (Atomics.load(this.words, WORD.published) !== this.currentShort) {
      try {
        this.refresh();
      } catch (error) {
        // It has not begun: whoever calls does not end it.
        this.endShort();
        throw error;
      }
    }
    return this.current;
  }

  endShort(): void {
    if (--this.depth === 0) Atomics.store(this.words, this.shortWord, 0);
  }

  /** Keeps the newest published snapshot, or inside a short read that one, until `unpin`. */
  pin(): SnapshotRoots {
    const roots = this.beginShort();
    try {
      const pin = this.pins.get(roots.id);
      if (pin !== undefined) {
        pin.users++;
      } else {
        const slot = this.spareSlots.pop() ?? this.claimSlot();
        // The short slot lists it too, until after this store (rule 5).
        this.keep(slot, roots, this.listIn(slot, roots.id));
      }
      return roots;
    } finally {
      this.endShort();
    }
  }

  /** Keeps D, the newest durable snapshot, until `unpin` (rule 4). Throws READERS_FULL. */
  pinDurable(): SnapshotRoots {
    const { lock } = this;
    const slot = this.spareSlots.pop() ?? this.claimSlot();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const entry = lock.durableEntry;
      if (entry < 0 || entry >= lock.entries) continue;
      const id = lock.entryId(entry);
      const sinceMs = this.listIn(slot, id);
      if (lock.durableEntry !== entry) continue;
      const roots = lock.entryRoots(entry);
      if (roots.id !== id || !lock.isRetained(entry)) continue;
      const pin = this.pins.get(id);
      if (pin === undefined) {
        this.keep(slot, roots, sinceMs);
        return roots;
      }
      pin.users++;
      this.clear(slot);
      return pin.roots;
    }
    this.clear(slot);
    throw this.damaged();
  }

  /** One more user of a snapshot that is pinned already. */
  share(id: number): void {
    const pin = this.pins.get(id);
    if (pin === undefined) throw new DatabaseClosedError('The snapshot is closed.');
    pin.users++;
  }

  unpin(id: number): void {
    const pin = this.pins.get(id);
    if (pin === undefined || --pin.users > 0) return;
    this.pins.delete(id);
    this.clear(pin.slot);
  }

  /** Snapshots that this handle keeps, short reads apart. */
  get pinned(): number {
    return this.pins.size;
  }

  /** The short ids listed by living readers: the scan of the rule of reuse. */
  scan(): Set<number> {
    const listed = new Set<number>();
    // Rule 5. What was found needs no second look at who holds its slot.
    for (let look = 0; look < 2; look++) {
      this.forEachListed(listed, (short) => {
        listed.add(short);
      });
    }
    return listed;
  }

  /** Who uses which snapshot. */
  list(): ListedReader[] {
    const readers: ListedReader[] = [];
    const now = Date.now();
    this.forEachListed(NONE, (short, slot, self) => {
      const at = slotAt(this.lock.readerSlots, slot);
      const sinceMs = Atomics.load(this.words, at + SLOT.since) * 1000;
      readers.push({ shortId: short, ageMs: sinceMs === 0 ? 0 : Math.max(0, now - sinceMs), self });
    });
    return readers;
  }

  /** Clears what this handle lists; the locks go with the descriptor. */
  close(): void {
    for (const slot of this.ownSlots) Atomics.store(this.words, this.lock.slotWord(slot), 0);
    this.pins.clear();
  }

  /** Lists a snapshot in a slot of this handle; returns when that was. */
  private listIn(slot: number, id: number): number {
    const at = slotAt(this.lock.readerSlots, slot);
    const sinceMs = Date.now();
    Atomics.store(this.words, at + SLOT.since, Math.floor(sinceMs / 1000));
    Atomics.store(this.words, at + SLOT.snapshot, shortId(id));
    return sinceMs;
  }

  private keep(slot: number, roots: SnapshotRoots, sinceMs: number): void {
    this.pins.set(roots.id, { slot, roots, sinceMs, users: 1 });
  }

  private clear(slot: number): void {
    Atomics.store(this.words, this.lock.slotWord(slot), 0);
    this.spareSlots.push(slot);
  }

  /** Calls `fn` for each slot that a living handle lists a snapshot in, those in `known` apart. */
  private forEachListed(
    known: ReadonlySet<number>,
    fn: (short: number, slot: number, self: boolean) => void,
  ): void {
    const used = this.lock.slotsUsed;
    for (let slot = 0; slot < used; slot++) {
      const short = Atomics.load(this.words, this.lock.slotWord(slot));
      if (short === 0 || known.has(short)) continue;
      const self = this.ownSlots.has(slot);
      const byte = slotByte(this.lock.session, slot);
      if (self || this.storage.isLocked(byte, 1)) fn(short, slot, self);
    }
  }

  /** Finds the published snapshot, and lists it in the short slot (rule 2). */
  private refresh(): void {
    // A writer is faster than we are, each time: only a damaged lock file does that for long.
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const short = this.lock.published;
      const entry = this.lock.findEntry(short);
      if (entry < 0) {
        if (!this.storage.sharedIsWhole()) break;
        continue;
      }
      const roots = this.lock.entryRoots(entry);
      Atomics.store(this.words, this.shortWord, short);
      // Still published: so it was when its entry was read, and the entry cannot have been torn.
      if (Atomics.load(this.words, WORD.published) === short && shortId(roots.id) === short) {
        this.current = roots;
        this.currentShort = short;
        return;
      }
    }
    throw this.damaged();
  }

  private damaged(): Error {
    if (!this.storage.sharedIsWhole()) return lockFileIsGone(this.storage.path);
    return new StorageFaultError(
      `${this.storage.path}: the lock file names a snapshot that is not in it. ` +
        'Close the database in every process and open it again.',
    );
  }

  private claimSlot(): number {
    for (let slot = 0; slot < this.lock.readerSlots; slot++) {
      if (this.ownSlots.has(slot)) continue;
      if (!this.storage.tryLock(slotByte(this.lock.session, slot))) continue;
      const at = slotAt(this.lock.readerSlots, slot);
      // A dead owner's snapshot must not be taken for ours.
      Atomics.store(this.words, at + SLOT.snapshot, 0);
      const { pid, thread, startedAt } = this.storage.identity();
      Atomics.store(this.words, at + SLOT.pid, pid);
      Atomics.store(this.words, at + SLOT.thread, thread);
      writeWide(this.words, at + SLOT.startedAt, startedAt);
      Atomics.store(this.words, at + SLOT.since, 0);
      this.lock.noteSlotUsed(slot);
      this.ownSlots.add(slot);
      return slot;
    }
    throw new ReadersFullError(
      this.lock.readerSlots,
      `All ${this.lock.readerSlots} reader slots of ${this.storage.path} are taken. Close ` +
        'handles or snapshots, or open with a larger maxReaders when nobody has the database open.',
    );
  }
}
