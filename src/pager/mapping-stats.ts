/** How much of the file is in memory, and what that cost this process. */

import { native } from './native.ts';
import type { Storage } from './storage.ts';

/** Sizes in bytes; faults of this process since it began. */
export interface MappingStats {
  mappedBytes: number;
  residentBytes: number;
  minorFaults: number;
  majorFaults: number;
}

/** Asks the kernel (mincore, getrusage); loads no page. */
export function mappingStats(storage: Storage): MappingStats {
  const sizeBytes = storage.sizeBytes();
  const { minor, major } = native().faults();
  return {
    mappedBytes: sizeBytes,
    residentBytes: storage.resident(0, sizeBytes) * native().osPageSize,
    minorFaults: minor,
    majorFaults: major,
  };
}
