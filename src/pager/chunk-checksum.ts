/** Checksums of the chunks of overflow runs. */

import type { Storage } from './storage.ts';

/** The secret that seeds the checksums of a database. */
export interface Secret {
  readonly low: number;
  readonly high: number;
}

/** The checksum of a chunk: seeded with the secret + the chunk's index, 64-bit wrapping. */
export function hashChunk(
  storage: Pick<Storage, 'hash'>,
  bytes: Uint8Array,
  from: number,
  to: number,
  chunk: number,
  secret: Secret,
  target: Uint8Array,
  at: number,
): void {
  const low = (secret.low >>> 0) + chunk;
  const carry = low >= 0x1_0000_0000 ? 1 : 0;
  storage.hash(bytes, from, to, low >>> 0, ((secret.high >>> 0) + carry) >>> 0, target, at);
}
