/**
 * A strict PageWriter over plain memory, for tests of the tree without the pager.
 *
 * It is as mean as it can be: committed pages are checksummed and may not change; a page that is
 * freed is filled with 0xdd and found no more; freeing twice, touching what is free, an outer
 * part's page changed by a nested one: all throw. Pages that nothing reaches are found by
 * `account`. Dirty pages have negative numbers, -2^31 + index, and get positive ones at `commit`,
 * which patches the pointers to them, as the pager does.
 */

import { strict as assert } from 'node:assert';
import { checkTree } from '../../src/btree/check.ts';
import { CorruptionError } from '../../src/errors.ts';
import { childBirth, childPage, setChild } from '../../src/format/branch.ts';
import type { TreeRoot } from '../../src/format/catalogue.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import {
  fixedBytes,
  leafEntry,
  overflowLength,
  packedBirth,
  packedPage,
  VALUE_IN_OVERFLOW,
  valueWord,
  writePackedPointer,
} from '../../src/format/leaf.ts';
import {
  initialisePage,
  ownNumber,
  PAGE_TYPE,
  pageBirth,
  pageFlags,
  pageType,
  setOwnNumber,
  setPageBirth,
  slotCount,
} from '../../src/format/page-header.ts';
import { Segment } from '../../src/format/segment.ts';
import { structureFault } from '../../src/format/validate.ts';
import type { PageWriter } from '../../src/pager/page-reader.ts';

const FIRST_DIRTY = -(2 ** 31);
const FREED = 0xdd;

/** A page, or an overflow run of several. */
interface Block {
  readonly number: number;
  readonly pages: number;
  readonly segment: Segment;
  readonly offset: number;
  /** Which nested part made it; 0 for what is committed. */
  part: number;
  /** Of a run: the length of its value; -1 for a page. */
  readonly length: number;
  /** What its bytes hashed to at the commit. */
  checksum: number;
}

interface Part {
  readonly part: number;
  /** Blocks of outer parts that this part freed: they come back when it is undone. */
  readonly freed: Block[];
}

export class MemoryPages implements PageWriter {
  readonly geometry: Geometry;
  segment: Segment = new Segment(new ArrayBuffer(0));
  visits = 0;
  transaction = 1;
  /**
   * Dirty pages may be found while they are in pieces; with this their structure is checked too.
   */
  checkDirty = false;
  /** Pages copied by touch, made by allocate, and freed, since the start. */
  copied = 0;
  allocated = 0;
  freedPages = 0;
  private readonly file: Segment[] = [];
  private readonly inUse: Uint8Array[] = [];
  private readonly committed: Map<number, Block> = new Map();
  private readonly dirty: Map<number, Block> = new Map();
  /** Committed pages that this transaction freed. */
  private readonly freedCommitted: Set<number> = new Set();
  private readonly parts: Part[] = [];
  /** Of dirty runs that are moved, by number. */
  private readonly placesSetApart: Map<number, number> = new Map();
  private nextDirty = FIRST_DIRTY;
  private nextPart = 1;

  constructor(geometry: Geometry) {
    this.geometry = geometry;
  }

  find(page: number, birth: number, type: number): number {
    this.visits++;
    const block = this.block(page);
    assert.equal(block.length, -1, `page ${page} is an overflow run`);
    const s = block.segment;
    const o = block.offset;
    const found = pageType(s, o);
    const typeFits =
      type === 0 ? found === PAGE_TYPE.leaf || found === PAGE_TYPE.branch : found === type;
    if (!typeFits || ownNumber(s, o) !== page || pageBirth(s, o) !== birth) {
      throw new CorruptionError(
        page,
        `page ${page}, birth ${birth}, type ${type}: found page ${ownNumber(s, o)}, ` +
          `birth ${pageBirth(s, o)}, type ${found}`,
      );
    }
    if (page > 0 || this.checkDirty) {
      const fault = structureFault(s, o, this.geometry);
      if (fault !== undefined) throw new CorruptionError(page, `page ${page}: ${fault}`);
    }
    this.segment = s;
    return o;
  }

  findRun(page: number, birth: number, length: number, from: number, to: number): number {
    const block = this.block(page);
    assert(from >= 0 && from <= to && to <= length, `bytes ${from}..${to} of ${length}`);
    if (block.length !== length)
      throw new CorruptionError(page, `run ${page}: ${block.length} bytes`);
    const s = block.segment;
    if (pageBirth(s, block.offset) !== birth || ownNumber(s, block.offset) !== page) {
      throw new CorruptionError(page, `run ${page}: another birth or number`);
    }
    this.segment = s;
    return block.offset + this.geometry.overflowHeads(length) * this.geometry.pageSize;
  }

