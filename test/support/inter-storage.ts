/**
 * A handle of an actor of the interleavings: Storage whose every call that others can notice is an
 * operation (inter-operations.ts). The file is long enough for all, and its length never changes: what is
 * looked at here is the lock file and who overwrites what, not growth.
 */

import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { LOCK_BYTE } from '../../src/format/lock-file.ts';
import { Segment } from '../../src/format/segment.ts';
import type { Job } from '../../src/pager/job.ts';
import { MappedPages } from '../../src/pager/mapped-pages.ts';
import type { OpenFileOptions } from '../../src/pager/open-file.ts';
import type { Storage } from '../../src/pager/storage.ts';
import { ImaginedStorage } from './imagined-storage.ts';
import { bytesOf, PAGE_BYTES } from './inter-content.ts';
import { compile, errorOf, OUTCOME } from './inter-job.ts';
import { PAGES, READER_SLOTS, WORDS } from './inter-machine.ts';
import { LOCK_FILE, replay } from './inter-operations.ts';

export const SEGMENT_BYTES: number = 2 ** 15;
/** Far past all that is used: nothing is ever written ahead, and nothing cut. */
export const FILE_BYTES: number = 2 ** 20;

/** How the handles of the interleavings open the file. */
export const OPEN_OPTIONS: OpenFileOptions = {
  addressSpace: FILE_BYTES,
  segmentBytes: SEGMENT_BYTES,
  windowBytes: SEGMENT_BYTES,
  lockTimeout: 0,
  maxReaders: READER_SLOTS,
  verify: 'structure',
  recoverPrevious: false,
};

/** What the actor that runs now sees of the file: each page is put here when it is read. */
const seen = new Segment(new ArrayBuffer(SEGMENT_BYTES));

/**
 * Makes it an operation to look at a page, whoever made the object; to be undone by what it returns. The
 * code of `open` makes its own, so that a subclass would not do.
 */
export function stepPages(): () => void {
  const { find, faultOf } = MappedPages.prototype;
  MappedPages.prototype.find = function (page, birth, type): number {
    look(page);
    return find.call(this, page, birth, type);
  };
  MappedPages.prototype.faultOf = function (page, birth, type): string | undefined {
    look(page);
    return faultOf.call(this, page, birth, type);
  };
  return () => {
    Object.assign(MappedPages.prototype, { find, faultOf });
  };
}

function look(page: number): void {
  // What is no page at all is refused by the code itself.
  if (!replay.isRunning || page < PAGES.first || page >= PAGES.first + PAGES.count) return;
  const content = replay.other(() => ({ kind: 'read page', page }));
  seen.bytes.set(bytesOf(content).subarray(0, PAGE_BYTES), page * PAGE_BYTES);
}

export class SteppedStorage extends ImaginedStorage implements Storage {
  readonly path = '/interleavings/data';

  // The file

  sizeBytes(): number {
    return FILE_BYTES;
  }
  readAt(target: Uint8Array, fileOffset: number): number {
    const slot = META_SLOT_OFFSETS.indexOf(fileOffset);
    if (slot < 0 || target.length !== META_SLOT_BYTES) throw new Error(`read at ${fileOffset}`);
    const content = replay.other(() => ({ kind: 'read meta', slot }));
    target.set(bytesOf(content).subarray(0, META_SLOT_BYTES));
    return META_SLOT_BYTES;
  }
  map(reserveBytes: number, _segmentBytes: number): number {
    return reserveBytes;
  }
  window(index: number, windowBytes: number): Segment {
    if (index !== 0 || windowBytes !== SEGMENT_BYTES) throw new Error(`window ${index}`);
    return seen;
  }
  grow(_sizeBytes: number): void {}
  truncate(_sizeBytes: number): void {}

  // Jobs

  /** The program waits for the end of the job by an operation, not by what is returned. */
  run(job: Job, _written?: () => void): Promise<void> {
    replay.other(() => ({ kind: 'submit', job: compile(job) }));
    return new Promise(() => {});
  }
  runSync(job: Job): void {
    if (job.steps.length === 0) return;
    const outcome = replay.other(() => ({ kind: 'job', job: compile(job) }));
    if (outcome !== OUTCOME.done) throw errorOf(outcome);
  }

  // Locks

  tryLock(byte: number): boolean {
    return replay.other(() => ({ kind: 'try lock', byte })) === 1;
  }
  unlock(byte: number): void {
    replay.other(() => ({ kind: 'unlock', byte }));
  }
  isLocked(byte: number, count: number): boolean {
    return replay.other(() => ({ kind: 'is locked', byte, count })) === 1;
  }
  acquireWriter(_timeoutMs: number): Promise<void> {
    throw new Error('the actors of the interleavings wait for the writer lock');
  }
  acquireWriterSync(_timeoutMs: number): void {
    replay.other(() => ({ kind: 'acquire writer' }));
  }
  tryAcquireWriter(): boolean {
    return replay.other(() => ({ kind: 'try writer' })) === 1;
  }
  releaseWriter(): void {
    replay.other(() => ({ kind: 'release writer' }));
  }
  writerIsAwaited(): boolean {
    return false;
  }

  // The lock file

  openShared(_sizeBytes: number, _create: boolean, _replace = false): Int32Array | undefined {
    return LOCK_FILE;
  }
  sharedBytes(): number {
    return 4 * WORDS;
  }

  // The rest
  bootId(): string {
    return BOOT_ID;
  }
  close(): void {
    replay.other(() => ({ kind: 'close' }));
  }
}

/** The boot of the machine on which the first state was made: its lock file belongs to it. */
export const BOOT_ID = '0123456789abcdef0123456789abcdef';
export const OPENER_BYTE: number = LOCK_BYTE.opener;
