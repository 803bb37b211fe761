/** Keys and values: the same for every contender, whatever the order of the calls. */

export const KEY_BYTES = 15;
export const VALUE_BYTES = 100;

/** The key of row `i`: 15 decimal digits. */
export function keyOf(i: number): string {
  return String(i).padStart(KEY_BYTES, '0');
}

/** Keys of rows 0 .. rows - 1, ascending. */
export function* ascendingKeys(rows: number): Generator<string> {
  for (let i = 0; i < rows; i++) yield keyOf(i);
}

/** `count` keys of rows drawn at random, the same ones for the same seed. */
export function randomKeys(count: number, rows: number, seed: number): string[] {
  return randomRows(count, rows, seed).map(keyOf);
}

/** The rows of these keys. */
export function randomRows(count: number, rows: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => mix(i + seed * 0x9e3779b1) % rows);
}

/** Rows 0 .. rows - 1, each once, in an order drawn at random; the same one each time. */
export function shuffledRows(rows: number): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  for (let i = rows - 1; i > 0; i--) {
    const other = mix(i) % (i + 1);
    const row = order[i]!;
    order[i] = order[other]!;
    order[other] = row;
  }
  return order;
}

/** A value of which no byte is like its neighbour. */
export function valueBytes(length: number = VALUE_BYTES): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => mix(i) & 0xff);
}

/** A permutation of the 32-bit numbers. */
function mix(i: number): number {
  let x = i | 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}