  touch(page: number, birth: number, type: number): number {
    const from = this.find(page, birth, type);
    const old = this.block(page);
    if (page < 0 && old.part === this.part) return page;
    const copy = this.makeDirty(1, -1);
    copy.segment.bytes.set(
      old.segment.bytes.subarray(from, from + this.geometry.pageSize),
      copy.offset,
    );
    setOwnNumber(copy.segment, copy.offset, copy.number);
    setPageBirth(copy.segment, copy.offset, this.transaction);
    this.copied++;
    this.release(old);
    return copy.number;
  }

  allocate(type: number, level: number, flags: number): number {
    const block = this.makeDirty(1, -1);
    const { segment, offset, number } = block;
    const { pageSize } = this.geometry;
    initialisePage(segment, offset, pageSize, number, this.transaction, type, level, flags);
    this.allocated++;
    return number;
  }

  free(page: number): void {
    const block = this.block(page);
    assert.equal(block.length, -1, `page ${page} is an overflow run`);
    this.freedPages++;
    this.release(block);
  }

  allocateStaged(): number {
    throw new Error('nothing is staged here');
  }
  allocateRun(value: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const block = this.makeDirty(this.geometry.overflowPages(length), length);
    const { segment, offset, number } = block;
    const { pageSize } = this.geometry;
    const heads = this.geometry.overflowHeads(length);
    for (let i = 0; i < heads; i++) {
      const o = offset + i * pageSize;
      initialisePage(segment, o, pageSize, number + i, this.transaction, PAGE_TYPE.overflow, 0, 0);
    }
    segment.bytes.set(value.subarray(start, end), offset + heads * pageSize);
    return number;
  }

  moveRun(page: number, birth: number, length: number, place: number): number {
    const payload = this.findRun(page, birth, length, 0, length);
    const moved = this.allocateRun(this.segment.bytes, payload, payload + length);
    this.freeRun(page, length);
    this.placesSetApart.set(moved, place);
    return moved;
  }

  /** For `moveRun`: sets a place for so many pages apart, before page `before`; -1: there is none. */
  findPlace(pages: number, before: number): number {
    const page = this.place(pages);
    if (page + pages <= before) return page;
    this.mark(page, pages, 0);
    return -1;
  }

  freeRun(page: number, length: number): void {
    const block = this.block(page);
    assert.equal(block.length, length, `run ${page} has another length`);
    this.release(block);
  }

  /** Begins a nested part: what outer parts made is copied again before it is changed. */
  beginPart(): void {
    this.parts.push({ part: this.nextPart++, freed: [] });
  }

  /** Ends the innermost part, keeping what it did. */
  keepPart(): void {
    const ended = this.parts.pop()!;
    for (const block of this.dirty.values()) if (block.part === ended.part) block.part = this.part;
    for (const block of ended.freed) {
      if (block.number < 0 && block.part === this.part) this.destroy(block);
      else this.parts.at(-1)?.freed.push(block);
    }
  }

  /** Ends the innermost part, undoing what it did. */
  undoPart(): void {
    const ended = this.parts.pop()!;
    for (const block of [...this.dirty.values()]) {
      if (block.part === ended.part) this.destroy(block);
    }
    for (const block of ended.freed) {
      if (block.number < 0) this.dirty.set(block.number, block);
      else this.freedCommitted.delete(block.number);
    }
  }

  /**
   * Gives dirty pages their places, patches all pointers to them, and begins the next transaction.
   */
  commit(roots: readonly TreeRoot[]): void {
    assert.equal(this.parts.length, 0, 'a nested part is open');
    this.verify();
    for (const page of this.freedCommitted) {
      const block = this.committed.get(page)!;
      this.committed.delete(page);
      this.mark(page, block.pages, 0);
      const { pageSize } = this.geometry;
      block.segment.bytes.fill(FREED, block.offset, block.offset + block.pages * pageSize);
    }
    this.freedCommitted.clear();
    const moved = new Map<number, number>();
    const placed: Block[] = [];
    for (const block of this.dirty.values()) {
      const number = this.placesSetApart.get(block.number) ?? this.place(block.pages);
      const shift = this.geometry.pageShift;
      const index = number >> this.geometry.segmentShift;
      const segment = this.file[index]!;
      const offset = (number - (index << this.geometry.segmentShift)) << shift;
      const bytes = block.pages << shift;
      segment.bytes.set(block.segment.bytes.subarray(block.offset, block.offset + bytes), offset);
      const heads = block.length < 0 ? 1 : this.geometry.overflowHeads(block.length);
      for (let i = 0; i < heads; i++) setOwnNumber(segment, offset + (i << shift), number + i);
      block.segment.bytes.fill(FREED, block.offset, block.offset + bytes);
      moved.set(block.number, number);
      placed.push({ ...block, number, segment, offset, part: 0 });
    }
    this.dirty.clear();
    this.placesSetApart.clear();
    for (const block of placed) {
      if (block.length < 0) this.patch(block, moved);
      this.committed.set(block.number, block);
    }
    for (const block of placed) block.checksum = this.hash(block);
    for (const root of roots) if (root.page < 0) root.page = moved.get(root.page)!;
    this.transaction++;
  }

