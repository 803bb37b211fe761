/** The machine that the figures were measured on, as is written beside them. */

import { readFileSync, statfsSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import type { Entrant } from './contenders/all.ts';

export interface Machine {
  readonly date: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Where the data lay. */
  readonly filesystem: string;
  readonly node: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Processes that wanted to run, over the last minute, when the run began and when it ended. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

export function describeMachine(
  entrants: readonly Entrant[],
  data: string,
  loadBefore: number,
): Machine {
  return {
    date: new Date().toISOString(),
    system: `${type()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    filesystem: filesystemOf(data),
    node: process.version,
    versions: Object.fromEntries(entrants.map(({ name, version }) => [name, version])),
    loadBefore,
    loadAfter: load(),
  };
}

export function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}

/** Whether what is "flushed" there lies in memory only. */
export function isMemory(filesystem: string): boolean {
  return filesystem === 'tmpfs';
}

const TMPFS = 0x01021994;

/** The type of the filesystem that holds the folder, by its mount point. */
function filesystemOf(folder: string): string {
  if (statfsSync(folder).type === TMPFS) return 'tmpfs';
  if (process.platform !== 'linux') return 'unknown';
  let best = { point: '', type: 'unknown' };
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [, point = '', name = ''] = line.split(' ');
    const holds = folder === point || folder.startsWith(point.replace(/\/?$/, '/'));
    if (holds && point.length >= best.point.length) best = { point, type: name };
  }
  return best.type;
}
