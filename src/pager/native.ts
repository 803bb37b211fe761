/**
 * The addon's surface, as TypeScript sees it. `native/` knows bytes, addresses, file descriptors
 * and locks; it knows no page type and no JavaScript value.
 *
 * Failures throw a {@link NativeError}: an Error with `syscall`, `errno` and `code` ('ENOSPC'), as
 * Node's own fs does. Bad arguments throw TypeError or RangeError before anything is done.
 */

import { createRequire } from 'node:module';

/** What the addon throws when a call of the operating system fails. */
export interface NativeError extends Error {
  readonly syscall: string;
  readonly errno: number;
  readonly code: string;
}

export interface FileStatus {
  /** Device and inode as decimal strings: both may pass 2^53. */
  readonly device: string;
  readonly inode: string;
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  /** What the file takes of the disk: holes take nothing. */
  readonly allocatedBytes: number;
  readonly links: number;
  /** statfs f_type on Linux, 0 elsewhere. */
  readonly filesystem: number;
}

/**
 * One open file of one environment (thread), with an open file description of its own, so that
 * its locks conflict with those of every other handle, in this process or another. It stays open
 * until `close` or the end of its environment, whether anything refers to it or not.
 */
export interface NativeFile {
  /** The status of the file behind the descriptor. */
  status(): FileStatus;
  /** Its length alone: cheaper, also for the flush that follows (docs/mmap.md). */
  sizeBytes(): number;
  /** How many names lead to the file, as cheaply. */
  links(): number;

  /**
   * Reserves address space and maps the file `MAP_SHARED`, `PROT_READ`. A file that this process
   * has mapped already is not mapped twice: the mapping is shared through the registry and lives
   * until the last handle on it is closed. Returns the bytes that could be reserved, a multiple of
   * `segmentBytes`, less than asked when RLIMIT_AS or the kernel refuses more.
   */
  map(reserveBytes: number, segmentBytes: number): number;

  /**
   * The i-th `windowBytes` of the mapping as one external ArrayBuffer, made when first asked for,
   * the same object each time. `windowBytes` divides a segment. Pages past the end of the file
   * become valid when it grows. For a moment V8 counts the ArrayBuffer as memory of its own: from
   * 64 MiB on that starts a full garbage collection.
   */
  window(index: number, windowBytes: number): ArrayBuffer;

  /**
   * `lengthBytes` of the file from `fileOffset`, mapped anew, MAP_PRIVATE and writable: what is
   * written there neither the file nor anybody else sees. `released` is called, from the event
   * loop, when nobody has the bytes any more, after `close` or when they were collected; until then
   * they must stay in the file as they are.
   */
  view(fileOffset: number, lengthBytes: number, released: () => void): NativeView;

  /**
   * Makes the file at least `sizeBytes` long with blocks allocated (fallocate). ENOSPC is thrown.
   */
  grow(sizeBytes: number): void;
  /** Sets the length with ftruncate, in either direction. */
  truncate(sizeBytes: number): void;
  /** Reads with pread, not through the mapping: bytes read, short at the end of the file. */
  readAt(target: Uint8Array, fileOffset: number): number;

  /**
   * OFD locks on one byte at 2^62 + `byte` of this file, exclusive. `byte` is 16 or more: those
   * below are the writer lock's. Of read-only handles two never both succeed, but both may fail.
   */
  tryLock(byte: number): boolean;
  unlock(byte: number): void;
  /** Whether someone else holds a lock on one of the bytes [byte, byte + count). */
  isLocked(byte: number, count: number): boolean;

  /**
   * Takes the writer lock: at once when free and nobody waits, else in the order of asking, in a
   * line that a thread of our own stands in. The callback is told null when it is held, or a
   * NativeError with code 'ETIMEDOUT' after `timeoutMs`.
   * The lock is counted: each success is given back by one `releaseWriter` or one RELEASE step.
   */
  acquireWriter(timeoutMs: number, done: (error: NativeError | null) => void): void;
  /**
   * As acquireWriter, but waits here, for `sliceMs` at most: then it answers false, and the next
   * call goes on with this request, in its place and with its deadline. Throws ETIMEDOUT.
   */
  acquireWriterSync(timeoutMs: number, sliceMs: number): boolean;
  /** Takes it only if that can be done now (true also when this handle holds it already). */
  tryAcquireWriter(): boolean;
  releaseWriter(): void;
  /** Whether another handle waits in the line. */
  writerIsAwaited(): boolean;

  /**
   * Runs a job (see job.ts for its grammar) on this handle's own thread, after the jobs queued
   * before it. `done(null)` when every step was done. `written` is called when a NOTIFY step is
   * reached. The buffers are kept alive until `done`.
   */
  run(
    steps: Float64Array,
    buffers: readonly Uint8Array[],
    words: Int32Array | null,
    done: (error: NativeError | null) => void,
    written: (() => void) | null,
  ): void;
  /** The same, here, after the queued jobs have finished. Throws NativeError. */
  runSync(steps: Float64Array, buffers: readonly Uint8Array[], words: Int32Array | null): void;
  /** Jobs queued or running. */
  pending(): number;

  /**
   * Brings ranges of the file, each an offset and a length in bytes, into memory and into the page
   * table, on a thread of its own: what is touched then is no fault. `done(null)` when all of it is
   * there; with an EFAULT when a part cannot be read, after which the rest was not loaded.
   */
  load(ranges: Float64Array, done: (error: NativeError | null) => void): void;

