/**
 * The whole state of a machine on which actors interleave, in one array of numbers: the words of the
 * lock file, what the page cache and the disk hold, who has which lock, where each actor is, and what
 * the properties remember. To go back to a state is to keep its array; two states are the same
 * when their arrays are.
 */

import { lockFileBytes, slotByte } from '../../src/format/lock-file.ts';

/** The pages of data that a machine has; far more than any scenario uses. */
export const PAGES = { first: 48, count: 24 } as const;
const META_SLOTS = 3;
/** Pages and meta slots: what is written and flushed by itself. */
const UNITS: number = PAGES.count + META_SLOTS;
export const READER_SLOTS = 9;
export const WORDS: number = lockFileBytes(READER_SLOTS) / 4;
export const MOST_ACTORS = 5;
/** Snapshots that one actor pins at a time, and ids that a scenario starts. */
const MOST_PINS = 2;
const MOST_IDS = 12;
/** Jobs that one actor gives to its thread. */
export const MOST_JOBS = 3;
/** Locks on bytes: reader slots, and the opener's. */
const OPENER = READER_SLOTS;

/** Where things stand in the array. Each offset is the one before plus its size. */
type Part =
  | 'words'
  | 'cache'
  | 'disk'
  | 'dirty'
  | 'bytes'
  | 'writer'
  | 'writerHolds'
  | 'status'
  | 'local'
  | 'section'
  | 'step'
  | 'outcome'
  | 'running'
  | 'queued'
  | 'written'
  | 'ended'
  | 'outcomes'
  | 'killsLeft'
  | 'failuresLeft'
  | 'pins'
  | 'looks'
  | 'told'
  | 'toldDurable'
  | 'wasPoisoned'
  | 'ids'
  | 'records'
  | 'size';

const SIZES: Record<Part, number> = {
  words: WORDS,
  cache: UNITS,
  disk: UNITS,
  /** 1: written since the last flush, whether that failed or not. */
  dirty: UNITS,
  /** Actor + 1 that holds each lock on a byte. */
  bytes: READER_SLOTS + 1,
  writer: 1,
  writerHolds: 1,
  /** By actor: how it is (STATUS), its place in its program, and in a job of it. */
  status: MOST_ACTORS,
  local: MOST_ACTORS,
  section: MOST_ACTORS,
  step: MOST_ACTORS,
  outcome: MOST_ACTORS,
  /** By actor, of the jobs that its thread was given: where the one that runs and the next one were
   * submitted, how many have written their pages, how many are over, and how each ended. */
  running: MOST_ACTORS,
  queued: MOST_ACTORS,
  written: MOST_ACTORS,
  ended: MOST_ACTORS,
  outcomes: MOST_ACTORS * MOST_JOBS,
  killsLeft: 1,
  failuresLeft: 1,
  /** For the properties. */
  pins: MOST_ACTORS * MOST_PINS,
  looks: MOST_ACTORS,
  told: 1,
  toldDurable: 1,
  wasPoisoned: 1,
  ids: MOST_IDS,
  records: MOST_IDS,
  size: 0,
};

/** Where things stand in the array: each begins where the one before ends. */
export const AT: Readonly<Record<Part, number>> = offsets();

function offsets(): Record<Part, number> {
  const at = { ...SIZES };
  let next = 0;
  for (const name of Object.keys(SIZES) as Part[]) {
    at[name] = next;
    next += SIZES[name];
  }
  return at;
}

export const STATUS = { runs: 0, ended: 1, dead: 2 } as const;

export type Cells = Int32Array;

/** The place of a page, or of a meta slot, among the units. */
export function unitOfPage(page: number): number {
  const unit = page - PAGES.first;
  if (unit < 0 || unit >= PAGES.count) throw new Error(`no machine here has a page ${page}`);
  return unit;
}
export function unitOfSlot(slot: number): number {
  return PAGES.count + slot;
}

export function writeUnit(cells: Cells, unit: number, content: number): void {
  cells[AT.cache + unit] = content;
  cells[AT.dirty + unit] = 1;
}

/** A flush; when it fails, all is clean and nothing of it is on the disk: the worst that can be. */
export function flushUnits(cells: Cells, succeeds: boolean): void {
  for (let unit = 0; unit < UNITS; unit++) {
    if (cells[AT.dirty + unit] === 0) continue;
    cells[AT.dirty + unit] = 0;
    if (succeeds) cells[AT.disk + unit] = cells[AT.cache + unit]!;
  }
}

export function isOnDisk(cells: Cells, unit: number): boolean {
  return cells[AT.disk + unit] === cells[AT.cache + unit];
}

// Locks

