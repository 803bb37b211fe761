/**
 * Copies of a few bytes: the loops that are faster than a call when little is to be moved.
 */

/**
 * Up to here a loop, at about 1.5 ns an element, beats `set(subarray())`, which makes a view and
 * takes 50 ns at least (bench/micro/btree.ts, "copy").
 */
const LOOP_ELEMENTS = 32;

/** Copies source[from, to) to target[at, ...). The two do not overlap. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  to: number,
): void {
  if (to - from <= LOOP_ELEMENTS) {
    for (let k = from, t = at; k < to; k++, t++) target[t] = source[k]!;
  } else if (from === 0 && to === source.length) {
    target.set(source, at);
  } else {
    target.set(source.subarray(from, to), at);
  }
}

/** As copyBytes, of pairs of bytes; all arguments count pairs. */
export function copyPairs(
  target: Uint16Array,
  at: number,
  source: Uint16Array,
  from: number,
  to: number,
): void {
  if (to - from <= LOOP_ELEMENTS) {
    for (let k = from, t = at; k < to; k++, t++) target[t] = source[k]!;
  } else {
    target.set(source.subarray(from, to), at);
  }
}
