/**
 * What an actor of the interleavings does that others can notice, one operation at a time; and the
 * place where the code of src/ stops for each of them.
 *
 * The code of an actor is run from its beginning, and given the results that its operations had
 * before. At the first one that has no result yet it is stopped by an exception: that operation is
 * what the actor does next. So an actor is a function of the results it was given; nothing of it is
 * kept between two of its steps, and the scheduler may go on from any of them as often as it likes.
 */

import type { CompiledJob } from './inter-job.ts';

/** What a program tells the properties. Nothing else of the machine knows of it. */
export type Note =
  | 'began'
  | 'told'
  | 'told durable'
  | 'looks'
  | 'pinned'
  | 'pinned D'
  | 'lets go'
  | 'flushed'
  | 'failed'
  | 'stopped';

export type Operation =
  | { readonly kind: 'load'; readonly word: number }
  | { readonly kind: 'store'; readonly word: number; readonly value: number }
  | {
      readonly kind: 'exchange';
      readonly word: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: 'fill' }
  | { readonly kind: 'read page'; readonly page: number }
  | { readonly kind: 'read meta'; readonly slot: number }
  | { readonly kind: 'try lock'; readonly byte: number }
  | { readonly kind: 'unlock'; readonly byte: number }
  | { readonly kind: 'is locked'; readonly byte: number; readonly count: number }
  | { readonly kind: 'acquire writer' }
  | { readonly kind: 'try writer' }
  | { readonly kind: 'release writer' }
  /** Runs a job, and waits for its end. */
  | { readonly kind: 'job'; readonly job: CompiledJob }
  /** Gives a job to the handle's thread, which runs one after the other. */
  | { readonly kind: 'submit'; readonly job: CompiledJob }
  /** Waits until so many of these have written their pages, or are over. */
  | { readonly kind: 'wait written'; readonly jobs: number }
  | { readonly kind: 'wait ended'; readonly jobs: number }
  /** Looks whether so many are over. */
  | { readonly kind: 'have ended'; readonly jobs: number }
  | { readonly kind: 'close' }
  /** Time goes by, as for a reader that reads. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'note'; readonly note: Note; readonly value: number }
  /** Between two things that a program does. `left`: all that goes on from one to the other. */
  | { readonly kind: 'idle'; readonly left: string }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly message: string };

/** Stops the code of an actor at its next operation. */
export class Paused extends Error {}

const PAUSED = new Paused('the code of an actor was stopped, and something went on after that');

/** Where the code that is running now is in its results. One at a time. */
class Replay {
  private results: readonly number[] = [];
  private at = 0;
  private next: Operation | undefined;
  /** Whether the code of an actor is running. */
  isRunning = false;

  /** Runs `code` until its first operation without a result, and returns that. */
  run(results: readonly number[], code: () => void): Operation {
    this.results = results;
    this.at = 0;
    this.next = undefined;
    this.isRunning = true;
    try {
      code();
    } catch (error) {
      if (this.next === undefined) {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        return { kind: 'failed', message };
      }
    } finally {
      this.isRunning = false;
    }
    return this.next ?? { kind: 'end' };
  }

  /** The result of the next operation; stops when it has none. */
  private perform(operation: Operation): number {
    this.next ??= operation;
    throw PAUSED;
  }

  private get hasResult(): boolean {
    return this.at < this.results.length && this.next === undefined;
  }

  load(word: number): number {
    return this.hasResult ? this.results[this.at++]! : this.perform({ kind: 'load', word });
  }
  store(word: number, value: number): void {
    if (this.hasResult) this.at++;
    else this.perform({ kind: 'store', word, value });
  }
  exchange(word: number, from: number, to: number): number {
    if (this.hasResult) return this.results[this.at++]!;
    return this.perform({ kind: 'exchange', word, from, to });
  }
  /** Any other operation; made by `operation` when it has no result yet. */
  other(operation: () => Operation): number {
    return this.hasResult ? this.results[this.at++]! : this.perform(operation());
  }
}

export const replay: Replay = new Replay();

/** Stands for the words of the lock file: what is done to it becomes operations. */
class LockFileWords extends Int32Array {
  override fill(): this {
    replay.other(() => ({ kind: 'fill' }));
    return this;
  }
}

export const LOCK_FILE: Int32Array = new LockFileWords(1);

const real = Atomics;

/** Atomics whose operations on the lock file stop the code. */
export const steppedAtomics: typeof Atomics = Object.create(real, {
  load: {
    value: (words: Int32Array, at: number) =>
      words === LOCK_FILE ? replay.load(at) : real.load(words, at),
  },
  store: {
    value: (words: Int32Array, at: number, value: number) => {
      if (words !== LOCK_FILE) return real.store(words, at, value);
      replay.store(at, value);
      return value;
    },
  },
  compareExchange: {
    value: (words: Int32Array, at: number, from: number, to: number) =>
      words === LOCK_FILE
        ? replay.exchange(at, from, to)
        : real.compareExchange(words, at, from, to),
  },
});
