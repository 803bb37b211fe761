/**
 * A group of pieces that share one commit, each atomic by itself.
 *
 * 1. Pieces run in the order of the calls.
 * 2. A piece that throws loses its own work only: it ran in a part of the transaction that is
 *    undone.
 * 3. A piece may rest between its steps, and the event loop turns. `isRunning` says whether one
 *    runs at this moment: then the queue must not be run from within.
 */

import { CoppiceError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import type { Durability } from '../pager/write-session.ts';
import type { WriteCore } from './write-core.ts';

/** One piece of work: a callback or a single call, whose keys and values are encoded already. */
export interface Work<R> {
  /**
   * What is done before `run`, where that takes long: it may be left alone wherever it yields, and
   * the event loop turns. A writeSync or closeSync that comes in between waits for all of it.
   */
  readonly before?: (core: WriteCore) => Generator<undefined, void>;
  readonly run: (core: WriteCore) => R;
  /** Whether `run` can throw after it has changed something. */
  readonly undoable: boolean;
  /** Of the keys and values that it holds. */
  readonly bytes: number;
  readonly durability: Durability;
}

/** A piece that waits, and whoever awaits it. */
export interface Queued {
  readonly work: Work<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a piece of a group came to. */
export interface Outcome {
  readonly queued: Queued;
  readonly value: unknown;
}

/** Runs the groups of one handle, one after the other. */
export class GroupRunner {
  isRunning = false;
  private readonly pager: Pager;

  constructor(pager: Pager) {
    this.pager = pager;
  }

  /**
   * Runs each piece, undoing those that throw; these are rejected at once. Throws what makes the
   * whole group fail: a single call that met damage in the middle of a change.
   */
  *run(core: WriteCore, group: readonly Queued[]): Generator<undefined, Outcome[]> {
    const outcomes: Outcome[] = [];
    this.isRunning = true;
    try {
      for (const queued of group) {
        const { work } = queued;
        core.beginPiece();
        const point = work.undoable ? core.begin() : undefined;
        try {
          if (work.before !== undefined) yield* this.resting(work.before(core));
          const value = work.run(core);
          if (point !== undefined) {
            // The callback may have caught the error of a change that stopped half-way.
            core.requireWhole();
            core.release(point);
          }
          outcomes.push({ queued, value });
        } catch (error) {
          if (point !== undefined) core.rollback(point);
          else if (!isRefusal(error) || !core.isWhole) throw error;
          queued.reject(error);
        }
      }
    } finally {
      this.isRunning = false;
    }
    return outcomes;
  }

  private *resting(steps: Generator<undefined, void>): Generator<undefined, void> {
    while (steps.next().done !== true) {
      // A snapshot that begins meanwhile heals faults: those that were met here are told first.
      this.pager.pages.throwOnFault();
      this.isRunning = false;
      yield undefined;
      this.isRunning = true;
    }
  }
}

/** Whether a single call was refused before it changed anything. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return error instanceof CoppiceError && REFUSALS.has(error.code);
}
const REFUSALS: ReadonlySet<string> = new Set([
  'KEY_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'STORE_MISMATCH',
]);

/** The durability that all of the group are content with. */
export function strongest(group: readonly Queued[]): Durability {
  if (group.some(({ work }) => work.durability === 'commit')) return 'commit';
  return group.some(({ work }) => work.durability === 'interval') ? 'interval' : 'manual';
}

export function rejectOutcomes(outcomes: readonly Outcome[], error: unknown): void {
  for (const { queued } of outcomes) queued.reject(error);
}

export function rejectAll(group: readonly Queued[], error: unknown): void {
  for (const { reject } of group) reject(error);
}
