import { describe, expect, test } from 'vitest';
import { WORD } from '../../src/format/lock-file.ts';
import { growthStep } from '../../src/pager/file-length.ts';
import { seed } from '../frame/seed.ts';
import { History } from '../support/sim-history.ts';
import type { SimMachine } from '../support/sim-machine.ts';
import { DEFAULT_SIM, newMachine, SimProcess } from '../support/sim-process.ts';
import { Random } from '../support/sim-random.ts';

const MIB = 2 ** 20;
const SIM = { ...DEFAULT_SIM, segmentBytes: MIB, windowBytes: MIB / 4, pageSize: 4096 };

function open(): { machine: SimMachine; process: SimProcess } {
  const machine = newMachine(SIM);
  return { machine, process: SimProcess.open(machine, History.empty(), SIM) };
}

/** Fills the database with about so many bytes of large values. */
function fill(process: SimProcess, bytes: number): void {
  const each = 60_000;
  const load = new Map<number, number>();
  for (let key = 0; key * each < bytes; key++) load.set(key, each);
  process.commit(load);
}

function removeAll(process: SimProcess): void {
  const keys = process.history.stateOf(process.published.id).keys();
  process.commit(new Map([...keys].map((key) => [key, undefined])));
}

describe('rule 7', () => {
  test.each([0.2, 0.7, 1.3, 3, 8, 24])(
    'after deleting everything of %s MiB and three more small commits the file is at most one step long',
    (mib) => {
      const { machine, process } = open();
      fill(process, mib * MIB);
      expect(machine.disk.sizeBytes).toBeGreaterThan(mib * MIB);
      removeAll(process);
      for (let i = 0; i < 3; i++) process.commit(new Map([[i, 30]]));
      expect(machine.disk.sizeBytes).toBeLessThanOrEqual(growthStep(machine.disk.sizeBytes));
      // A cut takes what was written ahead with it; the commit that cut the file used to say otherwise.
      const filePages = machine.disk.sizeBytes / SIM.pageSize;
      expect(process.pager.lock.load(WORD.writtenUntil)).toBeLessThanOrEqual(filePages);
      process.check(process.published, process.history.stateOf(process.published.id));
    },
  );

  test('the file is not cut in the transaction that makes the shorter snapshot', () => {
    const { machine, process } = open();
    fill(process, 8 * MIB);
    const before = machine.disk.sizeBytes;
    removeAll(process);
    expect(machine.disk.sizeBytes).toBe(before);
  });

  test('it is not cut below D while only newer snapshots are short', () => {
    const { machine, process } = open();
    fill(process, 8 * MIB);
    const needed = process.published.filePages * SIM.pageSize;
    const keys = process.history.stateOf(process.published.id).keys();
    process.commit(new Map([...keys].map((key) => [key, undefined])), 'manual');
    for (let i = 0; i < 5; i++) process.commit(new Map([[i, 30]]), 'manual');
    expect(machine.disk.sizeBytes).toBeGreaterThanOrEqual(needed);
    process.flush();
    for (let i = 0; i < 3; i++) process.commit(new Map([[i, 30]]), 'manual');
    expect(machine.disk.sizeBytes).toBeLessThan(needed / 2);
  });

  test('it is not cut below a snapshot that a reader uses', () => {
    const { machine, process } = open();
    fill(process, 8 * MIB);
    const reader = SimProcess.open(machine, process.history, SIM);
    const roots = reader.pager.readers.pin();
    removeAll(process);
    for (let i = 0; i < 5; i++) process.commit(new Map([[i, 30]]));
    expect(machine.disk.sizeBytes).toBeGreaterThanOrEqual(roots.filePages * SIM.pageSize);
    reader.pager.pages.forget();
    reader.check(roots, process.history.stateOf(roots.id));
    reader.pager.readers.unpin(roots.id);
    for (let i = 0; i < 2; i++) process.commit(new Map([[i, 30]]));
    expect(machine.disk.sizeBytes).toBeLessThan(4 * MIB);
  });
});

describe('rule 6', () => {
  test('a clean close gives the unused step back', () => {
    const { machine, process } = open();
    fill(process, 3 * MIB);
    process.close();
    const next = SimProcess.open(machine, process.history, SIM);
    expect(machine.disk.sizeBytes).toBeLessThanOrEqual(
      next.published.filePages * SIM.pageSize + MIB,
    );
    expect(machine.disk.sizeBytes).toBeGreaterThanOrEqual(next.published.filePages * SIM.pageSize);
  });

  test('after a small commit that grew the file, the next ones neither grow it nor write zeros', () => {
    const { machine, process } = open();
    process.commit(new Map([[1, 30]]));
    const { growths, zeroed } = machine.counts;
    expect(growths).toBeGreaterThan(0);
    expect(zeroed).toBeGreaterThanOrEqual(2 ** 18);
    for (let i = 0; i < 20; i++) process.commit(new Map([[i, 30]]));
    expect(machine.counts).toMatchObject({ growths, zeroed });
  });

  test('zeros ahead are never written into a retained snapshot that is longer than the new one', () => {
    // The lock file is new, so that nothing is known to have been written; D is long, the next is short.
    const { machine, process } = open();
    for (let i = 0; i < 12; i++) process.commit(new Map([[i, 3000]]));
    process.storage.kill();
    machine.removeLockFile();
    const next = SimProcess.open(machine, process.history, SIM);
    const roots = next.pager.readers.pin();
    removeAll(next);
    next.pager.pages.forget();
    next.check(roots, process.history.stateOf(roots.id));
  });
});

test('random overwriting: a file stays under three times its live size, in long runs', () => {
  const random = new Random(seed);
  const { machine, process } = open();
  const keys = 2000;
  const load = new Map<number, number>();
  for (let key = 0; key < keys; key++) load.set(key, 400);
  process.commit(load);
  const table: string[] = [];
  for (let round = 0; round < 4; round++) {
    const { pages, runs, count } = process.pager.counts;
    for (let i = 0; i < 100; i++) {
      const changes = new Map<number, number>();
      for (let put = 0; put < 10; put++) changes.set(random.below(keys), 400);
      process.commit(changes);
    }
    const done = process.pager.counts;
    const written = done.pages - pages;
    const commits = done.count - count;
    const ratio = process.published.filePages / process.published.pagesInUse;
    table.push(
      `${(written / commits).toFixed(1)} pages in ${((done.runs - runs) / commits).toFixed(2)} runs ` +
        `a commit, file / live ${ratio.toFixed(2)}`,
    );
    expect(ratio).toBeLessThan(3);
    expect(written / (done.runs - runs)).toBeGreaterThan(1.5);
  }
  console.log(`random overwriting of 10 of ${keys} keys a commit:\n${table.join('\n')}`);
  expect(machine.counts.flushes).toBeGreaterThan(300);
});
