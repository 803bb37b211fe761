/**
 * What a handle that can be written does by the clock: it makes 'interval' writes durable in time,
 * whoever made them, and confirms the newest state when nobody writes. And what is left when the
 * process ends.
 *
 * Once an interval it looks: a few atomic loads, no system call. An 'interval' write that it finds
 * not to be durable it flushes, also when the process that wrote it is dead; 'manual' writes are
 * left alone. After a flush that failed it tries again, unless the database is poisoned. The timer
 * keeps no process alive; what is left when nobody has the file open is flushed by the next one
 * that opens it.
 */

import type { Pager } from '../pager/pager.ts';
import type { Durability } from '../pager/write-session.ts';
import { tellStorageFault } from './diagnostics.ts';

/** Nothing was published for so long: nobody writes. In milliseconds. */
const IDLE_MS = 1000;

/** Handles with something to flush, for the end of the process. */
const unflushed = new Set<Flusher>();
let watchingExit = false;

function flushAtExit(): void {
  for (const flusher of unflushed) flusher.flushNow();
}

export class Flusher {
  private readonly pager: Pager;
  private timer: NodeJS.Timeout | undefined;
  private isBusy = false;
  /** The snapshot published last, when it was seen first, and whether it has been confirmed. */
  private newest = 0;
  private since = 0;
  private isConfirmed = true;

  constructor(pager: Pager, intervalMs: number, readOnly: boolean) {
    this.pager = pager;
    if (readOnly) return;
    this.timer = setInterval(() => {
      void this.look();
    }, intervalMs);
    this.timer.unref();
  }

  /** A commit was published. */
  committed(durability: Durability): void {
    if (durability === 'commit') return;
    unflushed.add(this);
    if (!watchingExit) {
      watchingExit = true;
      process.on('exit', flushAtExit);
    }
  }

  /** Here and now; a failure is told on the diagnostics channel, there is nobody to throw to. */
  flushNow(): void {
    try {
      if (!this.pager.closed) this.pager.flushSync();
    } catch (error) {
      tellStorageFault(this.pager.path, error);
    }
  }

  /** Stops the timer. */
  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    unflushed.delete(this);
  }

  private async look(): Promise<void> {
    const { pager } = this;
    if (this.isBusy || pager.closed || pager.poisoned) return;
    this.isBusy = true;
    try {
      if (pager.isFlushDue) await pager.flush();
      else if (pager.isDurable) await this.lookAtDurable();
    } catch (error) {
      if (!pager.closed) tellStorageFault(pager.path, error);
    } finally {
      this.isBusy = false;
    }
  }

  private async lookAtDurable(): Promise<void> {
    unflushed.delete(this);
    const { published } = this.pager.lock;
    if (published !== this.newest) {
      this.newest = published;
      this.since = performance.now();
      this.isConfirmed = false;
    } else if (!this.isConfirmed && performance.now() - this.since >= IDLE_MS) {
      this.isConfirmed = await this.pager.confirmWhenIdle();
    }
  }
}
