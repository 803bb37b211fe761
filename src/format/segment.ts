/**
 * A segment: one stretch of memory, and the views through which all of the engine reads it. It is a
 * window on the mapping, which must never be written, or private memory with dirty pages, or a copy
 * of bytes that lie in two windows. Every hot function sees this one class with these view types.
 */
export class Segment {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  /** Signed, because V8 knows Int32Array reads to be small integers and Uint32Array reads not. */
  readonly i32: Int32Array;
  /** Made for one read, which may keep it. */
  readonly isCopy: boolean;

  constructor(buffer: ArrayBufferLike, isCopy = false) {
    this.isCopy = isCopy;
    this.bytes = new Uint8Array(buffer);
    // Of a copy's last odd bytes only `bytes` knows.
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  }
}

/** Stands where no page has been found yet, so that the class of a field never changes. */
export const NO_SEGMENT: Segment = new Segment(new ArrayBuffer(0));

/**
 * Copies of 4 KiB and more are made by `rep movsb` (glibc), which takes 2 us for a page, and not
 * 0.2, where the target begins 8 or 16 bytes further into its page of memory than the source does
 * (AMD Zen). Pages of the mapping begin at 0 there, what malloc gives for a chunk of them at 16.
 */
const COPY_BYTES = 2048;

/** Copies the page at `from` of `source` to `to` of `target`: another segment. */
export function copyPage(
  source: Segment,
  from: number,
  target: Segment,
  to: number,
  pageSize: number,
): void {
  for (let at = 0; at < pageSize; at += COPY_BYTES) {
    const end = Math.min(at + COPY_BYTES, pageSize);
    target.bytes.set(source.bytes.subarray(from + at, from + end), to + at);
  }
}

/** The 48-bit number of a low word (as Int32Array reads it) and a high half-word. */
export function u48(low: number, high: number): number {
  return high * 0x1_0000_0000 + (low >>> 0);
}

/** Bits 0..31 of a number below 2^53, as an i32. */
export function low32(n: number): number {
  return n | 0;
}

/** Bits 32..52 of a number below 2^53. */
export function high32(n: number): number {
  return Math.floor(n / 0x1_0000_0000);
}
