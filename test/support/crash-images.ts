/**
 * The images that a power failure at one moment may leave. A unit is a sector written since the last flush,
 * with all its versions, or the length of the file. An image takes one version of each unit.
 *
 * Up to `exhaustiveUnits` units with two versions each (or as many combinations): every combination.
 * Beyond that: every prefix of the log, each unit missing, each one present, the meta alone, all but the
 * meta, and random ones. Always: every tear of a meta sector, each sector as trash, random trash.
 */

import { META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { type CrashPoint, type DiskImage, SECTOR_BYTES, withSectors } from './sim-disk.ts';
import type { Random } from './sim-random.ts';

export interface ImageLimits {
  readonly exhaustiveUnits: number;
  readonly random: number;
  /** With more units than this, so many of them are drawn for "each one missing, present, trash". */
  readonly singles: number;
  /** Tears of each meta sector: at this many bytes from each other. */
  readonly tearEvery: number;
}

/** One image: a version of each sector (undefined: as on the disk), and a length. */
interface Choice {
  readonly sectors: Map<number, Uint8Array>;
  size: number;
}

interface Unit {
  readonly sector: number;
  /** From the oldest to the newest, the one on the disk first. */
  readonly versions: readonly (Uint8Array | undefined)[];
  readonly sequences: readonly number[];
}

const META_SECTORS: readonly number[] = META_SLOT_OFFSETS.map((o) => o / SECTOR_BYTES);

/** All images of a crash point, within the limits. The point with nothing written gives one. */
export function* crashImages(
  point: CrashPoint,
  limits: ImageLimits,
  random: Random,
): Generator<DiskImage> {
  for (const choice of choicesOf(point, limits, random)) yield imageOf(point, choice);
}

function imageOf(point: CrashPoint, { sectors, size }: Choice): DiskImage {
  return withSectors(point.disk, point.segmentBytes, sectors, size);
}

function choicesOf(point: CrashPoint, limits: ImageLimits, random: Random): Generator<Choice> {
  const units: Unit[] = [...point.sectors].map(([sector, versions]) => ({
    sector,
    versions: [undefined, ...versions.map(({ bytes }) => bytes)],
    sequences: [0, ...versions.map(({ sequence }) => sequence)],
  }));
  const sizes = [...new Set([point.disk.sizeBytes, ...point.sizes.map(({ bytes }) => bytes)])];
  return choices(units, sizes, point, limits, random);
}

/** One image of a crash point, any. */
export function randomImage(point: CrashPoint, random: Random): DiskImage {
  const limits = { exhaustiveUnits: -1, random: 1, singles: 2, tearEvery: SECTOR_BYTES };
  const all = [...choicesOf(point, limits, random)];
  return imageOf(point, random.pick(all));
}

function* choices(
  units: readonly Unit[],
  sizes: readonly number[],
  point: CrashPoint,
  limits: ImageLimits,
  random: Random,
): Generator<Choice> {
  const newestSize = sizes[sizes.length - 1]!;
  const newest = (): Choice => choose(units, (unit) => unit.versions.length - 1, newestSize);
  const singles = drawn(units, limits.singles, random);
  const combinations = units.reduce((n, unit) => n * unit.versions.length, sizes.length);
  if (combinations <= 2 ** limits.exhaustiveUnits) yield* everyCombination(units, sizes);
  else {
    yield* prefixes(units, point, limits.singles, random);
    const oldest = (): Choice => choose(units, () => 0, newestSize);
    yield oldest();
    yield newest();
    for (const size of sizes) yield { ...newest(), size };
    for (const unit of singles) {
      for (let v = 0; v < unit.versions.length - 1; v++) yield withVersion(newest(), unit, v);
      for (let v = 1; v < unit.versions.length; v++) yield withVersion(oldest(), unit, v);
    }
    const isMeta = (unit: Unit): boolean => META_SECTORS.includes(unit.sector);
    const last = (unit: Unit): number => unit.versions.length - 1;
    yield choose(units, (unit) => (isMeta(unit) ? last(unit) : 0), newestSize);
    yield choose(units, (unit) => (isMeta(unit) ? 0 : last(unit)), newestSize);
    for (let i = 0; i < limits.random; i++) {
      yield choose(units, (unit) => random.below(unit.versions.length), random.pick(sizes));
    }
  }
  for (const unit of units) {
    if (META_SECTORS.includes(unit.sector)) {
      yield* tears(unit, newest, point, limits.tearEvery);
    }
  }
  for (const unit of singles) yield withBytes(newest(), unit.sector, trash(random));
  for (let i = 0; i < Math.min(units.length, limits.random); i++) {
    const choice = choose(units, (unit) => random.below(unit.versions.length), random.pick(sizes));
    yield withBytes(choice, random.pick(units).sector, trash(random));
  }
}

function* everyCombination(units: readonly Unit[], sizes: readonly number[]): Generator<Choice> {
  const at = units.map(() => 0);
  for (const size of sizes) {
    for (;;) {
      yield choose(units, (_unit, i) => at[i]!, size);
      let i = 0;
      while (i < units.length && ++at[i]! === units[i]!.versions.length) at[i++] = 0;
      if (i === units.length) break;
    }
  }
}

/** The log cut off after each of its writes and size changes. */
function* prefixes(
  units: readonly Unit[],
  point: CrashPoint,
  most: number,
  random: Random,
): Generator<Choice> {
  const cuts = new Set(point.sizes.map(({ sequence }) => sequence));
  for (const { sequences } of units) for (const sequence of sequences) cuts.add(sequence);
  for (const cut of drawn([...cuts], most, random)) {
    const size = point.sizes.reduce(
      (bytes, s) => (s.sequence <= cut ? s.bytes : bytes),
      point.disk.sizeBytes,
    );
    yield choose(
      units,
      ({ sequences }) => sequences.reduce((v, sequence, i) => (sequence <= cut ? i : v), 0),
      size,
    );
  }
}

/** The new meta up to some byte, the old one after it; and the other way about. */
function* tears(
  unit: Unit,
  newest: () => Choice,
  point: CrashPoint,
  every: number,
): Generator<Choice> {
  const after = unit.versions[unit.versions.length - 1]!;
  const index = Math.floor((unit.sector * SECTOR_BYTES) / point.segmentBytes);
  const at = unit.sector * SECTOR_BYTES - index * point.segmentBytes;
  const before =
    point.disk.segments[index]?.subarray(at, at + SECTOR_BYTES) ?? new Uint8Array(SECTOR_BYTES);
  for (let cut = every; cut < SECTOR_BYTES; cut += every) {
    const torn = before.slice();
    torn.set(after.subarray(0, cut));
    yield withBytes(newest(), unit.sector, torn);
    const tornBack = after.slice();
    tornBack.set(before.subarray(0, cut));
    yield withBytes(newest(), unit.sector, tornBack);
  }
}

function choose(
  units: readonly Unit[],
  version: (unit: Unit, i: number) => number,
  size: number,
): Choice {
  const sectors = new Map<number, Uint8Array>();
  units.forEach((unit, i) => {
    const bytes = unit.versions[version(unit, i)];
    if (bytes !== undefined) sectors.set(unit.sector, bytes);
  });
  return { sectors, size };
}

function withVersion(choice: Choice, unit: Unit, version: number): Choice {
  const bytes = unit.versions[version];
  if (bytes === undefined) choice.sectors.delete(unit.sector);
  else choice.sectors.set(unit.sector, bytes);
  return choice;
}

function withBytes(choice: Choice, sector: number, bytes: Uint8Array): Choice {
  choice.sectors.set(sector, bytes);
  return choice;
}

/** All of them, or so many drawn at random. */
function drawn<T>(items: readonly T[], most: number, random: Random): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, () => random.pick(items));
}

function trash(random: Random): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  for (let i = 0; i < SECTOR_BYTES; i++) bytes[i] = random.below(256);
  return bytes;
}
