/**
 * What must hold in every state of the interleavings. Each is looked at by the step that could break it,
 * before or after that step; what is wrong is thrown as BrokenProperty.
 *
 * 1. No page of a snapshot that is published, durable or pinned by a living reader is overwritten; and
 *    who has pinned one finds all of its pages as they were when it was published (rule 1).
 * 2. The meta slot of D is not overwritten (rule 2).
 * 3. No id is started twice (rule 3).
 * 4. What is published names a snapshot of the table, and never goes backwards; after a failed
 *    flush nothing is published and D stays, until an opener that is alone takes D (rules 4, 5).
 * 5. What is called durable is on the disk: all of its pages, and a meta that names it.
 * 6. What a writer was told is published stays so, and what it was told is durable too.
 * 7. A reader that looks after somebody was told sees that, or something newer.
 * 8. An idle handle lists nothing.
 * 9. When the file was opened by somebody who was alone, no slot names anything newer than what it
 *    found: what was given up does not come back.
 * 10. When all are over but one, which commits, nothing is retained but what it needs itself.
 * 11. Whoever can never go on has ended.
 */

import { ENTRY, entryAt, SLOT, slotAt, WORD } from '../../src/format/lock-file.ts';
import { mapWord } from '../../src/format/map-page.ts';
import { decodeMeta } from '../../src/format/meta.ts';
import { Segment } from '../../src/format/segment.ts';
import { native } from '../../src/pager/native.ts';
import { bytesOf, PAGE_BYTES } from './inter-content.ts';
import {
  AT,
  addId,
  type Cells,
  changePin,
  isOnDisk,
  MOST_ACTORS,
  PAGES,
  pinsOf,
  placeOfId,
  READER_SLOTS,
  STATUS,
  unitOfPage,
  unitOfSlot,
} from './inter-machine.ts';
import type { Note } from './inter-operations.ts';

export class BrokenProperty extends Error {}

/** What a snapshot consists of: the contents of its pages, by unit. Numbered, as contents are. */
type SnapshotRecord = ReadonlyMap<number, number>;

const records: SnapshotRecord[] = [new Map()];
const recordNumbers = new Map<string, number>();
const unitsOfMap = new Map<number, number[]>();

/** The units in use by a map page of that content. The maps of scenarios are one page. */
function unitsIn(mapContent: number): number[] {
  let units = unitsOfMap.get(mapContent);
  if (units === undefined) {
    const page = new Segment(bytesOf(mapContent).slice(0, PAGE_BYTES).buffer);
    units = [];
    for (let p = PAGES.first; p < PAGES.first + PAGES.count; p++) {
      if ((mapWord(page, 0, p >> 5) & (1 << (p & 31))) !== 0) units.push(unitOfPage(p));
    }
    unitsOfMap.set(mapContent, units);
  }
  return units;
}

/** The record of a retained entry, as the page cache has it now. */
function recordOf(cells: Cells, entry: number): number {
  const map = cells[entryAt(entry) + ENTRY.mapPage]!;
  const units = unitsIn(cells[AT.cache + unitOfPage(map)]!);
  const text = units.map((unit) => `${unit}:${cells[AT.cache + unit]!}`).join();
  let number = recordNumbers.get(text);
  if (number === undefined) {
    number = records.push(new Map(units.map((unit) => [unit, cells[AT.cache + unit]!]))) - 1;
    recordNumbers.set(text, number);
  }
  return number;
}

function idOf(cells: Cells, entry: number): number {
  return cells[entryAt(entry) + ENTRY.id]!;
}
function isRetained(cells: Cells, entry: number): boolean {
  return cells[entryAt(entry) + ENTRY.state] === 1;
}
function durableEntry(cells: Cells): number {
  return cells[WORD.durable]! - 1;
}

/** Notes a snapshot of the first state. */
export function beginWith(cells: Cells, entry: number): void {
  const place = addId(cells, idOf(cells, entry));
  cells[AT.records + place] = recordOf(cells, entry);
}

// Before a page or a meta is written

export function beforePage(cells: Cells, page: number, content: number): void {
  const unit = unitOfPage(page);
  // To write the same again, as a takeover does, harms nobody.
  if (cells[AT.cache + unit] === content) return;
  const guarded = (id: number, whose: string): void => {
    const place = placeOfId(cells, id);
    if (place >= 0 && records[cells[AT.records + place]!]!.has(unit)) {
      throw new BrokenProperty(`1: page ${page} of snapshot ${id}, ${whose}, is overwritten`);
    }
  };
  guarded(cells[WORD.published]!, 'which is published');
  if (durableEntry(cells) >= 0) guarded(idOf(cells, durableEntry(cells)), 'which is D');
  for (let actor = 0; actor < MOST_ACTORS; actor++) {
    for (const id of pinsOf(cells, actor)) guarded(id, `which actor ${actor} has pinned`);
  }
}

