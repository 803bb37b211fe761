/**
 * `putStream`: a value that comes as a stream. A large one goes to a file of its own as it comes,
 * so that memory is bounded and nobody else waits, and into the database when all of it is there.
 */

import { ValueTooLargeError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import type { StagedValue } from '../pager/staged-value.ts';
import type { Durability } from '../pager/write-session.ts';
import { putEntry, putStaged, requireOneValue } from '../transaction/changes.ts';
import { checkLongWork, type LongWork, shown } from '../transaction/long-work.ts';
import { type PutOptions, type PutTerms, putTerms } from '../transaction/put-options.ts';
import type { StoreDefinition } from '../transaction/store-definition.ts';
import type { WriteCore } from '../transaction/write-core.ts';
import type { WriteQueue } from '../transaction/write-queue.ts';
import { isSourceStream } from './backup-options.ts';
import { PieceReader } from './piece-reader.ts';

/** Read from the source, and written, at a time: whole chunks of an overflow run. */
const READ_BYTES: number = 2 ** 20;

/** Where the bytes of a value come from. */
export type ValueSource = NodeJS.ReadableStream | ReadableStream<Uint8Array>;

/** What it needs of its store. */
export interface PutStreamHost<K, V> {
  readonly pager: Pager;
  readonly queue: WriteQueue;
  readonly durability: Durability;
  readonly definition: StoreDefinition<K, V>;
}

/** See StoreOf.putStream. `key`: its encoded bytes, which nobody changes. */
export async function putStream<K, V>(
  host: PutStreamHost<K, V>,
  key: Uint8Array,
  size: number,
  source: ValueSource,
  options: PutOptions & LongWork,
): Promise<boolean> {
  const terms = checkPutStream(host, size, source, options);
  const { signal, onProgress } = options;
  const reader = new PieceReader(source, 'The source of putStream', signal);
  const told = (): void => onProgress?.({ done: reader.done, total: size });
  try {
    signal?.throwIfAborted();
    host.queue.requireTaking();
    const run =
      size <= READ_BYTES
        ? await readInMemory(host.definition, key, size, reader, terms)
        : await stage(host, key, size, reader, terms, told);
    try {
      signal?.throwIfAborted();
      const wasPut = await host.queue.add({
        run: run.put,
        undoable: true,
        bytes: run.bytes,
        durability: host.durability,
      });
      told();
      return wasPut;
    } finally {
      run.end();
    }
  } catch (error) {
    await reader.stop(error);
    throw error;
  }
}

/** What is to be done under the writer lock, and when that is over. */
interface Ready {
  readonly put: (core: WriteCore) => boolean;
  /** Of memory. */
  readonly bytes: number;
  readonly end: () => void;
}

/** A small value is one like any other. */
async function readInMemory<K, V>(
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  size: number,
  reader: PieceReader,
  terms: PutTerms,
): Promise<Ready> {
  const value = await reader.read(size);
  await requireSize(reader, size);
  const put = (core: WriteCore): boolean =>
    putEntry(core, definition, key, key.length, value, 0, size, terms);
  return { put, bytes: key.length + size, end: () => {} };
}

async function stage<K, V>(
  host: PutStreamHost<K, V>,
  key: Uint8Array,
  size: number,
  reader: PieceReader,
  terms: PutTerms,
  told: () => void,
): Promise<Ready> {
  const { pager, definition } = host;
  const staged = pager.stage(size);
  try {
    await fill(host, staged, reader, told);
    const put = (core: WriteCore): boolean => putStaged(core, definition, key, staged, terms);
    return { put, bytes: key.length, end: () => staged.close() };
  } catch (error) {
    staged.close();
    throw error;
  }
}

async function fill<K, V>(
  host: PutStreamHost<K, V>,
  staged: StagedValue,
  reader: PieceReader,
  told: () => void,
): Promise<void> {
  const { length } = staged;
  // One for all: the garbage of large buffers is collected late, by Node 24 after 100 MB.
  const buffer = new Uint8Array(READ_BYTES);
  while (reader.done < length) {
    const wanted = Math.min(READ_BYTES, length - reader.done);
    const bytes = await reader.read(wanted, buffer);
    host.queue.requireTaking();
    if (bytes.length < wanted) break;
    await staged.write(bytes);
    // All of it is told when it is in the database.
    if (reader.done < length) told();
  }
  await requireSize(reader, length);
  await staged.seal(() => host.queue.requireTaking());
}

/** Throws unless the source had just as many bytes, all of which have been read. */
async function requireSize(reader: PieceReader, size: number): Promise<void> {
  if (reader.done === size) {
    const more = await reader.read(1);
    if (more.length === 0) return;
  }
  const found = reader.done < size ? `${reader.done} bytes` : 'more than that';
  throw new RangeError(
    `putStream was to put a value of ${size} bytes, but its source gave ${found}. Nothing was put.`,
  );
}

/** Throws TypeError, RangeError, VALUE_TOO_LARGE. */
function checkPutStream<K, V>(
  { pager, definition }: PutStreamHost<K, V>,
  size: number,
  source: ValueSource,
  options: PutOptions & LongWork,
): PutTerms {
  requireOneValue('putStream', definition);
  const { name, valueFormat } = definition;
  if (valueFormat.name !== 'bytes') {
    throw new TypeError(
      `putStream is for stores with value: 'bytes'; the values of store "${name}" are ` +
        `'${valueFormat.name}'.`,
    );
  }
  if (typeof size !== 'number') {
    throw new TypeError(`size must be a number of bytes, but got ${shown(size)}.`);
  }
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new RangeError(`size must be a whole number of bytes from 0 on, but got ${size}.`);
  }
  const { maxValueBytes } = pager.pages.geometry;
  if (size > maxValueBytes) throw new ValueTooLargeError(size, maxValueBytes);
  if (!isSourceStream(source)) {
    throw new TypeError(`source must be a readable stream, but got ${shown(source)}.`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of putStream must be an object, got ${shown(options)}.`);
  }
  const { signal, onProgress, ...put } = options;
  checkLongWork('putStream', { signal, onProgress });
  return putTerms(definition, put);
}
