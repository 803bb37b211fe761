/**
 * An increment: a piece of a backup with every page that one snapshot has and an older one had not.
 *
 *     increment = header { section } end
 *
 * The header:
 *
 *     OFFSET SIZE  DESCRIPTION
 *     0      8     checksum: XXH3-64 of bytes 8..639, seed 0
 *     8      8     magic: "Coppinc" and 0x1a
 *     16     4     format version of increments
 *     20     4     page size in bytes
 *     24     8     since: the transaction that it builds on
 *     32     8     the transaction that it leads to
 *     40     4     sections
 *     44     4     pages in all of them
 *     48     8     length of the piece in bytes
 *     56     72    zero
 *     128    512   meta slot 0 of the file that it leads to
 *
 * A section, and the end, which is one without pages:
 *
 *     OFFSET SIZE  DESCRIPTION
 *     0      8     checksum: XXH3-64 of bytes 8.. of the section, seeded with that of the header
 *                  + the section's index (64-bit wrapping)
 *     8      4     first page; of the end: pages in all sections
 *     12     4     pages; of the end: 0
 *     16     .     the pages, at most 1 MiB
 *
 * Sections come in the order of their pages and do not overlap. Nothing follows the end. The seed
 * ties a section to its place in its piece; the meta slot ties the piece to its database (uuid and
 * secret) and says which roots the pages belong to. Every byte is covered by a checksum.
 */

import { META_SLOT_BYTES } from './geometry.ts';

export const INCREMENT_VERSION = 1;
export const INCREMENT_HEADER_BYTES = 640;
export const SECTION_HEADER_BYTES = 16;
/** Payload of one section. */
export const MAX_SECTION_BYTES: number = 2 ** 20;
const META_AT = 128;
const MAGIC: readonly number[] = [0x43, 0x6f, 0x70, 0x70, 0x69, 0x6e, 0x63, 0x1a];

/** What a header says. */
export interface IncrementHeader {
  readonly version: number;
  readonly pageSize: number;
  readonly since: number;
  readonly transaction: number;
  readonly sections: number;
  readonly pages: number;
  readonly lengthBytes: number;
  /** The bytes of the meta slot. */
  readonly meta: Uint8Array;
}

/** XXH3-64 of bytes[start, end) with that seed, little-endian into target[0, 8). */
export type SeededHash = (
  bytes: Uint8Array,
  start: number,
  end: number,
  seedLow: number,
  seedHigh: number,
  target: Uint8Array,
) => void;

/** Whether bytes that begin a file begin an increment. At least 16 of them. */
export function isIncrement(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[8 + i] === byte);
}

/** The header's 640 bytes, checksum included. */
export function encodeHeader(
  header: Omit<IncrementHeader, 'version'>,
  hash: SeededHash,
): Uint8Array {
  const bytes = new Uint8Array(INCREMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 8);
  view.setUint32(16, INCREMENT_VERSION, true);
  view.setUint32(20, header.pageSize, true);
  writeU64(view, 24, header.since);
  writeU64(view, 32, header.transaction);
  view.setUint32(40, header.sections, true);
  view.setUint32(44, header.pages, true);
  writeU64(view, 48, header.lengthBytes);
  bytes.set(header.meta, META_AT);
  hash(bytes, 8, INCREMENT_HEADER_BYTES, 0, 0, bytes);
  return bytes;
}

/** What a header says; undefined when its checksum does not hold. `isIncrement` was true of it. */
export function decodeHeader(bytes: Uint8Array, hash: SeededHash): IncrementHeader | undefined {
  const sum = new Uint8Array(8);
  hash(bytes, 8, INCREMENT_HEADER_BYTES, 0, 0, sum);
  if (!sum.every((byte, i) => bytes[i] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, INCREMENT_HEADER_BYTES);
  return {
    version: view.getUint32(16, true),
    pageSize: view.getUint32(20, true),
    since: readU64(view, 24),
    transaction: readU64(view, 32),
    sections: view.getUint32(40, true),
    pages: view.getUint32(44, true),
    lengthBytes: readU64(view, 48),
    meta: bytes.slice(META_AT, META_AT + META_SLOT_BYTES),
  };
}

/** The size of an increment with that many sections and pages. */
export function incrementBytes(sections: number, pages: number, pageSize: number): number {
  return INCREMENT_HEADER_BYTES + (sections + 1) * SECTION_HEADER_BYTES + pages * pageSize;
}

/**
 * Writes the header of a section, whose pages stand after it in `section` already, or of the end.
 * `header` is the piece's, encoded.
 */
export function sealSection(
  section: Uint8Array,
  header: Uint8Array,
  index: number,
  firstPage: number,
  count: number,
  hash: SeededHash,
): void {
  const view = new DataView(section.buffer, section.byteOffset, section.length);
  view.setUint32(8, firstPage, true);
  view.setUint32(12, count, true);
  const [low, high] = seedOf(header, index);
  hash(section, 8, section.length, low, high, section);
}

/** First page and pages of the section, or of the end, whose first 16 bytes these are. */
export function sectionSpan(bytes: Uint8Array): { firstPage: number; count: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SECTION_HEADER_BYTES);
  return { firstPage: view.getUint32(8, true), count: view.getUint32(12, true) };
}

/** Whether the checksum of a whole section, or of the end, holds. */
export function sectionIsIntact(
  section: Uint8Array,
  header: Uint8Array,
  index: number,
  hash: SeededHash,
): boolean {
  const sum = new Uint8Array(8);
  const [low, high] = seedOf(header, index);
  hash(section, 8, section.length, low, high, sum);
  return sum.every((byte, i) => section[i] === byte);
}

function seedOf(header: Uint8Array, index: number): [low: number, high: number] {
  const view = new DataView(header.buffer, header.byteOffset, 8);
  const low = view.getUint32(0, true) + index;
  const carry = low >= 0x1_0000_0000 ? 1 : 0;
  return [low >>> 0, (view.getUint32(4, true) + carry) >>> 0];
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
function writeU64(view: DataView, at: number, n: number): void {
  view.setUint32(at, n % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(n / 0x1_0000_0000), true);
}
