/**
 * Pages of the file, read where they lie on the mapping.
 *
 * 1. A page is used only after its identity (birth, type) has been compared with the pointer, each
 *    time; its number, checksum and structure when it is touched for the first time by this handle,
 *    unless this handle made the page itself.
 * 2. No byte past the end of the file is touched: a page past the length known is looked up first.
 * 3. Pages are read through windows, which are much smaller than segments and made when a page in
 *    them is first touched: what an ArrayBuffer is made over counts, for a moment, as memory of
 *    V8's, and 1 GiB of it at once starts a full garbage collection. What lies in two windows is
 *    read from a copy.
 * 4. While any part of the mapping is replaced by zeros (a fault), what is not intact is a
 *    STORAGE_FAULT; and what was checked before the fault is checked again.
 */

import { CorruptionError, StorageFaultError } from '../errors.ts';
import type { Geometry } from '../format/geometry.ts';
import { ownNumber, PAGE_TYPE, pageBirth, pageType } from '../format/page-header.ts';
import { NO_SEGMENT, Segment } from '../format/segment.ts';
import { pointerFault, structureFault } from '../format/validate.ts';
import type { Secret } from './chunk-checksum.ts';
import { unreadable } from './failures.ts';
import { checkRun, findRun, type RunReference } from './mapped-run.ts';
import type { PageReader } from './page-reader.ts';
import type { SnapshotRoots } from './snapshot.ts';
import type { PrivateBytes, Storage } from './storage.ts';

/** What is checked of a page, and when. See commit-and-recovery.md, "Checking while reading". */
export type Verify = 'first-read' | 'always' | 'structure';

/**
 * The mark of a page with that birth in the table of checked pages; never 0. A chunk of a run has
 * another: what was found sound as bytes of a value was never looked at as a page.
 */
function markOf(birth: number): number {
  return (birth & 0x3fff) | 0x8000;
}
function chunkMarkOf(birth: number): number {
  return (birth & 0x3fff) | 0xc000;
}

/**
 * V8 begins to mark when external memory grows by 64 MiB (kExternalAllocationSoftLimit), and
 * collects the young generation when 32 MiB of young buffers are followed by one more: to open a
 * file and find one key touches three or four windows.
 */
export const WINDOW_BYTES: number = 2 ** 22;

/**
 * Marks in one array, at most: as many as a segment has pages of 4 KiB. V8 looks whether to collect
 * when an array's memory is made, so there are few; and what is never used has to be zeroed and
 * counts, so a file of the smallest pages has no array of 8 MiB, and a small file a small one.
 */
const MARKS_PER_ARRAY: number = 2 ** 18;

/** Pages of the file behind `storage`, for all snapshots of one handle. */
export class MappedPages implements PageReader {
  readonly geometry: Geometry;
  readonly secret: Secret;
  segment: Segment = NO_SEGMENT;
  visits = 0;
  private readonly storage: Storage;
  private readonly verify: Verify;
  private readonly windows: Segment[] = [];
  /** Per window and page: the mark of the birth with which it was checked, 0 when it was not. */
  private readonly checked: Uint16Array[] = [];
  /** The arrays that these tables are parts of, in the order of the pages. */
  private readonly marks: Uint16Array[] = [];
  /** Pages that the file was last seen to have: none at or past this is touched. */
  private knownPages = 0;
  private readonly mappedPages: number;
  private readonly faultWords: Int32Array;
  private faultsSeen: number;
  private readonly windowBytes: number;
  /** log2 of the pages in a window, and that number less one. */
  private readonly shift: number;
  private readonly mask: number;
  private readonly pageShift: number;

  constructor(
    storage: Storage,
    geometry: Geometry,
    secret: Secret,
    verify: Verify,
    mappedBytes: number,
    windowBytes: number,
  ) {
    this.storage = storage;
    this.geometry = geometry;
    this.secret = secret;
    this.verify = verify;
    this.mappedPages = mappedBytes / geometry.pageSize;
    this.windowBytes = windowBytes;
    this.shift = Math.log2(this.windowBytes / geometry.pageSize);
    this.mask = (1 << this.shift) - 1;
    this.pageShift = geometry.pageShift;
    this.faultWords = storage.faultWords();
    this.faultsSeen = Atomics.load(this.faultWords, 1);
  }

  /** The same file, each page verified whenever it is touched. */
  strict(): MappedPages {
    const mappedBytes = this.mappedPages * this.geometry.pageSize;
    const { storage, geometry, secret, windowBytes } = this;
    return new MappedPages(storage, geometry, secret, 'always', mappedBytes, windowBytes);
  }

