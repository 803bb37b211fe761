/** What a transaction knows of a value that lies in a file of its own until the commit is done. */

import type { Segment } from '../format/segment.ts';

/** bytes[start, start + length) */
export type PayloadPiece = (bytes: Uint8Array, start: number, length: number) => void;

export interface StagedPayload {
  /** Bytes of the value. */
  readonly length: number;
  /** 8 bytes for each chunk. */
  readonly checksums: Uint8Array;
  /** Calls `fn` for the pieces of memory, in order, in which its pages lie. */
  forEachPiece(fn: PayloadPiece): void;
  /** The bytes [from, to) in a segment, and where there byte 0 has its place: as findRun. */
  find(from: number, to: number): { segment: Segment; start: number };
}
