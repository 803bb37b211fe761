/** Processor time of one thread: that of a process says nothing of a worker thread in it. */

import { readFileSync } from 'node:fs';

/** Of the calling thread, in ms since it began. Elsewhere than on Linux: of its process. */
export function threadCpuMs(): number {
  if (process.platform === 'linux') {
    // Nanoseconds on a processor, nanoseconds that it waited for one, turns.
    const text = readFileSync('/proc/thread-self/schedstat', 'latin1');
    return Number(text.split(' ')[0]) / 1e6;
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
