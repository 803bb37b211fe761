/**
 * The walk: every page that a snapshot reaches and that was born after a given transaction. A
 * pointer to an older page is not followed: what it leads to was durable when that transaction was.
 *
 * Used by recovery (to verify what a one-flush commit wrote) and by a takeover (to write it again).
 * Each page is checked in full before its pointers are used; levels go down by one at each step and
 * no page is reached twice, so the walk of a damaged file ends.
 */

import { CHUNK_BYTES } from '../format/geometry.ts';
import { PAGE_TYPE, pageLevel, slotCount } from '../format/page-header.ts';
import { visitPointers } from '../format/pointers.ts';
import type { MappedPages } from './mapped-pages.ts';
import { checksumsOn, chunkOfRunIsIntact } from './mapped-run.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** What the walk found wrong, and where. */
export interface WalkFault {
  readonly page: number;
  readonly what: string;
}

interface Target {
  readonly page: number;
  readonly birth: number;
  readonly type: number;
  readonly level: number;
  /** Bytes of the value, for an overflow run; -1 for a page. */
  readonly length: number;
}

/**
 * Walks what was born after `since`. `reached` is told of every such page or run, checked. Returns
 * the first fault, or undefined. A page that cannot be read at all throws STORAGE_FAULT.
 */
export function walkBornSince(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  since: number,
  reached: (page: number, count: number) => void,
): WalkFault | undefined {
  const { geometry } = pages;
  const seen = new Set<number>();
  const stack: Target[] = [];
  const push = (page: number, birth: number, type: number, level: number, length: number): void => {
    if (page !== 0 && birth > since) stack.push({ page, birth, type, level, length });
  };
  push(roots.mapPage, roots.mapBirth, PAGE_TYPE.map, -1, -1);
  push(roots.cataloguePage, roots.catalogueBirth, 0, -1, -1);
  const visitor = {
    page(page: number, birth: number, type: number, level: number): void {
      push(page, birth, type, level, -1);
    },
    run(page: number, birth: number, length: number): void {
      push(page, birth, PAGE_TYPE.overflow, 0, length);
    },
  };
  for (let target = stack.pop(); target !== undefined; target = stack.pop()) {
    const { page, birth, type, level, length } = target;
    const fault = (what: string): WalkFault => {
      pages.requireReadable(page);
      return { page, what };
    };
    if (birth > roots.id) return fault(`born in ${birth}, after the snapshot ${roots.id}`);
    if (page < geometry.firstPage || page >= roots.filePages) return fault('outside the file');
    if (seen.has(page)) return fault('reached twice');
    seen.add(page);
    if (length >= 0) {
      const runFault = runFaultOf(storage, pages, roots, target);
      if (runFault !== undefined) return fault(runFault);
      reached(page, geometry.overflowPages(length));
      continue;
    }
    const found = pages.faultOf(page, birth, type);
    if (found !== undefined) return fault(found);
    const o = pages.bytesAt(page, 0, geometry.pageSize);
    const s = pages.segment;
    if (level >= 0 && pageLevel(s, o) !== level) {
      return fault(`of level ${pageLevel(s, o)}, its parent expects ${level}`);
    }
    reached(page, 1);
    visitPointers(s, o, geometry.mapFanout, visitor);
  }
  return undefined;
}

function runFaultOf(
  storage: Storage,
  pages: MappedPages,
  roots: SnapshotRoots,
  target: Target,
): string | undefined {
  const { geometry } = pages;
  const { page, birth, length } = target;
  const count = geometry.overflowPages(length);
  const inSegment = page % geometry.pagesPerSegment;
  if (length > geometry.maxValueBytes) return `a run of ${length} bytes`;
  if (page + count > roots.filePages) return 'an overflow run that leaves the file';
  if (inSegment + count > geometry.pagesPerSegment)
    return 'an overflow run that leaves its segment';
  if (!pages.exists(page, count)) return 'an overflow run that is past the end of the file';
  const heads = geometry.overflowHeads(length);
  const chunks = Math.ceil(length / CHUNK_BYTES);
  for (let head = 0; head < heads; head++) {
    const found = pages.faultOf(page + head, birth, PAGE_TYPE.overflow);
    if (found !== undefined) return found;
    const expected = checksumsOn(geometry, length, head);
    const o = pages.bytesAt(page + head, 0, geometry.pageSize);
    if (slotCount(pages.segment, o) !== expected) {
      return `overflow head ${head} has not ${expected} chunk checksums`;
    }
  }
  for (let chunk = 0; chunk < chunks; chunk++) {
    if (!chunkOfRunIsIntact(pages, storage, { page, birth, length }, chunk)) {
      return `chunk ${chunk} of its value does not match its checksum`;
    }
  }
  return undefined;
}
