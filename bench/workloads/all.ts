/** Every workload, in the order of the table. A new one is a file beside this and a line here. */

import { fillsync } from './fillsync.ts';
import { openfile, openlarge } from './open.ts';
import { overwrite } from './overwrite.ts';
import { readrandom } from './readrandom.ts';
import { readseq } from './readseq.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
  readrandom,
  readseq,
  openfile,
  openlarge,
  fillsync,
  overwrite,
];

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) {
    const names = workloads.map((workload) => workload.name).join(', ');
    throw new RangeError(`There is no workload "${name}". There are: ${names}, heap.`);
  }
  return found;
}
