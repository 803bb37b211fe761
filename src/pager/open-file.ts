/**
 * Joining or recovering a database: what happens between `open` and the first read.
 *
 * Every opener takes the opener lock and holds it until it has joined or recovered. Whoever is not
 * alone joins, the lock file being the truth; whoever is alone finds out what the file holds.
 */

import { CorruptionError, DatabaseLockedError } from '../errors.ts';
import { Geometry } from '../format/geometry.ts';
import {
  ALL_SLOTS,
  LOCK_BYTE,
  LOCK_FILE_MAGIC,
  LOCK_FILE_VERSION,
  lockFileBytes,
  SESSIONS,
  SLOTS_PER_SESSION,
  slotByte,
  WORD,
} from '../format/lock-file.ts';
import { joinRollBacks, NO_ROLL_BACK } from '../format/meta.ts';
import { Job } from './job.ts';
import { type LockFileIdentity, LockWords } from './lock-words.ts';
import { MappedPages, type Verify } from './mapped-pages.ts';
import { type DatabaseIdentity, readMeta, readMetas } from './metas.ts';
import { Readers } from './readers.ts';
import {
  clearPoison,
  finishDeadCommit,
  makePublishedDurable,
  type Recovered,
  recoverFromSlots,
  recoverPrevious,
  settlePrevious,
} from './recovery.ts';
import type { Storage } from './storage.ts';

/** Options of opening that the pager needs; all validated. */
export interface OpenFileOptions {
  readonly addressSpace: number;
  readonly segmentBytes: number;
  /** See mapped-pages.ts; divides a segment. */
  readonly windowBytes: number;
  readonly lockTimeout: number;
  readonly maxReaders: number;
  readonly verify: Verify;
  readonly recoverPrevious: boolean;
}

/** An opened file: everything that the pager works with. */
export interface OpenedFile {
  readonly storage: Storage;
  readonly geometry: Geometry;
  readonly identity: DatabaseIdentity;
  readonly lock: LockWords;
  readonly pages: MappedPages;
  readonly readers: Readers;
  readonly recovered: Recovered | undefined;
}

/** The file was replaced or removed while it was being opened: whoever opened it looks again. */
export class FileReplacedError extends Error {}

/** How long to sleep between tries at the opener lock, in milliseconds. */
const OPENER_POLL_MS = 2;

/**
 * Opens the database behind `storage`. Throws NotADatabaseError, FormatVersionError,
 * CorruptionError, StorageFaultError, DatabaseLockedError, ReadersFullError, FileReplacedError; the
 * caller then closes the storage.
 */
export function openFile(storage: Storage, options: OpenFileOptions): OpenedFile {
  takeOpenerLock(storage, options.lockTimeout);
  try {
    if (!storage.isInPlace()) throw new FileReplacedError();
    const metas = readMetas(storage);
    const newest = metas[0]!;
    const identity: DatabaseIdentity = {
      uuid: newest.uuid,
      secretLow: newest.secretLow,
      secretHigh: newest.secretHigh,
      pageSize: newest.pageSize,
    };
    const geometry = new Geometry(newest.pageSize, options.segmentBytes);
    const mappedBytes = storage.map(options.addressSpace, options.segmentBytes);
    const secret = { low: newest.secretLow, high: newest.secretHigh };
    const { verify, windowBytes } = options;
    const pages = new MappedPages(storage, geometry, secret, verify, mappedBytes, windowBytes);
    const lockIdentity = lockFileIdentity(storage, identity);
    let lock = isOpenElsewhere(storage) ? joinLockFile(storage, lockIdentity) : undefined;
    let recovered: Recovered | undefined;
    if (lock === undefined) {
      // One that belongs to another data file may be in use there: see makeLockFile.
      const found = existingLockFile(storage);
      const mine = found?.belongsTo(lockIdentity) === true ? found : undefined;
      recovered = recover(storage, mine, newest.transaction, pages, identity, options);
      lock = makeLockFile(storage, lockIdentity, options.maxReaders, mine, recovered);
    }
    const readers = new Readers(storage, lock);
    return { storage, geometry, identity, lock, pages, readers, recovered };
  } finally {
    storage.unlock(LOCK_BYTE.opener);
  }
}

