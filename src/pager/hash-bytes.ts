import { native } from './native.ts';

/** XXH3-64 of bytes that are of no database, little-endian. */
export function hashBytes(bytes: Uint8Array): Uint8Array {
  const hash = new Uint8Array(8);
  native().hash(bytes, 0, bytes.length, 0, 0, hash, 0);
  return hash;
}
