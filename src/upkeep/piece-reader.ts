/**
 * The bytes of one piece given to `restore`, or of the source of a `putStream`, in order, whether
 * it is a file or a stream of either kind. What a stream fails with is thrown as it is.
 */

// As in target-file.ts.
import { promises } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { orAborted } from '../transaction/pace.ts';
import type { BackupSource } from './backup-options.ts';
import { failure, readSome } from './target-file.ts';

/** Read of a file at a time. */
const READ_BYTES: number = 2 ** 20;

/** Where a reader's bytes come from. */
interface Bytes {
  /** The next ones, undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Nothing more is read. Throws nothing; harmless at the end, and twice. */
  stop(error: unknown): Promise<void>;
}

export class PieceReader {
  /** What messages call it. */
  readonly name: string;
  /** Bytes read so far. */
  done = 0;
  private readonly source: Bytes;
  private readonly signal: AbortSignal | undefined;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;

  /** Throws TypeError when it is a web stream that is locked. */
  constructor(piece: BackupSource, name: string, signal: AbortSignal | undefined) {
    this.name = name;
    this.signal = signal;
    if (typeof piece === 'string') this.source = new FileBytes(piece);
    else if ('getReader' in piece) this.source = new WebBytes(piece, this.name);
    else this.source = new StreamBytes(piece, this.name);
  }

  /**
   * The next `length` bytes, in memory of their own, or in `into`, which has room for them; fewer
   * only where the piece ends.
   */
  async read(length: number, into?: Uint8Array): Promise<Uint8Array> {
    while (this.waitingBytes < length) {
      const bytes = await orAborted(this.source.next(), this.signal);
      if (bytes === undefined) break;
      this.waiting.push(bytes);
      this.waitingBytes += bytes.length;
    }
    const size = Math.min(length, this.waitingBytes);
    const result = into?.subarray(0, size) ?? new Uint8Array(size);
    let filled = 0;
    let used = 0;
    while (filled < result.length) {
      const bytes = this.waiting[used]!;
      const taken = Math.min(bytes.length, result.length - filled);
      result.set(bytes.subarray(0, taken), filled);
      filled += taken;
      if (taken === bytes.length) used++;
      else this.waiting[used] = bytes.subarray(taken);
    }
    this.waiting.splice(0, used);
    this.waitingBytes -= filled;
    this.done += filled;
    return result;
  }

  async stop(error: unknown): Promise<void> {
    await this.source.stop(error);
  }
}

class FileBytes implements Bytes {
  private readonly path: string;
  private handle: FileHandle | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      this.handle ??= await promises.open(this.path, 'r');
      const bytes = new Uint8Array(READ_BYTES);
      const read = await readSome(this.handle, bytes, null);
      return read === 0 ? undefined : bytes.subarray(0, read);
    } catch (error) {
      throw failure(this.path, error);
    }
  }

  async stop(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    await handle?.close().catch(() => {});
  }
}

class StreamBytes implements Bytes {
  private readonly stream: NodeJS.ReadableStream;
  private readonly name: string;
  private iterator: AsyncIterator<string | Buffer> | undefined;

  constructor(stream: NodeJS.ReadableStream, name: string) {
    this.stream = stream;
    this.name = name;
    // It may fail before its turn comes; without a listener that would end the process. Its
    // iterator tells it then.
    stream.on('error', () => {});
  }

  async next(): Promise<Uint8Array | undefined> {
    this.iterator ??= this.stream[Symbol.asyncIterator]();
    const { done, value } = await this.iterator.next();
    return done === true ? undefined : bytesFrom(value, this.name);
  }

  async stop(error: unknown): Promise<void> {
    const { stream } = this;
    if (!('destroy' in stream) || typeof stream.destroy !== 'function') return;
    stream.destroy(error instanceof Error ? error : undefined);
  }
}

class WebBytes implements Bytes {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly name: string;

  /** Throws TypeError when the stream is locked. */
  constructor(stream: ReadableStream<Uint8Array>, name: string) {
    this.reader = stream.getReader();
    this.reader.closed.catch(() => {});
    this.name = name;
  }

  async next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.reader.read();
    return done ? undefined : bytesFrom(value, this.name);
  }

  async stop(error: unknown): Promise<void> {
    // Not waited for: the source may be stuck.
    this.reader.cancel(error).catch(() => {});
  }
}

function bytesFrom(chunk: unknown, name: string): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(
    `${name} gives ${typeof chunk === 'string' ? 'text' : 'something else than bytes'}: set no ` +
      'encoding on the stream.',
  );
}
