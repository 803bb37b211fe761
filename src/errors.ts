/**
 * The errors a user meets, grouped by the moment at which they happen.
 *
 * Every class has a stable `code` and the figures that belong to it. A message says what was
 * asked, what was found and what to do. Bad arguments are TypeError or RangeError instead.
 */

export type ErrorCode =
  | 'DATABASE_NOT_FOUND'
  | 'CANNOT_OPEN'
  | 'DATABASE_CLOSED'
  | 'DATABASE_LOCKED'
  | 'WRITER_LOCK_TIMEOUT'
  | 'DATABASE_POISONED'
  | 'NOT_A_DATABASE'
  | 'FORMAT_VERSION'
  | 'CORRUPTION'
  | 'STORAGE_FAULT'
  | 'IO'
  | 'DISK_FULL'
  | 'STORE_NOT_FOUND'
  | 'STORE_MISMATCH'
  | 'KEY_TOO_LARGE'
  | 'VALUE_TOO_LARGE'
  | 'TRANSACTION_CLOSED'
  | 'TRANSACTION_OPEN'
  | 'VALUE_UNREADABLE'
  | 'READ_ONLY'
  | 'READERS_FULL'
  | 'BACKUP_MISMATCH'
  | 'UNSUPPORTED';

/** Any error of the database itself; `code` says which, `cause` what lies beneath. */
export class CoppiceError extends Error {
  readonly code: ErrorCode;
  declare readonly cause?: unknown;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.name = new.target.name;
  }
}

// Opening

/** `open` with `create: false` found no file. */
export class DatabaseNotFoundError extends CoppiceError {
  readonly path: string;
  constructor(path: string, message: string, cause?: unknown) {
    super('DATABASE_NOT_FOUND', message, cause);
    this.path = path;
  }
}

/** The path cannot be opened: a directory, a missing folder, no permission, no mapping. */
export class CannotOpenError extends CoppiceError {
  readonly path: string;
  constructor(path: string, message: string, cause?: unknown) {
    super('CANNOT_OPEN', message, cause);
    this.path = path;
  }
}

/** The file is something else. */
export class NotADatabaseError extends CoppiceError {
  readonly path: string;
  constructor(path: string, message: string, cause?: unknown) {
    super('NOT_A_DATABASE', message, cause);
    this.path = path;
  }
}

/** The file was written by a newer version, or uses a feature that this one does not know. */
export class FormatVersionError extends CoppiceError {
  readonly found: number;
  readonly supported: number;
  constructor(found: number, supported: number, message: string) {
    super('FORMAT_VERSION', message);
    this.found = found;
    this.supported = supported;
  }
}

/** Another process holds a lock that opening needs. */
export class DatabaseLockedError extends CoppiceError {
  /** The process that is believed to hold it; undefined when it is not known. */
  readonly holderPid: number | undefined;
  constructor(message: string, holderPid?: number) {
    super('DATABASE_LOCKED', message);
    this.holderPid = holderPid;
  }
}

/** Every reader slot is taken. */
export class ReadersFullError extends CoppiceError {
  readonly maxReaders: number;
  constructor(maxReaders: number, message: string) {
    super('READERS_FULL', message);
    this.maxReaders = maxReaders;
  }
}

// Using what is open

/** The handle was closed. */
export class DatabaseClosedError extends CoppiceError {
  constructor(message: string) {
    super('DATABASE_CLOSED', message);
  }
}

/** A write was asked of something that only reads. */
export class ReadOnlyError extends CoppiceError {
  constructor(message: string) {
    super('READ_ONLY', message);
  }
}

/** A store that was asked for with `create: false` is not there. */
export class StoreNotFoundError extends CoppiceError {
  readonly store: string;
  constructor(store: string, message: string) {
    super('STORE_NOT_FOUND', message);
    this.store = store;
  }
}

