/**
 * What a handle does under the writer lock beside transactions: flushing, giving space back, and
 * leaving a file in good order.
 */

import { META_KIND } from '../format/meta.ts';
import { type PreparedCommit, prepareFlush } from './commit.ts';
import type { FileLength } from './file-length.ts';
import { FreePages } from './free-pages.ts';
import { Job } from './job.ts';
import type { JobRunner } from './job-runner.ts';
import { poisonOnFailure } from './job-steps.ts';
import { readMeta } from './metas.ts';
import type { OpenedFile } from './open-file.ts';
import type { PrivateMemory } from './private-memory.ts';
import { shortId } from './snapshot.ts';
import type { WriterTurn } from './writer-turn.ts';

/** Free extents of more than this are punched out by `trim`. */
const MIN_HOLE_BYTES: number = 2 ** 20;

export class Upkeep {
  private readonly file: OpenedFile;
  private readonly turn: WriterTurn;
  private readonly jobs: JobRunner;
  private readonly length: FileLength;
  private readonly memory: PrivateMemory;

  constructor(
    file: OpenedFile,
    turn: WriterTurn,
    jobs: JobRunner,
    length: FileLength,
    memory: PrivateMemory,
  ) {
    this.file = file;
    this.turn = turn;
    this.jobs = jobs;
    this.length = length;
    this.memory = memory;
  }

  /** Whether the published snapshot survives a power failure. */
  get isDurable(): boolean {
    const { lock } = this.file;
    const durable = lock.durableEntry;
    return durable >= 0 && shortId(lock.entryId(durable)) === lock.published;
  }

  /** Makes what is published durable. */
  async flush(): Promise<void> {
    this.turn.requireWritable();
    await this.jobs.inFlight?.done;
    this.turn.requireWritable();
    if (this.isDurable) return;
    await this.exclusive(() => (this.isDurable ? undefined : this.flushJob()));
  }

  /** The same, waiting here. */
  flushSync(): void {
    this.turn.requireWritable();
    this.jobs.drain();
    if (this.isDurable) return;
    this.turn.acquireSync();
    let prepared: PreparedCommit | undefined;
    try {
      this.turn.start();
      if (!this.isDurable) prepared = this.flushJob();
    } finally {
      if (prepared === undefined) this.file.storage.releaseWriter();
    }
    if (prepared !== undefined) this.jobs.runSync(prepared);
  }

  /** The job that makes the tip durable, or confirms it. */
  flushJob(): PreparedCommit {
    return prepareFlush(this.file.storage, this.file.lock, this.file.identity, this.jobs.tip);
  }

  /**
   * The same for a caller who keeps the lock: the job gives back a hold of its own. That is taken
   * when there is a job: a lock file that is damaged may be why there is none.
   */
  flushJobOfHolder(): PreparedCommit {
    const prepared = this.flushJob();
    this.file.storage.tryAcquireWriter();
    return prepared;
  }

  /** Cuts off what lies past every retained snapshot: rule 7, and no growth step is left. */
  async giveBack(): Promise<void> {
    await this.exclusive(() => {
      this.length.giveBack(this.turn.dropUnneeded(this.jobs.tip));
      return undefined;
    });
  }

  /**
   * Gives the blocks of large free extents inside the file back, and its unused end. Rule 1: no
   * page of a retained snapshot is punched. What is published is made durable first, so that D
   * holds nothing that was let go of. Returns the bytes that the file takes less of the disk.
   */
  async trim(): Promise<number> {
    const { storage } = this.file;
    await this.flush();
    this.turn.requireWritable();
    const before = storage.status().allocatedBytes;
    await this.exclusive(() => {
      const retained = this.turn.dropUnneeded(this.jobs.tip);
      this.length.giveBack(retained);
      // Read after the cut, which takes what was written ahead with it.
      const { tip } = this.jobs;
      const job = this.punchJob(new FreePages(this.file.pages, retained, this.memory));
      return { job, cost: { count: 0, pages: 0, runs: 0, bytes: 0, flushes: 1 }, tip };
    });
    this.turn.requireWritable();
    return Math.max(0, before - storage.status().allocatedBytes);
  }

  private punchJob(free: FreePages): Job {
    const { storage, geometry } = this.file;
    const { pageSize } = geometry;
    const least = Math.ceil(MIN_HOLE_BYTES / pageSize);
    const end = Math.floor(storage.sizeBytes() / pageSize);
    const job = new Job();
    for (let page = free.nextRun(geometry.firstPage, end, least); page < end; ) {
      job.punch(page * pageSize, free.runLength * pageSize);
      page = free.nextRun(page + free.runLength, end, least);
    }
    free.dispose();
    job.flush();
    job.onAbort();
    poisonOnFailure(job);
    job.finally().release();
    return job;
  }

  /**
   * A clean close, when nobody is writing: confirms D when it rests on a walk, so that what becomes
   * of its pages later is damage and no step back; and gives the unused growth step back (rule 6).
   */
  tidy(): void {
    const { storage, lock } = this.file;
    if (this.turn.readOnly || this.jobs.inFlight !== undefined) return;
    if (lock.poisoned || !storage.tryAcquireWriter()) return;
    try {
      if (lock.commitInProgress >= 0) return;
      this.turn.requireLockFile();
      if (this.jobs.counts.count > 0) this.confirm();
      this.length.giveBack(this.turn.dropUnneeded(this.jobs.tip));
    } catch (error) {
      throw this.jobs.translate(error, 0);
    } finally {
      storage.releaseWriter();
    }
  }

  /**
   * The same confirmation for a handle that stays open, when it has written and nobody does now. It
   * waits for no lock: whoever has it is not idle. Resolves to whether nothing is left to be done.
   */
  async confirmWhenIdle(): Promise<boolean> {
    const { storage } = this.file;
    if (this.jobs.counts.count === 0) return true;
    if (this.jobs.inFlight !== undefined || !storage.tryAcquireWriter()) return false;
    let prepared: PreparedCommit | undefined;
    try {
      this.turn.start();
      if (this.restsOnWalk) prepared = this.flushJob();
    } finally {
      if (prepared === undefined) this.turn.release();
    }
    if (prepared !== undefined) await this.jobs.run(prepared);
    return true;
  }

  /** Writes a confirming meta, when one is wanting. */
  private confirm(): void {
    if (this.restsOnWalk) this.jobs.runSync(this.flushJobOfHolder());
  }

  /** Whether D is the newest, and its own meta is of one flush. The lock is held. */
  private get restsOnWalk(): boolean {
    const { tip } = this.jobs;
    if (tip.entry !== tip.durableEntry) return false;
    return readMeta(this.file.storage, tip.durableSlot)?.kind === META_KIND.oneFlush;
  }

  /** Runs `work` under the writer lock, and then the job that it returns, which gives it back. */
  private async exclusive(work: () => PreparedCommit | undefined): Promise<void> {
    this.turn.requireWritable();
    await this.turn.acquire();
    let prepared: PreparedCommit | undefined;
    try {
      // A commit of this handle may have been submitted meanwhile: the lock is counted per handle.
      while (this.jobs.inFlight !== undefined) await this.jobs.inFlight.done;
      this.turn.requireWritable();
      this.turn.start();
      prepared = work();
    } catch (error) {
      throw this.jobs.translate(error, 0);
    } finally {
      if (prepared === undefined) this.turn.release();
    }
    if (prepared !== undefined) await this.jobs.run(prepared);
  }
}
