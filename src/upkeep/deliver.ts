/** Where a piece goes: to a new file, or to a stream of either kind. */

import { pipeline } from 'node:stream/promises';
import { orAborted } from '../transaction/pace.ts';
import { takesMore } from './backup-options.ts';
import type { BackupPiece, PiecePart } from './backup-piece.ts';
import type { TargetFile } from './target-file.ts';

/** Writes the piece into the file, leaving out its zeros. The file was just made. */
export async function writePiece(piece: BackupPiece, file: TargetFile): Promise<void> {
  let at = 0;
  for await (const { length, bytes } of piece.parts) {
    if (bytes !== undefined) await file.write(bytes, at);
    at += length;
  }
  await file.setLength(piece.lengthBytes);
}

/**
 * Sends the parts to the stream as fast as it takes them, and ends it. On failure the stream is
 * destroyed, or aborted, with what failed; its own failure is thrown as it is.
 */
export async function sendParts(
  parts: AsyncIterable<PiecePart>,
  target: NodeJS.WritableStream | WritableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // It may have failed or ended while the pages were checked, and `pipeline` would wait for ever.
  const failed: unknown = Reflect.get(target, 'errored');
  if (failed instanceof Error) throw failed;
  if (!takesMore(target)) throw prematureClose();
  if (isWebStream(target)) {
    await sendToWebStream(parts, target, signal);
    return;
  }
  try {
    await pipeline(bytesOf(parts), target, signal === undefined ? {} : { signal });
  } catch (error) {
    // Aborted, it says so in an error of its own.
    signal?.throwIfAborted();
    throw error;
  }
}

/** As Node's streams say it of themselves: whoever reads at the other end went away. */
function prematureClose(): Error {
  const error = new Error('The target of backup was closed before all of it was written.');
  return Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
}

export function isWebStream(
  target: NodeJS.WritableStream | WritableStream<Uint8Array>,
): target is WritableStream<Uint8Array> {
  return 'getWriter' in target;
}

async function sendToWebStream(
  parts: AsyncIterable<PiecePart>,
  target: WritableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const writer = target.getWriter();
  // What becomes of it is told by each write.
  writer.closed.catch(() => {});
  try {
    for await (const bytes of bytesOf(parts)) await orAborted(writer.write(bytes), signal);
    await orAborted(writer.close(), signal);
  } catch (error) {
    // Not waited for: the sink may be stuck in a write.
    writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

/**
 * Ends a stream that nothing, or nothing more, is sent to: once more does no harm. Whoever reads at
 * its other end has to learn that what came is not all.
 */
export function giveUpStream(
  target: NodeJS.WritableStream | WritableStream<Uint8Array>,
  error: unknown,
): void {
  if (isWebStream(target)) {
    if (!target.locked) target.abort(error).catch(() => {});
    return;
  }
  if (!('destroy' in target) || typeof target.destroy !== 'function') return;
  // The failure is told to whoever asked for the backup; here it is nobody's surprise.
  target.on('error', () => {});
  target.destroy(error instanceof Error ? error : new Error(String(error)));
}

/** The parts as bytes, each a buffer that its taker may keep. */
async function* bytesOf(parts: AsyncIterable<PiecePart>): AsyncGenerator<Uint8Array, void> {
  for await (const { length, bytes } of parts) yield bytes ?? new Uint8Array(length);
}
