/** Figures as a run leaves them, made up for tests. */

import type { Machine } from '../../bench/machine.ts';
import type { Result } from '../../bench/runner.ts';

export const machine: Machine = {
  date: '2026-11-28T00:00:00.000Z',
  system: 'Linux 1.2.3 x64',
  processor: 'A processor',
  cores: 4,
  memoryBytes: 8 * 2 ** 30,
  filesystem: 'ext4',
  node: 'v24.0.0',
  versions: { coppice: '1.2.3', lmdb: '4.5.6' },
  loadBefore: 0.5,
  loadAfter: 1,
};

/** Rounds that took so many ms, processor time a tenth of that. */
export function result(
  workload: string,
  contender: string,
  ms: readonly number[],
  more: Partial<Result> = {},
): Result {
  return {
    workload,
    contender,
    variant: 'usual',
    borrows: false,
    operations: 10,
    ms,
    cpuMs: ms.map((each) => each / 10),
    bytesPut: 0,
    writeCalls: 0,
    writeBytes: 0,
    minorFaults: 0,
    majorFaults: 0,
    peakRssBytes: 0,
    fileBytes: 0,
    closedBytes: 0,
    ...more,
  };
}
