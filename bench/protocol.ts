/** What the runner and its child processes tell each other. */

import type { Writes } from './process-writes.ts';
import type { Round, Scale } from './workloads/workload.ts';

/** The argument of a child process, as JSON. */
export interface ChildTask {
  readonly workload: string;
  readonly contender: string;
  readonly variant: string;
  readonly folder: string;
  readonly scale: Scale;
}

export type Request = 'fill' | 'round' | 'close';

export interface Faults {
  /** Pages that were in memory, and only had to be mapped. */
  readonly minor: number;
  /** Pages that were waited for. */
  readonly major: number;
}

export type Reply =
  | { readonly kind: 'started' }
  | { readonly kind: 'filled'; readonly ms: number }
  | ({ readonly kind: 'round'; readonly writes: Writes; readonly faults: Faults } & Round)
  | { readonly kind: 'closed'; readonly peakRssBytes: number };
