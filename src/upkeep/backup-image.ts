/**
 * A full backup: an image of the file as one snapshot has it, which is a database itself.
 *
 *     the meta slots' pages, slot 0 in use | each page in its place, zeros where none is in use
 *
 * Page numbers are kept, so that an increment can replace pages one for one. Pass 1 checks, pass 2
 * copies; the snapshot is kept meanwhile, so its pages stay as they are.
 */

import { CorruptionError } from '../errors.ts';
import { META_SLOT_OFFSETS } from '../format/geometry.ts';
import { imageMeta } from '../pager/image.ts';
import type { PageSet } from '../pager/page-set.ts';
import type { Pace } from '../transaction/pace.ts';
import {
  type BackedUpSnapshot,
  type BackupPiece,
  copyPages,
  PART_BYTES,
  type PiecePart,
} from './backup-piece.ts';
import { checkPages } from './check-pages.ts';

/** Checks the snapshot, and begins its image. Throws CORRUPTION, STORAGE_FAULT. */
export async function imagePiece(source: BackedUpSnapshot): Promise<BackupPiece> {
  const { pager, pages, roots, pace } = source;
  const { firstPage, pageSize } = pages.geometry;
  const total = 2 * roots.pagesInUse;
  const told = (reached: number): void => source.progress(reached, total);
  const reached = await checkPages(pager.storage, pages, roots, 0, pager.path, pace, told);
  if (reached.size + firstPage !== roots.pagesInUse) {
    throw new CorruptionError(
      0,
      `${pager.path}: ${reached.size + firstPage} pages are in use, but the snapshot says ` +
        `${roots.pagesInUse}.`,
    );
  }
  return {
    pages: roots.pagesInUse,
    lengthBytes: roots.filePages * pageSize,
    parts: imageParts(source, reached),
  };
}

async function* imageParts(
  { pager, pages, roots, pace, progress }: BackedUpSnapshot,
  reached: PageSet,
): AsyncGenerator<PiecePart, void> {
  const { firstPage, pageSize } = pages.geometry;
  pace.resume();
  const head = new Uint8Array(firstPage * pageSize);
  const meta = imageMeta(pager.storage, pager.identity, roots, pager.lock.rolledBack);
  head.set(meta, META_SLOT_OFFSETS[0]);
  yield { length: head.length, bytes: head };
  let next = firstPage;
  let done = roots.pagesInUse + firstPage;
  for (let page = reached.next(next); page >= 0; page = reached.next(next)) {
    yield* zeros((page - next) * pageSize, pace);
    const count = reached.runLength(page, PART_BYTES / pageSize);
    const bytes = new Uint8Array(count * pageSize);
    // Whoever takes the parts may have taken any time.
    await pace.goOn();
    copyPages(pages, page, count, bytes, 0);
    yield { length: bytes.length, bytes };
    done += count;
    next = page + count;
    progress(done, 2 * roots.pagesInUse);
  }
  yield* zeros((roots.filePages - next) * pageSize, pace);
}

async function* zeros(lengthBytes: number, pace: Pace): AsyncGenerator<PiecePart, void> {
  for (let left = lengthBytes; left > 0; left -= PART_BYTES) {
    await pace.goOn();
    yield { length: Math.min(left, PART_BYTES) };
  }
}
