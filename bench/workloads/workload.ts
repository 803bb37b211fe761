/** A workload: what is done and timed, the same for every contender. */

import type { Contender, Session, Task } from '../contenders/contender.ts';

/** How much is done. */
export interface Scale {
  /** Rows in the file. */
  readonly rows: number;
  /** Operations in one round, of each kind. */
  readonly gets: number;
  readonly transactions: number;
  readonly puts: number;
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

/** What has to hold: so many times as fast as the best peer, or no slower than so many ms. */
export type Goal =
  | { readonly kind: 'ratio'; readonly now: number; readonly later: number }
  | { readonly kind: 'ms'; readonly atMost: number };

/** Where a workload runs. */
export interface Place {
  readonly contender: Contender;
  readonly variant: string;
  readonly scale: Scale;
  /** A folder of its own with `scale.rows` rows in it. */
  readonly folder: string;
}

export interface Workload {
  readonly name: string;
  /** One line for the table. */
  readonly title: string;
  /** Said beside the figures: 'reads', or how durable the writes are. */
  readonly durability: string;
  readonly task: Task;
  readonly goal: Goal;
  /**
   * The clock that the goal is judged by: 'cpu' where nothing waits for a disk or another thread, so
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
  /** Whether it changes the file: each variant has a copy of its own then. */
  readonly writes: boolean;
  /** Whether the other contenders do it too. */
  readonly peers: boolean;
  /** Sets up and returns what is done in each round. */
  prepare(place: Place): Prepared;
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

/** What `inSession` does in each round. */
export interface Steps {
  /** Not timed. */
  before?(): void;
  /** Timed as a whole. */
  run(): Promise<void> | void;
}

/** Most workloads: one open session, and what is done with it. */
export function inSession(
  place: Place,
  each: { readonly operations: number; readonly bytesPut: number },
  begin: (session: Session) => Steps,
): Prepared {
  const session = place.contender.open(place.folder);
  const steps = begin(session);
  return {
    async round() {
      steps.before?.();
      const elapsed = startClock();
      await steps.run();
      return { ...each, ...elapsed() };
    },
    close: () => session.close(),
  };
}