  find(page: number, birth: number, type: number): number {
    this.visits++;
    const index = page >> this.shift;
    const inWindow = page & this.mask;
    const checked = this.checked[index];
    if (checked === undefined || checked[inWindow] !== markOf(birth)) {
      return this.findFirst(page, birth, type);
    }
    const s = this.windows[index]!;
    const o = inWindow << this.pageShift;
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
    return findRun(this, this.storage, { page, birth, length }, from, to);
  }

  /**
   * The bytes of a value, all of them checked, mapped for one reader alone: see NativeFile.view.
   * The caller keeps their snapshot until `released`.
   */
  viewRun(run: RunReference, released: () => void): PrivateBytes {
    const { geometry, storage } = this;
    checkRun(this, storage, run, 0, run.length);
    const payload = run.page + geometry.overflowHeads(run.length);
    return storage.view(payload * geometry.pageSize, run.length, released);
  }

  /**
   * A page that this handle is about to write, with that birth, needs no check when it is read: its
   * bytes were checked or made here. Before it is written, and when it never is, nothing leads to
   * it.
   */
  trust(page: number, birth: number): void {
    if (this.exists(page, 1)) this.mark(page, markOf(birth));
  }

  /** Whether the chunk of a run that begins at that page was found sound with that birth. */
  isChecked(page: number, birth: number): boolean {
    return this.checked[page >> this.shift]?.[page & this.mask] === chunkMarkOf(birth);
  }

  /** Notes that it was. The page exists. */
  setChecked(page: number, birth: number): void {
    this.mark(page, chunkMarkOf(birth));
  }

  private mark(page: number, mark: number): void {
    if (this.verify === 'always') return;
    const index = page >> this.shift;
    let table = this.checked[index];
    if (table === undefined) {
      // Where there is a table there is a window: `find` relies on it.
      this.windowOf(page);
      table = this.tableOf(index);
      this.checked[index] = table;
    }
    table[page & this.mask] = mark;
  }

  /** The marks of a window: a part of an array. */
  private tableOf(index: number): Uint16Array {
    const most = Math.min(this.geometry.pagesPerSegment, MARKS_PER_ARRAY);
    const first = index << this.shift;
    const part = Math.floor(first / most);
    const inPart = first & (most - 1);
    const end = inPart + this.mask + 1;
    let marks = this.marks[part];
    if (marks === undefined || marks.length < end) {
      // A small file needs few. When it grows past them its new windows get another array.
      const pages = Math.max(end, this.knownPages - part * most);
      marks = new Uint16Array(Math.min(most, 2 ** Math.ceil(Math.log2(pages))));
      this.marks[part] = marks;
    }
    return marks.subarray(inPart, end);
  }

  /** Whether checksums are to be compared of what is touched for the first time. */
  get verifiesChecksums(): boolean {
    return this.verify !== 'structure' || Atomics.load(this.faultWords, 0) !== 0;
  }

  /**
   * Whether a fault has been caught since this was last asked; drops what was checked before it.
   */
  noticeFaults(): boolean {
    const faults = Atomics.load(this.faultWords, 1);
    if (faults === this.faultsSeen) return false;
    this.faultsSeen = faults;
    this.dropChecks();
    return true;
  }

  /** Throws STORAGE_FAULT when a fault has been caught since the last call. After each read. */
  throwOnFault(): void {
    if (Atomics.load(this.faultWords, 1) !== this.faultsSeen)
      throw this.fault('a part of the file');
  }

  private dropChecks(): void {
    for (const table of this.checked) table?.fill(0);
  }

  /** Before the next snapshot: tries to map the file again where it had been replaced. */
  healFaults(): void {
    if (Atomics.load(this.faultWords, 0) === 0) return;
    if (this.storage.remapFaults() === 0) this.knownPages = 0;
    this.dropChecks();
  }

  /**
   * Leaves in `segment`, without any check, `length` bytes of the file from byte `from` of a page
   * on, and returns where: on the mapping when they lie in one window, else in a copy. Throws
   * CorruptionError when the file does not have them.
   */
  bytesAt(page: number, from: number, length: number): number {
    const { pageSize } = this.geometry;
    const first = page + Math.floor(from / pageSize);
    const start = ((first & this.mask) << this.pageShift) + (from % pageSize);
    this.requirePages(page, Math.ceil((from + length) / pageSize));
    if (start + length <= this.windowBytes) {
      this.segment = this.windowOf(first);
      return start;
    }
    this.segment = this.copyOf(first, from % pageSize, length);
    return 0;
  }

