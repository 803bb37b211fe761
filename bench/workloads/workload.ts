/** A workload: what is done and timed, the same for every contender. */

import { mkdirSync, rmSync } from 'node:fs';
import type {
  Awaitable,
  Contender,
  Session,
  SessionDurability,
  Task,
} from '../contenders/contender.ts';
import { HIGHEST, LOWEST } from '../data.ts';

/** How much is done. */
export interface Scale {
  /** Rows in the file. */
  readonly rows: number;
  /** Operations in one round, of each kind. */
  readonly gets: number;
  readonly transactions: number;
  readonly puts: number;
  /** Rounds of one contender: what is done once, in parts, is divided by them. */
  readonly rounds: number;
}

/** What one round came to: the timed part only. */
export interface Round {
  readonly operations: number;
  readonly ms: number;
  /** Processor time of the whole process meanwhile: what waits for a core does not count. */
  readonly cpuMs: number;
  /** Bytes of keys and values given to the database, for write amplification. */
  readonly bytesPut: number;
}

/** Where a workload runs. */
export interface Place {
  readonly contender: Contender;
  readonly variant: string;
  readonly scale: Scale;
  /** What is in it the workload's `starts` says. */
  readonly folder: string;
}

export interface Workload {
  readonly name: string;
  /** One line for the table. */
  readonly title: string;
  /** Said beside the figures: 'reads', or how durable the writes are. */
  readonly durability: string;
  readonly task: Task;
  /**
   * The clock that it is judged by: 'cpu' where nothing waits for a disk or another thread, so
   * that what else runs on the machine counts for little; 'wall' else, and where somebody waits for
   * just this.
   */
  readonly clock: 'cpu' | 'wall';
  /** Rounds beyond those of the reads, for what the disk makes noisy: a factor. */
  readonly roundsFactor: number;
  /** Rounds that are not counted, until the code is compiled and a young file has its length. */
  readonly warmUp: number;
  /** A process for each round: for what is only slow the first time. */
  readonly freshProcess: boolean;
  /**
   * What its folder has in it: `scale.rows` rows that nobody changes, a copy of them for each
   * variant, or nothing.
   */
  readonly starts: 'shared rows' | 'own rows' | 'empty';
  /** Whether it belongs to `--quick`. */
  readonly quick: boolean;
  /** Whether the other contenders do it too. */
  readonly peers: boolean;
  /** Sets up and returns what is done in each round. */
  prepare(place: Place): Awaitable<Prepared>;
}

export interface Prepared {
  round(): Promise<Round>;
  close(): Promise<void>;
}

/** Starts both clocks; what it returns reads them. */
export function startClock(): () => { ms: number; cpuMs: number } {
  const cpu = process.cpuUsage();
  const start = performance.now();
  return () => {
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1000 };
  };
}

/** What is done in each round. */
export interface Steps {
  /** Not timed. */
  before?(): Awaitable<void>;
  /** Timed as a whole. */
  run(): Awaitable<void>;
  /** Not timed: throws when the database does not hold what was written. */
  check?(): Awaitable<void>;
}

/** What one round does. */
export interface Each {
  readonly operations: number;
  readonly bytesPut: number;
}

/** Most workloads: one open session, and what is done with it. */
export async function inSession(
  place: Place,
  each: Each,
  begin: (session: Session) => Steps,
  durability: SessionDurability = 'flushed',
): Promise<Prepared> {
  const session = await place.contender.open(place.folder, durability);
  const steps = begin(session);
  return {
    round: () => timed(steps, each),
    close: () => session.close(),
  };
}

/** Workloads that begin with no database: a new one for each round; the last one stays. */
export function inFreshSessions(
  place: Place,
  each: Each,
  begin: (session: Session) => Steps,
): Prepared {
  let session: Session | undefined;
  return {
    async round() {
      await session?.close();
      rmSync(place.folder, { recursive: true, force: true });
      mkdirSync(place.folder, { recursive: true });
      session = await place.contender.open(place.folder);
      return timed(begin(session), each);
    },
    close: async () => session?.close(),
  };
}

async function timed(steps: Steps, each: Each): Promise<Round> {
  await steps.before?.();
  const elapsed = startClock();
  await steps.run();
  const times = elapsed();
  await steps.check?.();
  return { ...each, ...times };
}

/** For what was read: fails the run when it is not what should have been. */
export function requireSeen(found: number, expected: number): void {
  if (found !== expected) throw new Error(`what was read adds up to ${found}, not ${expected}`);
}

/** For what was written: looks at these keys, and counts the entries where that many are known. */
export async function requireWritten(
  { contender }: Place,
  session: Session,
  written: {
    readonly keys: Iterable<string>;
    readonly value: Uint8Array | undefined;
    readonly entries?: number;
  },
): Promise<void> {
  const get = session.reader(contender.variants.get?.[0] ?? '');
  for (const key of written.keys) {
    const found = get(key);
    const same =
      written.value === undefined
        ? found === undefined
        : found !== undefined && Buffer.compare(found, written.value) === 0;
    if (!same) throw new Error(`key ${key} does not have the value that was written last`);
  }
  if (written.entries === undefined) return;
  const count = session.counter(contender.variants.count?.[0] ?? '');
  const entries = await count(LOWEST, HIGHEST);
  if (entries !== written.entries) {
    throw new Error(`${entries} entries are there, not ${written.entries}`);
  }
}
