/** What the measurement and its readers and its writer tell each other. */

import type { MappedMemory } from './smaps.ts';

/** The argument of reader.ts and writer.ts, as JSON. */
export interface ReaderTask {
  readonly contender: string;
  /** Holds the database; `rows` rows of data.ts are in it. */
  readonly folder: string;
  readonly rows: number;
  /** Which keys are drawn, and in which order. */
  readonly seed: number;
}

export type ReaderRequest =
  /** Read all entries once. */
  | { readonly kind: 'all' }
  /** Get keys at random from one time until another, both in ms since 1970. */
  | { readonly kind: 'gets'; readonly fromMs: number; readonly untilMs: number }
  /** How much memory this process has. */
  | { readonly kind: 'memory' }
  | { readonly kind: 'close' };

/** What one reader got in one round. */
export interface Reading {
  readonly gets: number;
  /** By the clock. */
  readonly ms: number;
  /** Processor time of the thread that reads. */
  readonly cpuMs: number;
}

/** Memory of one process. */
export interface ProcessMemory {
  /** Its mapping of the database file. */
  readonly file: MappedMemory;
  /** All that it has. */
  readonly process: MappedMemory;
}

export type ReaderReply =
  | { readonly kind: 'done' }
  | ({ readonly kind: 'gets' } & Reading)
  | ({ readonly kind: 'memory' } & ProcessMemory);

export type WriterRequest =
  /** Commit all the time from now on; answered after the first commit. */
  | { readonly kind: 'write'; readonly putsACommit: number }
  | { readonly kind: 'pause' }
  | { readonly kind: 'close' };

/** What the writer did between 'write' and 'pause'. */
export interface Writing {
  readonly commits: number;
  readonly ms: number;
}

export type WriterReply = { readonly kind: 'done' } | ({ readonly kind: 'paused' } & Writing);
