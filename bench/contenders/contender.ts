/**
 * A contender: one key-value database, as a workload uses it. Every variant is a way in which its
 * users could do the same thing; each is measured in a process of its own, and the best counts.
 */

/** What a scan or a seek returns: where the database only has promises for it, a promise. */
export type Awaitable<T> = T | Promise<T>;

export type Entry = readonly [key: string, value: Uint8Array];

/** One database file, open in this process. Keys are strings, values bytes. */
export interface Session {
  /** Makes each key hold its value, in one transaction or a few. Not timed. */
  fill(entries: Iterable<Entry>): Promise<void>;
  /** A point read; what it returns is looked at before the next call. */
  reader(variant: string): (key: string) => Uint8Array | undefined;
  /** Whether the key is there; no value is made. */
  searcher(variant: string): (key: string) => boolean;
  /** Goes through all entries, keys as strings and values as bytes; returns what was seen. */
  scanner(variant: string, reverse: boolean): () => Awaitable<number>;
  /** The same for the keys only. */
  keyScanner(variant: string): () => Awaitable<number>;
  /** How many entries there are from one key to before another. */
  counter(variant: string): (from: string, to: string) => Awaitable<number>;
  /** The key so many entries after the first. Absent where there is no way but counting along. */
  offsetter?(variant: string): (offset: number) => string | undefined;
  /** From that key on so many entries, keys and values; returns what was seen. */
  seeker(variant: string): (key: string, limit: number) => Awaitable<number>;
  /** Writes ascending keys into the empty database in one transaction, flushed. */
  loader(variant: string): (keys: Iterable<string>, value: Uint8Array) => Promise<void>;
  /** Writes all of the keys in one transaction, and resolves when it is on the disk. */
  writer(variant: string): (keys: readonly string[], value: Uint8Array) => Promise<void>;
  /** Removes all of the keys in one transaction, and resolves when it is on the disk. */
  remover(variant: string): (keys: readonly string[]) => Promise<void>;
  /** Writes one key, and resolves when it is as durable as the session was opened for. */
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

/** A database whose values are objects. */
export interface ObjectSession {
  fill(entries: Iterable<readonly [string, object]>): Promise<void>;
  get(key: string): unknown;
  close(): Promise<void>;
}

/** What a workload asks of a contender. */
export type Task =
  | 'get'
  | 'search'
  | 'scan'
  | 'reverse'
  | 'keys'
  | 'count'
  | 'offset'
  | 'seek'
  | 'objects'
  | 'load'
  | 'transaction'
  | 'remove'
  | 'put'
  | 'group'
  | 'relaxed'
  | 'open';

/**
 * 'flushed': what is written is on the disk before it is told. 'relaxed': written to the file, and
 * on the disk some time later.
 */
export type SessionDurability = 'flushed' | 'relaxed';

/** What the runner and the tables know of any contender. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  /**
   * Variants that do less than the task: what they return is overwritten by the next call, or what
   * they write is not on the disk. They stand in the table, and are no peer for a goal.
   */
  readonly borrowing: readonly string[];
  /** The length of what holds the data in that folder: files that grow with it, not locks. */
  sizeBytes(folder: string): number;
}

/** A database for Node.js. */
export interface Contender extends Contestant {
  /** The ways of doing each task; a task that it lacks is not done by it. */
  readonly variants: Readonly<Partial<Record<Task, readonly string[]>>>;
  open(folder: string, durability?: SessionDurability): Awaitable<Session>;
  /** Opens another database in that folder, of objects. */
  openObjects?(folder: string): ObjectSession;
  /** The file that holds the data, or the folder where there are many. */
  file(folder: string): string;
}

/** A database that is not for Node.js, in a program that does the workloads itself. */
export interface Program extends Contestant {
  /** Started with the task of a child process as its arguments; see lmdb-c.c. */
  readonly path: string;
  readonly workloads: readonly string[];
}
