/**
 * How the system is told that the mapping will be used (madvise): Coppice itself offers no choice.
 * All handles of a process on one file share its mapping, also a handle of the addon alone; so
 * advice given through that one holds for a database that is opened afterwards.
 */

import { createRequire } from 'node:module';

/** 'default': what Coppice does without being told. */
export type Advice = 'default' | 'normal' | 'random' | 'sequential';

export const ADVICE: readonly Advice[] = ['default', 'normal', 'random', 'sequential'];

/** What is used here of src/pager/native.ts. */
interface Addon {
  openFile(path: string, options: { readonly write: boolean; readonly create: boolean }): AddonFile;
}

interface AddonFile {
  map(reserveBytes: number, segmentBytes: number): number;
  advise(kind: string, fileOffset: number, lengthBytes: number): void;
  close(): void;
}

/** As src/format/geometry.ts and src/options.ts have it: the mapping is shared if it is the same. */
const SEGMENT_BYTES = 2 ** 30;
const ADDRESS_SPACE_BYTES = 2 ** 40;

/** Before the file is opened. Returns what to call when it is closed. */
export function advise(path: string, advice: Advice): () => void {
  if (advice === 'default') return () => {};
  const addon: Addon = createRequire(import.meta.url)('../../../build/Release/coppice.node');
  const file = addon.openFile(path, { write: false, create: false });
  file.map(ADDRESS_SPACE_BYTES, SEGMENT_BYTES);
  file.advise(advice, 0, 0);
  return () => file.close();
}
