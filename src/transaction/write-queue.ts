/**
 * Group commit: what the same turn writes shares one commit, each piece atomic by itself.
 *
 *     put, write, ... -> queue -> end of the turn: take the writer lock
 *                     -> run all that is queued, in order -> commit -> resolve
 *                        (the next group is built while this one is flushed)
 *
 * A promise is resolved only when the commit that holds its work is done, and rejected when it
 * failed. What a group is, and how its pieces run: group.ts.
 */

import { Scratch } from '../btree/scratch.ts';
import { DatabaseClosedError, TransactionOpenError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import type { Durability, WriteSession } from '../pager/write-session.ts';
import {
  GroupRunner,
  type Outcome,
  type Queued,
  rejectAll,
  rejectOutcomes,
  strongest,
  type Work,
} from './group.ts';
import type { OpenValues } from './open-values.ts';
import type { StoreDefinition } from './store-definition.ts';
import { WriteCore } from './write-core.ts';
import { requireNoPromise, WriteTransactionReader } from './write-transaction.ts';

/** A transaction that its user ends by hand, as the queue sees it. */
interface ManualHold {
  /** It has the writer lock, or waits for it. */
  begun: boolean;
  /** Resolves when it is over, whether it went well or not. */
  readonly over: Promise<void>;
  /** Aborts it, unless its commit has begun. Undefined until it is open. */
  abort: (() => void) | undefined;
}

/** What `openManual` gives: a session that the caller ends, saying how. */
export interface OpenedManual {
  readonly session: WriteSession;
  readonly core: WriteCore;
  /** To be called once, however it ended. */
  readonly ended: () => void;
  /** How the queue aborts the transaction when the database is closed. */
  abortWith(abort: () => void): void;
}

/**
 * What a piece takes of memory beside its keys and values: its promise, closures and the objects
 * between them, 630 to 820 bytes of heap each (Node 20). Without it the queue would be full of
 * small ones long before it were over its bound.
 */
const PIECE_BYTES = 800;

/** A group that ran and is to be committed. */
interface Built {
  readonly core: WriteCore;
  readonly outcomes: readonly Outcome[];
  readonly root: { readonly page: number; readonly birth: number };
  readonly changed: boolean;
  readonly durability: Durability;
}

/** Reactions of the database to what the queue does. */
export interface QueueEvents {
  /** Stores that were asked for and are not in the file yet. */
  newStores(): Iterable<StoreDefinition<unknown, unknown>>;
  /** A group or manual transaction has ended well: it dropped those stores. */
  ended(dropped: ReadonlySet<string>): void;
  /** It was published: it changed something, and put entries that expire from that time on. */
  committed(transaction: number, durability: Durability, soonestExpiry: number): void;
}

export class WriteQueue {
  /**
   * Bytes of memory of what waits. What is being committed is not among it: two groups at most, one
   * that is flushed and one that was built meanwhile.
   */
  bytes = 0;
  private readonly pager: Pager;
  private readonly owner: object;
  private readonly openValues: OpenValues;
  private readonly events: QueueEvents;
  private readonly scratch: Scratch;
  private queue: Queued[] = [];
  private draining: Promise<void> | undefined;
  /** A group that is being run, and may rest between two of its steps. */
  private building: Generator<undefined, void> | undefined;
  private readonly runner: GroupRunner;
  /** A transaction from beginWrite is being begun, is open, or is being committed. */
  private manual: ManualHold | undefined;
  /** What was queued before `manual` was asked for, and runs before it. */
  private beforeManual: Queued[] | undefined;
  private refusing = false;
  /** Commits made while the event loop waited: a session begun meanwhile may be out of date. */
  private syncCommits = 0;
  private readonly commits = new Set<Promise<void>>();
  /** The last transaction: see PrivateMemory.kept. */
  private readonly last: { core?: WriteCore; tx?: WriteTransactionReader } = {};

  constructor(pager: Pager, owner: object, openValues: OpenValues, events: QueueEvents) {
    this.pager = pager;
    this.owner = owner;
    this.openValues = openValues;
    this.events = events;
    this.scratch = new Scratch(pager.pages.geometry);
    this.runner = new GroupRunner(pager);
  }

  /** Throws unless pieces can be written: DATABASE_CLOSED, READ_ONLY. */
  requireTaking(): void {
    if (this.refusing) throw this.closedError();
    this.pager.requireWritable();
  }

  /** Queues a piece; it is run at the end of the turn. */
  add<R>(work: Work<R>): Promise<R> {
    if (this.pager.closed || this.refusing) {
      return Promise.reject(this.closedError());
    }
    return new Promise<R>((resolve, reject) => {
      this.queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.bytes += work.bytes + PIECE_BYTES;
      this.wake();
    });
  }

  /** The work of a user's callback. */
  callback<R>(fn: (tx: WriteTransactionReader) => R, durability: Durability): Work<R> {
    const run = (core: WriteCore): R => {
      const tx = new WriteTransactionReader(this.pager, core, this.owner, this.openValues);
      this.last.tx = tx;
      try {
        const result = fn(tx);
        requireNoPromise(result);
        return result;
      } finally {
        tx.end();
      }
    };
    return { run, undoable: true, bytes: 0, durability };
  }

  /** Runs what is queued, and then this, and waits here until all of it is committed. */
  runSync<R>(work: Work<R>): R {
    if (this.refusing) throw this.closedError();
    if (this.runner.isRunning || this.manual?.begun === true) throw transactionOpen('writeSync');
    this.finishBuilding();
    let outcome: { value: R } | { error: unknown } | undefined;
    this.queue.push({
      work,
      resolve: (value) => {
        outcome = { value: value as R };
      },
      reject: (error) => {
        outcome = { error };
      },
    });
    this.drainSync();
    if (outcome !== undefined && 'value' in outcome) return outcome.value;
    throw outcome?.error;
  }

  /** Commits everything that is queued, here. Failures go to the promises that were given out. */
  private drainSync(): void {
    if (this.queue.length === 0) return;
    const group = this.take();
    this.syncCommits++;
    let session: WriteSession;
    try {
      session = this.pager.beginWriteSync();
    } catch (error) {
      rejectAll(group, error);
      return;
    }
    const built = atOnce(this.build(session, group));
    if (built === undefined) return;
    const { root, durability } = built;
    try {
      this.pager.commitSync(session, root.page, root.birth, durability);
    } catch (error) {
      rejectAll(group, error);
      return;
    }
    this.resolveAll(built);
  }

  /** Takes nothing more, aborts a manual transaction, and commits here what is queued. */
  stopSync(): void {
    if (this.runner.isRunning) throw transactionOpen('closeSync');
    this.refuse();
    this.finishBuilding();
    this.drainSync();
  }

  /** Takes nothing more, and aborts a manual transaction; its commit, once begun, goes on. */
  refuse(): void {
    this.manual?.abort?.();
    this.refusing = true;
  }

  /** Resolves when all that is queued now is committed or has failed, whatever comes after it. */
  async settle(): Promise<void> {
    const { building } = this;
    if (this.draining !== undefined && this.mayRun) {
      // A piece without work runs after all that was queued before it, and ends with their commit.
      const nothing = { run: () => {}, undoable: false, bytes: 0, durability: 'manual' } as const;
      await this.add(nothing).catch(() => {});
    } else {
      while (building !== undefined && this.building === building) await turn();
    }
    await Promise.allSettled([...this.commits]);
  }

  /** After `refuse`, when a manual transaction cannot go on and nothing more comes. */
  async settleAll(): Promise<void> {
    await this.manual?.over;
    while (this.draining !== undefined || this.commits.size > 0) {
      await this.draining;
      await Promise.allSettled([...this.commits]);
    }
  }

  /**
   * Takes the writer lock for a transaction that its user ends by hand; queued work waits
   * meanwhile. `ended` has to be called in every case.
   */
  async openManual(): Promise<OpenedManual> {
    if (this.refusing) throw this.closedError();
    if (this.manual !== undefined) {
      throw new TransactionOpenError(
        'This database object has a transaction from beginWrite open. Commit or abort it first.',
      );
    }
    let tellOver: () => void = () => {};
    const over = new Promise<void>((resolve) => {
      tellOver = resolve;
    });
    const hold: ManualHold = { begun: false, over, abort: undefined };
    const ended = (): void => {
      if (this.manual !== hold) return;
      this.manual = undefined;
      tellOver();
      this.wake();
    };
    this.manual = hold;
    this.beforeManual = this.queue.length > 0 ? this.queue : undefined;
    try {
      while (this.draining !== undefined) await this.draining;
      hold.begun = true;
      const session = await this.pager.beginWrite();
      let core: WriteCore;
      try {
        if (this.refusing) throw this.closedError();
        core = new WriteCore(session, this.scratch);
      } catch (error) {
        this.pager.abort(session);
        throw error;
      }
      const abortWith = (abort: () => void): void => {
        hold.abort = abort;
        if (this.refusing) abort();
      };
      return { session, core, ended, abortWith };
    } catch (error) {
      ended();
      throw error;
    }
  }

  /** The catalogue's root after the stores' records were brought up to date. */
  finishCore(core: WriteCore): { page: number; birth: number } {
    return core.finish(this.events.newStores());
  }

  /** Whether what is queued may run now. */
  private get mayRun(): boolean {
    if (this.queue.length === 0) return false;
    return this.manual === undefined || this.queue === this.beforeManual;
  }

  private wake(): void {
    if (this.draining === undefined && this.mayRun) this.draining = this.drain();
  }

  private async drain(): Promise<void> {
    // The end of the turn: all microtasks that are queued now may add to the group.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    while (this.mayRun) {
      const { syncCommits } = this;
      let session: WriteSession;
      try {
        session = await this.pager.beginWrite();
      } catch (error) {
        rejectAll(this.take(), error);
        continue;
      }
      // A writeSync that came in between may have made a newer state than the session's base.
      const current = syncCommits === this.syncCommits;
      if (current && this.queue.length > 0) await this.commitQueued(session);
      else this.pager.abort(session);
    }
    this.draining = undefined;
    this.wake();
  }

  /** Runs the queue in this session and submits its commit, without waiting for it. */
  private async commitQueued(session: WriteSession): Promise<void> {
    const building = this.commitGroup(session, this.take());
    this.building = building;
    while (this.building === building) {
      if (building.next().done === true) this.building = undefined;
      else await turn();
    }
  }

  /** Runs a group that rests to its end, here. */
  private finishBuilding(): void {
    const { building } = this;
    this.building = undefined;
    if (building !== undefined) atOnce(building);
  }

  private *commitGroup(
    session: WriteSession,
    group: readonly Queued[],
  ): Generator<undefined, void> {
    const built = yield* this.build(session, group);
    if (built === undefined) return;
    const { root, durability } = built;
    const commit = this.pager.commit(session, root.page, root.birth, durability);
    const ended = commit.then(
      () => this.resolveAll(built),
      (error: unknown) => rejectOutcomes(built.outcomes, error),
    );
    this.commits.add(ended);
    void ended.finally(() => this.commits.delete(ended));
  }

  /** Runs the group in the session; undefined when it failed as a whole, which is told. */
  private *build(
    session: WriteSession,
    group: readonly Queued[],
  ): Generator<undefined, Built | undefined> {
    try {
      const core = new WriteCore(session, this.scratch);
      this.last.core = core;
      const outcomes = yield* this.runner.run(core, group);
      // Stores that were only asked for are made with the next write, not by a failed one.
      const root = core.finish(outcomes.length > 0 ? this.events.newStores() : []);
      const { changed } = session.pages;
      return { core, outcomes, root, changed, durability: strongest(group) };
    } catch (error) {
      this.pager.abort(session);
      rejectAll(group, error);
      return undefined;
    }
  }

  /** The users' promises first: what hears of the commit may throw. */
  private resolveAll({ core, outcomes, changed, durability }: Built): void {
    for (const { queued, value } of outcomes) queued.resolve(value);
    // Its end may be told after a closeSync that waited for it.
    if (this.pager.closed) return;
    this.events.ended(core.dropped);
    if (changed) this.events.committed(core.session.id, durability, core.soonestExpiry);
  }

  private closedError(): DatabaseClosedError {
    return new DatabaseClosedError(`${this.pager.path} is closed. Open it again.`);
  }

  private take(): Queued[] {
    const group = this.queue;
    this.queue = [];
    this.bytes = 0;
    return group;
  }
}

/** Lets the event loop turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What the steps come to, without a rest. */
function atOnce<R>(steps: Generator<undefined, R>): R {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function transactionOpen(what: string): TransactionOpenError {
  return new TransactionOpenError(
    `${what} was called while a write transaction of the same database object is open. ` +
      'Use that transaction, or end it first.',
  );
}