export function beforeMeta(cells: Cells, slot: number): void {
  const entry = durableEntry(cells);
  if (entry < 0 || cells[entryAt(entry) + ENTRY.metaSlot]! - 1 !== slot) return;
  throw new BrokenProperty(`2: slot ${slot}, which is that of D, is overwritten`);
}

// After a word was stored

export function afterStore(cells: Cells, word: number, before: number): void {
  if (word === WORD.published) published(cells, before);
  if (word === WORD.durable && cells[WORD.durable] !== 0) madeDurable(cells, before);
  if (word === WORD.whole && cells[WORD.whole] === 1) opened(cells);
  if (word === WORD.poisoned && cells[WORD.poisoned] === 1) cells[AT.wasPoisoned] = 1;
}

function published(cells: Cells, before: number): void {
  const id = cells[WORD.published]!;
  if (cells[WORD.poisoned] !== 0) {
    throw new BrokenProperty(`4: snapshot ${id} is published after a failed flush`);
  }
  if (id < before && cells[AT.wasPoisoned] === 0) {
    throw new BrokenProperty(`4: publishing goes back from ${before} to ${id}`);
  }
  const entry = entryNamed(cells, id);
  if (entry < 0) throw new BrokenProperty(`4: ${id} is published and not in the table`);
  const place = placeOfId(cells, id);
  if (place < 0) throw new BrokenProperty(`3: ${id} is published and was never started`);
  const record = recordOf(cells, entry);
  const known = cells[AT.records + place]!;
  if (known !== 0 && known !== record) {
    throw new BrokenProperty(`1: snapshot ${id} is published again, and is another`);
  }
  cells[AT.records + place] = record;
  requireTold(cells);
}

function madeDurable(cells: Cells, before: number): void {
  const entry = durableEntry(cells);
  const id = idOf(cells, entry);
  if (cells[WORD.poisoned] !== 0) {
    throw new BrokenProperty(`4: snapshot ${id} becomes D after a failed flush`);
  }
  if (before > 0 && isRetained(cells, before - 1) && id < idOf(cells, before - 1)) {
    throw new BrokenProperty(`4: D goes back to ${id}`);
  }
  for (const unit of records[recordOf(cells, entry)]!.keys()) {
    if (!isOnDisk(cells, unit)) {
      throw new BrokenProperty(`5: ${id} is called durable, but page unit ${unit} is not on disk`);
    }
  }
  if (newestMeta(cells).every((transaction) => transaction !== id)) {
    throw new BrokenProperty(`5: ${id} is called durable, but no meta on the disk names it`);
  }
  if (id < cells[AT.toldDurable]!) {
    throw new BrokenProperty(`6: ${cells[AT.toldDurable]} was told durable, and D is ${id}`);
  }
}

/** The file was opened by somebody who was alone: a power failure now must lead to the same. */
function opened(cells: Cells): void {
  const id = cells[WORD.published]!;
  for (let slot = 0; slot < 3; slot++) {
    for (const at of [AT.cache, AT.disk]) {
      const transaction = transactionOf(cells[at + unitOfSlot(slot)]!, slot);
      if (transaction > id) {
        throw new BrokenProperty(`9: opened as ${id}, and slot ${slot} still names ${transaction}`);
      }
    }
  }
  // What was told and was not durable is lost with the failed flush, and counts no more.
  if (cells[AT.wasPoisoned] === 1) cells[AT.told] = id;
  cells[AT.wasPoisoned] = 0;
}

/** The transactions named by the slots that are on the disk as they are in the cache. */
function newestMeta(cells: Cells): number[] {
  return [0, 1, 2].map((slot) => {
    const unit = unitOfSlot(slot);
    return isOnDisk(cells, unit) ? transactionOf(cells[AT.disk + unit]!, slot) : -1;
  });
}

const transactions = new Map<number, number>();

/** The transaction that a meta of that content names, -1 when it is not whole. */
export function transactionOf(content: number, slot: number): number {
  const key = content * 3 + slot;
  let transaction = transactions.get(key);
  if (transaction === undefined) {
    const reading = decodeMeta(bytesOf(content).slice(), slot, (bytes, start, end, target) =>
      native().hash(bytes, start, end, 0, 0, target, 0),
    );
    transaction = reading.kind === 'valid' ? reading.meta.transaction : -1;
    transactions.set(key, transaction);
  }
  return transaction;
}

