/** What the measurement and the process that opens the file tell each other. */

import type { Advice } from './advice.ts';

/** The argument of child.ts, as JSON. */
export interface ColdTask {
  readonly path: string;
  readonly advice: Advice;
}

export type ColdRequest =
  /**
   * Make the file: `rows` rows of data.ts, unless as many are there already; or one value of so many
   * bytes.
   */
  | { readonly kind: 'fill'; readonly rows: number }
  | { readonly kind: 'fill value'; readonly bytes: number }
  | { readonly kind: 'open' }
  /** `count` keys drawn at random from the rows. */
  | { readonly kind: 'get'; readonly count: number; readonly rows: number; readonly seed: number }
  | { readonly kind: 'scan'; readonly rows: number }
  /** Find the value. */
  | { readonly kind: 'blob' }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number }
  | { readonly kind: 'close' };

/** What one request took, as the process that did it counts it. */
export interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
  /** Pages that it touched, which were not in memory and were waited for. */
  readonly majorFaults: number;
  /** What was read from the disk for it, by /proc/self/io. */
  readonly readBytes: number;
}

export type ColdReply =
  | { readonly kind: 'done' }
  /** `depth`: levels of the tree, leaves included. */
  | { readonly kind: 'filled'; readonly depth: number; readonly seconds: number }
  | ({ readonly kind: 'taken' } & Taken);
