/**
 * The sizes that follow from the page size, and nothing else.
 */

/** Bytes of the header on every page. */
export const PAGE_HEADER_BYTES = 32;
/** Meta slots lie at these byte offsets whatever the page size. */
export const META_SLOT_OFFSETS: readonly number[] = [0, 4096, 8192];
export const META_SLOT_BYTES = 512;
/**
 * The first byte that can belong to a page for data: the slots' pages are used for nothing else.
 */
const META_END = 12_288;

export const DEFAULT_PAGE_SIZE = 4096;
/** What a user may choose. Tests use pages from 256 bytes on, to make deep trees of few keys. */
export const PAGE_SIZES: readonly number[] = [4096, 8192, 16384, 32768, 65536];
export const MIN_PAGE_SIZE = 256;
export const MAX_PAGE_SIZE = 65536;

/**
 * No overflow run leaves its segment: a value can be seen whole through one ArrayBuffer, whose
 * offsets stay below 2^31.
 */
export const SEGMENT_BYTES: number = 2 ** 30;

/** One checksum covers this much of an overflow run's payload. */
export const CHUNK_BYTES = 65536;

/** Bits of space per map entry: child u32, birth u32 + u16, bits set below u32. */
export const MAP_ENTRY_BYTES = 14;

/** Fixed fields of a leaf entry: key length u16, value word u16. */
export const LEAF_ENTRY_BYTES = 4;
/** A 48-bit version or expiry in an entry, as three u16. */
export const STAMP_BYTES = 6;
/** A reference to an overflow run: page 2 x u16, birth 3 x u16, length 2 x u16. */
export const OVERFLOW_REFERENCE_BYTES = 14;
/** What a leaf's directory takes per entry: head i32, slot u16. */
export const LEAF_SLOT_BYTES = 6;
/** What a branch's directory takes per child: head, child, birth, entries below, slot. */
export const BRANCH_SLOT_BYTES = 22;
/** Fixed field of a branch entry: key length u16. */
export const BRANCH_ENTRY_BYTES = 2;

/** All sizes of a database with pages of `pageSize` bytes. */
export class Geometry {
  readonly pageSize: number;
  /** log2(pageSize). */
  readonly pageShift: number;
  readonly segmentBytes: number;
  /** log2(pages in a segment). */
  readonly segmentShift: number;
  readonly pagesPerSegment: number;
  /** The first page that may hold data. */
  readonly firstPage: number;
  /** What a page can hold beside its header. */
  readonly capacity: number;
  /** The longest key: two entries with keys of this size, and all optional fields, fit a page. */
  readonly maxKeyBytes: number;
  /** A leaf entry with its directory slot is at most this large, so that any two fit a page. */
  readonly maxLeafEntryBytes: number;
  /** The longest value: its run, heads included, fits a segment. */
  readonly maxValueBytes: number;
  /** Chunk checksums on one overflow head page. */
  readonly checksumsPerHead: number;
  /** Pages covered by one bitmap page, and entries of one interior map page. */
  readonly mapLeafBits: number;
  readonly mapFanout: number;

  constructor(pageSize: number, segmentBytes: number = SEGMENT_BYTES) {
    this.pageSize = pageSize;
    this.pageShift = Math.log2(pageSize);
    this.segmentBytes = segmentBytes;
    this.pagesPerSegment = segmentBytes / pageSize;
    this.segmentShift = Math.log2(this.pagesPerSegment);
    this.firstPage = Math.ceil(META_END / pageSize);
    this.capacity = pageSize - PAGE_HEADER_BYTES;
    // 54 bytes cover the directory slot, the fixed fields, two stamps, an overflow reference and
    // padding of the largest leaf entry (4 + 2 + 4 + 12 + 14 = 36), with room for later fields.
    this.maxKeyBytes = (this.capacity >> 1) - 54;
    this.maxLeafEntryBytes = this.capacity >> 1;
    this.checksumsPerHead = this.capacity >> 3;
    this.maxValueBytes = longestRun(pageSize, segmentBytes, this.checksumsPerHead);
    this.mapLeafBits = this.capacity * 8;
    this.mapFanout = Math.floor(this.capacity / MAP_ENTRY_BYTES);
  }

  /** Head pages of the overflow run of a value of `length` bytes. */
  overflowHeads(length: number): number {
    return Math.max(1, Math.ceil(Math.ceil(length / CHUNK_BYTES) / this.checksumsPerHead));
  }

  /** All pages of the overflow run of a value of `length` bytes. */
  overflowPages(length: number): number {
    return this.overflowHeads(length) + Math.ceil(length / this.pageSize);
  }
}

function longestRun(pageSize: number, segmentBytes: number, checksumsPerHead: number): number {
  const pages = segmentBytes / pageSize;
  const heads = Math.ceil(segmentBytes / CHUNK_BYTES / checksumsPerHead);
  return (pages - heads) * pageSize;
}
