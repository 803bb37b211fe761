/** Keys and values: the same for every contender, whatever the order of the calls. */

export const KEY_BYTES = 15;
export const VALUE_BYTES = 100;
export const ROW_BYTES: number = KEY_BYTES + VALUE_BYTES;

/** Below every key, and above. */
export const LOWEST = '0';
export const HIGHEST = ':';

/** The key of row `i`: 15 decimal digits. */
export function keyOf(i: number): string {
  return String(i).padStart(KEY_BYTES, '0');
}

/** Keys of rows 0 .. rows - 1, ascending. */
export function* ascendingKeys(rows: number): Generator<string> {
  for (let i = 0; i < rows; i++) yield keyOf(i);
}

/** Rows 0 .. rows - 1 with values that tell which row they are of; see `seenValue`. */
export function* ascendingRows(rows: number): Generator<[string, Uint8Array]> {
  for (let i = 0; i < rows; i++) yield [keyOf(i), rowValue(i)];
}

/** The same value for each key. */
export function* withValue(
  keys: Iterable<string>,
  value: Uint8Array,
): Generator<[string, Uint8Array]> {
  for (const key of keys) yield [key, value];
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

/** The value of a row: its first three bytes are the row, little-endian. */
export function rowValue(row: number): Uint8Array {
  const value = VALUE.slice();
  value[0] = row & 0xff;
  value[1] = (row >> 8) & 0xff;
  value[2] = (row >> 16) & 0xff;
  return value;
}

const VALUE = valueBytes();

/** What a read adds to its sum for a value: its length, and the row that it says. */
export function seenValue(value: Uint8Array): number {
  return value.length + (value[0]! | (value[1]! << 8) | (value[2]! << 16));
}

/** What a read adds to its sum for a key: its length and its last character. */
export function seenKey(key: string): number {
  return key.length + key.charCodeAt(key.length - 1);
}

/** What reading the value of that row has to add. */
export function expectedValue(row: number): number {
  return VALUE_BYTES + (row & 0xffffff);
}

/** What reading the key of that row has to add. */
export function expectedKey(row: number): number {
  return KEY_BYTES + 48 + (row % 10);
}

/** A permutation of the 32-bit numbers. */
function mix(i: number): number {
  let x = i | 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}
