/** How contenders and machines are called in charts and documents. */

import { OURS } from '../contenders/names.ts';
import type { Machine } from '../machine.ts';
import type { Colour } from './svg.ts';

const LABELS: Readonly<Record<string, string>> = {
  [OURS]: 'Coppice',
  lmdb: 'lmdb-js',
  'lmdb-c': 'LMDB in C',
};

export function labelOf(contender: string): string {
  return LABELS[contender] ?? contender;
}

export function colourOf(contender: string): Colour {
  return contender === OURS ? 'green' : contender === 'lmdb' ? 'orange' : 'grey';
}

export function versionsText(machine: Machine): string {
  return Object.entries(machine.versions)
    .map(([name, version]) => `${labelOf(name)} ${version}`)
    .join(', ');
}

/** One line: when, on what, of which versions. */
export function measuredOn(machine: Machine): string {
  const { date, node, processor, cores, memoryBytes } = machine;
  const memory = `${Math.round(memoryBytes / 2 ** 30)} GiB`;
  return `${date.slice(0, 10)}, Node ${node}, ${processor}, ${cores} cores, ${memory}`;
}