function entryNamed(cells: Cells, id: number): number {
  for (let entry = 0; entry < cells[WORD.entriesUsed]!; entry++) {
    if (isRetained(cells, entry) && idOf(cells, entry) === id) return entry;
  }
  return -1;
}

/** After a poisoning an opener goes back to D: only what was told durable counts then. */
function requireTold(cells: Cells): void {
  const least = cells[AT.wasPoisoned] === 0 ? cells[AT.told]! : cells[AT.toldDurable]!;
  if (cells[WORD.published]! < least) {
    throw new BrokenProperty(`6: ${least} was told, and published is ${cells[WORD.published]}`);
  }
}

// What programs tell

export function noted(cells: Cells, actor: number, note: Note, value: number): void {
  switch (note) {
    case 'began':
      if (placeOfId(cells, value) >= 0) throw new BrokenProperty(`3: id ${value} is used again`);
      addId(cells, value);
      break;
    case 'told durable':
      cells[AT.toldDurable] = Math.max(cells[AT.toldDurable]!, value);
      if (idOf(cells, durableEntry(cells)) < value) {
        throw new BrokenProperty(`6: ${value} was told durable, and is not`);
      }
      tell(cells, value);
      break;
    case 'told':
      tell(cells, value);
      break;
    case 'looks':
      cells[AT.looks + actor] = cells[AT.told]!;
      break;
    case 'pinned':
      if (value < cells[AT.looks + actor]!) {
        throw new BrokenProperty(`7: ${cells[AT.looks + actor]} was told, a reader sees ${value}`);
      }
      pinned(cells, actor, value);
      break;
    case 'pinned D':
      pinned(cells, actor, value);
      break;
    case 'lets go':
      changePin(cells, actor, value, 0);
      break;
    case 'failed':
      if (cells[WORD.published] === value) {
        throw new BrokenProperty(
          `4: ${value} is published, and its writer was told that it failed`,
        );
      }
      break;
    case 'stopped':
      if (cells[WORD.poisoned] === 0) throw new BrokenProperty('4: a writer is stopped by nothing');
      cells[AT.looks + actor] = 0;
      break;
    case 'flushed':
      if (idOf(cells, durableEntry(cells)) < cells[AT.looks + actor]!) {
        throw new BrokenProperty(`6: ${cells[AT.looks + actor]} was flushed, and is not durable`);
      }
      cells[AT.looks + actor] = 0;
      break;
  }
}

function tell(cells: Cells, id: number): void {
  cells[AT.told] = Math.max(cells[AT.told]!, id);
  requireTold(cells);
}

function pinned(cells: Cells, actor: number, id: number): void {
  cells[AT.looks + actor] = 0;
  const place = placeOfId(cells, id);
  const record = place < 0 ? 0 : cells[AT.records + place]!;
  if (record === 0) throw new BrokenProperty(`4: a reader uses ${id}, which was never published`);
  for (const [unit, content] of records[record]!) {
    if (cells[AT.cache + unit] !== content) {
      throw new BrokenProperty(`1: a reader uses ${id}, whose page unit ${unit} is another's`);
    }
  }
  changePin(cells, actor, 0, id);
}

export function atIdle(cells: Cells, actor: number): void {
  for (let slot = 0; slot < READER_SLOTS; slot++) {
    const listed = cells[slotAt(READER_SLOTS, slot) + SLOT.snapshot]!;
    if (cells[AT.bytes + slot] === actor + 1 && listed !== 0) {
      throw new BrokenProperty(`8: an idle handle lists ${listed} in slot ${slot}`);
    }
  }
}

/** When nobody can go on, all must have ended. */
export function atRest(cells: Cells, actors: number): void {
  for (let actor = 0; actor < actors; actor++) {
    if (cells[AT.status + actor] === STATUS.runs) {
      throw new BrokenProperty(`11: actor ${actor} waits for ever`);
    }
  }
}

/** After commits of somebody while all others were over: published, and its base. */
export function nothingLeft(cells: Cells): void {
  let retained = 0;
  for (let entry = 0; entry < cells[WORD.entriesUsed]!; entry++) {
    if (isRetained(cells, entry)) retained++;
  }
  if (retained > 2) throw new BrokenProperty(`10: ${retained} snapshots are retained by nobody`);
}
