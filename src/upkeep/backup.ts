/**
 * `db.backup`: one durable snapshot, copied while reading and writing go on.
 *
 * It is D, the newest durable snapshot, and never one that is only published: what a backup holds
 * cannot be undone by a power failure afterwards, so an increment always builds on history.
 */

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupMismatchError, DatabaseLockedError } from '../errors.ts';
import type { RollBack } from '../format/meta.ts';
import type { Pager } from '../pager/pager.ts';
import { orAborted, Pace } from '../transaction/pace.ts';
import { imagePiece } from './backup-image.ts';
import { incrementPiece } from './backup-increment.ts';
import type { BackupOptions, BackupReport, BackupTarget } from './backup-options.ts';
import { type BackedUpSnapshot, PART_BYTES, type PiecePart } from './backup-piece.ts';
import { compactCopy } from './compact-copy.ts';
import { giveUpStream, isWebStream, sendParts, writePiece } from './deliver.ts';
import { failure, TargetFile } from './target-file.ts';

/** What a backup needs of its handle. */
export interface BackupHost {
  readonly pager: Pager;
  /** Makes what is published durable; nothing where nothing can be written. */
  flush(): Promise<void>;
  /** Throws once the handle is closed. */
  requireOpen(): void;
}

/** Target and options are checked. */
export async function backup(
  host: BackupHost,
  target: BackupTarget,
  options: BackupOptions,
): Promise<BackupReport> {
  const stream = typeof target === 'string' || isWebStream(target) ? undefined : target;
  stream?.on('error', heard);
  try {
    options.signal?.throwIfAborted();
    await orAborted(host.flush(), options.signal);
    host.requireOpen();
    return await backUpDurable(host, target, options);
  } catch (error) {
    if (typeof target !== 'string') giveUpStream(target, error);
    throw error;
  } finally {
    stream?.off('error', heard);
  }
}

/** An error of the stream is told by whoever writes to it; until then it has to be heard. */
function heard(): void {}

async function backUpDurable(
  host: BackupHost,
  target: BackupTarget,
  options: BackupOptions,
): Promise<BackupReport> {
  const { since, compact, signal, onProgress } = options;
  const { pager } = host;
  const roots = pager.readers.pinDurable();
  try {
    if (since !== undefined) requireHistory(pager, since, roots.id);
    const pace = new Pace(() => {
      host.requireOpen();
      signal?.throwIfAborted();
    });
    const progress = (done: number, total: number): void => onProgress?.({ done, total });
    const source = { pager, pages: pager.strictPages(), roots, pace, progress };
    const work = compact === true ? backUpCompact : backUpPages;
    const { pages, bytes, last } = await work(source, target, options);
    progress(last, last);
    return { transaction: roots.id, since, pages, bytes };
  } finally {
    if (!pager.closed) pager.readers.unpin(roots.id);
  }
}

/** What was delivered; `last` is where progress ends. */
interface Delivered {
  readonly pages: number;
  readonly bytes: number;
  readonly last: number;
}

async function backUpPages(
  source: BackedUpSnapshot,
  target: BackupTarget,
  { since, signal }: BackupOptions,
): Promise<Delivered> {
  const begin = () => (since === undefined ? imagePiece(source) : incrementPiece(source, since));
  if (typeof target !== 'string') {
    const piece = await begin();
    await sendParts(piece.parts, target, signal);
    return { pages: piece.pages, bytes: piece.lengthBytes, last: 2 * piece.pages };
  }
  return toPath(source, target, async (file) => {
    const piece = await begin();
    await writePiece(piece, file);
    return { pages: piece.pages, bytes: piece.lengthBytes, last: 2 * piece.pages };
  });
}

async function backUpCompact(
  source: BackedUpSnapshot,
  target: BackupTarget,
  { signal }: BackupOptions,
): Promise<Delivered> {
  const copy = async (file: TargetFile): Promise<Delivered> => {
    const { pages, lengthBytes, entries } = await compactCopy(source, file);
    return { pages, bytes: lengthBytes, last: entries };
  };
  if (typeof target === 'string') return toPath(source, target, copy);
  // A folder that nobody else can look into.
  const folder = temporaryFolder();
  let file: TargetFile | undefined;
  try {
    file = new TargetFile(join(folder, 'copy'), 'backup');
    await file.create();
    const delivered = await copy(file);
    await sendParts(partsOf(file, delivered.bytes), target, signal);
    return delivered;
  } finally {
    await file?.discard();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Has `make` fill a file that then takes the target's place, or none of it stays. */
async function toPath(
  { pager, pace }: BackedUpSnapshot,
  target: string,
  make: (file: TargetFile) => Promise<Delivered>,
): Promise<Delivered> {
  const file = targetOf(pager, target);
  try {
    await file.create();
    const delivered = await make(file);
    await file.putInPlace(() => pace.resume());
    return delivered;
  } finally {
    await file.discard();
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'coppice-backup-'));
  } catch (error) {
    throw failure(tmpdir(), error);
  }
}

/** The file of a backup: as readable as the database that it is made of. */
function targetOf({ storage, path }: Pager, target: string): TargetFile {
  const mode = path === ':memory:' ? undefined : modeOf(path);
  const file = new TargetFile(target, 'backup', mode);
  if (file.target === `${storage.path}-lock`) {
    throw new DatabaseLockedError(
      `${file.target} is the lock file of the database that is backed up. Give another path.`,
    );
  }
  return file;
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.mode;
  } catch (error) {
    throw failure(path, error);
  }
}

async function* partsOf(file: TargetFile, lengthBytes: number): AsyncGenerator<PiecePart, void> {
  for (let at = 0; at < lengthBytes; at += PART_BYTES) {
    const bytes = await file.read(Math.min(PART_BYTES, lengthBytes - at), at);
    yield { length: bytes.length, bytes };
  }
}

/** Throws unless `since` names a state that this database's newest one came from. */
function requireHistory({ path, lock }: Pager, since: number, durable: number): void {
  const { to, from }: RollBack = lock.rolledBack;
  if (since > to && since <= from) {
    throw new BackupMismatchError(
      `since: ${since} names a state of ${path} that was given up when the database went back ` +
        `from transaction ${from} to ${to}; nothing can build on a backup of it. Make a full one.`,
      to,
      since,
    );
  }
  if (since > durable) {
    throw new RangeError(
      `since must be the transaction of an earlier backup, at most ${durable}, the newest ` +
        `durable one of ${path}; got ${since}.`,
    );
  }
}
