/** What a slice out of a large value loads, when nothing of the file is in memory. */

import { ColdProcess, type Part } from './measure.ts';
import type { ColdOptions } from './options.ts';
import { dropFromMemory } from './page-cache.ts';

export interface SliceResult {
  readonly valueBytes: number;
  readonly sliceBytes: number;
  readonly rounds: readonly SliceRound[];
}

/** `residentBytes` of each part: of the whole file, after it. */
export interface SliceRound {
  readonly open: Part;
  /** Finding the value. */
  readonly blob: Part;
  readonly slice: Part;
}

const SLICE_BYTES = 1_000_000;

export async function measureSlice(
  path: string,
  { valueBytes, rounds }: ColdOptions,
): Promise<SliceResult> {
  const maker = new ColdProcess({ path, advice: 'default' });
  await maker.fill({ kind: 'fill value', bytes: valueBytes });
  await maker.close();
  const done: SliceRound[] = [];
  for (let round = 0; round < rounds; round++) {
    dropFromMemory(path);
    const child = new ColdProcess({ path, advice: 'default' });
    const open = await child.part({ kind: 'open' });
    const blob = await child.part({ kind: 'blob' });
    // Each time from another place, far from what opening read, and no multiple of a chunk.
    const from = 4 * Math.floor((valueBytes * (round + 1)) / (rounds + 1) / 4);
    const slice = await child.part({ kind: 'slice', from, to: from + SLICE_BYTES });
    await child.close();
    done.push({ open, blob, slice });
  }
  return { valueBytes, sliceBytes: SLICE_BYTES, rounds: done };
}

/** What the slice alone loaded in that round. */
export function loadedBySlice({ blob, slice }: SliceRound): number {
  return slice.residentBytes - blob.residentBytes;
}
