/**
 * Pages of the file, read where they lie on the mapping.
 *
 * 1. A page is used only after its identity (birth, type) has been compared with the pointer, each
 *    time; its number, checksum and structure when it is touched for the first time by this handle,
 *    unless this handle made the page itself.
 * 2. No byte past the end of the file is touched: a page past the length known is looked up first.
 * 3. While any part of the mapping is replaced by zeros (a fault), what is not intact is a
 *    STORAGE_FAULT; and what was checked before the fault is checked again.
 */

import { CorruptionError, StorageFaultError } from '../errors.ts';
import { CHUNK_BYTES, type Geometry } from '../format/geometry.ts';
import { chunkChecksumAt } from '../format/overflow.ts';
import { ownNumber, PAGE_TYPE, pageBirth, pageType, slotCount } from '../format/page-header.ts';
import { Segment } from '../format/segment.ts';
import { structureFault } from '../format/validate.ts';
import type { PageReader } from './page-reader.ts';
import type { Storage } from './storage.ts';

/** What is checked of a page, and when. See commit-and-recovery.md, "Checking while reading". */
export type Verify = 'first-read' | 'always' | 'structure';

/** The secret that seeds the checksums of a database. */
export interface Secret {
  readonly low: number;
  readonly high: number;
}

/** The mark of a page with that birth in the table of checked pages; never 0. */
function markOf(birth: number): number {
  return (birth & 0x7fff) | 0x8000;
}

const NO_SEGMENT = new Segment(new ArrayBuffer(0));

/** Pages of the file behind `storage`, for all snapshots of one handle. */
export class MappedPages implements PageReader {
  readonly geometry: Geometry;
  readonly secret: Secret;
  segment: Segment = NO_SEGMENT;
  visits = 0;
  private readonly storage: Storage;
  private readonly verify: Verify;
  private readonly segments: Segment[] = [];
  /** Per segment and page: the mark of the birth with which it was checked, 0 when it was not. */
  private readonly checked: Uint16Array[] = [];
  /** Pages that the file was last seen to have: none at or past this is touched. */
  private knownPages = 0;
  private readonly mappedPages: number;
  private readonly faultWords: Int32Array;
  private faultsSeen: number;
  private readonly shift: number;
  private readonly mask: number;
  private readonly pageShift: number;

  constructor(
    storage: Storage,
    geometry: Geometry,
    secret: Secret,
    verify: Verify,
    mappedBytes: number,
  ) {
    this.storage = storage;
    this.geometry = geometry;
    this.secret = secret;
    this.verify = verify;
    this.mappedPages = mappedBytes / geometry.pageSize;
    this.shift = geometry.segmentShift;
    this.mask = geometry.pagesPerSegment - 1;
    this.pageShift = geometry.pageShift;
    this.faultWords = storage.faultWords();
    this.faultsSeen = Atomics.load(this.faultWords, 1);
  }

  /** The same file, each page verified whenever it is touched. */
  strict(): MappedPages {
    const mappedBytes = this.mappedPages * this.geometry.pageSize;
    return new MappedPages(this.storage, this.geometry, this.secret, 'always', mappedBytes);
  }

  find(page: number, birth: number, type: number): number {
    this.visits++;
    const index = page >> this.shift;
    const inSegment = page & this.mask;
    const checked = this.checked[index];
    if (checked === undefined || checked[inSegment] !== markOf(birth)) {
      return this.findFirst(page, birth, type);
    }
    const s = this.segments[index]!;
    const o = inSegment << this.pageShift;
    this.segment = s;
    // Type and birth share a cache line with the count that every reader needs next. A root (type
    // 0) is a branch or a leaf, whose types are the two lowest.
    const found = s.bytes[o + 20]!;
    if (s.i32[(o + 8) >> 2] !== (birth | 0) || (found !== type && (type !== 0 || found > 2))) {
      return this.findFirst(page, birth, type);
    }
    return o;
  }

