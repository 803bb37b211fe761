/**
 * Overflow runs that a transaction writes: new ones, which lie in private memory whole; moved ones,
 * whose payload stays where it is in the file until the job copies it; and staged ones, whose
 * payload lies in a file of its own until then.
 */

import { assert } from '../assert.ts';
import { CHUNK_BYTES, type Geometry, PAGE_HEADER_BYTES } from '../format/geometry.ts';
import { chunkChecksumAt } from '../format/overflow.ts';
import { PAGE_TYPE, setPageBirth, setSlotCount } from '../format/page-header.ts';
import { copyPage, Segment } from '../format/segment.ts';
import { hashChunk } from './chunk-checksum.ts';
import type { MappedPages } from './mapped-pages.ts';
import { checksumsOn, chunkOfRunIsIntact, type RunReference } from './mapped-run.ts';
import type { PayloadPiece, StagedPayload } from './staged-payload.ts';
import type { Storage } from './storage.ts';

/** An overflow run that this transaction writes. */
export interface DirtyRun {
  /** Heads and payload, laid out as in the file; of one that is moved or staged the heads alone. */
  readonly bytes: Uint8Array;
  readonly segment: Segment;
  readonly pages: number;
  readonly heads: number;
  /** The run of the file whose payload it has, when it is moved. */
  readonly source: RunReference | undefined;
  /** The value that is staged. */
  readonly staged: StagedPayload | undefined;
  /** The place set apart for it, 0 when the commit finds one. */
  readonly place: number;
  part: number;
}

/** A run with a copy of the value, checksums set. `file`: the pages beside which it will lie. */
export function newRun(
  storage: Pick<Storage, 'hash'>,
  file: MappedPages,
  transaction: number,
  value: Uint8Array,
): Omit<DirtyRun, 'part'> {
  const { geometry, secret } = file;
  const { length } = value;
  const heads = geometry.overflowHeads(length);
  const pages = geometry.overflowPages(length);
  const segment = new Segment(new ArrayBuffer(pages * geometry.pageSize));
  const { bytes } = segment;
  const payload = heads * geometry.pageSize;
  bytes.set(value, payload);
  initialiseHeads(segment, geometry, transaction, length);
  for (let chunk = 0; chunk * CHUNK_BYTES < length; chunk++) {
    const at = chunkChecksumAt(chunk, geometry.pageSize, geometry.checksumsPerHead);
    assert(at >= PAGE_HEADER_BYTES && at + 8 <= payload, 'a chunk checksum lies on a head page');
    const from = payload + chunk * CHUNK_BYTES;
    const to = payload + Math.min(length, (chunk + 1) * CHUNK_BYTES);
    hashChunk(storage, bytes, from, to, chunk, secret, bytes, at);
  }
  return { bytes, segment, pages, heads, source: undefined, staged: undefined, place: 0 };
}

/** A run with a value that is staged, all of it written. */
export function stagedRun(
  geometry: Geometry,
  transaction: number,
  staged: StagedPayload,
): Omit<DirtyRun, 'part'> {
  const { length, checksums } = staged;
  const { pageSize, checksumsPerHead } = geometry;
  const heads = geometry.overflowHeads(length);
  const pages = geometry.overflowPages(length);
  const segment = new Segment(new ArrayBuffer(heads * pageSize));
  const { bytes } = segment;
  initialiseHeads(segment, geometry, transaction, length);
  for (let chunk = 0; chunk * CHUNK_BYTES < length; chunk++) {
    const at = chunkChecksumAt(chunk, pageSize, checksumsPerHead);
    bytes.set(checksums.subarray(8 * chunk, 8 * chunk + 8), at);
  }
  return { bytes, segment, pages, heads, source: undefined, staged, place: 0 };
}

function initialiseHeads(
  segment: Segment,
  geometry: Geometry,
  transaction: number,
  length: number,
): void {
  for (let head = 0; head < geometry.overflowHeads(length); head++) {
    const o = head * geometry.pageSize;
    setPageBirth(segment, o, transaction);
    segment.bytes[o + 20] = PAGE_TYPE.overflow;
    setSlotCount(segment, o, checksumsOn(geometry, length, head));
  }
}

/**
 * A run with the value of a run of the file, whose heads are copied. All of it is read and compared
 * with its checksums now, where damage is an exception: a sector that cannot be read would be a
 * failed write for the job, and poison. Throws CORRUPTION, STORAGE_FAULT.
 */
export function movedRun(
  storage: Pick<Storage, 'hash'>,
  file: MappedPages,
  transaction: number,
  source: RunReference,
  place: number,
): Omit<DirtyRun, 'part'> {
  const { geometry } = file;
  const heads = geometry.overflowHeads(source.length);
  const pages = geometry.overflowPages(source.length);
  const segment = new Segment(new ArrayBuffer(heads * geometry.pageSize));
  for (let head = 0; head < heads; head++) {
    const from = file.find(source.page + head, source.birth, PAGE_TYPE.overflow);
    const o = head * geometry.pageSize;
    copyPage(file.segment, from, segment, o, geometry.pageSize);
    setPageBirth(segment, o, transaction);
  }
  file.requirePages(source.page, pages);
  for (let chunk = 0; chunk * CHUNK_BYTES < source.length; chunk++) {
    if (chunkOfRunIsIntact(file, storage, source, chunk)) continue;
    throw file.corruption(source.page, `chunk ${chunk} of its value does not match its checksum`);
  }
  file.throwOnFault();
  return { bytes: segment.bytes, segment, pages, heads, source, staged: undefined, place };
}

/** Calls `fn` for the pieces of memory, in order, in which the payload of the run lies. */
export function forEachPayload(file: MappedPages, run: DirtyRun, fn: PayloadPiece): void {
  const { pageSize } = file.geometry;
  const { source, staged, heads, pages } = run;
  if (staged !== undefined) {
    staged.forEachPiece(fn);
    return;
  }
  if (source === undefined) {
    if (pages > heads) fn(run.bytes, heads * pageSize, (pages - heads) * pageSize);
    return;
  }
  file.forEachPart(source.page + heads, pages - heads, (page, count) => {
    const o = file.bytesAt(page, 0, count * pageSize);
    fn(file.segment.bytes, o, count * pageSize);
  });
}