  /** mincore: how many OS pages of [offset, offset + length) of the file are in memory. */
  resident(fileOffset: number, lengthBytes: number): number;
  /** madvise over the whole mapping: 'normal' | 'random' | 'sequential', or a range 'willneed'. */
  advise(
    kind: 'normal' | 'random' | 'sequential' | 'willneed',
    fileOffset: number,
    lengthBytes: number,
  ): void;

  /**
   * The guard's words, shared by all handles on this mapping: [0] ranges replaced now,
   * [1] faults caught ever. Read with Atomics.load. A read is sound if [0] was 0 before and after
   * it and [1] is the same: another thread may have met a fault and had it mended in between.
   */
  faultWords(): Int32Array;
  /** Tries to map the file again over each replaced range; returns how many are still replaced. */
  remapFaults(): number;

  /**
   * Waits for queued jobs, drops every lock, detaches the ArrayBuffers, lets go of the mapping and
   * closes the descriptor. Safe to call twice.
   */
  close(): void;
}

/** Bytes of a file that are mapped for one reader alone. It does not keep them: their user does. */
export interface NativeView {
  /** The bytes, and no others; undefined when they were collected. */
  buffer(): ArrayBuffer | undefined;
  /** Pages of them that could not be read when they were touched, and are zeros since. */
  faults(): number;
  /**
   * Detaches the ArrayBuffer. False when its user moved the bytes to another one, which then has
   * them until it is collected.
   */
  close(): boolean;
}

/** A small file mapped `MAP_SHARED` read-write: the lock file, shared memory of all processes. */
export interface NativeSharedWords {
  readonly words: Int32Array;
  status(): FileStatus;
  /**
   * False once a page of the file could not be read or written, because it was cut short: then
   * zeros are seen there, and what is stored there nobody else sees. It stays false.
   */
  isWhole(): boolean;
  /**
   * Calls `done` once, from the event loop, when words[word] is not `seen`, or a page of the file
   * is gone. A thread of our own waits for it, by a futex, in which others are told by the WAKE
   * steps of their jobs; it makes no other system call for half a minute. After a writer that died
   * between its STORE and its WAKE it is told by the next WAKE of anybody, or half a minute later.
   * words[waits] counts the waits. One at a time. It is not told after `close`.
   */
  wait(word: number, waits: number, seen: number, done: () => void): void;
  /** Whether this object keeps the event loop alive; it does not at first, nor once closed. */
  keepAlive(on: boolean): void;
  close(): void;
}

export interface Native {
  /**
   * Opens with O_CLOEXEC. `create` adds O_CREAT | O_EXCL. Mode 0o666 less the umask.
   */
  openFile(path: string, options: { write: boolean; create: boolean }): NativeFile;
  /** An anonymous memory file (memfd). */
  openMemory(): NativeFile;
  /**
   * Maps a file of exactly `sizeBytes` read-write (`write` false: read-only). `create`: made when
   * absent (O_CREAT) and, when shorter than that, written out in full with zeros, never sparse.
   * Without a path: anonymous shared memory.
   */
  openShared(
    path: string | null,
    sizeBytes: number,
    options: { create: boolean; write: boolean },
  ): NativeSharedWords;
  /**
   * Renames without replacing (renameat2 RENAME_NOREPLACE; link and unlink where absent). EEXIST.
   */
  renameNoReplace(from: string, to: string): void;
  /** fsync of a directory. */
  syncDirectory(path: string): void;
  /**
   * XXH3-64 of `bytes[start, end)` seeded with `seedLow + 2^32 seedHigh`, written little-endian at
   * `target[at, at + 8)`.
   */
  hash(
    bytes: Uint8Array,
    start: number,
    end: number,
    seedLow: number,
    seedHigh: number,
    target: Uint8Array,
    at: number,
  ): void;
  /**
   * Whether the page of `pageBytes` at `start` carries the checksum that a WRITE_PAGES step gives
   * it.
   */
  pageIsIntact(
    bytes: Uint8Array,
    start: number,
    pageBytes: number,
    page: number,
    secretLow: number,
    secretHigh: number,
  ): boolean;
  /** Page faults of this process: getrusage. */
  faults(): { minor: number; major: number };
  /** An id of this boot of the machine, '' where there is none. */
  bootId(): string;
  /**
   * `thread`: the kernel's id. `startedAt`: when this process started, for telling processes with
   * one pid apart: clock ticks since boot, field 22 of /proc/PID/stat (macOS: microseconds).
   */
  identity(): { pid: number; thread: number; startedAt: number };
  /**
   * Whether this process is a child of the one that loaded the addon, made by fork without exec.
   */
  forked(): boolean;
  readonly osPageSize: number;
}

const require = createRequire(import.meta.url);
let loaded: Native | undefined;

/**
 * The addon, loaded when first needed. The error of a missing build names the command that makes
 * it.
 */
export function native(): Native {
  if (loaded === undefined) {
    const path = '../../build/Release/coppice.node';
    try {
      loaded = require(path) as Native;
    } catch (cause) {
      throw new Error('The native addon of coppice is not built. Run "npm rebuild coppice".', {
        cause,
      });
    }
  }
  return loaded;
}