  findRun(page: number, birth: number, length: number, from: number, to: number): number {
    const { pageSize } = this.geometry;
    const heads = this.geometry.overflowHeads(length);
    const pages = this.geometry.overflowPages(length);
    if ((page & this.mask) + pages > this.mask + 1 || length > this.geometry.maxValueBytes) {
      throw this.corruption(page, `overflow run of ${pages} pages leaves its segment`);
    }
    this.requirePages(page, pages);
    const firstHead = Math.floor(Math.floor(from / CHUNK_BYTES) / this.geometry.checksumsPerHead);
    const lastChunk = to > from ? Math.floor((to - 1) / CHUNK_BYTES) : -1;
    const lastHead = Math.max(0, Math.floor(lastChunk / this.geometry.checksumsPerHead));
    const chunks = Math.ceil(length / CHUNK_BYTES);
    for (let head = firstHead; head <= lastHead; head++) {
      const o = this.find(page + head, birth, PAGE_TYPE.overflow);
      const expected = Math.min(
        this.geometry.checksumsPerHead,
        chunks - head * this.geometry.checksumsPerHead,
      );
      if (slotCount(this.segment, o) !== Math.max(0, expected)) {
        throw this.corruption(
          page + head,
          `overflow head has ${slotCount(this.segment, o)} chunk checksums, a value of ` +
            `${length} bytes needs ${expected}`,
        );
      }
    }
    const start = (page & this.mask) << this.pageShift;
    const payload = start + heads * pageSize;
    for (let chunk = Math.floor(from / CHUNK_BYTES); chunk <= lastChunk; chunk++) {
      this.checkChunk(page, birth, start, payload, chunk, length);
    }
    this.segment = this.segments[page >> this.shift]!;
    return payload;
  }

  /**
   * A page that this handle is about to write, with that birth, needs no check when it is read: its
   * bytes were checked or made here. Before it is written, and when it never is, nothing leads to
   * it.
   */
  trust(page: number, birth: number): void {
    if (this.verify === 'always' || !this.exists(page, 1)) return;
    this.checked[page >> this.shift]![page & this.mask] = markOf(birth);
  }

  /**
   * Whether a fault has been caught since this was last asked; drops what was checked before it.
   */
  noticeFaults(): boolean {
    const faults = Atomics.load(this.faultWords, 1);
    if (faults === this.faultsSeen) return false;
    this.faultsSeen = faults;
    for (const table of this.checked) table?.fill(0);
    return true;
  }

  /** Throws STORAGE_FAULT when a fault has been caught since the last call. After each read. */
  throwOnFault(): void {
    if (Atomics.load(this.faultWords, 1) !== this.faultsSeen)
      throw this.fault('a part of the file');
  }

  /** Before the next snapshot: tries to map the file again where it had been replaced. */
  healFaults(): void {
    if (Atomics.load(this.faultWords, 0) === 0) return;
    if (this.storage.remapFaults() === 0) this.knownPages = 0;
    for (const table of this.checked) table?.fill(0);
  }

  /** The segment and offset of a page without any check, for writing pages again as they are. */
  raw(page: number): number {
    this.requirePages(page, 1);
    this.segment = this.segments[page >> this.shift]!;
    return (page & this.mask) << this.pageShift;
  }

  /**
   * What is wrong with the page as found on the disk, or undefined: for the checker and recovery.
   */
  faultOf(page: number, birth: number, type: number): string | undefined {
    if (page < this.geometry.firstPage || !this.exists(page, 1)) return 'it is past the file';
    const s = this.segments[page >> this.shift]!;
    const o = (page & this.mask) << this.pageShift;
    this.segment = s;
    const { low, high } = this.secret;
    if (!this.storage.pageIsIntact(s.bytes, o, this.geometry.pageSize, page, low, high)) {
      return 'its checksum does not hold';
    }
    return this.identityFault(s, o, page, birth, type) ?? structureFault(s, o, this.geometry);
  }

  /**
   * Throws STORAGE_FAULT while a part of the mapping is replaced by zeros: then what is wrong with
   * the page may be that it cannot be read.
   */
  requireReadable(page: number): void {
    if (Atomics.load(this.faultWords, 0) !== 0) throw this.fault(`page ${page}`);
  }

  /** For pages that have to be checked by their content anew, as a recovered file's are. */
  forget(): void {
    for (const table of this.checked) table?.fill(0);
    this.knownPages = 0;
  }

  private findFirst(page: number, birth: number, type: number): number {
    if (page < this.geometry.firstPage) throw this.corruption(page, 'a pointer to a meta slot');
    this.requirePages(page, 1);
    const index = page >> this.shift;
    const s = this.segments[index]!;
    const o = (page & this.mask) << this.pageShift;
    this.segment = s;
    const identity = this.identityFault(s, o, page, birth, type);
    if (identity !== undefined) throw this.corruption(page, identity);
    if (this.verify !== 'structure' || Atomics.load(this.faultWords, 0) !== 0) {
      const { low, high } = this.secret;
      if (!this.storage.pageIsIntact(s.bytes, o, this.geometry.pageSize, page, low, high)) {
        throw this.corruption(page, 'its checksum does not hold');
      }
    }
    const fault = structureFault(s, o, this.geometry);
    if (fault !== undefined) throw this.corruption(page, fault);
    if (this.verify !== 'always') this.checked[index]![page & this.mask] = markOf(birth);
    return o;
  }

