/** Every workload, in the order of the table. A new one is a file beside this and a line here. */

import { count, offset } from './count.ts';
import { fillseq } from './fillseq.ts';
import { fill100K, fillgroup, fillinterval, fillsync } from './fillsync.ts';
import { objects } from './objects.ts';
import { openfile, openlarge } from './open.ts';
import { deleterandom, fillrandom, overwrite } from './overwrite.ts';
import { readhot, readmissing, readrandom, searchrandom } from './readrandom.ts';
import { readkeys, readreverse, readseq, seekrandom } from './readseq.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  readrandom,
  searchrandom,
  readmissing,
  readhot,
  readseq,
  readreverse,
  readkeys,
  count,
  offset,
  seekrandom,
  objects,
  openfile,
  openlarge,
  fillsync,
  fillgroup,
  fillinterval,
  fill100K,
  overwrite,
  fillrandom,
  fillseq,
  deleterandom,
];

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) {
    const names = workloads.map((workload) => workload.name).join(', ');
    throw new RangeError(`There is no workload "${name}". There are: ${names}, heap.`);
  }
  return found;
}
