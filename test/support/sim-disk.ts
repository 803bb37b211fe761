/**
 * A disk behind a page cache, for the power-loss simulator.
 *
 * `disk` is what survives a power failure. It never changes: a flush makes another one, so that any number
 * of crash points and images share what they have in common. The cache is what every process sees.
 * In between lie the versions of each 512-byte sector written since the last flush, in the order
 * of the log, and every length that the file has had since then. After a flush that failed the sectors are
 * clean and yet not on the disk: they are in limbo, and a later flush does not help them.
 */

import { Segment } from '../../src/format/segment.ts';

export const SECTOR_BYTES = 512;

/** What a power failure leaves. A segment that is undefined is all zeros. */
export interface DiskImage {
  readonly segments: readonly (Uint8Array | undefined)[];
  readonly sizeBytes: number;
}

export interface SectorVersion {
  /** The place in the log of writes; 0 for a write whose flush failed. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Everything that a power failure at one moment may leave: see crash-images.ts. */
export interface CrashPoint {
  readonly disk: DiskImage;
  readonly segmentBytes: number;
  readonly sectors: ReadonlyMap<number, readonly SectorVersion[]>;
  readonly sizes: readonly { readonly sequence: number; readonly bytes: number }[];
}

const NO_DISK: DiskImage = { segments: [], sizeBytes: 0 };

export class SimDisk {
  readonly segmentBytes: number;
  sizeBytes: number;
  private disk: DiskImage;
  private readonly cache: Segment[] = [];
  private pending = new Map<number, SectorVersion[]>();
  private limbo = new Map<number, SectorVersion[]>();
  private sizes: { sequence: number; bytes: number }[] = [];
  private sequence = 0;

  constructor(segmentBytes: number, disk: DiskImage = NO_DISK) {
    this.segmentBytes = segmentBytes;
    this.disk = disk;
    this.sizeBytes = disk.sizeBytes;
  }

  /** The page cache of one segment, which is what a mapping shows. */
  segment(index: number): Segment {
    let segment = this.cache[index];
    if (segment === undefined) {
      segment = new Segment(new ArrayBuffer(this.segmentBytes));
      const durable = this.disk.segments[index];
      if (durable !== undefined) segment.bytes.set(durable);
      this.cache[index] = segment;
    }
    return segment;
  }

  read(target: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(target.length, this.sizeBytes - offset));
    this.eachPart(offset, length, (index, at, part, done) => {
      target.set(this.segment(index).bytes.subarray(at, at + part), done);
    });
    return length;
  }

  write(offset: number, source: Uint8Array, start: number, length: number): void {
    if (offset + length > this.sizeBytes) this.resize(offset + length);
    this.eachPart(offset, length, (index, at, part, done) => {
      this.segment(index).bytes.set(source.subarray(start + done, start + done + part), at);
      this.log(index, at, part);
    });
  }

  zero(offset: number, length: number): void {
    if (offset + length > this.sizeBytes) this.resize(offset + length);
    this.eachPart(offset, length, (index, at, part) => {
      if (this.cache[index] === undefined && this.disk.segments[index] === undefined) return;
      const { bytes } = this.segment(index);
      if (!anyByte(bytes, at, at + part) && !this.isUncertain(index, at, part)) return;
      bytes.fill(0, at, at + part);
      this.log(index, at, part);
    });
  }

  /** Sets the length. What is cut off is zero when the file grows again. */
  resize(bytes: number): void {
    if (bytes < this.sizeBytes) this.zero(bytes, this.sizeBytes - bytes);
    this.sizeBytes = bytes;
    this.sizes.push({ sequence: ++this.sequence, bytes });
  }

  /** All that was written is on the disk. */
  flush(): void {
    if (this.pending.size > 0 || this.disk.sizeBytes !== this.sizeBytes) {
      const latest = new Map<number, Uint8Array>();
      for (const [sector, versions] of this.pending) {
        latest.set(sector, versions[versions.length - 1]!.bytes);
        this.limbo.delete(sector);
      }
      this.disk = withSectors(this.disk, this.segmentBytes, latest, this.sizeBytes);
    }
    this.pending = new Map();
    this.sizes = [];
  }

