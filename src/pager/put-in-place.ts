/**
 * Putting a finished file where another one may be, as one step, so that whoever looks finds the
 * old one or the new one.
 *
 * 1. A database that anybody has open is not replaced: its users would go on with a file that has
 *    no name. Whether it is open its locks say, which lie on the file, whatever its name
 *    (format/lock-file.ts). The opener lock of the old file is held from that look until the new
 *    one is there, so that nobody opens the old one in between.
 * 2. What was not there is not replaced either: someone may have made it meanwhile.
 */

import { renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseLockedError } from '../errors.ts';
import { ALL_SLOTS, LOCK_BYTE } from '../format/lock-file.ts';
import { isNativeError } from './failures.ts';
import { type NativeFile, native } from './native.ts';

/** How often the file may come and go between two looks. */
const MAX_TRIES = 10;

/**
 * Removes a file that does not get to its place after all. Throws nothing: why it does not is what
 * is told.
 */
export function discardFile(path: string): void {
  try {
    // No question before, as rmSync has it: that may fail where this would not.
    unlinkSync(path);
  } catch {
    // It is not there, or stays.
  }
}

/** Throws DATABASE_LOCKED when the file at `path`, if there is one, is a database in use. */
export function requireNotInUse(path: string): void {
  const file = takeOld(path);
  file?.close();
}

/**
 * Renames `from`, which is on the disk already, to `to`, and flushes the folder. Throws
 * DATABASE_LOCKED (rule 1) and NativeError.
 */
export function putInPlace(from: string, to: string): void {
  rename(from, to);
  native().syncDirectory(dirname(to));
}

function rename(from: string, to: string): void {
  for (let tries = 0; ; tries++) {
    const old = takeOld(to);
    if (old !== undefined) {
      try {
        renameSync(from, to);
      } finally {
        old.close();
      }
      return;
    }
    try {
      native().renameNoReplace(from, to);
      return;
    } catch (error) {
      if (!isNativeError(error) || error.code !== 'EEXIST' || tries === MAX_TRIES) throw error;
    }
  }
}

/** The file at `path` with its opener lock held; undefined when there is none. */
function takeOld(path: string): NativeFile | undefined {
  let file: NativeFile;
  try {
    file = native().openFile(path, { write: false, create: false });
  } catch (error) {
    if (isNativeError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if (file.tryLock(LOCK_BYTE.opener) && !file.isLocked(LOCK_BYTE.firstSlot, ALL_SLOTS)) {
      return file;
    }
  } catch (error) {
    // Else the opener lock would stay taken.
    file.close();
    throw error;
  }
  file.close();
  throw new DatabaseLockedError(
    `${path} is a database that is open, here or in another process, so it is not replaced. ` +
      'Close it everywhere, or give another path.',
  );
}