  /** Every tree is sound, committed pages are what they were, and nothing else is allocated. */
  account(roots: readonly TreeRoot[]): void {
    this.verify();
    const reached = new Set<number>();
    const before = this.checkDirty;
    this.checkDirty = true;
    for (const root of roots) {
      checkTree(this, root, {
        values: true,
        reach: (page, pages) => {
          const block = this.block(page);
          assert.equal(block.pages, pages, `block ${page}`);
          if (reached.has(page)) return false;
          reached.add(page);
          return true;
        },
      });
    }
    this.checkDirty = before;
    for (const page of this.dirty.keys()) assert(reached.has(page), `dirty page ${page} leaks`);
    for (const page of this.committed.keys()) {
      assert(reached.has(page) !== this.freedCommitted.has(page), `page ${page} leaks, or is free`);
    }
  }

  /** Pages in use by what is written now. */
  get livePages(): number {
    let pages = 0;
    for (const block of this.dirty.values()) pages += block.pages;
    for (const block of this.committed.values()) {
      if (!this.freedCommitted.has(block.number)) pages += block.pages;
    }
    return pages;
  }

  private get part(): number {
    return this.parts.at(-1)?.part ?? 0;
  }

  private block(page: number): Block {
    const block = page < 0 ? this.dirty.get(page) : this.committed.get(page);
    if (block === undefined) throw new CorruptionError(page, `page ${page} is not there`);
    assert(!this.freedCommitted.has(page), `page ${page} is used after it was freed`);
    return block;
  }

  private makeDirty(pages: number, length: number): Block {
    const segment = new Segment(new ArrayBuffer(pages * this.geometry.pageSize));
    const number = this.nextDirty;
    this.nextDirty += pages;
    const block = { number, pages, segment, offset: 0, part: this.part, length, checksum: 0 };
    this.dirty.set(number, block);
    return block;
  }

  private release(block: Block): void {
    if (block.number >= 0) {
      assert(!this.freedCommitted.has(block.number), `page ${block.number} is freed twice`);
      this.freedCommitted.add(block.number);
      this.parts.at(-1)?.freed.push(block);
    } else if (block.part !== this.part) {
      this.dirty.delete(block.number);
      this.parts.at(-1)!.freed.push(block);
    } else {
      this.destroy(block);
    }
  }

  private destroy(block: Block): void {
    block.segment.bytes.fill(FREED);
    this.dirty.delete(block.number);
  }

  private patch(block: Block, moved: Map<number, number>): void {
    const { segment: s, offset: o } = block;
    const n = slotCount(s, o);
    const to = (page: number): number => (page < 0 ? moved.get(page)! : page);
    if (pageType(s, o) === PAGE_TYPE.branch) {
      for (let i = 0; i < n; i++) {
        setChild(s, o, n, i, to(childPage(s, o, n, i)), childBirth(s, o, n, i));
      }
      return;
    }
    const fixed = fixedBytes(pageFlags(s, o));
    for (let i = 0; i < n; i++) {
      const e = leafEntry(s, o, n, i);
      if ((valueWord(s, e) & VALUE_IN_OVERFLOW) === 0) continue;
      const at = e + fixed;
      assert(overflowLength(s, at) >= 0);
      writePackedPointer(s, at, to(packedPage(s, at)), packedBirth(s, at));
    }
  }

  /** The first place for so many pages inside one segment. */
  private place(pages: number): number {
    const { pagesPerSegment, segmentBytes, firstPage } = this.geometry;
    for (let index = 0; ; index++) {
      if (index === this.file.length) {
        this.file.push(new Segment(new ArrayBuffer(segmentBytes)));
        this.inUse.push(new Uint8Array(pagesPerSegment));
        if (index === 0) this.inUse[0]!.fill(1, 0, firstPage);
      }
      const inUse = this.inUse[index]!;
      for (let at = 0, run = 0; at < pagesPerSegment; at++) {
        run = inUse[at] === 0 ? run + 1 : 0;
        if (run < pages) continue;
        const page = index * pagesPerSegment + at - pages + 1;
        this.mark(page, pages, 1);
        return page;
      }
    }
  }

  private mark(page: number, pages: number, bit: number): void {
    const index = page >> this.geometry.segmentShift;
    const at = page - (index << this.geometry.segmentShift);
    this.inUse[index]!.fill(bit, at, at + pages);
  }

  private verify(): void {
    for (const block of this.committed.values()) {
      assert.equal(this.hash(block), block.checksum, `committed page ${block.number} was changed`);
    }
  }

  private hash(block: Block): number {
    const from = block.offset >> 2;
    const to = from + ((block.pages * this.geometry.pageSize) >> 2);
    let hash = 0;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + block.segment.i32[i]!) | 0;
    return hash;
  }
}
