/**
 * The lock file: the shared memory in which processes meet. All of it is 32-bit words, read and
 * written with Atomics or with native atomics. It holds nothing that a power failure may not erase.
 *
 *     WORD   DESCRIPTION
 *     0      magic
 *     1      layout version
 *     2-5    boot id
 *     6-7    device of the data file, low and high
 *     8-9    inode of the data file
 *     10-13  uuid of the database
 *     14     reader slots
 *     15     retained entries
 *     16     1 when all of the above is whole; written last, cleared first
 *     17     session: drawn by whoever makes or rebuilds the file; where the locks of its slots lie
 *
 *     32     published: low 32 bits of the snapshot's id (never 0); one word, so that publishing is
 *            one store and a process killed in mid-publish stops nobody
 *     33     where the published entry stands in the retained table (a hint, checked by its id)
 *     34     commits published
 *     35     waits for another snapshot in word 32 that were begun, by any handle
 *     36     how many of those waits were woken: a commit wakes nobody when it is the same number
 *
 *     48     durable (D): retained entry + 1, 0 when not known
 *     49     commit in progress: retained entry + 1, 0 when none
 *     50     poisoned: 1
 *     51     errno that poisoned it
 *     52-53  last id started
 *     54-55  ids reserved until, by a durable meta
 *     56     pages at the end of the file known to have been written: up to this page number
 *     57     reader slots ever used: none at or past this index
 *     58     where the allocator's sweep stands: a page number
 *     59     retained entries ever used: none at or past this index
 *     60-63  who holds the writer lock: pid, thread, start time low and high; for messages only
 *     64-67  who holds the opener lock; for messages only
 *     68-69  rolled back to, as metas say it
 *     70-71  rolled back from
 *     72     the newest snapshot published with durability 'interval': low 32 bits of its id
 *
 *     128    retained table: entries of 16 words
 *     .      reader slots: 16 words each, a cache line, so that readers do not slow each other
 *
 * A retained entry:
 *
 *     0      state: 0 free, 1 in use
 *     1-2    snapshot id, low and high
 *     3      catalogue root page; 4-5 its birth
 *     6      map root page; 7-8 its birth
 *     9      file length in pages
 *     10     pages in use
 *     11     meta slot + 1, 0 when it has none
 *
 * A reader slot: word 0 is the low 32 bits of the id of the snapshot in use, 0 when none: read and
 * written whole. Words 1-4: pid, thread, start time; 5: seconds since 1970 at which it was listed;
 * for messages only.
 */

import { high32, u48 } from './segment.ts';

export const LOCK_FILE_MAGIC = 0x3150_5043; // "CPP1"
export const LOCK_FILE_VERSION = 3;

export const WORD = {
  magic: 0,
  version: 1,
  bootId: 2,
  device: 6,
  inode: 8,
  uuid: 10,
  readerSlots: 14,
  retainedEntries: 15,
  whole: 16,
  session: 17,
  published: 32,
  publishedEntry: 33,
  commits: 34,
  waits: 35,
  woken: 36,
  durable: 48,
  commitInProgress: 49,
  poisoned: 50,
  poisonErrno: 51,
  lastIdStarted: 52,
  idsReservedUntil: 54,
  writtenUntil: 56,
  slotsUsed: 57,
  sweep: 58,
  entriesUsed: 59,
  writer: 60,
  opener: 64,
  rolledBackTo: 68,
  rolledBackFrom: 70,
  intervalWrite: 72,
} as const;

export const RETAINED_AT = 128;
export const RETAINED_WORDS = 16;
export const SLOT_WORDS = 16;
/** Beside one entry a reader slot: published, durable, base, in flight and the one being made. */
const SPARE_ENTRIES = 16;

export const ENTRY = {
  state: 0,
  id: 1,
  cataloguePage: 3,
  catalogueBirth: 4,
  mapPage: 6,
  mapBirth: 7,
  filePages: 9,
  pagesInUse: 10,
  metaSlot: 11,
} as const;

export const SLOT = { snapshot: 0, pid: 1, thread: 2, startedAt: 3, since: 5 } as const;

export function retainedEntries(readerSlots: number): number {
  return readerSlots + SPARE_ENTRIES;
}
/** The first word of retained entry `i`. */
export function entryAt(i: number): number {
  return RETAINED_AT + RETAINED_WORDS * i;
}
/** The first word of reader slot `i`. */
export function slotAt(readerSlots: number, i: number): number {
  return entryAt(retainedEntries(readerSlots)) + SLOT_WORDS * i;
}
/** The size of a lock file with that many reader slots. */
export function lockFileBytes(readerSlots: number): number {
  return 4 * slotAt(readerSlots, readerSlots);
}

/** Bytes on which the OFD locks lie, counted from 2^62 in the data file. */
export const LOCK_BYTE = {
  /** That of the writer; the addon knows it, and keeps all below 16: the line of those who wait. */
  writer: 0,
  opener: 16,
  /** The slots of all sessions; a handle holds at least one of them for as long as it lives. */
  firstSlot: 64,
} as const;

/** Slots of one session, and sessions: what a lock byte of a slot is made of. */
export const SLOTS_PER_SESSION: number = 2 ** 16;
export const SESSIONS: number = 2 ** 20;
/** A range from LOCK_BYTE.firstSlot that holds the bytes of all slots of all sessions. */
export const ALL_SLOTS: number = SESSIONS * SLOTS_PER_SESSION;

/**
 * The byte of reader slot `i`. Those of one session lie together, and apart from those of others,
 * so that an opener can see whether the lock file it found is the one in use: a data file
 * that was opened by another name before, a hard link or a bind mount, has a second one that fits.
 */
export function slotByte(session: number, i: number): number {
  return LOCK_BYTE.firstSlot + session * SLOTS_PER_SESSION + i;
}

/** A number below 2^53 in two words, low first. Not read whole: only under a lock. */
export function readWide(words: Int32Array, at: number): number {
  return u48(Atomics.load(words, at), Atomics.load(words, at + 1) >>> 0);
}
export function writeWide(words: Int32Array, at: number, n: number): void {
  Atomics.store(words, at, n | 0);
  Atomics.store(words, at + 1, high32(n));
}
