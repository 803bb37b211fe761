/**
 * The bytes of a database file, to be damaged: what was changed is noted, so that it can be sent to
 * another process and undone here.
 */

import { Geometry, META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { decodeMeta, type Meta } from '../../src/format/meta.ts';
import { ownNumber, PAGE_TYPE, pageBirth, pageType } from '../../src/format/page-header.ts';
import { type PointerVisitor, visitPointers } from '../../src/format/pointers.ts';
import { Segment } from '../../src/format/segment.ts';
import { native } from '../../src/pager/native.ts';

/** Bytes to write at a place of a file. */
export type Patch = readonly [at: number, bytes: Uint8Array];

/** A page that a snapshot of the file uses. */
export interface UsedPage {
  readonly page: number;
  readonly birth: number;
  readonly type: number;
}

/** An overflow run, and where its reference stands. */
export interface UsedRun {
  readonly page: number;
  readonly birth: number;
  readonly length: number;
}

/** What a file holds, before any damage. */
export interface FileContent {
  readonly geometry: Geometry;
  readonly metas: readonly Meta[];
  readonly newest: Meta;
  /** Pages of the newest snapshot, by type, the heads and payloads of runs apart. */
  readonly used: readonly UsedPage[];
  readonly runs: readonly UsedRun[];
}

/** Finds the pages of the newest snapshot. The file is whole. */
export function contentOf(bytes: Uint8Array): FileContent {
  const metas: Meta[] = [];
  META_SLOT_OFFSETS.forEach((offset, slot) => {
    const reading = decodeMeta(
      bytes.subarray(offset, offset + META_SLOT_BYTES),
      slot,
      (from, start, end, target) => native().hash(from, start, end, 0, 0, target, 0),
    );
    if (reading.kind === 'valid') metas.push(reading.meta);
  });
  metas.sort((a, b) => b.transaction - a.transaction || b.idsReservedUntil - a.idsReservedUntil);
  const newest = metas[0]!;
  const geometry = new Geometry(newest.pageSize);
  const s = segmentOf(bytes);
  const used: UsedPage[] = [];
  const runs: UsedRun[] = [];
  const visitor: PointerVisitor = {
    page: (page, birth) => {
      const o = page * newest.pageSize;
      if (ownNumber(s, o) !== page || pageBirth(s, o) !== birth) throw new Error(`page ${page}`);
      used.push({ page, birth, type: pageType(s, o) });
      visitPointers(s, o, geometry.mapFanout, visitor);
    },
    run: (page, birth, length) => runs.push({ page, birth, length }),
  };
  visitor.page(newest.mapPage, newest.mapBirth, PAGE_TYPE.map, -1);
  if (newest.cataloguePage !== 0) {
    visitor.page(newest.cataloguePage, newest.catalogueBirth, 0, -1);
  }
  return { geometry, metas, newest, used, runs };
}

/** The bytes as pages are read: of a copy that begins at a multiple of eight. */
export function segmentOf(bytes: Uint8Array): Segment {
  if (bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.length) {
    return new Segment(bytes.buffer);
  }
  return new Segment(Uint8Array.from(bytes).buffer);
}

/** One file that is damaged, told of, and mended again and again. */
export class Image {
  readonly content: FileContent;
  readonly segment: Segment;
  /** Its length, when that is damaged. */
  lengthBytes: number;
  private readonly whole: Uint8Array;
  private readonly touched: [at: number, length: number][] = [];

  constructor(bytes: Uint8Array, content: FileContent) {
    this.whole = bytes;
    this.content = content;
    this.segment = new Segment(Uint8Array.from(bytes).buffer);
    this.lengthBytes = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.segment.bytes;
  }
  get pageSize(): number {
    return this.content.geometry.pageSize;
  }
  get pages(): number {
    return Math.floor(this.bytes.length / this.pageSize);
  }

  /** Says that these bytes are about to change. */
  touch(at: number, length: number): void {
    this.touched.push([at, Math.min(length, this.bytes.length - at)]);
  }

  /** Writes bytes, as far as the file has them. */
  write(at: number, bytes: Uint8Array): void {
    const part = bytes.subarray(0, Math.max(0, this.bytes.length - at));
    this.touch(at, part.length);
    this.bytes.set(part, at);
  }

  /** The page's bytes, to be changed; it is sealed by whoever changes it. */
  touchPage(page: number): number {
    const o = page * this.pageSize;
    this.touch(o, this.pageSize);
    return o;
  }

  /** What was changed, with copies of the bytes as they are now. */
  patches(): Patch[] {
    return this.touched.map(([at, length]) => [at, this.bytes.slice(at, at + length)]);
  }

  mend(): void {
    for (const [at, length] of this.touched) {
      this.bytes.set(this.whole.subarray(at, at + length), at);
    }
    this.touched.length = 0;
    this.lengthBytes = this.whole.length;
    // What was written through a count or an offset that had been damaged before.
    if (Buffer.compare(this.bytes, this.whole) !== 0) this.bytes.set(this.whole);
  }
}