  /** A flush that failed: what was written is clean now, and on the disk or not. */
  failFlush(): void {
    for (const [sector, versions] of this.pending) {
      const before = this.limbo.get(sector) ?? [];
      this.limbo.set(sector, [...before, ...versions.map(({ bytes }) => ({ sequence: 0, bytes }))]);
    }
    this.pending = new Map();
  }

  crashPoint(): CrashPoint {
    const sectors = new Map<number, readonly SectorVersion[]>(this.limbo);
    for (const [sector, versions] of this.pending) {
      sectors.set(sector, [...(sectors.get(sector) ?? []), ...versions]);
    }
    return { disk: this.disk, segmentBytes: this.segmentBytes, sectors, sizes: [...this.sizes] };
  }

  private log(index: number, at: number, length: number): void {
    const first = Math.floor(at / SECTOR_BYTES);
    const last = Math.floor((at + length - 1) / SECTOR_BYTES);
    // One copy for all: a buffer of its own for each sector costs more than what is in it.
    const copy = this.segment(index).bytes.slice(first * SECTOR_BYTES, (last + 1) * SECTOR_BYTES);
    for (let s = first; s <= last; s++) {
      const sector = index * (this.segmentBytes / SECTOR_BYTES) + s;
      const start = (s - first) * SECTOR_BYTES;
      const version = {
        sequence: ++this.sequence,
        bytes: copy.subarray(start, start + SECTOR_BYTES),
      };
      const versions = this.pending.get(sector);
      if (versions === undefined) this.pending.set(sector, [version]);
      else versions.push(version);
    }
  }

  private isUncertain(index: number, at: number, length: number): boolean {
    const first = index * (this.segmentBytes / SECTOR_BYTES) + Math.floor(at / SECTOR_BYTES);
    const count = Math.ceil(length / SECTOR_BYTES);
    for (let s = first; s < first + count; s++) {
      if (this.pending.has(s) || this.limbo.has(s)) return true;
    }
    return false;
  }

  private eachPart(
    offset: number,
    length: number,
    fn: (index: number, at: number, part: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const index = Math.floor((offset + done) / this.segmentBytes);
      const at = offset + done - index * this.segmentBytes;
      const part = Math.min(length - done, this.segmentBytes - at);
      fn(index, at, part, done);
      done += part;
    }
  }
}

/** The image with other contents in some sectors and another length; nothing past it remains. */
export function withSectors(
  disk: DiskImage,
  segmentBytes: number,
  sectors: ReadonlyMap<number, Uint8Array>,
  sizeBytes: number,
): DiskImage {
  const segments = [...disk.segments];
  const own = new Set<number>();
  const changeable = (index: number): Uint8Array => {
    if (!own.has(index)) {
      segments[index] = segments[index]?.slice() ?? new Uint8Array(segmentBytes);
      own.add(index);
    }
    return segments[index]!;
  };
  const perSegment = segmentBytes / SECTOR_BYTES;
  for (const [sector, bytes] of sectors) {
    if (sector * SECTOR_BYTES >= sizeBytes) continue;
    const index = Math.floor(sector / perSegment);
    changeable(index).set(bytes, (sector - index * perSegment) * SECTOR_BYTES);
  }
  for (let index = 0; index < segments.length; index++) {
    const keep = Math.max(0, sizeBytes - index * segmentBytes);
    if (segments[index] === undefined || keep >= segmentBytes) continue;
    if (keep === 0) segments[index] = undefined;
    else if (anyByte(segments[index]!, keep, segmentBytes)) {
      changeable(index).fill(0, keep);
    }
  }
  return { segments, sizeBytes };
}

function anyByte(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return true;
  return false;
}
