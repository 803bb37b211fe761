import { describe, expect, test } from 'vitest';
import { PAGE_TYPE, pageBirth } from '../../src/format/page-header.ts';
import type { Savepoint, WritePages } from '../../src/pager/write-pages.ts';
import { seed } from '../frame/seed.ts';
import { checkAccounting } from '../support/crash-accounting.ts';
import { History } from '../support/sim-history.ts';
import { DEFAULT_SIM, newMachine, SimProcess } from '../support/sim-process.ts';
import { Random } from '../support/sim-random.ts';

const VALUE_AT = 64;

/** What the caller of WritePages keeps of a page: its pointer, and what stands on it. */
interface Cell {
  readonly page: number;
  readonly value: number;
}
/** And of an overflow run. */
interface RunCell {
  readonly page: number;
  readonly length: number;
  readonly fill: number;
}

interface Level {
  readonly savepoint: Savepoint;
  readonly cells: ReadonlyMap<number, Cell>;
  readonly runs: ReadonlyMap<number, RunCell>;
}

/** A tree's view of a transaction: pointers that it stores, and goes back to with a savepoint. */
class Model {
  readonly pages: WritePages;
  readonly random: Random;
  cells = new Map<number, Cell>();
  runs = new Map<number, RunCell>();
  readonly levels: Level[] = [];
  private nextName = 0;

  constructor(pages: WritePages, random: Random) {
    this.pages = pages;
    this.random = random;
  }

  step(): void {
    const { random } = this;
    const roll = random.next();
    if (roll < 0.25) this.allocate();
    else if (roll < 0.5) this.change();
    else if (roll < 0.6) this.free();
    else if (roll < 0.68) this.allocateRun();
    else if (roll < 0.74) this.freeRun();
    else if (roll < 0.84) this.begin();
    else if (roll < 0.92) this.release();
    else this.rollback();
  }

  check(): void {
    for (const { page, value } of this.cells.values()) {
      expect(this.read(page)).toBe(value);
    }
    for (const { page, length, fill } of this.runs.values()) {
      const from = this.pages.findRun(page, this.pages.transaction, length, 0, length);
      const { bytes } = this.pages.segment;
      expect(bytes[from]).toBe(fill);
      expect(bytes[from + length - 1]).toBe(fill);
    }
  }

  /** Ends all nested parts, at random either way. */
  end(): void {
    while (this.levels.length > 0) {
      if (this.random.chance(0.5)) this.release();
      else this.rollback();
    }
  }

  read(page: number): number {
    const o = this.pages.find(page, this.pages.transaction, PAGE_TYPE.leaf);
    return this.pages.segment.i32[(o + VALUE_AT) >> 2]!;
  }

  private write(page: number, value: number): void {
    const o = this.pages.find(page, this.pages.transaction, PAGE_TYPE.leaf);
    this.pages.segment.i32[(o + VALUE_AT) >> 2] = value;
  }

  private allocate(): void {
    const page = this.pages.allocate(PAGE_TYPE.leaf, 0, 0);
    const value = this.random.below(2 ** 30);
    this.write(page, value);
    this.cells.set(this.nextName++, { page, value });
  }

  private change(): void {
    if (this.cells.size === 0) return;
    const name = this.random.pick([...this.cells.keys()]);
    const value = this.random.below(2 ** 30);
    const { page } = this.cells.get(name)!;
    const touched = this.pages.touch(page, this.pages.transaction, PAGE_TYPE.leaf);
    this.write(touched, value);
    this.cells.set(name, { page: touched, value });
  }

  private free(): void {
    if (this.cells.size === 0) return;
    const name = this.random.pick([...this.cells.keys()]);
    this.pages.free(this.cells.get(name)!.page);
    this.cells.delete(name);
  }

  private allocateRun(): void {
    const length = 1 + this.random.below(3000);
    const fill = 1 + this.random.below(255);
    const page = this.pages.allocateRun(new Uint8Array(length).fill(fill), 0, length);
    this.runs.set(this.nextName++, { page, length, fill });
  }

