/**
 * Reading and writing the three meta slots of a file.
 *
 * Rule 2: the slot of D is never overwritten: the next one goes to the slot after D's, in rotation.
 * Rule 3: each meta reserves transaction ids; only a durable meta's reservation counts.
 */

import { CorruptionError, FormatVersionError, NotADatabaseError } from '../errors.ts';
import {
  MAX_PAGE_SIZE,
  META_SLOT_BYTES,
  META_SLOT_OFFSETS,
  MIN_PAGE_SIZE,
} from '../format/geometry.ts';
import { isIncrement } from '../format/increment.ts';
import {
  decodeMeta,
  encodeMeta,
  FORMAT_VERSION,
  type Meta,
  type RollBack,
} from '../format/meta.ts';
import { MAX_TRANSACTION, type SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** Ids that each meta reserves past its own: a crash skips at most this many. */
const RESERVED_IDS = 2 ** 16;

/** What all metas of one database share. */
export interface DatabaseIdentity {
  readonly uuid: Uint8Array;
  readonly secretLow: number;
  readonly secretHigh: number;
  readonly pageSize: number;
}

/**
 * The slots that hold a valid meta, the newest first. Without those of states that an older one
 * says were given up: a power failure came before their slots were zeroed.
 */
export function readMetas(storage: Storage): Meta[] {
  const metas: Meta[] = [];
  let ours = false;
  let increment = false;
  META_SLOT_OFFSETS.forEach((offset, slot) => {
    const bytes = new Uint8Array(META_SLOT_BYTES);
    if (storage.readAt(bytes, offset) < META_SLOT_BYTES) return;
    const reading = decodeMeta(bytes, slot, hasher(storage));
    if (slot === 0) increment = isIncrement(bytes);
    if (reading.kind === 'torn') ours = true;
    if (reading.kind === 'valid') metas.push(reading.meta);
  });
  for (const meta of metas) requireKnown(storage.path, meta);
  if (metas.length === 0) {
    const sizeBytes = storage.sizeBytes();
    if (increment) {
      throw new NotADatabaseError(
        storage.path,
        `${storage.path} is an increment of a backup, not a database. Join it to its full backup ` +
          'with restore.',
      );
    }
    throw new NotADatabaseError(
      storage.path,
      ours
        ? `${storage.path} was a Coppice database, but none of its three meta slots is whole. ` +
            'Restore it from a backup.'
        : `${storage.path} (${sizeBytes} bytes) is not a Coppice database. It was left as it is.`,
    );
  }
  const isGivenUp = ({ transaction }: Meta): boolean =>
    metas.some((meta) => meta.transaction < transaction && transaction <= meta.rolledBack.from);
  return metas
    .filter((meta) => !isGivenUp(meta))
    .sort((a, b) => b.transaction - a.transaction || b.idsReservedUntil - a.idsReservedUntil);
}

/** The meta in one slot, undefined when it is not whole, or `slot` is -1: in none. */
export function readMeta(storage: Storage, slot: number): Meta | undefined {
  if (slot < 0) return undefined;
  const bytes = new Uint8Array(META_SLOT_BYTES);
  if (storage.readAt(bytes, META_SLOT_OFFSETS[slot]!) < META_SLOT_BYTES) return undefined;
  const reading = decodeMeta(bytes, slot, hasher(storage));
  return reading.kind === 'valid' ? reading.meta : undefined;
}

/** The bytes of a meta that names `roots`. */
export function metaBytes(
  storage: Storage,
  identity: DatabaseIdentity,
  roots: SnapshotRoots,
  slot: number,
  kind: number,
  previousDurable: number,
  idsReservedUntil: number,
  rolledBack: RollBack,
): Uint8Array {
  const meta: Meta = {
    formatVersion: FORMAT_VERSION,
    pageSize: identity.pageSize,
    incompatible: 0,
    readCompatible: 0,
    slot,
    kind,
    uuid: identity.uuid,
    secretLow: identity.secretLow,
    secretHigh: identity.secretHigh,
    transaction: roots.id,
    previousDurable,
    idsReservedUntil,
    rolledBack,
    cataloguePage: roots.cataloguePage,
    catalogueBirth: roots.catalogueBirth,
    mapPage: roots.mapPage,
    mapBirth: roots.mapBirth,
    filePages: roots.filePages,
    pagesInUse: roots.pagesInUse,
    timeMs: Date.now(),
  };
  return encodeMeta(meta, hasher(storage));
}

/** The slot that the next meta goes to, D being in `durableSlot` (rule 2). */
export function nextSlot(durableSlot: number): number {
  return (durableSlot + 1) % META_SLOT_OFFSETS.length;
}

/** The reservation of a meta made when `lastId` was the last id started. */
export function reservationAfter(lastId: number): number {
  return lastId + RESERVED_IDS;
}

function hasher(
  storage: Storage,
): (bytes: Uint8Array, start: number, end: number, target: Uint8Array) => void {
  return (bytes, start, end, target) => storage.hash(bytes, start, end, 0, 0, target, 0);
}

/**
 * Throws FORMAT_VERSION, NOT_A_DATABASE or CORRUPTION unless this version knows what the meta says.
 */
export function requireKnown(path: string, meta: Meta): void {
  if (meta.formatVersion !== FORMAT_VERSION || meta.incompatible !== 0) {
    const found = meta.formatVersion;
    throw new FormatVersionError(
      found,
      FORMAT_VERSION,
      `${path} has format version ${found} with feature bits ${meta.incompatible}; this version ` +
        `of coppice knows version ${FORMAT_VERSION} and none. Open it with a newer coppice.`,
    );
  }
  // Births and ids have 48 bits; what is checked here is not looked at again.
  const ids = [meta.transaction, meta.idsReservedUntil, meta.catalogueBirth, meta.mapBirth];
  if (ids.some((id) => id > MAX_TRANSACTION)) {
    throw new CorruptionError(
      0,
      `${path}: meta slot ${meta.slot} names transaction ${Math.max(...ids)}; none is above ` +
        `${MAX_TRANSACTION}.`,
    );
  }
  const { pageSize } = meta;
  const power = (pageSize & (pageSize - 1)) === 0;
  if (!power || pageSize < MIN_PAGE_SIZE || pageSize > MAX_PAGE_SIZE) {
    throw new NotADatabaseError(path, `${path} says that its pages have ${pageSize} bytes.`);
  }
}
