/** A value each four bytes of which say where they are. */

const PIECE_BYTES = 2 ** 20;

/** The value, a piece at a time. */
export async function* largeValue(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) yield part(at, Math.min(PIECE_BYTES, bytes - at));
}

/** Whether these are the bytes of the value from `at` on. */
export function isPart(bytes: Uint8Array, at: number): boolean {
  return Buffer.compare(bytes, part(at, bytes.length)) === 0;
}

/** `at` is a multiple of four. */
function part(at: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(at / 4 + i, 2_654_435_761);
  return new Uint8Array(words.buffer, 0, length);
}
