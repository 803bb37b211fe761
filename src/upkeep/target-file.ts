/**
 * A file that is made beside its target and takes its place when it is whole and on the disk. As
 * long as that has not happened the target is as it was; after a failure nothing is left beside it.
 */

// Not from node:fs/promises, which would be loaded by every start: 2 ms.
import { lstatSync, promises, realpathSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { CannotOpenError, CoppiceError, DiskFullError, IoError } from '../errors.ts';
import { isDiskFull, isNativeError } from '../pager/failures.ts';
import { discardFile, putInPlace, requireNotInUse } from '../pager/put-in-place.ts';
import { temporaryPath } from '../pager/random.ts';

/** What says that a path, not the disk, is at fault. */
const OF_THE_PATH: readonly string[] = [
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EACCES',
  'EPERM',
  'EROFS',
  'ELOOP',
  'ENAMETOOLONG',
  'ETXTBSY',
];

/** What a filesystem without permissions says to who sets them. */
const WITHOUT_PERMISSIONS: readonly string[] = [
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
];

/** As long as it is not in place only its maker reads it: it holds what the database holds. */
const PRIVATE_MODE = 0o600;
const PERMISSIONS = 0o777;

export class TargetFile {
  /** Where it goes, symlinks resolved. */
  readonly target: string;
  /** Where it is made. */
  readonly path: string;
  private handle: FileHandle | undefined;
  private isInPlace = false;
  /** The permissions that it gets in place; undefined: what a new file gets. */
  private mode: number | undefined;

  /**
   * `what`: what is made, for the temporary's name. `mode`: the permissions of a file that was not
   * there before; one that was keeps its own. Throws CANNOT_OPEN, DATABASE_LOCKED, IO: the target
   * is looked at before the work begins, and again at its end.
   */
  constructor(target: string, what: 'backup' | 'restore', mode?: number) {
    const absolute = resolve(target);
    try {
      this.target = realTarget(absolute);
      requireNotInUse(this.target);
      this.mode = statSync(this.target, { throwIfNoEntry: false })?.mode ?? mode;
    } catch (error) {
      throw failure(absolute, error);
    }
    this.path = temporaryPath(this.target, what);
  }

  /** Makes the file, empty. */
  async create(): Promise<void> {
    await this.guarded(async () => {
      this.handle = await promises.open(this.path, 'wx+');
      this.mode ??= (await this.handle.stat()).mode;
      await allow(this.handle, PRIVATE_MODE);
    });
  }

  /** Writes all of `bytes`. */
  async write(bytes: Uint8Array, fileOffset: number): Promise<void> {
    await this.guarded(async () => {
      for (let done = 0; done < bytes.length; ) {
        const rest = bytes.length - done;
        const { bytesWritten } = await this.open.write(bytes, done, rest, fileOffset + done);
        if (bytesWritten === 0) {
          // Asked again and again, such a disk would be asked for ever.
          const message = `${this.target}: write failed: none of ${rest} bytes was written.`;
          throw new IoError('write', constants.errno.EIO, message);
        }
        done += bytesWritten;
      }
    });
  }

  /** What was not written before `lengthBytes` reads as zeros, and takes no room. */
  async setLength(lengthBytes: number): Promise<void> {
    await this.guarded(() => this.open.truncate(lengthBytes));
  }

  /** `length` bytes, or fewer at the end of the file. */
  async read(length: number, fileOffset: number): Promise<Uint8Array> {
    return this.guarded(async () => {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, await readSome(this.open, bytes, fileOffset));
    });
  }

  /**
   * Flushes it, and puts it where it goes: from then on it is the target. `requireGoing` throws
   * when the work is to stop after all.
   */
  async putInPlace(requireGoing: () => void): Promise<void> {
    await this.guarded(async () => {
      if (this.mode !== undefined) await allow(this.open, this.mode & PERMISSIONS);
      await this.open.sync();
      requireGoing();
      await this.close();
      putInPlace(this.path, this.target);
      this.isInPlace = true;
    });
  }

  /** Ends the work on it; removes the file unless it is in place. Throws nothing. */
  async discard(): Promise<void> {
    await this.close().catch(() => {});
    if (!this.isInPlace) discardFile(this.path);
  }

  /** Runs `work` on the file; its failures become what a user is told of the target. */
  async guarded<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      throw failure(this.target, error);
    }
  }

  private async close(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await handle?.close();
  }

  private get open(): FileHandle {
    if (this.handle === undefined) throw new Error(`${this.path} is not open`);
    return this.handle;
  }
}

/**
 * Reads into `bytes` from `fileOffset`, null for where the last read ended; returns how many. Node
 * makes every call again that a signal interrupted, but not this one.
 */
export async function readSome(
  handle: FileHandle,
  bytes: Uint8Array,
  fileOffset: number | null,
): Promise<number> {
  for (;;) {
    try {
      return (await handle.read(bytes, 0, bytes.length, fileOffset)).bytesRead;
    } catch (error) {
      if (!isNativeError(error) || error.code !== 'EINTR') throw error;
    }
  }
}

/** Sets the permissions, on filesystems that have any. */
async function allow(handle: FileHandle, mode: number): Promise<void> {
  try {
    await handle.chmod(mode);
  } catch (error) {
    if (!isNativeError(error) || !WITHOUT_PERMISSIONS.includes(error.code)) throw error;
  }
}

/** The path of what is to be replaced, or of what is not there yet. */
function realTarget(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) {
    throw new CannotOpenError(path, `${path} is a directory. Give the path of a file in it.`);
  }
  if (stats !== undefined && !stats.isFile()) {
    throw new CannotOpenError(path, `${path} is not a file; it cannot be replaced by one.`);
  }
  if (stats !== undefined) return realpathSync(path);
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new CannotOpenError(
      path,
      `${path} is a symbolic link to something that does not exist. Give the path that it names, ` +
        'or remove it.',
    );
  }
  return join(realpathSync(dirname(path)), basename(path));
}

/** What a user is told of a failed call of the operating system on `path`. */
export function failure(path: string, error: unknown): unknown {
  if (error instanceof CoppiceError || !isNativeError(error)) return error;
  if (isDiskFull(error)) {
    return new DiskFullError(0, `${path}: no room on the disk; nothing was put there.`, error);
  }
  if (OF_THE_PATH.includes(error.code)) {
    const why = error.code === 'ENOENT' ? 'it, or its folder, does not exist' : error.message;
    return new CannotOpenError(path, `${path} cannot be used: ${why} (${error.code}).`, error);
  }
  const errno = Math.abs(error.errno);
  const message = `${path}: ${error.syscall} failed: ${error.message}.`;
  return new IoError(error.syscall, errno, message, error);
}
