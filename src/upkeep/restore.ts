/**
 * `restore`: a full backup and its increments, joined into a database. The target is made beside
 * its place, and put there when all of it has been checked and is on the disk.
 */

import { statSync } from 'node:fs';
import type { LongWork } from '../transaction/long-work.ts';
import { Pace } from '../transaction/pace.ts';
import { type BackupSource, checkRestore } from './backup-options.ts';
import { PieceReader } from './piece-reader.ts';
import { restoreImage } from './restore-image.ts';
import { restoreIncrement } from './restore-increment.ts';
import { RestoredFile, type RestoredState } from './restored-file.ts';
import { failure, TargetFile } from './target-file.ts';

/**
 * Joins a full backup, and the increments that were made after it, in order, into a database at
 * `target`: a path, which is made or replaced as a whole. The new database is one of its own: later
 * increments of the original cannot be joined to it. Its transactions go on from the ids of the
 * original.
 *
 * Every byte of every piece is checked, and in the end every page of the result, before anything is
 * put in place. Streams are read to their end, or destroyed. Progress is in bytes of the pieces; of
 * a stream the length is known once it has begun, so `total` may grow.
 *
 * Errors: TypeError for arguments; BACKUP_MISMATCH for pieces that do not belong together, in this
 * order; CORRUPTION for damage; NOT_A_DATABASE and FORMAT_VERSION for what is no piece, or one of a
 * newer version; DATABASE_LOCKED when the target is a database that anybody has open; CANNOT_OPEN,
 * DISK_FULL, IO; what a stream fails with, as it is; the signal's reason. After any of these the
 * target is as it was; only when the flush of its folder fails, the last of all, it is replaced.
 */
export async function restore(
  pieces: readonly BackupSource[],
  target: string,
  options: LongWork = {},
): Promise<void> {
  checkRestore(pieces, target, options);
  const { signal } = options;
  const readers: PieceReader[] = [];
  try {
    // First of all: a stream that fails is listened to.
    pieces.forEach((piece, i) => {
      const name = `pieces[${i}]${typeof piece === 'string' ? ` (${piece})` : ''}`;
      readers.push(new PieceReader(piece, name, signal));
    });
    signal?.throwIfAborted();
    await join(readers, new Progress(pieces, readers, options), target, signal);
  } catch (error) {
    for (const reader of readers) await reader.stop(error);
    throw error;
  }
}

async function join(
  readers: readonly PieceReader[],
  progress: Progress,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pace = new Pace(() => {
    signal?.throwIfAborted();
    progress.tell();
  });
  const place = new TargetFile(target, 'restore');
  let file: RestoredFile | undefined;
  try {
    await place.create();
    file = await place.guarded(async () => new RestoredFile(place, pace));
    let state: RestoredState | undefined;
    for (const [i, reader] of readers.entries()) {
      const announce = (lengthBytes: number): void => progress.announce(i, lengthBytes);
      state =
        state === undefined
          ? await restoreImage(reader, file, announce)
          : await restoreIncrement(reader, file, state, announce);
      await reader.stop(undefined);
    }
    if (state === undefined) return;
    if (readers.length > 1) {
      // Only now: what an increment replaced was never looked at together with what it left.
      const { identity, roots } = state;
      const reached = await file.check(identity, roots, 0, 'what the pieces lead to');
      state = { identity, roots, reached };
    }
    await file.finish(state);
    file.close();
    await place.putInPlace(() => pace.resume());
    progress.tell();
  } finally {
    file?.close();
    await place.discard();
  }
}

/** Bytes read, of bytes known to come. */
class Progress {
  private readonly readers: readonly PieceReader[];
  private readonly lengths: number[];
  private readonly listener: LongWork['onProgress'];
  private told = -1;

  constructor(
    pieces: readonly BackupSource[],
    readers: readonly PieceReader[],
    { onProgress }: LongWork,
  ) {
    this.readers = readers;
    this.listener = onProgress;
    this.lengths = pieces.map((piece) => {
      if (typeof piece !== 'string') return 0;
      try {
        return statSync(piece).size;
      } catch (error) {
        throw failure(piece, error);
      }
    });
  }

  announce(index: number, lengthBytes: number): void {
    this.lengths[index] = lengthBytes;
  }

  /** Tells it, when there is news. */
  tell(): void {
    if (this.listener === undefined) return;
    let done = 0;
    let total = 0;
    for (const reader of this.readers) done += reader.done;
    for (const length of this.lengths) total += length;
    if (done === this.told) return;
    this.told = done;
    this.listener({ done, total: Math.max(done, total) });
  }
}
