/**
 * A large value that lies in a file of its own until a commit copies it into the database: it is
 * written there piece by piece as it comes, without any lock, and only its checksums are kept in
 * memory. The file has no name from the moment it was made, so nothing of it is left, however the
 * process ends.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { assert } from '../assert.ts';
import { CorruptionError } from '../errors.ts';
import { CHUNK_BYTES, type Geometry } from '../format/geometry.ts';
import { Segment } from '../format/segment.ts';
import { hashChunk, type Secret } from './chunk-checksum.ts';
import { diskFullError, ioError, isDiskFull, isNativeError } from './failures.ts';
import { Job } from './job.ts';
import { WINDOW_BYTES } from './mapped-pages.ts';
import { MappedStorage } from './mapped-storage.ts';
import { discardFile } from './put-in-place.ts';
import { temporaryPath } from './random.ts';
import type { PayloadPiece, StagedPayload } from './staged-payload.ts';

/** Of the mapping of the file: whole windows. */
const SEGMENT_BYTES: number = 16 * WINDOW_BYTES;
/** Checked without a turn for others: a millisecond. */
const CHUNKS_PER_TURN = 64;

export class StagedValue implements StagedPayload {
  readonly length: number;
  readonly checksums: Uint8Array;
  private readonly path: string;
  private readonly geometry: Geometry;
  private readonly secret: Secret;
  private readonly file: MappedStorage;
  private readonly windows: Segment[] = [];
  private written = 0;

  /** `path`: of the database, in whose folder the file is made. Throws IO, DISK_FULL. */
  constructor(path: string, geometry: Geometry, secret: Secret, length: number) {
    this.path = path;
    this.geometry = geometry;
    this.secret = secret;
    this.length = length;
    this.checksums = new Uint8Array(8 * Math.ceil(length / CHUNK_BYTES));
    const isMemory = path === ':memory:';
    const name = isMemory ? undefined : temporaryPath(path, 'value');
    try {
      this.file = new MappedStorage(name, { write: true, create: true, alone: true });
    } catch (error) {
      throw this.failure(error, length);
    }
    if (name !== undefined) discardFile(name);
  }

  /** The next bytes: whole chunks, but for the last of the value. Nobody changes them meanwhile. */
  async write(bytes: Uint8Array): Promise<void> {
    const { file, secret, checksums, written } = this;
    assert(written % CHUNK_BYTES === 0, 'a value is staged in whole chunks');
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
      const chunk = (written + from) / CHUNK_BYTES;
      const to = Math.min(bytes.length, from + CHUNK_BYTES);
      hashChunk(file, bytes, from, to, chunk, secret, checksums, 8 * chunk);
    }
    this.written += bytes.length;
    try {
      await file.run(new Job().write().piece(bytes, 0, bytes.length, written));
    } catch (error) {
      throw this.failure(error, this.length - written);
    }
  }

  /**
   * All of it was written. Compares what the file has with the checksums, so that the commit meets
   * no damage and no page that cannot be read. Throws CORRUPTION; `requireGoing` throws when the
   * work is to stop.
   */
  async seal(requireGoing: () => void): Promise<void> {
    const { file, length, geometry } = this;
    assert(this.written === length, 'all of a value is staged', this.written);
    try {
      // Up to the end of its last page it is zeros.
      file.truncate(Math.ceil(length / geometry.pageSize) * geometry.pageSize);
      const segments = Math.ceil(length / SEGMENT_BYTES);
      file.map(segments * SEGMENT_BYTES, SEGMENT_BYTES);
    } catch (error) {
      throw this.failure(error, 0);
    }
    const sum = new Uint8Array(8);
    for (let chunk = 0; chunk * CHUNK_BYTES < length; chunk++) {
      if (chunk % CHUNKS_PER_TURN === 0) {
        await turn();
        requireGoing();
      }
      const from = chunk * CHUNK_BYTES;
      const to = Math.min(length, from + CHUNK_BYTES);
      const { bytes } = this.windowAt(from);
      const at = from % WINDOW_BYTES;
      hashChunk(file, bytes, at, at + to - from, chunk, this.secret, sum, 0);
      for (let i = 0; i < 8; i++) if (sum[i] !== this.checksums[8 * chunk + i]) this.damaged(from);
    }
    if (Atomics.load(file.faultWords(), 1) !== 0) this.damaged(0);
  }

  forEachPiece(fn: PayloadPiece): void {
    const { pageSize } = this.geometry;
    const end = Math.ceil(this.length / pageSize) * pageSize;
    for (let at = 0; at < end; at += WINDOW_BYTES) {
      fn(this.windowAt(at).bytes, 0, Math.min(WINDOW_BYTES, end - at));
    }
  }

  find(from: number, to: number): { segment: Segment; start: number } {
    const first = Math.floor(from / WINDOW_BYTES) * WINDOW_BYTES;
    if (to <= first + WINDOW_BYTES) return { segment: this.windowAt(first), start: -first };
    const copy = new Segment(new ArrayBuffer(to - from), true);
    for (let at = from; at < to; ) {
      const inWindow = at % WINDOW_BYTES;
      const count = Math.min(to - at, WINDOW_BYTES - inWindow);
      const { bytes } = this.windowAt(at);
      copy.bytes.set(bytes.subarray(inWindow, inWindow + count), at - from);
      at += count;
    }
    return { segment: copy, start: -from };
  }

  /** The file goes; nothing of it is to be used any more. */
  close(): void {
    this.file.close();
    this.windows.length = 0;
  }

  private windowAt(at: number): Segment {
    const index = Math.floor(at / WINDOW_BYTES);
    let window = this.windows[index];
    if (window === undefined) {
      window = this.file.window(index, WINDOW_BYTES);
      this.windows[index] = window;
    }
    return window;
  }

  private failure(error: unknown, bytes: number): unknown {
    if (!isNativeError(error)) return error;
    return isDiskFull(error) ? diskFullError(this.path, bytes, error) : ioError(this.path, error);
  }

  private damaged(from: number): never {
    throw new CorruptionError(
      0,
      `${this.path}: bytes ${from}.. of a value that was written to a file beside it came back ` +
        'as others: the disk is damaged. The value was not put.',
    );
  }
}
