/** The pieces after the first: increments, each built on what those before it lead to. */

import {
  BackupMismatchError,
  CorruptionError,
  FormatVersionError,
  NotADatabaseError,
} from '../errors.ts';
import { Geometry } from '../format/geometry.ts';
import {
  decodeHeader,
  INCREMENT_HEADER_BYTES,
  INCREMENT_VERSION,
  type IncrementHeader,
  incrementBytes,
  isIncrement,
  MAX_SECTION_BYTES,
  SECTION_HEADER_BYTES,
  sectionIsIntact,
  sectionSpan,
} from '../format/increment.ts';
import { decodeMeta, type Meta } from '../format/meta.ts';
import { requireKnown } from '../pager/metas.ts';
import { PageSet } from '../pager/page-set.ts';
import { rootsOfMeta, type SnapshotRoots } from '../pager/snapshot.ts';
import { seededHash } from './backup-increment.ts';
import type { PieceReader } from './piece-reader.ts';
import { exactly, requireEnd } from './restore-image.ts';
import type { RestoredFile, RestoredState } from './restored-file.ts';

/**
 * Writes the increment's pages over those of `base`, and checks them. Throws NOT_A_DATABASE,
 * FORMAT_VERSION, BACKUP_MISMATCH, CORRUPTION.
 */
export async function restoreIncrement(
  reader: PieceReader,
  file: RestoredFile,
  base: RestoredState,
  announce: (lengthBytes: number) => void,
): Promise<RestoredState> {
  const { name } = reader;
  const bytes = await reader.read(INCREMENT_HEADER_BYTES);
  const header = headerOf(bytes, file, name);
  const meta = metaOf(header, file, name);
  requireFits(base, header, meta, name);
  announce(header.lengthBytes);
  const roots = rootsOfMeta(meta);
  const brought = await sections(reader, file, roots, header, bytes);
  await requireEnd(reader, header.lengthBytes);
  const { identity } = base;
  await file.setPages(roots.filePages, identity.pageSize);
  const reached = await file.check(identity, roots, header.since, name);
  await file.requireReached(brought, reached, name);
  if (brought.size !== reached.size) {
    throw new CorruptionError(
      0,
      `${name} has ${brought.size} pages, but ${reached.size} were written since ${header.since}.`,
    );
  }
  return { identity, roots, reached };
}

/** Writes the pages of all sections; returns which they are. */
async function sections(
  reader: PieceReader,
  file: RestoredFile,
  roots: SnapshotRoots,
  header: IncrementHeader,
  headerBytes: Uint8Array,
): Promise<PageSet> {
  const { name } = reader;
  const { pageSize, lengthBytes } = header;
  const hash = seededHash(file.storage);
  const most = MAX_SECTION_BYTES / pageSize;
  const brought = new PageSet();
  let next = new Geometry(pageSize).firstPage;
  for (let index = 0; index <= header.sections; index++) {
    const damaged = (page: number): CorruptionError =>
      new CorruptionError(page, `${name} is damaged: section ${index} is not what was written.`);
    const start = await exactly(reader, SECTION_HEADER_BYTES, lengthBytes);
    const { firstPage, count } = sectionSpan(start);
    const isEnd = index === header.sections;
    // Before anything is read or written by what it says; the checksum comes with the pages.
    if (count > most || (count === 0) !== isEnd) throw damaged(0);
    const section = new Uint8Array(SECTION_HEADER_BYTES + count * pageSize);
    section.set(start);
    section.set(await exactly(reader, count * pageSize, lengthBytes), SECTION_HEADER_BYTES);
    await file.pace.goOn();
    if (!sectionIsIntact(section, headerBytes, index, hash)) throw damaged(0);
    if (isEnd) {
      if (firstPage !== header.pages || brought.size !== header.pages) throw damaged(0);
      break;
    }
    if (firstPage < next || firstPage + count > roots.filePages) throw damaged(firstPage);
    next = firstPage + count;
    brought.add(firstPage, count);
    await file.writePages(section.subarray(SECTION_HEADER_BYTES), firstPage, pageSize);
  }
  return brought;
}

function headerOf(bytes: Uint8Array, file: RestoredFile, name: string): IncrementHeader {
  if (bytes.length < 16 || !isIncrement(bytes)) {
    const slot = bytes.slice(0, 512);
    const isImage = slot.length === 512 && decodeMeta(slot, 0, file.metaHash).kind === 'valid';
    if (isImage) {
      throw new BackupMismatchError(
        `${name} is a full backup, or a database; only the first piece may be one.`,
      );
    }
    throw new NotADatabaseError(name, `${name} is no increment of a backup.`);
  }
  const header =
    bytes.length < INCREMENT_HEADER_BYTES
      ? undefined
      : decodeHeader(bytes, seededHash(file.storage));
  if (header === undefined) {
    throw new CorruptionError(0, `${name} is damaged: its header is not what was written.`);
  }
  if (header.version !== INCREMENT_VERSION) {
    throw new FormatVersionError(
      header.version,
      INCREMENT_VERSION,
      `${name} is an increment of version ${header.version}; this version of coppice knows ` +
        `version ${INCREMENT_VERSION}. Restore it with a newer coppice.`,
    );
  }
  return header;
}

function metaOf(header: IncrementHeader, file: RestoredFile, name: string): Meta {
  const reading = decodeMeta(header.meta, 0, file.metaHash);
  if (reading.kind !== 'valid') {
    throw new CorruptionError(0, `${name} is damaged: its meta slot is not what was written.`);
  }
  requireKnown(name, reading.meta);
  const { sections, pages, pageSize, lengthBytes, transaction } = header;
  if (
    reading.meta.pageSize !== pageSize ||
    reading.meta.transaction !== transaction ||
    incrementBytes(sections, pages, pageSize) !== lengthBytes
  ) {
    throw new CorruptionError(0, `${name} is damaged: its header contradicts itself.`);
  }
  return reading.meta;
}

/** Throws BACKUP_MISMATCH unless it builds on what was restored so far. */
function requireFits(
  { identity, roots }: RestoredState,
  header: IncrementHeader,
  meta: Meta,
  name: string,
): void {
  if (
    !identity.uuid.every((byte, i) => meta.uuid[i] === byte) ||
    identity.secretLow !== meta.secretLow ||
    identity.secretHigh !== meta.secretHigh ||
    identity.pageSize !== meta.pageSize
  ) {
    throw new BackupMismatchError(
      `${name} is an increment of another database. (One that was restored, or a compact backup, ` +
        'is a database of its own.)',
    );
  }
  if (header.since === roots.id) return;
  throw new BackupMismatchError(
    `${name} builds on transaction ${header.since}, but the pieces before it lead to ` +
      `${roots.id}: a piece is missing, or they are out of order.`,
    roots.id,
    header.since,
  );
}
