/**
 * Meta slots: three, of 512 bytes, at byte offsets 0, 4096 and 8192. All zero: never written.
 *
 *     OFFSET SIZE  DESCRIPTION
 *     0      8     checksum: XXH3-64 of bytes 8..511, seed 0
 *     8      8     magic: "Coppice" and 0x1a
 *     16     4     format version
 *     20     4     page size in bytes
 *     24     4     incompatible features: a bit that is not known refuses the file
 *     28     4     read-compatible features: a bit that is not known allows reading only
 *     32     4     slot: 0, 1 or 2, its own
 *     36     4     kind: 0 one flush, its pages have to be walked; 1 two flushes; 2 confirming
 *     40     16    uuid of the database
 *     56     8     secret that seeds the checksums
 *     64     8     transaction
 *     72     8     previous durable transaction
 *     80     8     ids reserved until: every id below it may have been used
 *     88     8     rolled back to: the transaction that a recovery stepped back to, 0 when none did
 *     96     8     catalogue: page, and 4 zero bytes
 *     104    8     catalogue: birth
 *     112    8     map: page, and 4 zero bytes
 *     120    8     map: birth
 *     128    4     file length in pages
 *     132    4     pages in use by this snapshot
 *     136    8     wall-clock time, f64, ms since 1970
 *     144    8     rolled back from: the newest transaction that was given up then
 *     152    360   zero
 *
 * The ids past "rolled back to" and up to "rolled back from" name states that were given up: what
 * was saved of them is no part of this database's history. After a second roll-back the two fields
 * span both.
 */

import { META_SLOT_BYTES } from './geometry.ts';

/** The states that recoveries gave up: those after `to`, up to `from`. None: both 0. */
export interface RollBack {
  readonly to: number;
  readonly from: number;
}

export const NO_ROLL_BACK: RollBack = { to: 0, from: 0 };

/** One that spans both. */
export function joinRollBacks(a: RollBack, b: RollBack): RollBack {
  if (a.from === 0) return b;
  if (b.from === 0) return a;
  return { to: Math.min(a.to, b.to), from: Math.max(a.from, b.from) };
}

/** What a meta slot says. Page 0 stands for an empty tree. */
export interface Meta {
  formatVersion: number;
  pageSize: number;
  incompatible: number;
  readCompatible: number;
  slot: number;
  kind: number;
  uuid: Uint8Array;
  secretLow: number;
  secretHigh: number;
  transaction: number;
  previousDurable: number;
  idsReservedUntil: number;
  rolledBack: RollBack;
  cataloguePage: number;
  catalogueBirth: number;
  mapPage: number;
  mapBirth: number;
  filePages: number;
  pagesInUse: number;
  timeMs: number;
}

export const FORMAT_VERSION = 1;
export const META_KIND = { oneFlush: 0, twoFlushes: 1, confirming: 2 } as const;
const MAGIC: readonly number[] = [0x43, 0x6f, 0x70, 0x70, 0x69, 0x63, 0x65, 0x1a];

/** XXH3-64 of bytes[start, end), seed 0, little-endian into target[0, 8). */
export type MetaHash = (bytes: Uint8Array, start: number, end: number, target: Uint8Array) => void;

/** The slot's 512 bytes, checksum included. */
export function encodeMeta(meta: Meta, hash: MetaHash): Uint8Array {
  const bytes = new Uint8Array(META_SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC, 8);
  view.setUint32(16, meta.formatVersion, true);
  view.setUint32(20, meta.pageSize, true);
  view.setUint32(24, meta.incompatible, true);
  view.setUint32(28, meta.readCompatible, true);
  view.setUint32(32, meta.slot, true);
  view.setUint32(36, meta.kind, true);
  bytes.set(meta.uuid, 40);
  view.setInt32(56, meta.secretLow, true);
  view.setInt32(60, meta.secretHigh, true);
  writeU64(view, 64, meta.transaction);
  writeU64(view, 72, meta.previousDurable);
  writeU64(view, 80, meta.idsReservedUntil);
  writeU64(view, 88, meta.rolledBack.to);
  view.setUint32(96, meta.cataloguePage, true);
  writeU64(view, 104, meta.catalogueBirth);
  view.setUint32(112, meta.mapPage, true);
  writeU64(view, 120, meta.mapBirth);
  view.setUint32(128, meta.filePages, true);
  view.setUint32(132, meta.pagesInUse, true);
  view.setFloat64(136, meta.timeMs, true);
  writeU64(view, 144, meta.rolledBack.from);
  hash(bytes, 8, META_SLOT_BYTES, bytes);
  return bytes;
}

/** What the bytes of a slot are. */
export type MetaReading =
  | { readonly kind: 'empty' }
  /** The checksum holds. Whether version and features are known is for the caller to see. */
  | { readonly kind: 'valid'; readonly meta: Meta }
  /** Torn or damaged: it has our magic, but its checksum does not hold. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'foreign' };

/** Reads the slot in `bytes` (512 of them, `slot` its index). */
export function decodeMeta(bytes: Uint8Array, slot: number, hash: MetaHash): MetaReading {
  if (bytes.every((byte) => byte === 0)) return { kind: 'empty' };
  if (!MAGIC.every((byte, i) => bytes[8 + i] === byte)) return { kind: 'foreign' };
  const sum = new Uint8Array(8);
  hash(bytes, 8, META_SLOT_BYTES, sum);
  if (!sum.every((byte, i) => bytes[i] === byte)) return { kind: 'torn' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, META_SLOT_BYTES);
  if (view.getUint32(32, true) !== slot) return { kind: 'torn' };
  return {
    kind: 'valid',
    meta: {
      formatVersion: view.getUint32(16, true),
      pageSize: view.getUint32(20, true),
      incompatible: view.getUint32(24, true),
      readCompatible: view.getUint32(28, true),
      slot,
      kind: view.getUint32(36, true),
      uuid: bytes.slice(40, 56),
      secretLow: view.getInt32(56, true),
      secretHigh: view.getInt32(60, true),
      transaction: readU64(view, 64),
      previousDurable: readU64(view, 72),
      idsReservedUntil: readU64(view, 80),
      rolledBack: { to: readU64(view, 88), from: readU64(view, 144) },
      cataloguePage: view.getUint32(96, true),
      catalogueBirth: readU64(view, 104),
      mapPage: view.getUint32(112, true),
      mapBirth: readU64(view, 120),
      filePages: view.getUint32(128, true),
      pagesInUse: view.getUint32(132, true),
      timeMs: view.getFloat64(136, true),
    },
  };
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
function writeU64(view: DataView, at: number, n: number): void {
  view.setUint32(at, n % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(n / 0x1_0000_0000), true);
}
