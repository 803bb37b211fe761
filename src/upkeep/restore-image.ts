/** The first piece: a full backup, that is an image of a database. */

import { BackupMismatchError, CorruptionError, NotADatabaseError } from '../errors.ts';
import { Geometry, META_SLOT_BYTES, META_SLOT_OFFSETS } from '../format/geometry.ts';
import { isIncrement } from '../format/increment.ts';
import { decodeMeta, type Meta, type MetaReading } from '../format/meta.ts';
import { requireKnown } from '../pager/metas.ts';
import { rootsOfMeta } from '../pager/snapshot.ts';
import type { PieceReader } from './piece-reader.ts';
import type { RestoredFile, RestoredState } from './restored-file.ts';

/** Read and written at a time. */
const PART_BYTES: number = 2 ** 20;
/** What holds the meta slots, whatever the page size. */
const HEAD_BYTES = 12_288;

/**
 * Writes the image into the file, and checks all of it. Throws NOT_A_DATABASE, FORMAT_VERSION,
 * BACKUP_MISMATCH, CORRUPTION.
 */
export async function restoreImage(
  reader: PieceReader,
  file: RestoredFile,
  announce: (lengthBytes: number) => void,
): Promise<RestoredState> {
  const { name } = reader;
  const head = await reader.read(HEAD_BYTES);
  const meta = imageMetaOf(head, file, name);
  const { pageSize, uuid, secretLow, secretHigh } = meta;
  const identity = { pageSize, uuid, secretLow, secretHigh };
  const roots = rootsOfMeta(meta);
  const { firstPage } = new Geometry(pageSize);
  if (roots.filePages <= firstPage) {
    throw new CorruptionError(0, `${name} says that it has ${roots.filePages} pages.`);
  }
  const lengthBytes = roots.filePages * pageSize;
  announce(lengthBytes);
  const rest = await exactly(reader, firstPage * pageSize - head.length, lengthBytes);
  requireZeros(rest, 0, rest.length, name);
  const most = Math.max(1, PART_BYTES / pageSize);
  for (let page = firstPage; page < roots.filePages; page += most) {
    const count = Math.min(most, roots.filePages - page);
    const bytes = await exactly(reader, count * pageSize, lengthBytes);
    await file.pace.goOn();
    await file.writePages(bytes, page, pageSize);
  }
  await requireEnd(reader, lengthBytes);
  await file.setPages(roots.filePages, pageSize);
  const reached = await file.check(identity, roots, 0, name);
  await file.requireReached(file.held, reached, name);
  return { identity, roots, reached };
}

/** The next `length` bytes of a piece that has `lengthBytes`. CORRUPTION when it is shorter. */
export async function exactly(
  reader: PieceReader,
  length: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  const bytes = await reader.read(length);
  if (bytes.length === length) return bytes;
  throw new CorruptionError(
    0,
    `${reader.name} was cut short: it ends at byte ${reader.done} of ${lengthBytes}.`,
  );
}

/** Throws CORRUPTION when the piece goes on. */
export async function requireEnd(reader: PieceReader, lengthBytes: number): Promise<void> {
  if ((await reader.read(1)).length === 0) return;
  throw new CorruptionError(0, `${reader.name} goes on after its last byte, ${lengthBytes}.`);
}

/** The meta of the image that begins with these bytes. */
function imageMetaOf(head: Uint8Array, file: RestoredFile, name: string): Meta {
  const slots = META_SLOT_OFFSETS.map((offset, slot) => {
    const bytes = head.slice(offset, offset + META_SLOT_BYTES);
    if (bytes.length < META_SLOT_BYTES) return undefined;
    return decodeMeta(bytes, slot, file.metaHash);
  });
  const [first, ...others] = slots;
  if (head.length >= 16 && isIncrement(head)) {
    throw new BackupMismatchError(
      `${name} is an increment. The first piece has to be a full backup, the one that the ` +
        'increments build on.',
    );
  }
  const ours = (slot: MetaReading | undefined): boolean =>
    slot?.kind === 'valid' || slot?.kind === 'torn';
  if (others.some(ours)) {
    throw new BackupMismatchError(
      `${name} is a database in use, or one that was written to, and not a backup of one: take ` +
        'db.backup of it.',
    );
  }
  if (first?.kind === 'torn') {
    throw new CorruptionError(0, `${name} is damaged: its meta slot does not match its checksum.`);
  }
  if (first?.kind !== 'valid') {
    throw new NotADatabaseError(name, `${name} is no backup of a Coppice database.`);
  }
  requireKnown(name, first.meta);
  if (head.length < HEAD_BYTES) {
    throw new CorruptionError(0, `${name} was cut short: it ends at byte ${head.length}.`);
  }
  requireZeros(head, META_SLOT_BYTES, head.length, name);
  return first.meta;
}

function requireZeros(bytes: Uint8Array, from: number, to: number, name: string): void {
  for (let i = from; i < to; i++) {
    if (bytes[i] !== 0) {
      throw new CorruptionError(0, `${name} is damaged: there is something beside its meta slot.`);
    }
  }
}
