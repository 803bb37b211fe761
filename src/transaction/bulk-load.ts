/**
 * Many entries put in many transactions, in the order of their source.
 *
 *     source -> a chunk fills up -> sorted, put in one transaction -> flushed -> progress
 *               the next one fills up and is put meanwhile ...
 *
 * 1. Chunks are committed one after the other, each whole or not at all: what is committed is at
 *    any time the first `done` entries of the source.
 * 2. However it ends, none of its chunks will be committed afterwards: the last `done` that was
 *    told stays right.
 * 3. It has three chunks at most, one that fills up and two on their way: while one is flushed the
 *    next is put.
 */

import type { Durability } from '../pager/write-session.ts';
import { type EncodeShared, EntryChunk } from './entry-chunk.ts';
import { type LongWork, shown } from './long-work.ts';
import { offAbort, onAbort } from './on-abort.ts';
import { Pace } from './pace.ts';
import type { StoreDefinition } from './store-definition.ts';
import type { WriteCore } from './write-core.ts';
import type { WriteQueue } from './write-queue.ts';

/** What can be loaded. */
export type EntrySource<K, V> = Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>;

/** Where it is loaded to. */
export interface LoadTarget<K, V> {
  readonly definition: StoreDefinition<K, V>;
  readonly queue: WriteQueue;
  readonly durability: Durability;
  readonly pageSize: number;
  readonly encodeShared: EncodeShared<V> | undefined;
}

/** The clock is looked at after so many bytes; each entry counts as so many more than it has. */
const LOOK_AFTER_BYTES = 64 * 1024;
const BYTES_PER_ENTRY = 1024;

/** Chunks that are given to the queue at once: one is flushed, and one is put. */
const MOST_SENT = 2;

/** A chunk that was given to the queue. */
interface Sent {
  /** It is being put, or that is done. */
  begun: boolean;
  /** It is not to be put any more, as far as it has not been. */
  isCancelled: boolean;
  /** Settles when its commit has ended and was told. */
  done: Promise<void>;
}

export class BulkLoad<K, V> {
  private readonly target: LoadTarget<K, V>;
  private readonly source: EntrySource<K, V>;
  private readonly options: LongWork;
  private readonly pace: Pace;
  private filling: EntryChunk<K, V>;
  /** Chunks whose commits are done: they can be filled again. */
  private readonly spare: EntryChunk<K, V>[] = [];
  /** The chunks on their way, in order. */
  private readonly sent: Sent[] = [];
  /** Entries read so far, those that are committed, and those that the source says it has. */
  private read = 0;
  private done = 0;
  private readonly known: number;
  /** The total that was told last. */
  private told = -1;
  private sinceLook = 0;
  /** Why it is to stop. */
  private failure: { readonly error: unknown } | undefined;
  /** Ends what is waited for. */
  private endWait: (error: unknown) => void = () => {};

  /** Throws TypeError for what is no source, and DATABASE_CLOSED and READ_ONLY. */
  constructor(target: LoadTarget<K, V>, source: EntrySource<K, V>, options: LongWork) {
    requireSource(source);
    target.queue.requireTaking();
    this.target = target;
    this.source = source;
    this.options = options;
    this.known = sizeOf(source);
    this.filling = this.newChunk();
    this.pace = new Pace(() => this.requireGoing());
  }

