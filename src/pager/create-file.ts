/**
 * A new database: made in a temporary file, flushed, renamed into place without replacing anything,
 * and the directory flushed, so that a power failure leaves either no file or a whole one.
 */

import { dirname } from 'node:path';
import { Geometry, META_SLOT_BYTES, META_SLOT_OFFSETS } from '../format/geometry.ts';
import { setMapWord } from '../format/map-page.ts';
import { META_KIND, NO_ROLL_BACK } from '../format/meta.ts';
import { initialisePage, PAGE_TYPE } from '../format/page-header.ts';
import { Segment } from '../format/segment.ts';
import { Job } from './job.ts';
import { MappedStorage } from './mapped-storage.ts';
import { type DatabaseIdentity, metaBytes, reservationAfter } from './metas.ts';
import { type NativeError, native } from './native.ts';
import { discardFile } from './put-in-place.ts';
import { randomBytes, temporaryPath } from './random.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { Storage } from './storage.ts';

/** The transaction that makes the file. */
const FIRST_TRANSACTION = 1;

/** Makes the file at `path`, unless someone else is quicker: then theirs is left as it is. */
export function createFile(path: string, pageSize: number): void {
  const temporary = temporaryPath(path, 'new');
  const storage = new MappedStorage(temporary, { write: true, create: true });
  try {
    initialise(storage, pageSize);
    storage.close();
    native().renameNoReplace(temporary, path);
  } catch (error) {
    storage.close();
    discardFile(temporary);
    if ((error as NativeError).code !== 'EEXIST') throw error;
    return;
  }
  native().syncDirectory(dirname(path));
}

/**
 * Writes an empty database into empty storage, and flushes it. `random`: the 24 bytes of its uuid
 * and its secret. `transaction`: the one that makes it.
 */
export function initialise(
  storage: Storage,
  pageSize: number,
  random: Buffer = randomBytes(24),
  transaction: number = FIRST_TRANSACTION,
): void {
  const geometry = new Geometry(pageSize);
  const identity: DatabaseIdentity = {
    uuid: Uint8Array.from(random.subarray(0, 16)),
    secretLow: random.readInt32LE(16),
    secretHigh: random.readInt32LE(20),
    pageSize,
  };
  const map = geometry.firstPage;
  const roots: SnapshotRoots = {
    id: transaction,
    cataloguePage: 0,
    catalogueBirth: 0,
    mapPage: map,
    mapBirth: transaction,
    filePages: map + 1,
    pagesInUse: map + 1,
  };
  const page = new Segment(new ArrayBuffer(pageSize));
  initialisePage(page, 0, pageSize, map, transaction, PAGE_TYPE.map, 0, 0);
  for (let p = 0; p <= map; p += 32) {
    const bits = Math.min(32, map + 1 - p);
    setMapWord(page, 0, p >> 5, bits === 32 ? -1 : (1 << bits) - 1);
  }
  const reserved = reservationAfter(roots.id);
  const kind = META_KIND.twoFlushes;
  const meta = metaBytes(storage, identity, roots, 0, kind, 0, reserved, NO_ROLL_BACK);
  storage.grow(roots.filePages * pageSize);
  const job = new Job();
  job.writePages(pageSize, identity.secretLow, identity.secretHigh);
  job.piece(page.bytes, 0, pageSize, map * pageSize).flush();
  job.write().piece(meta, 0, META_SLOT_BYTES, META_SLOT_OFFSETS[0]!).flush();
  storage.runSync(job);
}
