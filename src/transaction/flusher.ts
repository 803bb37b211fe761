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
 *
 * When there is nothing to flush or to confirm, and nobody has published for a second, the timer is
 * stopped, so that an idle process sleeps. The next commit, of any process, starts it again.
 */

import type { CommitListener } from '../pager/commit-listeners.ts';
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

export class Flusher implements CommitListener {
  private readonly pager: Pager;
  private readonly intervalMs: number;
  private timer: NodeJS.Timeout | undefined;
  private isBusy = false;
  /** The snapshot published last, when it was seen first, and whether it has been confirmed. */
  private newest = 0;
  private since = 0;
  private isConfirmed = true;

  constructor(pager: Pager, intervalMs: number, readOnly: boolean) {
    this.pager = pager;
    this.intervalMs = intervalMs;
    if (!readOnly) this.start();
  }

  /** Somebody has published, after a time in which nobody did. */
  published(): void {
    this.pager.commits.remove(this);
    this.start();
  }

  closed(): void {
    this.stop();
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

  /** For good. */
  stop(): void {
    this.pager.commits.remove(this);
    this.stopTimer();
    unflushed.delete(this);
  }

  private start(): void {
    this.timer = setInterval(() => {
      void this.look();
    }, this.intervalMs);
    this.timer.unref();
  }

  private stopTimer(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async look(): Promise<void> {
    const { pager } = this;
    if (this.isBusy || pager.closed) return;
    if (pager.poisoned) {
      // Nobody writes any more, and the flag stays for as long as anybody has the file open.
      this.stopTimer();
      return;
    }
    this.isBusy = true;
    try {
      if (pager.isFlushDue) await pager.flush();
      else await this.lookWhenNoneIsDue();
    } catch (error) {
      if (!pager.closed) tellStorageFault(pager.path, error);
    } finally {
      this.isBusy = false;
    }
  }

  private async lookWhenNoneIsDue(): Promise<void> {
    const { pager } = this;
    if (pager.isDurable) unflushed.delete(this);
    const { published } = pager.lock;
    if (published !== this.newest) {
      this.newest = published;
      this.since = performance.now();
      this.isConfirmed = false;
    } else if (performance.now() - this.since >= IDLE_MS) {
      if (!this.isConfirmed && pager.isDurable) {
        this.isConfirmed = await pager.confirmWhenIdle();
      }
      if (this.isConfirmed || !pager.isDurable) this.rest();
    }
  }

  /** The timer stops until somebody publishes. */
  private rest(): void {
    const { pager } = this;
    // What is gone is told at once, over and over.
    if (pager.closed || !pager.storage.sharedIsWhole()) return;
    try {
      pager.commits.add(this, false);
    } catch {
      // The system has no thread for it: the timer goes on.
      return;
    }
    // After that call, so that nobody publishes unseen in between.
    if (pager.lock.published === this.newest && !pager.isFlushDue) this.stopTimer();
    else pager.commits.remove(this);
  }
}
