/**
 * The pager's only way to the file and to other processes. Two implementations: the mapped file
 * (mapped-storage.ts) and, in test/support, a recording one that can lose power at any point.
 *
 * All offsets and sizes are in bytes. Failures of the operating system come as NativeError where
 * they are told apart: from `grow`, `truncate`, `run`, `runSync`, `acquireWriter`,
 * `acquireWriterSync` and `openShared`; else as what a user is told, an IoError.
 */

import type { Segment } from '../format/segment.ts';
import type { Job } from './job.ts';
import type { FileStatus, Native, NativeView } from './native.ts';

/** Checksums and identities: as the addon has them. */
type Given = Pick<Native, 'hash' | 'pageIsIntact' | 'bootId' | 'identity'>;

/** Bytes of the file that are mapped for one reader alone. */
export type PrivateBytes = NativeView;

export interface Storage extends Given {
  /** The real path of the data file, or ':memory:'; for messages. */
  readonly path: string;
  readonly writable: boolean;

  status(): FileStatus;
  sizeBytes(): number;
  links(): number;
  /** Whether the path leads to this file still: it may have been replaced, moved or removed. */
  isInPlace(): boolean;
  /** Reads without the mapping; returns the bytes read, fewer at the end of the file. */
  readAt(target: Uint8Array, fileOffset: number): number;
  /** Maps the file; returns the bytes of address space had, a multiple of `segmentBytes`. */
  map(reserveBytes: number, segmentBytes: number): number;
  /** The i-th `windowBytes` of the mapping, which divide a segment. */
  window(index: number, windowBytes: number): Segment;
  grow(sizeBytes: number): void;
  truncate(sizeBytes: number): void;

  /** Runs the job off this thread, after those queued before it. */
  run(job: Job, written?: () => void): Promise<void>;
  /** Runs it here, after those queued before it. */
  runSync(job: Job): void;

  tryLock(byte: number): boolean;
  unlock(byte: number): void;
  /** Whether another handle holds a lock on one of the bytes [byte, byte + count). */
  isLocked(byte: number, count: number): boolean;
  acquireWriter(timeoutMs: number): Promise<void>;
  acquireWriterSync(timeoutMs: number): void;
  tryAcquireWriter(): boolean;
  releaseWriter(): void;
  writerIsAwaited(): boolean;

  /**
   * Maps the lock file of this data file. `create`: it is made, and written out in full, when it is
   * absent or shorter; with `replace` a new one takes the place of one that is there, which those
   * who have it mapped keep. Returns undefined when it is absent and `create` is false.
   */
  openShared(sizeBytes: number, create: boolean, replace?: boolean): Int32Array | undefined;
  /** The size of the lock file, 0 when it is absent. */
  sharedBytes(): number;
  /** False once some of the mapped lock file was found to be gone. It stays false. */
  sharedIsWhole(): boolean;
  /** See NativeSharedWords.wait: on the words of the lock file that was mapped last. */
  awaitWord(word: number, waits: number, seen: number, done: () => void): void;
  /** Whether what is awaited on the lock file keeps the process alive. */
  keepAlive(on: boolean): void;

  /** See NativeFile. */
  faultWords(): Int32Array;
  remapFaults(): number;
  resident(fileOffset: number, lengthBytes: number): number;
  view(fileOffset: number, lengthBytes: number, released: () => void): PrivateBytes;
  /**
   * Asks for exactly these bytes to be read into memory, and waits for none: what is touched next
   * is there, or on its way, and the system reads nothing around it.
   */
  willNeed(fileOffset: number, lengthBytes: number): void;
  /** Brings ranges, offset and length in turn, into memory, off this thread: see NativeFile. */
  load(ranges: readonly number[]): Promise<void>;

  close(): void;
}