  /** Resolves to the number of entries, all of them committed. To be called once. */
  async run(): Promise<number> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    const abort = (): void => this.stop(signal?.reason);
    if (signal !== undefined) onAbort(signal, abort);
    try {
      await this.readAll();
      await this.send();
      await this.waitForSent(0);
      if (this.told !== this.done) this.tell(this.done);
      return this.done;
    } catch (error) {
      await this.abandon(error);
      throw error;
    } finally {
      if (signal !== undefined) offAbort(signal, abort);
    }
  }

  /** Reads the source to its end, and sends what is full. It is told when it is left before. */
  private async readAll(): Promise<void> {
    const { source } = this;
    if (Symbol.asyncIterator in source) {
      await this.readAsync(source[Symbol.asyncIterator]());
      return;
    }
    for (const entry of source) {
      const pause = this.take(entry);
      if (pause !== undefined) await pause;
    }
  }

  /** As a `for await` loop, but it is left also while it waits for an entry. */
  private async readAsync(entries: AsyncIterator<readonly [K, V]>): Promise<void> {
    let isAsked = false;
    try {
      for (;;) {
        isAsked = true;
        const { done, value } = await this.orStopped(Promise.resolve(entries.next()));
        isAsked = false;
        if (done === true) return;
        await this.take(value);
      }
    } catch (error) {
      // A source that fails by itself has ended.
      if (isAsked && this.failure === undefined) throw error;
      const left = Promise.resolve(entries.return?.()).catch(() => {});
      // A generator that waits for something ends when it has that, which may be never.
      if (!isAsked) await left;
      throw error;
    }
  }

  /** Keeps an entry. What it returns has to be awaited before the next one. */
  private take(entry: readonly [K, V]): Promise<void> | undefined {
    if (!Array.isArray(entry) || entry.length !== 2) throw notAnEntry(this.read, entry);
    const { filling } = this;
    const before = filling.size;
    filling.add(entry[0], entry[1]);
    this.read++;
    if (filling.isFull) return this.send();
    this.sinceLook += filling.size - before + BYTES_PER_ENTRY;
    if (this.sinceLook < LOOK_AFTER_BYTES) return undefined;
    this.sinceLook = 0;
    return this.pace.isDue ? this.pace.rest() : undefined;
  }

  /** Gives the chunk to the queue, when no more than one is on its way. */
  private async send(): Promise<void> {
    await this.waitForSent(MOST_SENT - 1);
    const { filling, target } = this;
    const { count } = filling;
    if (count === 0) return;
    const sent: Sent = { begun: false, isCancelled: false, done: Promise.resolve() };
    const committed = target.queue.add({
      before: (core) => putChunk(core, filling, sent),
      run: () => {},
      undoable: true,
      bytes: filling.size,
      durability: target.durability,
    });
    sent.done = committed.then(() => {
      this.sent.shift();
      if (!sent.begun) return;
      this.done += count;
      filling.clear();
      this.spare.push(filling);
      this.tell(Math.max(this.known, this.read));
    });
    sent.done.catch((error: unknown) => this.stop(error));
    this.sent.push(sent);
    this.filling = this.spare.pop() ?? this.newChunk();
    if (this.pace.isDue) await this.pace.rest();
  }

  /** Waits until no more than `most` chunks are on their way. */
  private async waitForSent(most: number): Promise<void> {
    while (this.sent.length > most) await this.orStopped(this.sent[0]!.done);
  }

  /** As `promise`, but rejects as soon as the work is to stop. */
  private orStopped<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.endWait = reject;
      promise.then(resolve, reject);
      this.requireGoing();
    });
  }

  private stop(error: unknown): void {
    this.failure ??= { error };
    this.endWait(error);
  }

  /**
   * What is on its way is committed when it is the source that failed: it is good. Else it is taken
   * back, or waited for when it has all been put.
   */
  private async abandon(error: unknown): Promise<void> {
    if (this.failure === undefined) await this.waitForSent(0).catch(() => {});
    this.stop(error);
    for (const sent of this.sent) sent.isCancelled = true;
    const begun = this.sent.filter((sent) => sent.begun);
    await Promise.allSettled(begun.map(({ done }) => done));
  }

  private newChunk(): EntryChunk<K, V> {
    const { definition, pageSize, encodeShared } = this.target;
    return new EntryChunk(definition, pageSize, encodeShared);
  }

  private requireGoing(): void {
    if (this.failure !== undefined) throw this.failure.error;
    try {
      this.target.queue.requireTaking();
    } catch (error) {
      this.stop(error);
      throw error;
    }
  }

  private tell(total: number): void {
    this.told = total;
    this.options.onProgress?.({ done: this.done, total });
  }
}

function* putChunk<K, V>(
  core: WriteCore,
  chunk: EntryChunk<K, V>,
  sent: Sent,
): Generator<undefined, void> {
  if (sent.isCancelled) return;
  sent.begun = true;
  for (const rest of chunk.put(core)) {
    yield rest;
    // All of it is undone.
    if (sent.isCancelled) throw new Error('nobody hears this: the load has ended');
  }
}

/** Entries that the source has; 0 when it does not say. */
function sizeOf(source: object): number {
  if (Array.isArray(source)) return source.length;
  return source instanceof Set || source instanceof Map ? source.size : 0;
}

function requireSource(source: unknown): void {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source || Symbol.iterator in source) return;
  }
  throw new TypeError(
    `bulkLoad takes an iterable or async iterable of [key, value], got ${shown(source)}.`,
  );
}

function notAnEntry(index: number, entry: unknown): TypeError {
  const what = Array.isArray(entry) ? `an array of ${entry.length}` : shown(entry);
  return new TypeError(
    `bulkLoad takes entries as [key, value], but entry ${index} of the source is ${what}.`,
  );
}
