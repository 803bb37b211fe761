/**
 * Makes 'interval' writes durable in time, whoever made them, and what is left when the process
 * ends.
 *
 * A handle that was opened with 'interval' looks once an interval whether what is published is
 * durable: two atomic loads. What it finds not to be it flushes, also when the
 * process that wrote it is dead, and after a flush that failed it tries again, unless the database
 * is poisoned. A handle of another durability does so from its first 'interval' write on, until all
 * is durable. The timer keeps no process alive; what is left when nobody has the file open is
 * flushed by the next one that opens it.
 */

import type { Pager } from '../pager/pager.ts';
import type { Durability } from '../pager/write-session.ts';
import { tellStorageFault } from './diagnostics.ts';

/** Handles with something to flush, for the end of the process. */
const unflushed = new Set<Flusher>();
let watchingExit = false;

function flushAtExit(): void {
  for (const flusher of unflushed) flusher.flushNow();
}

export class Flusher {
  private readonly pager: Pager;
  private readonly intervalMs: number;
  /** It looks for as long as the handle is open. */
  private readonly always: boolean;
  private timer: NodeJS.Timeout | undefined;
  private flushing = false;

  constructor(pager: Pager, durability: Durability, intervalMs: number, readOnly: boolean) {
    this.pager = pager;
    this.intervalMs = intervalMs;
    this.always = durability === 'interval' && !readOnly;
    if (this.always) this.start();
  }

  /** A commit was published. */
  committed(durability: Durability): void {
    if (durability === 'commit') return;
    unflushed.add(this);
    if (!watchingExit) {
      watchingExit = true;
      process.on('exit', flushAtExit);
    }
    if (durability === 'interval') this.start();
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

  private start(): void {
    if (this.timer !== undefined) return;
    this.timer = setInterval(() => {
      void this.look();
    }, this.intervalMs);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const { pager } = this;
    if (this.flushing || pager.closed || pager.poisoned) return;
    if (pager.isDurable) {
      unflushed.delete(this);
      if (!this.always) this.stop();
      return;
    }
    this.flushing = true;
    try {
      await pager.flush();
    } catch (error) {
      if (!pager.closed) tellStorageFault(pager.path, error);
    } finally {
      this.flushing = false;
    }
  }
}
