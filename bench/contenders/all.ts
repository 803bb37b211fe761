/** Every contender. A new one is a file beside this and a line here. */

import type { Contender } from './contender.ts';
import { coppice } from './coppice.ts';
import { lmdb } from './lmdb.ts';

/** The one that the others are compared with. */
export const OURS = 'coppice';

export const contenders: readonly Contender[] = [coppice, lmdb];

export function contenderNamed(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (found === undefined) throw new RangeError(`There is no contender "${name}".`);
  return found;
}
