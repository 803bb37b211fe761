/** Blobs: large values, read in parts. Source: docs/large-values.md. */

import { Readable } from 'node:stream';
import { TransactionClosedError } from '../errors.ts';
import type { RunReference } from '../pager/mapped-run.ts';
import type { PageReader } from '../pager/page-reader.ts';
import { lookUp } from './lookup.ts';
import type { ValueHold } from './open-values.ts';
import type { StoreDefinition } from './store-definition.ts';

/** Bytes [start, end) of a value; from its beginning, and to its end, where they are left out. */
export interface BlobRange {
  start?: number;
  end?: number;
}

/**
 * A value that is read in parts: its bytes as they are stored, of a 'bytes' store the value itself.
 * Only what is asked for is read, in pieces of 64 KiB, each compared with its checksum when it is
 * first touched. It keeps the state that the value belongs to until it is disposed of, also when
 * the snapshot that it came from is closed before; one of a write transaction ends with that.
 */
export interface Blob extends Disposable {
  /** Bytes of the value. */
  readonly size: number;
  /**
   * A copy of the bytes [start, end). Negative numbers count from the end of the value; what lies
   * outside of it is left out, as by `slice` of an array. Errors: TypeError; TRANSACTION_CLOSED
   * after `dispose`; DATABASE_CLOSED; CORRUPTION and STORAGE_FAULT.
   */
  slice(start?: number, end?: number): Uint8Array;
  /**
   * A web stream of the bytes, read as it is consumed; it can be read into buffers of one's own.
   * Range and errors as for `slice`.
   */
  stream(range?: BlobRange): ReadableStream<Uint8Array>;
  /** The same as a stream of Node. */
  readable(range?: BlobRange): Readable;
  /** Lets go of the state. Safe to call twice. */
  dispose(): void;
}

/** Bytes that a stream gives at once, four chunks of an overflow run. */
const PIECE_BYTES = 256 * 1024;

/** Where a blob's bytes come from. */
interface BlobSource {
  readonly size: number;
  /** A copy of the bytes [from, to), 0 <= from < to <= size. */
  read(from: number, to: number): Uint8Array;
}

/** The blob of a key's value; undefined when the key is absent. */
export function openBlob<K, V>(
  hold: ValueHold,
  definition: StoreDefinition<K, V>,
  key: K,
): Blob | undefined {
  const { tree, share, values, pager } = hold;
  if (!lookUp(tree, definition, key)) return undefined;
  const { found } = tree;
  let source: BlobSource;
  if (found.inOverflow) {
    const run = { page: found.runPage, birth: found.runBirth, length: found.valueLength };
    source = new RunSource(share === undefined ? tree.pages : pager.pages, run);
  } else {
    found.loadValue();
    const { valueSegment, valueStart, valueEnd } = found;
    source = new CopiedSource(valueSegment.bytes.slice(valueStart, valueEnd));
  }
  hold.check();
  if (share === undefined) return new StoredBlob(source, () => hold.check());
  const blob = new StoredBlob(source, () => pager.requireUsable());
  const pinned = found.inOverflow ? share() : undefined;
  blob.ended = values.watch(blob, 'blob', pinned);
  return blob;
}

class StoredBlob implements Blob {
  /** Called once, when it is disposed of. */
  ended: () => void = () => {};
  private readonly source: BlobSource;
  private readonly check: () => void;
  private isDisposed = false;

  constructor(source: BlobSource, check: () => void) {
    this.source = source;
    this.check = check;
  }

  get size(): number {
    return this.source.size;
  }

  slice(start?: number, end?: number): Uint8Array {
    const { from, to } = this.ends(start, end);
    this.requireOpen();
    return this.read(from, to);
  }

  stream(range?: BlobRange): ReadableStream<Uint8Array> {
    const pieces = this.pieces(range);
    return new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done !== true) {
          controller.enqueue(value);
          return;
        }
        controller.close();
        // Who reads into a buffer of his own waits for it.
        controller.byobRequest?.respond(0);
      },
      async cancel() {
        await pieces.return();
      },
    });
  }

  readable(range?: BlobRange): Readable {
    return Readable.from(this.pieces(range), { objectMode: false });
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.ended();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Checks the range now; reads when the next piece is wanted. */
  private pieces(range: BlobRange | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    if (range !== undefined && (typeof range !== 'object' || range === null)) {
      throw new TypeError(
        `A part of a blob must be an object such as { start, end }, but got ${String(range)}.`,
      );
    }
    const { from, to } = this.ends(range?.start, range?.end);
    this.requireOpen();
    return this.generate(from, to);
  }

  private async *generate(from: number, to: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = from; at < to; at += PIECE_BYTES) {
      this.requireOpen();
      yield this.read(at, Math.min(to, at + PIECE_BYTES));
      // What is in memory already would be read to its end without a turn for anybody else.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  private read(from: number, to: number): Uint8Array {
    if (from === to) return new Uint8Array(0);
    try {
      return this.source.read(from, to);
    } finally {
      // What went wrong with zeros that stand for a page is that it could not be read.
      this.check();
    }
  }

  private ends(start: number | undefined, end: number | undefined): { from: number; to: number } {
    const from = start === undefined ? 0 : place('start', start, this.size);
    const to = end === undefined ? this.size : place('end', end, this.size);
    return { from, to: Math.max(from, to) };
  }

  private requireOpen(): void {
    this.check();
    if (!this.isDisposed) return;
    throw new TransactionClosedError('The blob was disposed of. Get another one.');
  }
}

/** A value in an overflow run. */
class RunSource implements BlobSource {
  readonly size: number;
  private readonly pages: PageReader;
  private readonly run: RunReference;

  constructor(pages: PageReader, run: RunReference) {
    this.pages = pages;
    this.run = run;
    this.size = run.length;
  }

  read(from: number, to: number): Uint8Array {
    const { pages } = this;
    const { page, birth, length } = this.run;
    const start = pages.findRun(page, birth, length, from, to);
    return pages.segment.bytes.slice(start + from, start + to);
  }
}

/** A value that lay among others in a page. */
class CopiedSource implements BlobSource {
  readonly size: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  read(from: number, to: number): Uint8Array {
    return this.bytes.slice(from, to);
  }
}

/** An end of a slice as a place in the value. */
function place(name: string, value: unknown, size: number): number {
  const isPlace = Number.isSafeInteger(value) || value === Number.POSITIVE_INFINITY;
  if (typeof value !== 'number' || !isPlace) {
    throw new TypeError(`${name} must be a whole number of bytes, but got ${String(value)}.`);
  }
  return value < 0 ? Math.max(0, size + value) : Math.min(size, value);
}
