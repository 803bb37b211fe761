/** Storage on a real file: the addon, with paths and the lock file's name. */

import { renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Segment } from '../format/segment.ts';
import { ioError, isNativeError } from './failures.ts';
import type { Job } from './job.ts';
import type {
  FileStatus,
  Native,
  NativeError,
  NativeFile,
  NativeSharedWords,
  NativeView,
} from './native.ts';
import { native } from './native.ts';
import { discardFile } from './put-in-place.ts';
import { temporaryPath } from './random.ts';
import type { Storage } from './storage.ts';

/** How a file is opened. */
export interface StorageOptions {
  /** O_RDWR; without it nothing can be locked or written, and no lock file is used. */
  readonly write: boolean;
  /** O_CREAT | O_EXCL. */
  readonly create: boolean;
  /** Nobody else opens it: there is no lock file, and memory of our own stands for it. */
  readonly alone?: boolean;
}

/**
 * How long a thread stands in the addon at most when it waits for the writer lock: as long as it
 * does, worker.terminate() and process.exit() wait for it.
 */
const SLICE_MS = 50;

export class MappedStorage implements Storage {
  readonly path: string;
  readonly writable: boolean;
  private readonly addon: Native;
  private readonly file: NativeFile;
  private shared: NativeSharedWords | undefined;
  private steps = new Float64Array(128);
  private readonly lockPath: string | undefined;
  private readonly isMemory: boolean;
  /** Who this is, for the lock file; a system call and a half to find out. */
  private known: { pid: number; thread: number; startedAt: number } | undefined;

  /** `path` is the real path, symlinks resolved; undefined for an anonymous memory file. */
  constructor(path: string | undefined, options: StorageOptions) {
    this.addon = native();
    this.path = path ?? ':memory:';
    this.isMemory = path === undefined;
    this.writable = options.write;
    const shared = path !== undefined && options.write && options.alone !== true;
    this.lockPath = shared ? `${path}-lock` : undefined;
    this.file = path === undefined ? this.addon.openMemory() : this.addon.openFile(path, options);
  }

  status(): FileStatus {
    return this.told(() => this.file.status());
  }
  sizeBytes(): number {
    return this.told(() => this.file.sizeBytes());
  }
  links(): number {
    return this.told(() => this.file.links());
  }
  isInPlace(): boolean {
    if (this.isMemory) return true;
    const found = this.told(() => statSync(this.path, { throwIfNoEntry: false, bigint: true }));
    const { device, inode } = this.status();
    return found !== undefined && String(found.dev) === device && String(found.ino) === inode;
  }
  readAt(target: Uint8Array, fileOffset: number): number {
    return this.told(() => this.file.readAt(target, fileOffset));
  }
  map(reserveBytes: number, segmentBytes: number): number {
    return this.told(() => this.file.map(reserveBytes, segmentBytes));
  }
  window(index: number, windowBytes: number): Segment {
    return this.told(() => new Segment(this.file.window(index, windowBytes)));
  }
  grow(sizeBytes: number): void {
    this.file.grow(sizeBytes);
  }
  truncate(sizeBytes: number): void {
    this.file.truncate(sizeBytes);
  }

