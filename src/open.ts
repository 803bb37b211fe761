/** Opening a database: from a path and options to a Database. */

import { lstatSync, realpathSync, type Stats, statfsSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { Database } from './database.ts';
import {
  CannotOpenError,
  CoppiceError,
  DatabaseNotFoundError,
  DiskFullError,
  IoError,
  NotADatabaseError,
  StorageFaultError,
} from './errors.ts';
import { DEFAULT_PAGE_SIZE, SEGMENT_BYTES } from './format/geometry.ts';
import { type CheckedOptions, checkOpenOptions, type OpenOptions } from './options.ts';
import { createFile, initialise } from './pager/create-file.ts';
import { isDiskFull, isNativeError } from './pager/failures.ts';
import { WINDOW_BYTES } from './pager/mapped-pages.ts';
import { MappedStorage } from './pager/mapped-storage.ts';
import { FileReplacedError, openFile } from './pager/open-file.ts';
import { Pager } from './pager/pager.ts';
import { tellRecovery } from './transaction/diagnostics.ts';

/** File systems whose locks and mappings do not hold between machines (statfs f_type, Linux). */
const NETWORK_FILESYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x73757245, 'Coda'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9P'],
]);

/**
 * Opens the database at `path`, which is made when it is absent; `':memory:'` is one of its own
 * that lives as long as it is open. Synchronous. Close it with `close`, or hold it by `using`.
 *
 * Errors: TypeError and RangeError for options; DATABASE_NOT_FOUND, CANNOT_OPEN, NOT_A_DATABASE,
 * FORMAT_VERSION, DATABASE_LOCKED, CORRUPTION, STORAGE_FAULT, READERS_FULL, DISK_FULL.
 */
export function open(path: string, options?: OpenOptions): Database {
  const checked = checkOpenOptions(path, options);
  return path === ':memory:' ? openMemory(checked) : openPath(path, checked);
}

function openMemory(options: CheckedOptions): Database {
  if (options.readOnly) {
    throw new TypeError("':memory:' begins empty, so it cannot be opened with readOnly: true.");
  }
  const storage = new MappedStorage(undefined, { write: true, create: true });
  try {
    initialise(storage, options.pageSize ?? DEFAULT_PAGE_SIZE);
    return openStorage(storage, options);
  } catch (error) {
    storage.close();
    throw error;
  }
}

/** How often a file may be replaced while it is being opened. */
const MAX_TRIES = 10;

function openPath(path: string, options: CheckedOptions): Database {
  for (let tries = 1; ; tries++) {
    try {
      return openFound(resolve(path), options);
    } catch (error) {
      if (!(error instanceof FileReplacedError)) throw error;
      if (tries === MAX_TRIES) {
        throw new CannotOpenError(path, `${path} is replaced again and again while it is opened.`);
      }
    }
  }
}

function openFound(absolute: string, options: CheckedOptions): Database {
  let real: string;
  try {
    real = existing(absolute) ?? make(absolute, options);
    refuseNetwork(real, options.force);
  } catch (error) {
    throw cannotOpen(absolute, options, error);
  }
  let storage: MappedStorage;
  try {
    storage = new MappedStorage(real, { write: !options.immutable, create: false });
  } catch (error) {
    throw cannotOpen(real, options, error);
  }
  try {
    return openStorage(storage, options);
  } catch (error) {
    storage.close();
    throw cannotOpen(real, options, error);
  }
}

function openStorage(storage: MappedStorage, options: CheckedOptions): Database {
  const file = openFile(storage, {
    addressSpace: options.addressSpace,
    segmentBytes: SEGMENT_BYTES,
    windowBytes: WINDOW_BYTES,
    lockTimeout: options.lockTimeout,
    maxReaders: options.maxReaders,
    verify: options.verify,
    recoverPrevious: options.recoverPrevious,
  });
  const { pageSize } = file.geometry;
  if (options.pageSize !== undefined && options.pageSize !== pageSize) {
    throw new RangeError(
      `${storage.path} has pages of ${pageSize} bytes, but pageSize: ${options.pageSize} was ` +
        'given. The page size is fixed when a database is made; leave the option out.',
    );
  }
  if (file.recovered !== undefined) {
    const { roots, steppedBackFrom } = file.recovered;
    tellRecovery(storage.path, roots.id, steppedBackFrom);
  }
  const { lockTimeout, maxGrowth, readOnly } = options;
  return new Database(new Pager(file, { lockTimeout, maxGrowth, readOnly }), options);
}

/** The real path of a regular file that is there; undefined when nothing is. */
function existing(path: string): string | undefined {
  const stats: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const real = realpathSync(path);
  if (stats.isDirectory()) {
    throw new CannotOpenError(path, `${path} is a directory. Give the path of a file in it.`);
  }
  if (!stats.isFile()) {
    throw new CannotOpenError(path, `${path} is neither a file nor absent; it cannot be mapped.`);
  }
  if (stats.size === 0) {
    throw new NotADatabaseError(
      path,
      `${path} is empty, so it is not a Coppice database. Remove it to have one made.`,
    );
  }
  return real;
}

function make(path: string, options: CheckedOptions): string {
  if (!options.create || options.readOnly) {
    const why = options.readOnly ? 'readOnly: true' : 'create: false';
    throw new DatabaseNotFoundError(path, `${path} does not exist, and ${why} was given.`);
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new CannotOpenError(
      path,
      `${path} is a symbolic link to something that does not exist. Open the path that it names, ` +
        'or remove it.',
    );
  }
  const folder = dirname(path);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new CannotOpenError(path, `The folder ${folder} does not exist. Make it first.`);
  }
  if (!stats.isDirectory()) throw new CannotOpenError(path, `${folder} is not a folder.`);
  const real = resolve(realpathSync(folder), basename(path));
  createFile(real, options.pageSize ?? DEFAULT_PAGE_SIZE);
  return real;
}

function refuseNetwork(path: string, force: boolean): void {
  if (force || process.platform !== 'linux') return;
  const name = NETWORK_FILESYSTEMS.get(statfsSync(path).type >>> 0);
  if (name === undefined) return;
  throw new CannotOpenError(
    path,
    `${path} lies on a network filesystem (${name}), where locks and mappings do not hold ` +
      'between machines. Use a local disk, or force: true when only this machine opens it.',
  );
}

function cannotOpen(path: string, options: CheckedOptions, failure: unknown): unknown {
  const error = failure instanceof IoError ? failure.cause : failure;
  if (error instanceof CoppiceError || !(error instanceof Error) || !('code' in error))
    return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const code = String(error.code);
  if (isNativeError(error) && isDiskFull(error)) {
    return new DiskFullError(0, `${path}: no room on the disk to make a database.`, error);
  }
  if (code === 'EIO' && isNativeError(error) && error.syscall === 'pread') {
    return new StorageFaultError(
      `${path}: its meta slots could not be read: the disk failed.`,
      error,
    );
  }
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const hint =
    denied && options.readOnly && !options.immutable
      ? ' Even a reader writes to the lock file and locks the data file; for a file that nobody ' +
        'writes, give immutable: true.'
      : '';
  const why = denied ? 'permission is denied, or the medium is read-only' : error.message;
  return new CannotOpenError(path, `${path} cannot be opened: ${why} (${code}).${hint}`, error);
}
