/**
 * Bytes with an end that sorts before all of them: `escaped END`, as tuple-tags.ts has it. What
 * follows does not matter to the order, and no such text is the start of another one.
 */

import { END, ESCAPE } from './tuple-tags.ts';

/** Where the first END in [start, end) is, -1 when there is none. */
export function endOfEscaped(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === END) return at;
  return -1;
}

/** How many escapes [start, stop) has: so much shorter is what they stand for. */
export function escapeCount(bytes: Uint8Array, start: number, stop: number): number {
  let count = 0;
  for (let at = start; at < stop; at++) {
    if (bytes[at] !== ESCAPE) continue;
    count++;
    at++; // what is escaped may look like another ESCAPE
  }
  return count;
}

/** What [start, stop) stands for; undefined when something else than 00 and 01 is escaped. */
export function unescaped(
  bytes: Uint8Array,
  start: number,
  stop: number,
  escapes: number,
): Uint8Array | undefined {
  const plain = new Uint8Array(stop - start - escapes);
  let to = 0;
  for (let at = start; at < stop; at++) {
    let byte = bytes[at] as number;
    if (byte === ESCAPE) {
      byte = (bytes[++at] as number) - 1;
      if (at >= stop || byte > ESCAPE) return undefined;
    }
    plain[to++] = byte;
  }
  return plain;
}

/**
 * Escapes [start, end) of `target` where it lies. Returns the new end, or -1 when there is no room
 * for it and `extra` bytes more; then nothing has changed.
 */
export function escapeInPlace(
  target: Uint8Array,
  start: number,
  end: number,
  extra: number,
): number {
  let low = 0;
  for (let at = start; at < end; at++) if (target[at]! <= ESCAPE) low++;
  const newEnd = end + low;
  if (newEnd + extra > target.length) return -1;
  for (let from = end - 1, to = newEnd - 1; to > from; from--) {
    const byte = target[from]!;
    if (byte <= ESCAPE) {
      target[to--] = byte + 1;
      target[to--] = ESCAPE;
    } else {
      target[to--] = byte;
    }
  }
  return newEnd;
}
