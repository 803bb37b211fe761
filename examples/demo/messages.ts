/** What the child programs tell the demo: one line of JSON each, on their standard output. */

import { writeSync } from 'node:fs';
import type { Move } from './cities.ts';

/** From a reader. */
export interface ReaderCounts {
  readonly snapshots: number;
  /** Different states that these snapshots were of. */
  readonly states: number;
  /** Cities that were compared in both stores. */
  readonly cities: number;
  /** The transaction that made the newest of these states. */
  readonly transaction: number;
}

export type Message =
  /** A reader has checked all of the file once and goes on checking. */
  | { readonly kind: 'ready'; readonly cities: number; readonly people: number }
  /** A reader answers what it was asked. */
  | { readonly kind: 'counts'; readonly counts: ReaderCounts }
  /** A reader found what should not be. */
  | { readonly kind: 'problem'; readonly problem: string }
  /** The writer's transaction is durable. */
  | { readonly kind: 'done'; readonly number: number; readonly move: Move };

/** Writes to the pipe before it returns, so that what is told has left this process. */
export function tell(message: Message): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

/** A line that a child of ours wrote. */
export function readMessage(line: string): Message {
  return JSON.parse(line);
}
