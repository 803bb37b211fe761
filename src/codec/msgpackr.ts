/**
 * msgpackr, loaded by the first value that needs it: with its addon that takes half as long as
 * importing a database does, and stores of bytes, text or JSON never need it.
 *
 * It is required, not imported: encoding and decoding cannot wait for a promise.
 */

import { createRequire } from 'node:module';

type Msgpackr = typeof import('msgpackr');

const require = createRequire(import.meta.url);
let loaded: Msgpackr | undefined;

export function msgpackr(): Msgpackr {
  loaded ??= require('msgpackr') as Msgpackr;
  return loaded;
}