function takeOpenerLock(storage: Storage, timeoutMs: number): void {
  const deadline = Date.now() + timeoutMs;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  while (!storage.tryLock(LOCK_BYTE.opener)) {
    if (Date.now() >= deadline) {
      throw new DatabaseLockedError(
        `${storage.path} is being opened by another process, which has not finished within ` +
          `${timeoutMs} ms (lockTimeout).`,
      );
    }
    Atomics.wait(sleeper, 0, 0, OPENER_POLL_MS);
  }
}

/** The first words of the lock file of `bytes`, undefined when it is too short. */
function lockFileHeader(storage: Storage, bytes: number): Int32Array | undefined {
  return bytes >= lockFileBytes(1) ? storage.openShared(lockFileBytes(1), false) : undefined;
}

/** The lock file as it is, undefined when there is none that could be read. */
function existingLockFile(storage: Storage): LockWords | undefined {
  const bytes = storage.sharedBytes();
  const header = lockFileHeader(storage, bytes);
  if (header === undefined || layoutVersion(header) !== LOCK_FILE_VERSION) return undefined;
  // How many slots it has was chosen by whoever made it.
  const slots = Atomics.load(header, WORD.readerSlots);
  if (slots < 1 || lockFileBytes(slots) > bytes) return undefined;
  const words = storage.openShared(lockFileBytes(slots), false);
  return words === undefined ? undefined : new LockWords(words, slots);
}

/** Whether another handle has the data file open. Under the opener lock none can come, but go. */
function isOpenElsewhere(storage: Storage): boolean {
  return storage.isLocked(LOCK_BYTE.firstSlot, ALL_SLOTS);
}

/** The lock file in use; undefined when whoever used it is gone by now. */
function joinLockFile(storage: Storage, identity: LockFileIdentity): LockWords | undefined {
  const lock = existingLockFile(storage);
  const belongs = lock?.belongsTo(identity) === true;
  if (belongs && storage.isLocked(slotByte(lock.session, 0), SLOTS_PER_SESSION)) return lock;
  if (!isOpenElsewhere(storage)) return undefined;
  const header = lockFileHeader(storage, storage.sharedBytes());
  const version = header === undefined ? 0 : layoutVersion(header);
  throw new DatabaseLockedError(
    `${storage.path} is open in another process, but its lock file ${storage.path}-lock ` +
      (version !== 0 && version !== LOCK_FILE_VERSION
        ? `is of another version of coppice: its layout is ${version}, not ${LOCK_FILE_VERSION}. `
        : lock === undefined
          ? 'is not there. '
          : belongs
            ? 'is not the one in use: the file was opened by another of its names. '
            : 'belongs to another file or start of the machine. ') +
      'Close the database everywhere, then open it again.',
  );
}

/** Of whatever version of this library the lock file is; 0 when it is none. */
function layoutVersion(header: Int32Array): number {
  const isOurs = Atomics.load(header, WORD.magic) === LOCK_FILE_MAGIC;
  return isOurs ? Atomics.load(header, WORD.version) : 0;
}

/** A lock file, made new, whose one snapshot is the recovered one. Alone. */
function makeLockFile(
  storage: Storage,
  identity: LockFileIdentity,
  maxReaders: number,
  mine: LockWords | undefined,
  found: Recovered,
): LockWords {
  // One that steps back before it was written to leaves nothing in the slots that says so. Read
  // now: the words of `mine` are gone when another file is mapped.
  const rolledBack = joinRollBacks(found.rolledBack, mine?.rolledBack ?? NO_ROLL_BACK);
  // One that belongs to another data file may be in use there: the file of this path was renamed or
  // deleted while it was open. It is left to those who have it, and a new one takes its name.
  const words =
    mine?.readerSlots === maxReaders
      ? mine.words
      : storage.openShared(lockFileBytes(maxReaders), true, mine === undefined);
  if (words === undefined) {
    throw new DatabaseLockedError(`The lock file ${storage.path}-lock could not be made.`);
  }
  const lock = new LockWords(words, maxReaders);
  lock.rebuild(identity);
  lock.session = Math.floor(Math.random() * SESSIONS);
  const entry = lock.retain(found.roots, found.slot);
  // Rule 3: the first writer starts above what was reserved, and so confirms D first.
  lock.lastIdStarted = found.idsReservedUntil;
  lock.idsReservedUntil = found.idsReservedUntil;
  lock.rolledBack = rolledBack;
  lock.durableEntry = entry;
  lock.publish(entry);
  lock.finishRebuild();
  return lock;
}