/** The cell of a lock on a byte of the data file. */
export function lockCell(byte: number): number {
  const slot = byte - slotByte(0, 0);
  return AT.bytes + (slot < 0 ? OPENER : slot);
}

/** Whether another than `actor` holds one of the bytes. */
export function heldByOther(cells: Cells, actor: number, byte: number, count: number): boolean {
  const first = byte - slotByte(0, 0);
  for (let slot = first; slot < Math.min(first + count, READER_SLOTS); slot++) {
    const holder = cells[AT.bytes + slot]!;
    if (holder !== 0 && holder !== actor + 1) return true;
  }
  return false;
}

export function tryWriter(cells: Cells, actor: number): boolean {
  const holder = cells[AT.writer]!;
  if (holder !== 0 && holder !== actor + 1) return false;
  cells[AT.writer] = actor + 1;
  cells[AT.writerHolds]!++;
  return true;
}

export function releaseWriter(cells: Cells, actor: number): void {
  if (cells[AT.writer] !== actor + 1) return;
  if (--cells[AT.writerHolds]! === 0) cells[AT.writer] = 0;
}

/** All locks of the handle are gone. */
export function dropLocks(cells: Cells, actor: number): void {
  for (let i = 0; i <= READER_SLOTS; i++) {
    if (cells[AT.bytes + i] === actor + 1) cells[AT.bytes + i] = 0;
  }
  if (cells[AT.writer] === actor + 1) {
    cells[AT.writer] = 0;
    cells[AT.writerHolds] = 0;
  }
}

const OF_ACTOR: readonly number[] = [
  AT.local,
  AT.section,
  AT.step,
  AT.outcome,
  AT.running,
  AT.queued,
  AT.written,
  AT.ended,
  AT.looks,
];

/** The process dies, by whatever death: its locks are gone, and nothing else happens. */
export function kill(cells: Cells, actor: number): void {
  dropLocks(cells, actor);
  cells[AT.status + actor] = STATUS.dead;
  for (const at of OF_ACTOR) cells[at + actor] = 0;
  cells.fill(0, AT.outcomes + actor * MOST_JOBS, AT.outcomes + (actor + 1) * MOST_JOBS);
  cells.fill(0, AT.pins + actor * MOST_PINS, AT.pins + (actor + 1) * MOST_PINS);
}

// What actors have pinned

export function pinsOf(cells: Cells, actor: number): number[] {
  const from = AT.pins + actor * MOST_PINS;
  return [...cells.subarray(from, from + MOST_PINS)].filter((id) => id !== 0);
}

/** Replaces one pin of the actor, 0 when there is none, by another. */
export function changePin(cells: Cells, actor: number, from: number, to: number): void {
  for (let i = 0; i < MOST_PINS; i++) {
    const at = AT.pins + actor * MOST_PINS + i;
    if (cells[at] !== from) continue;
    cells[at] = to;
    return;
  }
  throw new Error(`actor ${actor} has no pin ${from}`);
}

/** The place of a transaction in the tables of the properties, -1 when it never began. */
export function placeOfId(cells: Cells, id: number): number {
  for (let i = 0; i < MOST_IDS; i++) if (cells[AT.ids + i] === id) return i;
  return -1;
}

/** Notes a transaction; returns its place. */
export function addId(cells: Cells, id: number): number {
  const place = placeOfId(cells, 0);
  if (place < 0)
    throw new Error('a scenario starts more transactions than the properties remember');
  cells[AT.ids + place] = id;
  return place;
}

// States that were met

/** Two hashes of a state, joined to one number below 2^53, never 0. */
export function hashOf(cells: Cells): number {
  let a = 0x9e37_79b9;
  let b = 0x85eb_ca6b;
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    a = Math.imul(a ^ cell, 0x0100_0193);
    a ^= a >>> 15;
    b = Math.imul(b + cell, 0xcc9e_2d51) ^ (b >>> 13);
  }
  return (b & 0x1f_ffff) * 2 ** 32 + (a >>> 0) || 1;
}

/** Numbers that were met: a table of open addresses, which grows. */
export class Visited {
  size = 0;
  private table = new Float64Array(2 ** 16);

  /** Whether it is new. */
  add(hash: number): boolean {
    const { table } = this;
    const mask = table.length - 1;
    let at = hash & mask;
    for (; table[at] !== 0; at = (at + 1) & mask) if (table[at] === hash) return false;
    table[at] = hash;
    if (++this.size * 2 > table.length) this.grow();
    return true;
  }

  private grow(): void {
    const old = this.table;
    const table = new Float64Array(old.length * 2);
    const mask = table.length - 1;
    for (const hash of old) {
      if (hash === 0) continue;
      let at = hash & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = hash;
    }
    this.table = table;
  }
}
