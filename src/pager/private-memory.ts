/**
 * Private memory that goes from one transaction to the next, so that a small commit makes none: a
 * buffer outside of V8's heap costs a malloc, and a little of each garbage collection.
 */

import { Segment } from '../format/segment.ts';

/** Bytes of the segments in which dirty pages lie. */
export const CHUNK_OF_PAGES_BYTES: number = 2 ** 20;
/** Chunks kept in any case. */
const SPARE_CHUNKS = 16;
/** Chunks kept after a transaction that used so many; more are left to the garbage collector. */
const MAX_SPARE_CHUNKS = 160;
/** Bitmaps kept; of a file with pages of 4 KiB each stands for 126 MiB. */
const MAX_SPARE_BITMAPS = 64;

export class PrivateMemory {
  private readonly chunks: Segment[] = [];
  private readonly bitmaps: Int32Array[] = [];
  /**
   * What the last commit was made with, kept until the next one. At a full garbage collection V8
   * forgets the shapes of objects of which none is left, and with them the code compiled for them:
   * without this, transactions of 1,000 puts took 9.5 us a put after each collection, with it 8.2.
   */
  kept: readonly object[] = [];

  /** A segment of CHUNK_OF_PAGES_BYTES with anything in it. */
  takeChunk(): Segment {
    return this.chunks.pop() ?? new Segment(new ArrayBuffer(CHUNK_OF_PAGES_BYTES));
  }

  /**
   * Takes the chunks of a transaction back. As many are kept as it used, for the next one may be as
   * large: with 16, loading 1 M rows at random spent two fifths of its time collecting garbage.
   */
  giveBackChunks(chunks: readonly Segment[]): void {
    const spare = this.chunks;
    const kept = Math.max(SPARE_CHUNKS, Math.min(chunks.length, MAX_SPARE_CHUNKS));
    for (let i = 0; i < chunks.length && spare.length < kept; i++) spare.push(chunks[i]!);
    if (spare.length > kept) spare.length = kept;
  }

  /** A bitmap of `bits` with anything in it; `bits` is the same in all calls. */
  takeBitmap(bits: number): Int32Array {
    return this.bitmaps.pop() ?? new Int32Array(bits >> 5);
  }

  giveBackBitmap(bitmap: Int32Array): void {
    if (this.bitmaps.length < MAX_SPARE_BITMAPS) this.bitmaps.push(bitmap);
  }
}