  run(job: Job, written?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: NativeError | null): void => {
        if (error === null) resolve();
        else reject(error);
      };
      const words = this.shared?.words ?? null;
      try {
        this.file.run(this.stepsOf(job), job.buffers, words, done, written ?? null);
      } catch (error) {
        if (!isNativeError(error)) throw error;
        // No thread could be made for it. It gives the writer lock back: so it has to be run.
        this.runSync(job);
        resolve();
      }
    });
  }
  runSync(job: Job): void {
    this.file.runSync(this.stepsOf(job), job.buffers, this.shared?.words ?? null);
  }

  /** The addon reads them before it returns. */
  private stepsOf({ steps }: Job): Float64Array {
    if (steps.length > this.steps.length) this.steps = new Float64Array(2 * steps.length);
    this.steps.set(steps);
    return this.steps.subarray(0, steps.length);
  }

  tryLock(byte: number): boolean {
    return this.writable ? this.told(() => this.file.tryLock(byte)) : true;
  }
  unlock(byte: number): void {
    if (this.writable) this.told(() => this.file.unlock(byte));
  }
  isLocked(byte: number, count: number): boolean {
    return this.writable ? this.told(() => this.file.isLocked(byte, count)) : false;
  }
  acquireWriter(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.file.acquireWriter(timeoutMs, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }
  acquireWriterSync(timeoutMs: number): void {
    while (!this.file.acquireWriterSync(timeoutMs, SLICE_MS));
  }
  tryAcquireWriter(): boolean {
    return this.told(() => this.file.tryAcquireWriter());
  }
  releaseWriter(): void {
    this.file.releaseWriter();
  }
  writerIsAwaited(): boolean {
    return this.told(() => this.file.writerIsAwaited());
  }

  openShared(sizeBytes: number, create: boolean, replace = false): Int32Array | undefined {
    if (this.lockPath === undefined) {
      // Nobody else can open this: memory of our own does as well.
      if (!create) return undefined;
      this.shared?.close();
      this.shared = this.addon.openShared(null, sizeBytes, { create, write: true });
      return this.shared.words;
    }
    if (!create && this.sharedBytes() < sizeBytes) return undefined;
    this.shared?.close();
    this.shared = replace
      ? this.replaceShared(this.lockPath, sizeBytes)
      : this.addon.openShared(this.lockPath, sizeBytes, { create, write: true });
    return this.shared.words;
  }
  private replaceShared(lockPath: string, sizeBytes: number): NativeSharedWords {
    const temporary = temporaryPath(lockPath, 'new');
    let made: NativeSharedWords | undefined;
    try {
      made = this.addon.openShared(temporary, sizeBytes, { create: true, write: true });
      renameSync(temporary, lockPath);
      // Whoever made the data file may have died, or failed, before its name was on the disk; it is
      // before anything is promised. Who finds a lock file that belongs knows that this was done.
      this.addon.syncDirectory(dirname(lockPath));
      return made;
    } catch (error) {
      made?.close();
      discardFile(temporary);
      throw error;
    }
  }
  sharedBytes(): number {
    if (this.lockPath === undefined) return 0;
    const { lockPath } = this;
    return this.told(() => statSync(lockPath, { throwIfNoEntry: false })?.size ?? 0);
  }

  sharedIsWhole(): boolean {
    return this.shared?.isWhole() ?? true;
  }
  awaitWord(word: number, waits: number, seen: number, done: () => void): void {
    this.told(() => this.shared?.wait(word, waits, seen, done));
  }
  keepAlive(on: boolean): void {
    this.shared?.keepAlive(on);
  }

  faultWords(): Int32Array {
    return this.file.faultWords();
  }
  remapFaults(): number {
    return this.file.remapFaults();
  }
  resident(fileOffset: number, lengthBytes: number): number {
    return this.told(() => this.file.resident(fileOffset, lengthBytes));
  }
  view(fileOffset: number, lengthBytes: number, released: () => void): NativeView {
    return this.told(() => this.file.view(fileOffset, lengthBytes, released));
  }
  willNeed(fileOffset: number, lengthBytes: number): void {
    this.told(() => this.file.advise('willneed', fileOffset, lengthBytes));
  }
  load(ranges: readonly number[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.file.load(Float64Array.from(ranges), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  hash(
    bytes: Uint8Array,
    start: number,
    end: number,
    seedLow: number,
    seedHigh: number,
    target: Uint8Array,
    at: number,
  ): void {
    this.addon.hash(bytes, start, end, seedLow >>> 0, seedHigh >>> 0, target, at);
  }
  pageIsIntact(
    bytes: Uint8Array,
    start: number,
    pageBytes: number,
    page: number,
    secretLow: number,
    secretHigh: number,
  ): boolean {
    return this.addon.pageIsIntact(
      bytes,
      start,
      pageBytes,
      page,
      secretLow >>> 0,
      secretHigh >>> 0,
    );
  }
  bootId(): string {
    return this.addon.bootId();
  }
  identity(): { pid: number; thread: number; startedAt: number } {
    this.known ??= this.addon.identity();
    return this.known;
  }

  close(): void {
    this.file.close();
    this.shared?.close();
    this.shared = undefined;
  }

  /** What a user is told when a call fails whose failures nobody has to tell apart. */
  private told<R>(call: () => R): R {
    try {
      return call();
    } catch (error) {
      throw isNativeError(error) ? ioError(this.path, error) : error;
    }
  }
}
