/**
 * A contender: one key-value database, as a workload uses it. Every variant is a way in which its
 * users could do the same thing; each is measured in a process of its own, and the best counts.
 */

/** One database file, open in this process. Keys are strings, values bytes. */
export interface Session {
  /** Makes each key hold the value, in one transaction or a few. Not timed. */
  fill(keys: Iterable<string>, value: Uint8Array): Promise<void>;
  /** A point read; what it returns is looked at before the next call. */
  reader(variant: string): (key: string) => Uint8Array | undefined;
  /** Goes through all entries, keys as strings and values as bytes; returns the sum of the lengths. */
  scanner(variant: string): () => number;
  /** Writes all of the keys in one transaction, and resolves when it is on the disk. */
  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void>;
  /** Writes one key, and resolves when it is on the disk. */
  putter(variant: string): (key: string, value: Uint8Array) => Promise<void>;
  /** A reader of the present state, which stays open until it is closed. */
  hold(): HeldReader;
  /** What the database tells of itself; undefined where it tells nothing of the kind. */
  stats(): EngineStats | undefined;
  close(): Promise<void>;
}

/** Keeps one state of the database. */
export interface HeldReader {
  get(key: string): Uint8Array | undefined;
  close(): void;
}

export interface EngineStats {
  /** In use by any state that is kept. */
  readonly liveBytes: number;
  /** Since the session began: pages and runs without the metas, bytes with them. */
  readonly commits: { readonly pages: number; readonly runs: number; readonly bytes: number };
}

/** What a workload asks of a contender. */
export type Task = 'get' | 'scan' | 'transaction' | 'put' | 'open';

export interface Contender {
  readonly name: string;
  readonly version: string;
  /** The ways of doing each task. */
  readonly variants: Readonly<Record<Task, readonly string[]>>;
  /**
   * Variants that do less than the task: what they return is overwritten by the next call. They
   * stand in the table, and are no peer for a goal.
   */
  readonly borrowing: readonly string[];
  /** Opens the database in that folder; durable: what is written is flushed before it is told. */
  open(folder: string): Session;
  /** The file that holds the data. */
  file(folder: string): string;
}