  /** Calls `fn` for the parts, each in one window, of `count` pages that the file has. */
  forEachPart(page: number, count: number, fn: (page: number, count: number) => void): void {
    for (let at = page; at < page + count; ) {
      const here = Math.min(page + count - at, this.mask + 1 - (at & this.mask));
      fn(at, here);
      at += here;
    }
  }

  /**
   * What is wrong with the page as found on the disk, or undefined: for the checker and recovery.
   */
  faultOf(page: number, birth: number, type: number): string | undefined {
    if (page < this.geometry.firstPage || !this.exists(page, 1)) return 'it is past the file';
    const o = this.look(page);
    const s = this.segment;
    const { low, high } = this.secret;
    if (!this.storage.pageIsIntact(s.bytes, o, this.geometry.pageSize, page, low, high)) {
      return 'its checksum does not hold';
    }
    return this.identityFault(s, o, page, birth, type) ?? this.contentFault(s, o);
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
    this.dropChecks();
    this.knownPages = 0;
  }

  private findFirst(page: number, birth: number, type: number): number {
    if (page < this.geometry.firstPage) throw this.corruption(page, 'a pointer to a meta slot');
    this.requirePages(page, 1);
    const o = this.look(page);
    const s = this.segment;
    const identity = this.identityFault(s, o, page, birth, type);
    if (identity !== undefined) throw this.corruption(page, identity);
    if (this.verifiesChecksums) {
      const { low, high } = this.secret;
      if (!this.storage.pageIsIntact(s.bytes, o, this.geometry.pageSize, page, low, high)) {
        throw this.corruption(page, 'its checksum does not hold');
      }
    }
    const fault = this.contentFault(s, o);
    if (fault !== undefined) throw this.corruption(page, fault);
    this.mark(page, markOf(birth));
    return o;
  }

  private contentFault(s: Segment, o: number): string | undefined {
    return structureFault(s, o, this.geometry) ?? pointerFault(s, o, this.geometry);
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

  /** Whether the file has those pages, and they are mapped. */
  exists(page: number, count: number): boolean {
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
    return true;
  }

  private copyOf(page: number, from: number, length: number): Segment {
    const { pageSize } = this.geometry;
    const copy = new Segment(new ArrayBuffer(length), true);
    this.forEachPart(page, Math.ceil((from + length) / pageSize), (part, count) => {
      const at = (part - page) * pageSize - from;
      const skip = Math.max(0, -at);
      const start = (part & this.mask) << this.pageShift;
      const end = start + Math.min(count * pageSize, length - at);
      copy.bytes.set(this.windowOf(part).bytes.subarray(start + skip, end), at + skip);
    });
    return copy;
  }

  /** Leaves the window of a page that exists in `segment`, and returns the page's offset there. */
  private look(page: number): number {
    this.segment = this.windowOf(page);
    return (page & this.mask) << this.pageShift;
  }

  /** The window of a page that exists. */
  private windowOf(page: number): Segment {
    const index = page >> this.shift;
    let window = this.windows[index];
    if (window === undefined) {
      window = this.storage.window(index, this.windowBytes);
      this.windows[index] = window;
    }
    return window;
  }

  /** How many of a snapshot's pages the file has. */
  pagesOf({ filePages }: Pick<SnapshotRoots, 'filePages'>): number {
    const { pageSize } = this.geometry;
    return Math.min(filePages, Math.floor(this.storage.sizeBytes() / pageSize));
  }

  /** Throws STORAGE_FAULT unless the file is as long as the snapshot says. */
  requireFileOf({ id, filePages }: Pick<SnapshotRoots, 'id' | 'filePages'>): void {
    if (this.exists(0, filePages)) return;
    throw new StorageFaultError(
      `${this.storage.path} has ${this.storage.sizeBytes()} bytes, but transaction ${id} needs ` +
        `${filePages} pages: it was cut short, or its lock file is damaged.`,
    );
  }

  /** Throws CorruptionError unless the file has those pages. */
  requirePages(page: number, count: number): void {
    if (!this.exists(page, count)) {
      const fileBytes = this.storage.sizeBytes();
      throw new CorruptionError(
        page,
        `${this.storage.path}: page ${page} lies past the end of the file, which has ` +
          `${fileBytes} bytes.`,
      );
    }
  }

  /** What to throw for damage: STORAGE_FAULT when it may be that the page cannot be read. */
  corruption(page: number, what: string): Error {
    if (Atomics.load(this.faultWords, 0) !== 0) return this.fault(`page ${page}`);
    return new CorruptionError(page, `${this.storage.path}: page ${page}: ${what}.`);
  }

  private fault(what: string): Error {
    this.noticeFaults();
    // What can be read again is for the next read.
    this.healFaults();
    return unreadable(this.storage.path, what);
  }
}
