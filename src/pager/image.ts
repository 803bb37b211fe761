/**
 * Images: database files that nobody has open yet, as a backup or `restore` leaves them. An image
 * has one meta slot, which needs no walk and names no older snapshot, and zeros where no page of
 * that snapshot lies.
 */

import { SEGMENT_BYTES } from '../format/geometry.ts';
import { META_KIND, type RollBack } from '../format/meta.ts';
import { WINDOW_BYTES } from './mapped-pages.ts';
import { MappedStorage } from './mapped-storage.ts';
import { type DatabaseIdentity, metaBytes, reservationAfter } from './metas.ts';
import { openFile } from './open-file.ts';
import { Pager } from './pager.ts';
import { randomBytes } from './random.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** Address space to ask for; less is taken where there is less. */
export const IMAGE_ADDRESS_SPACE: number = 2 ** 40;

/** The bytes of meta slot 0 of an image of that snapshot. */
export function imageMeta(
  storage: Storage,
  identity: DatabaseIdentity,
  roots: SnapshotRoots,
  rolledBack: RollBack,
): Uint8Array {
  const reserved = reservationAfter(roots.id);
  return metaBytes(storage, identity, roots, 0, META_KIND.twoFlushes, 0, reserved, rolledBack);
}

/** The same database under a name of its own: what was saved of the other is no part of it. */
export function withNewUuid(identity: DatabaseIdentity): DatabaseIdentity {
  return { ...identity, uuid: Uint8Array.from(randomBytes(16)) };
}

/**
 * A pager on a database file that no other handle opens: it makes no lock file. Throws as openFile
 * does.
 */
export function openAlone(path: string): Pager {
  const storage = new MappedStorage(path, { write: true, create: false, alone: true });
  try {
    const file = openFile(storage, {
      addressSpace: IMAGE_ADDRESS_SPACE,
      segmentBytes: SEGMENT_BYTES,
      windowBytes: WINDOW_BYTES,
      lockTimeout: 0,
      maxReaders: 1,
      verify: 'structure',
      recoverPrevious: false,
    });
    // Every free page is used before the file grows.
    return new Pager(file, { lockTimeout: 0, maxGrowth: 0, readOnly: false });
  } catch (error) {
    storage.close();
    throw error;
  }
}
