/**
 * An increment: the pages that were born after an older backup (format/increment.ts). Whole
 * subtrees that are older are skipped by the births in their pointers, so it costs what was written
 * since.
 */

import {
  encodeHeader,
  incrementBytes,
  MAX_SECTION_BYTES,
  SECTION_HEADER_BYTES,
  type SeededHash,
  sealSection,
} from '../format/increment.ts';
import { imageMeta } from '../pager/image.ts';
import type { PageSet } from '../pager/page-set.ts';
import type { Storage } from '../pager/storage.ts';
import {
  type BackedUpSnapshot,
  type BackupPiece,
  copyPages,
  PART_BYTES,
  type PiecePart,
} from './backup-piece.ts';
import { checkPages } from './check-pages.ts';

/** The hash of increments, as this storage computes it. */
export function seededHash(storage: Pick<Storage, 'hash'>): SeededHash {
  return (bytes, start, end, low, high, target) =>
    storage.hash(bytes, start, end, low, high, target, 0);
}

/** Checks what was born after `since`, and begins the piece. Throws CORRUPTION, STORAGE_FAULT. */
export async function incrementPiece(
  source: BackedUpSnapshot,
  since: number,
): Promise<BackupPiece> {
  const { pager, pages, roots, pace } = source;
  const reached = await checkPages(pager.storage, pages, roots, since, pager.path, pace);
  const { pageSize } = pages.geometry;
  const most = MAX_SECTION_BYTES / pageSize;
  let sections = 0;
  for (let page = reached.next(0); page >= 0; sections++) {
    page = reached.next(page + reached.runLength(page, most));
    if (pace.isDue) await pace.rest();
  }
  const lengthBytes = incrementBytes(sections, reached.size, pageSize);
  const header = encodeHeader(
    {
      pageSize,
      since,
      transaction: roots.id,
      sections,
      pages: reached.size,
      lengthBytes,
      meta: imageMeta(pager.storage, pager.identity, roots, pager.lock.rolledBack),
    },
    seededHash(pager.storage),
  );
  return { pages: reached.size, lengthBytes, parts: incrementParts(source, reached, header) };
}

async function* incrementParts(
  { pager, pages, pace, progress }: BackedUpSnapshot,
  reached: PageSet,
  header: Uint8Array,
): AsyncGenerator<PiecePart, void> {
  const { pageSize } = pages.geometry;
  const hash = seededHash(pager.storage);
  const most = MAX_SECTION_BYTES / pageSize;
  yield { length: header.length, bytes: header };
  let index = 0;
  let done = reached.size;
  // Sections of few pages go out together.
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  for (let page = reached.next(0); page >= 0; ) {
    if (gatheredBytes === 0) await pace.goOn();
    const count = reached.runLength(page, most);
    const section = new Uint8Array(SECTION_HEADER_BYTES + count * pageSize);
    copyPages(pages, page, count, section, SECTION_HEADER_BYTES);
    sealSection(section, header, index++, page, count, hash);
    gathered.push(section);
    gatheredBytes += section.length;
    done += count;
    page = reached.next(page + count);
    if (gatheredBytes < PART_BYTES / 2 && page >= 0) continue;
    yield { length: gatheredBytes, bytes: Buffer.concat(gathered) };
    progress(done, 2 * reached.size);
    gathered = [];
    gatheredBytes = 0;
  }
  pace.resume();
  const end = new Uint8Array(SECTION_HEADER_BYTES);
  sealSection(end, header, index, reached.size, 0, hash);
  yield { length: end.length, bytes: end };
}