/** A store is recorded with other codecs or flags than those given. */
export class StoreMismatchError extends CoppiceError {
  readonly store: string;
  readonly option: string;
  readonly recorded: string | boolean;
  readonly given: string | boolean;
  constructor(store: string, option: string, recorded: string | boolean, given: string | boolean) {
    super(
      'STORE_MISMATCH',
      `Store "${store}" is recorded with ${option}: ${JSON.stringify(recorded)}, but was opened ` +
        `with ${option}: ${JSON.stringify(given)}. Leave the option out to take what the file ` +
        'records.',
    );
    this.store = store;
    this.option = option;
    this.recorded = recorded;
    this.given = given;
  }
}

/** An encoded key is longer than a page allows. */
export class KeyTooLargeError extends CoppiceError {
  readonly bytes: number;
  readonly maxBytes: number;
  constructor(bytes: number, maxBytes: number) {
    super(
      'KEY_TOO_LARGE',
      `The key takes ${bytes} bytes when encoded; keys of this database take at most ` +
        `${maxBytes}. Use a shorter key, or make the database with a larger pageSize.`,
    );
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** An encoded value is longer than one overflow run can hold. */
export class ValueTooLargeError extends CoppiceError {
  readonly bytes: number;
  readonly maxBytes: number;
  constructor(bytes: number, maxBytes: number) {
    super(
      'VALUE_TOO_LARGE',
      `The value takes ${bytes} bytes when encoded; values take at most ${maxBytes}. ` +
        'Split it over several keys.',
    );
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/** A stored value that its codec cannot read. */
export class ValueUnreadableError extends CoppiceError {
  constructor(message: string, cause?: unknown) {
    super('VALUE_UNREADABLE', message, cause);
  }
}

/** Something that this version does not do yet. */
export class UnsupportedError extends CoppiceError {
  constructor(message: string) {
    super('UNSUPPORTED', message);
  }
}

// Transactions

/** A transaction or snapshot was used after its end. */
export class TransactionClosedError extends CoppiceError {
  constructor(message: string) {
    super('TRANSACTION_CLOSED', message);
  }
}

/** A second transaction was asked of a handle whose own one has to end first. */
export class TransactionOpenError extends CoppiceError {
  constructor(message: string) {
    super('TRANSACTION_OPEN', message);
  }
}

/** The writer lock could not be had within `lockTimeout`. */
export class WriterLockTimeoutError extends CoppiceError {
  readonly waitedMs: number;
  readonly holderPid: number | undefined;
  constructor(waitedMs: number, message: string, holderPid?: number) {
    super('WRITER_LOCK_TIMEOUT', message);
    this.waitedMs = waitedMs;
    this.holderPid = holderPid;
  }
}

// Backups

/** A piece of a backup does not belong where it was given, or no increment can build on `since`. */
export class BackupMismatchError extends CoppiceError {
  /** Transactions, where there are some to tell. */
  readonly expected: number | undefined;
  readonly found: number | undefined;
  constructor(message: string, expected?: number, found?: number) {
    super('BACKUP_MISMATCH', message);
    this.expected = expected;
    this.found = found;
  }
}

// The disk

/** An earlier flush or write failed: nothing may be written until the database is opened anew. */
export class DatabasePoisonedError extends CoppiceError {
  constructor(message: string, cause?: unknown) {
    super('DATABASE_POISONED', message, cause);
  }
}

/** What is on the disk is not what was written. */
export class CorruptionError extends CoppiceError {
  readonly page: number;
  constructor(page: number, message: string, cause?: unknown) {
    super('CORRUPTION', message, cause);
    this.page = page;
  }
}

/** A page of the file could not be read: the file was cut short under us, or the disk failed. */
export class StorageFaultError extends CoppiceError {
  constructor(message: string, cause?: unknown) {
    super('STORAGE_FAULT', message, cause);
  }
}

/** The disk is full, or a quota is used up; nothing was changed. */
export class DiskFullError extends CoppiceError {
  readonly bytes: number;
  constructor(bytes: number, message: string, cause?: unknown) {
    super('DISK_FULL', message, cause);
    this.bytes = bytes;
  }
}

/** A call of the operating system failed. */
export class IoError extends CoppiceError {
  readonly syscall: string;
  /** As the operating system numbers it, above 0. */
  readonly errno: number;
  constructor(syscall: string, errno: number, message: string, cause?: unknown) {
    super('IO', message, cause);
    this.syscall = syscall;
    this.errno = errno;
  }
}
