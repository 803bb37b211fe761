/** From what the operating system said to the errors that a user meets. */

import {
  type CoppiceError,
  DatabasePoisonedError,
  DiskFullError,
  IoError,
  StorageFaultError,
  WriterLockTimeoutError,
} from '../errors.ts';
import { WORD } from '../format/lock-file.ts';
import type { LockWords } from './lock-words.ts';
import type { NativeError } from './native.ts';

/** Whether an error came from the addon: a failed call of the operating system. */
export function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && 'syscall' in error && 'errno' in error && 'code' in error;
}

/** Whether the disk is full, or a quota or size limit was reached. */
export function isDiskFull(error: NativeError): boolean {
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG';
}

/** The database's flag says that an earlier write failed. */
export function poisonedError(path: string, lock: LockWords, cause?: unknown): CoppiceError {
  const errno = lock.load(WORD.poisonErrno);
  return new DatabasePoisonedError(
    `${path}: a write or flush failed (errno ${errno}), so what the disk holds is not known any ` +
      'more. Reading goes on with the last durable state. Close the database in every process, ' +
      'look at the disk, and open it again to go back to that state.',
    cause,
  );
}

/** A full disk: nothing was changed. */
export function diskFullError(path: string, bytes: number, cause: unknown): CoppiceError {
  return new DiskFullError(
    bytes,
    `${path}: no room for ${bytes} more bytes. Nothing was changed; free some space and try again.`,
    cause,
  );
}

/** Pages of the mapped lock file are gone. The handle cannot be used any more. */
export function lockFileIsGone(path: string): CoppiceError {
  return new StorageFaultError(
    `${path}-lock was cut short while the database was open. All that was durable is in the data ` +
      'file. Close the database in every process, and open it again.',
  );
}

/** What is in the file, or was, cannot be read; `more` is what else there is to say of it. */
export function unreadable(path: string, what: string, more = ''): StorageFaultError {
  return new StorageFaultError(
    `${path}: ${what} could not be read: the file was cut short under this process, or the disk ` +
      `failed.${more}`,
  );
}

/** A failed call that is none of these. */
export function ioError(path: string, error: NativeError): CoppiceError {
  return new IoError(
    error.syscall,
    Math.abs(error.errno),
    `${path}: ${error.syscall} failed: ${error.message}.`,
    error,
  );
}

/** The writer lock was not to be had in time. */
export function lockTimeoutError(path: string, lock: LockWords, waitedMs: number): CoppiceError {
  const { pid, thread } = lock.holder(WORD.writer);
  const holder = pid === 0 ? undefined : pid;
  return new WriterLockTimeoutError(
    waitedMs,
    `${path}: another writer held the lock for more than ${waitedMs} ms (lockTimeout)` +
      (holder === undefined ? '.' : `: process ${pid}, thread ${thread}.`) +
      ' Wait longer, or end its transaction.',
    holder,
  );
}
