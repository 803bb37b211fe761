/**
 * Makes 'interval' writes durable in time, and what is left when the process ends.
 *
 * Its timer keeps no process alive. What a process that is killed leaves behind is flushed by the
 * next one that opens the file.
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
  private timer: NodeJS.Timeout | undefined;

  constructor(pager: Pager, intervalMs: number) {
    this.pager = pager;
    this.intervalMs = intervalMs;
  }

  /** A commit was published. */
  committed(durability: Durability): void {
    if (durability === 'commit') return;
    unflushed.add(this);
    if (!watchingExit) {
      watchingExit = true;
      process.on('exit', flushAtExit);
    }
    if (durability !== 'interval' || this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.pager.flush().then(
        () => this.flushed(),
        (error: unknown) => tellStorageFault(this.pager.path, error),
      );
    }, this.intervalMs);
    this.timer.unref();
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
    clearTimeout(this.timer);
    this.timer = undefined;
    unflushed.delete(this);
  }

  private flushed(): void {
    if (this.pager.closed || this.pager.isDurable) unflushed.delete(this);
  }
}