  private identityFault(
    s: Segment,
    o: number,
    page: number,
    birth: number,
    type: number,
  ): string | undefined {
    if (ownNumber(s, o) !== page) return `it says that it is page ${ownNumber(s, o) >>> 0}`;
    if (pageBirth(s, o) !== birth) {
      return `written by transaction ${pageBirth(s, o)}, but the pointer expects ${birth}`;
    }
    // Type 0 stands for "a root": branch or leaf.
    if (type === 0) {
      const found = pageType(s, o);
      return found === PAGE_TYPE.branch || found === PAGE_TYPE.leaf ? undefined : `type ${found}`;
    }
    return pageType(s, o) === type
      ? undefined
      : `of type ${pageType(s, o)}, but the pointer expects type ${type}`;
  }

  private checkChunk(
    page: number,
    birth: number,
    start: number,
    payload: number,
    chunk: number,
    length: number,
  ): void {
    const s = this.segments[page >> this.shift]!;
    const from = payload + chunk * CHUNK_BYTES;
    const to = payload + Math.min(length, (chunk + 1) * CHUNK_BYTES);
    const checked = this.checked[page >> this.shift]!;
    const firstPage = from >> this.pageShift;
    if (checked[firstPage] === markOf(birth)) return;
    if (this.verify !== 'structure' || Atomics.load(this.faultWords, 0) !== 0) {
      const { pageSize, checksumsPerHead } = this.geometry;
      const at = start + chunkChecksumAt(chunk, pageSize, checksumsPerHead);
      if (!chunkIsIntact(this.storage, s, from, to, chunk, this.secret, at)) {
        throw this.corruption(
          page,
          `bytes ${chunk * CHUNK_BYTES}.. of its value do not match their checksum`,
        );
      }
    }
    if (this.verify !== 'always') checked[firstPage] = markOf(birth);
  }

  /** Whether the file has those pages; makes their segment ready when it has. */
  private exists(page: number, count: number): boolean {
    if (page + count > this.knownPages) {
      const bytes = this.storage.sizeBytes();
      this.knownPages = Math.floor(bytes / this.geometry.pageSize);
      if (page + count > this.knownPages) return false;
    }
    if (page + count > this.mappedPages) {
      throw new StorageFaultError(
        `Page ${page} lies past the ${this.mappedPages * this.geometry.pageSize} bytes of ` +
          'address space that could be reserved. Open with a larger addressSpace.',
      );
    }
    const index = page >> this.shift;
    if (this.segments[index] === undefined) {
      this.segments[index] = this.storage.segment(index);
      this.checked[index] = new Uint16Array(this.geometry.pagesPerSegment);
    }
    return true;
  }

  private requirePages(page: number, count: number): void {
    if (!this.exists(page, count)) {
      const fileBytes = this.storage.sizeBytes();
      throw new CorruptionError(
        page,
        `${this.storage.path}: page ${page} lies past the end of the file, which has ` +
          `${fileBytes} bytes.`,
      );
    }
  }

  private corruption(page: number, what: string): Error {
    if (Atomics.load(this.faultWords, 0) !== 0) return this.fault(`page ${page}`);
    return new CorruptionError(page, `${this.storage.path}: page ${page}: ${what}.`);
  }

  private fault(what: string): Error {
    this.noticeFaults();
    // What can be read again is for the next read.
    this.healFaults();
    return new StorageFaultError(
      `${this.storage.path}: ${what} could not be read: the file was cut short under this ` +
        'process, or the disk failed.',
    );
  }
}

const sum = new Uint8Array(8);

/** Whether payload bytes [from, to) of a run match the checksum at `at`. */
export function chunkIsIntact(
  storage: Pick<Storage, 'hash'>,
  s: Segment,
  from: number,
  to: number,
  chunk: number,
  secret: Secret,
  at: number,
): boolean {
  hashChunk(storage, s.bytes, from, to, chunk, secret, sum, 0);
  for (let i = 0; i < 8; i++) if (sum[i] !== s.bytes[at + i]) return false;
  return true;
}

/** The checksum of a chunk: seeded with the secret + the chunk's index, 64-bit wrapping. */
export function hashChunk(
  storage: Pick<Storage, 'hash'>,
  bytes: Uint8Array,
  from: number,
  to: number,
  chunk: number,
  secret: Secret,
  target: Uint8Array,
  at: number,
): void {
  const low = (secret.low >>> 0) + chunk;
  const carry = low >= 0x1_0000_0000 ? 1 : 0;
  storage.hash(bytes, from, to, low >>> 0, ((secret.high >>> 0) + carry) >>> 0, target, at);
}
