/**
 * Overflow runs of the file: which of a run's pages a part of its value needs, and the checks of
 * these. Layout: format/overflow.ts.
 */

import { CHUNK_BYTES, type Geometry } from '../format/geometry.ts';
import { chunkChecksumAt } from '../format/overflow.ts';
import { PAGE_TYPE, slotCount } from '../format/page-header.ts';
import { hashChunk, type Secret } from './chunk-checksum.ts';
import type { PageReader } from './page-reader.ts';
import type { Storage } from './storage.ts';

/** Scratch for one checksum. */
const sum = new Uint8Array(8);

/** What of the file's pages the checks of a run need: MappedPages says what each does. */
export interface RunPages extends PageReader {
  readonly secret: Secret;
  readonly verifiesChecksums: boolean;
  requirePages(page: number, count: number): void;
  bytesAt(page: number, from: number, length: number): number;
  isChecked(page: number, birth: number): boolean;
  setChecked(page: number, birth: number): void;
  corruption(page: number, what: string): Error;
}

/** What the checks need of the file. */
type RunStorage = Pick<Storage, 'hash' | 'willNeed'>;

/** A run as its reference in a leaf names it; `length` is that of the value. */
export interface RunReference {
  readonly page: number;
  readonly birth: number;
  readonly length: number;
}

/** See PageReader.findRun. */
export function findRun(
  pages: RunPages,
  storage: RunStorage,
  run: RunReference,
  from: number,
  to: number,
): number {
  checkRun(pages, storage, run, from, to);
  const { geometry } = pages;
  const heads = geometry.overflowHeads(run.length) * geometry.pageSize;
  return pages.bytesAt(run.page, heads + from, to - from) - from;
}

/**
 * Checks the head pages, and the chunks, of the value's bytes [from, to), each of them once. Of
 * what was not checked before just that is read from the disk.
 */
export function checkRun(
  pages: RunPages,
  storage: RunStorage,
  run: RunReference,
  from: number,
  to: number,
): void {
  const { geometry } = pages;
  const { page, length } = run;
  const { checksumsPerHead, pagesPerSegment } = geometry;
  const count = geometry.overflowPages(length);
  if ((page & (pagesPerSegment - 1)) + count > pagesPerSegment || length > geometry.maxValueBytes) {
    throw pages.corruption(page, `overflow run of ${count} pages leaves its segment`);
  }
  // Before anything of it is looked at: the whole run has to be in the file.
  pages.requirePages(page, count);
  const firstChunk = Math.floor(from / CHUNK_BYTES);
  const lastChunk = to > from ? Math.floor((to - 1) / CHUNK_BYTES) : -1;
  const lastHead = Math.max(0, Math.floor(lastChunk / checksumsPerHead));
  askForRun(pages, storage, run, firstChunk, lastChunk);
  for (let head = Math.floor(firstChunk / checksumsPerHead); head <= lastHead; head++) {
    requireHead(pages, run, head);
  }
  for (let chunk = firstChunk; chunk <= lastChunk; chunk++) {
    requireChunk(pages, storage, run, chunk);
  }
}

/** Asks for the chunks from the first that was not checked yet, and for the heads of these. */
function askForRun(
  pages: RunPages,
  storage: RunStorage,
  run: RunReference,
  firstChunk: number,
  lastChunk: number,
): void {
  let first = firstChunk;
  while (first <= lastChunk && pages.isChecked(pageOfChunk(pages, run, first), run.birth)) first++;
  if (first > lastChunk) return;
  const { pageSize, checksumsPerHead } = pages.geometry;
  const firstHead = Math.floor(first / checksumsPerHead);
  const heads = Math.floor(lastChunk / checksumsPerHead) + 1 - firstHead;
  storage.willNeed((run.page + firstHead) * pageSize, heads * pageSize);
  const end = Math.min((lastChunk + 1) * CHUNK_BYTES, run.length);
  storage.willNeed(pageOfChunk(pages, run, first) * pageSize, end - first * CHUNK_BYTES);
}

/** The page where a chunk of the value begins. */
function pageOfChunk(
  { geometry }: RunPages,
  { page, length }: RunReference,
  chunk: number,
): number {
  return page + geometry.overflowHeads(length) + ((chunk * CHUNK_BYTES) >> geometry.pageShift);
}

/** Checks that a head page is there, with as many checksums as the value has chunks for it. */
function requireHead(pages: RunPages, run: RunReference, head: number): void {
  const page = run.page + head;
  const o = pages.find(page, run.birth, PAGE_TYPE.overflow);
  const expected = checksumsOn(pages.geometry, run.length, head);
  const found = slotCount(pages.segment, o);
  if (found === expected) return;
  throw pages.corruption(
    page,
    `overflow head has ${found} chunk checksums, a value of ${run.length} bytes needs ${expected}`,
  );
}

/** Checks a chunk when it is touched for the first time. */
function requireChunk(
  pages: RunPages,
  storage: Pick<Storage, 'hash'>,
  run: RunReference,
  chunk: number,
): void {
  const firstPage = pageOfChunk(pages, run, chunk);
  if (pages.isChecked(firstPage, run.birth)) return;
  if (pages.verifiesChecksums && !chunkOfRunIsIntact(pages, storage, run, chunk)) {
    const what = `bytes ${chunk * CHUNK_BYTES}.. of its value do not match their checksum`;
    throw pages.corruption(run.page, what);
  }
  pages.setChecked(firstPage, run.birth);
}

/** Whether a chunk matches its checksum on the head page, which was found before. */
export function chunkOfRunIsIntact(
  pages: RunPages,
  storage: Pick<Storage, 'hash'>,
  { page, length }: RunReference,
  chunk: number,
): boolean {
  const { geometry } = pages;
  const { pageSize, checksumsPerHead } = geometry;
  const sumAt = pages.bytesAt(page, chunkChecksumAt(chunk, pageSize, checksumsPerHead), 8);
  const sums = pages.segment;
  const start = geometry.overflowHeads(length) * pageSize + chunk * CHUNK_BYTES;
  const bytes = Math.min(CHUNK_BYTES, length - chunk * CHUNK_BYTES);
  const from = pages.bytesAt(page, start, bytes);
  hashChunk(storage, pages.segment.bytes, from, from + bytes, chunk, pages.secret, sum, 0);
  for (let i = 0; i < 8; i++) if (sum[i] !== sums.bytes[sumAt + i]) return false;
  return true;
}

/** How many chunk checksums stand on that head page of a value of `length` bytes. */
export function checksumsOn(geometry: Geometry, length: number, head: number): number {
  const rest = Math.ceil(length / CHUNK_BYTES) - head * geometry.checksumsPerHead;
  return Math.max(0, Math.min(geometry.checksumsPerHead, rest));
}