function lockFileIdentity(storage: Storage, identity: DatabaseIdentity): LockFileIdentity {
  const { device, inode } = storage.status();
  return { bootId: storage.bootId(), device, inode, uuid: identity.uuid };
}

/** Alone: what the file holds, made durable. `newest`: the transaction of the newest meta. */
function recover(
  storage: Storage,
  lock: LockWords | undefined,
  newest: number,
  pages: MappedPages,
  identity: DatabaseIdentity,
  options: OpenFileOptions,
): Recovered {
  if (options.recoverPrevious) {
    const found = recoverPrevious(storage, pages, readMetas(storage));
    return storage.writable ? settlePrevious(storage, identity, found) : found;
  }
  // One that does not know of the newest meta is older than the disk: the filesystem was lost and
  // mounted again. Nothing that it says was begun, or poisoned, is of now.
  const isOfNow = lock !== undefined && newest <= lock.lastIdStarted;
  if (isOfNow && hasSnapshots(lock) && durableIsInFile(storage, lock)) {
    // Processes died, or closed, and the machine did not: the lock file knows more than the slots.
    const found = recoverFromLockFile(storage, lock, pages, identity);
    if (found !== undefined) return found;
  }
  const found = recoverFromSlots(storage, pages, readMetas(storage));
  // What is gone on from may be in the page cache only.
  if (storage.writable) storage.runSync(new Job().flush());
  return found;
}

function recoverFromLockFile(
  storage: Storage,
  lock: LockWords,
  pages: MappedPages,
  identity: DatabaseIdentity,
): Recovered | undefined {
  if (lock.poisoned) {
    const found = durableOf(lock);
    clearPoison(storage, found.slot);
    return found;
  }
  finishDeadCommit(storage, lock, pages, identity);
  const published = lock.entryId(lock.findEntry(lock.published));
  const newest = readMetas(storage)[0]!.transaction;
  // Older than a slot: the file was replaced under its lock file, or restored.
  if (published < newest) return undefined;
  const fault = makePublishedDurable(storage, lock, pages, identity);
  if (fault === undefined) return durableOf(lock);
  if (published > newest) return undefined;
  throw new CorruptionError(fault.page, `${storage.path}: page ${fault.page}: ${fault.what}.`);
}

function hasSnapshots(lock: LockWords): boolean {
  return (
    lock.findEntry(lock.published) >= 0 &&
    lock.durableEntry >= 0 &&
    lock.durableEntry < lock.entries &&
    lock.isRetained(lock.durableEntry) &&
    lock.entryMetaSlot(lock.durableEntry) >= 0
  );
}

/**
 * Whether D stands in its slot. It does not when the file was restored in place: go by the slots.
 */
function durableIsInFile(storage: Storage, lock: LockWords): boolean {
  const entry = lock.durableEntry;
  return readMeta(storage, lock.entryMetaSlot(entry))?.transaction === lock.entryId(entry);
}

function durableOf(lock: LockWords): Recovered {
  const entry = lock.durableEntry;
  return {
    roots: lock.entryRoots(entry),
    slot: lock.entryMetaSlot(entry),
    // Nothing that was started since may be started again.
    idsReservedUntil: Math.max(lock.idsReservedUntil, lock.lastIdStarted),
    steppedBackFrom: 0,
    rolledBack: lock.rolledBack,
  };
}