  private freeRun(): void {
    if (this.runs.size === 0) return;
    const name = this.random.pick([...this.runs.keys()]);
    const { page, length } = this.runs.get(name)!;
    this.pages.freeRun(page, length);
    this.runs.delete(name);
  }

  private begin(): void {
    if (this.levels.length === 4) return;
    const savepoint = this.pages.begin();
    this.levels.push({ savepoint, cells: new Map(this.cells), runs: new Map(this.runs) });
  }

  private release(): void {
    const level = this.levels.pop();
    if (level !== undefined) this.pages.release(level.savepoint);
  }

  private rollback(): void {
    const level = this.levels.pop();
    if (level === undefined) return;
    this.pages.rollback(level.savepoint);
    this.cells = new Map(level.cells);
    this.runs = new Map(level.runs);
  }
}

function open(): SimProcess {
  return SimProcess.open(newMachine(DEFAULT_SIM), History.empty(), DEFAULT_SIM);
}

test('random nested parts: what is rolled back never was, what is released stays, nothing leaks', () => {
  const random = new Random(seed);
  const process = open();
  for (let round = 0; round < 150; round++) {
    const session = process.pager.beginWriteSync();
    const model = new Model(session.pages, random);
    const steps = 10 + random.below(150);
    for (let i = 0; i < steps; i++) {
      model.step();
      if (i % 8 === 0) model.check();
    }
    model.end();
    model.check();
    expect(session.pages.dirtyPages).toBe(model.cells.size);
    expect(session.pages.runs.filter((run) => run.pages > 0)).toHaveLength(model.runs.size);
    process.pager.abort(session);
  }
});

describe('a page of the base', () => {
  test('touched in a part that is rolled back is not freed', () => {
    const process = open();
    process.commit(new Map([[1, 20]]));
    const before = process.published.pagesInUse;
    const session = process.begin();
    const { cataloguePage, catalogueBirth } = session.base;
    const savepoint = session.pages.begin();
    session.pages.touch(cataloguePage, catalogueBirth, PAGE_TYPE.leaf);
    expect(session.pages.freed).toEqual([cataloguePage]);
    session.pages.rollback(savepoint);
    expect(session.pages.freed).toEqual([]);
    expect(session.pages.changed).toBe(false);
    process.pager.commitSync(session, cataloguePage, catalogueBirth, 'commit');
    expect(process.published.pagesInUse).toBe(before);
  });

  test('is never changed: touch copies it, with the birth of the transaction', () => {
    const process = open();
    process.commit(new Map([[1, 20]]));
    const session = process.begin();
    const { cataloguePage, catalogueBirth } = session.base;
    const copy = session.pages.touch(cataloguePage, catalogueBirth, PAGE_TYPE.leaf);
    expect(copy).toBeLessThan(0);
    const o = session.pages.find(copy, session.id, PAGE_TYPE.leaf);
    expect(pageBirth(session.pages.segment, o)).toBe(session.id);
    session.pages.segment.bytes.fill(0xee, o + 100, o + 200);
    process.pager.abort(session);
    process.check(process.published, process.history.stateOf(process.published.id));
  });
});

test('a transaction of many parts, committed, has a page in the map for each that it reaches', () => {
  const random = new Random(seed + 1);
  const process = open();
  for (let round = 0; round < 20; round++) {
    const session = process.begin();
    const outer = session.pages.begin();
    process.build(session, new Map([[random.below(30), random.below(3000)]]));
    session.pages.rollback(outer);
    const kept = session.pages.begin();
    const built = process.build(session, new Map([[random.below(30), random.below(3000)]]));
    session.pages.release(kept);
    process.commitBuilt(built, 'commit');
    const { storage, pager, published } = process;
    checkAccounting(storage, pager.pages, published);
    process.expectContent(published, built.state);
  }
});
