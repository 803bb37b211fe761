import { afterEach, describe, expect, test, vi } from 'vitest';
import { ReadersFullError } from '../../src/errors.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import { mappedPages } from '../support/crash-accounting.ts';
import { History } from '../support/sim-history.ts';
import type { SimMachine } from '../support/sim-machine.ts';
import { DEFAULT_SIM, newMachine, type SimOptions, SimProcess } from '../support/sim-process.ts';

const SIM: SimOptions = { ...DEFAULT_SIM, maxReaders: 6 };

class World {
  readonly machine: SimMachine = newMachine(SIM);
  readonly history: History = History.empty();
  private key = 0;

  open(): SimProcess {
    return SimProcess.open(this.machine, this.history, SIM);
  }

  /** Commits a value for a key, the same few keys over and over. */
  commit(process: SimProcess, durability: Durability = 'commit'): number {
    return process.commit(new Map([[this.key++ % 3, 30]]), durability);
  }
}

/** Snapshots in the retained table. */
function retainedIds(process: SimProcess): number[] {
  const { lock } = process.pager;
  const ids: number[] = [];
  for (let entry = 0; entry < lock.entriesUsed; entry++) {
    if (lock.isRetained(entry)) ids.push(lock.entryId(entry));
  }
  return ids;
}

/** Does `act` before the `nth` atomic operation of what follows; returns whether it came to that. */
function beforeAtomic(nth: number, act: () => void): { done: boolean } {
  const state = { done: false };
  let operations = 0;
  const { load, store, compareExchange } = Atomics;
  const turn = (): void => {
    if (operations++ !== nth || state.done) return;
    state.done = true;
    act();
  };
  vi.stubGlobal('Atomics', {
    load(words: Int32Array, at: number): number {
      turn();
      return load(words, at);
    },
    store(words: Int32Array, at: number, n: number): number {
      turn();
      return store(words, at, n);
    },
    compareExchange(words: Int32Array, at: number, from: number, to: number): number {
      turn();
      return compareExchange(words, at, from, to);
    },
  });
  return state;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(['pin', 'pinDurable'] as const)(
  'the race of %s with a writer that publishes',
  (pin) => {
    test('commits before any atomic operation of a pin: what is pinned is retained and whole', () => {
      let met = 0;
      for (let nth = 0; nth < 60; nth++) {
        const world = new World();
        const writer = world.open();
        const reader = world.open();
        for (let i = 0; i < 3; i++) world.commit(writer);
        const state = beforeAtomic(nth, () => {
          for (let i = 0; i < 4; i++) world.commit(writer, i % 2 === 0 ? 'commit' : 'manual');
        });
        const roots = reader.pager.readers[pin]();
        vi.unstubAllGlobals();
        if (!state.done) break;
        met++;
        for (let i = 0; i < 4; i++) world.commit(writer);
        expect(retainedIds(writer)).toContain(roots.id);
        reader.check(roots, world.history.stateOf(roots.id));
      }
      expect(met).toBeGreaterThan(5);
    });

    test('a pin before any atomic operation of a commit: what is pinned is retained and whole', () => {
      let met = 0;
      for (let nth = 0; nth < 2000; nth++) {
        const world = new World();
        const writer = world.open();
        const reader = world.open();
        for (let i = 0; i < 3; i++) world.commit(writer);
        const pinned: SnapshotRoots[] = [];
        const state = beforeAtomic(nth, () => {
          pinned.push(reader.pager.readers[pin]());
        });
        world.commit(writer);
        vi.unstubAllGlobals();
        if (!state.done) break;
        met++;
        for (let i = 0; i < 4; i++) world.commit(writer);
        const { id } = pinned[0]!;
        expect(retainedIds(writer)).toContain(id);
        reader.pager.pages.forget();
        reader.check(pinned[0]!, world.history.stateOf(id));
      }
      expect(met).toBeGreaterThan(50);
    });
  },
);

describe('rule 1', () => {
  test("a reader's snapshot keeps its pages while its successors' are reused, until it is unpinned", () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    for (let i = 0; i < 3; i++) world.commit(writer);
    const roots = reader.pager.readers.pin();
    const kept = mappedPages(reader.pager.pages, roots);
    const seen = new Set<number>();
    let reused = 0;
    const commits = 40;
    for (let i = 0; i < commits; i++) {
      const before = mappedPages(writer.pager.pages, writer.published);
      world.commit(writer);
      for (const page of mappedPages(writer.pager.pages, writer.published)) {
        if (before.has(page)) continue;
        expect(kept.has(page)).toBe(false);
        if (seen.has(page)) reused++;
        seen.add(page);
      }
    }
    expect(reused).toBeGreaterThan(commits);
    reader.pager.pages.forget();
    reader.check(roots, world.history.stateOf(roots.id));

    reader.pager.readers.unpin(roots.id);
    const written = new Set<number>();
    for (let i = 0; i < commits; i++) {
      world.commit(writer);
      for (const page of mappedPages(writer.pager.pages, writer.published)) written.add(page);
    }
    const own = [...kept].filter((page) => page >= writer.pager.pages.geometry.firstPage);
    expect(own.some((page) => written.has(page))).toBe(true);
    expect(retainedIds(writer)).not.toContain(roots.id);
  });

  test('a snapshot that moves to another slot while a writer scans is kept', () => {
    let met = 0;
    for (let nth = 0; nth < 2000; nth++) {
      const world = new World();
      const writer = world.open();
      const reader = world.open();
      const { readers } = reader.pager;
      for (let i = 0; i < 3; i++) world.commit(writer);
      const roots = readers.beginShort();
      world.commit(writer);
      const state = beforeAtomic(nth, () => {
        readers.pin();
        readers.endShort();
      });
      world.commit(writer);
      vi.unstubAllGlobals();
      if (!state.done) break;
      met++;
      for (let i = 0; i < 4; i++) world.commit(writer);
      expect(retainedIds(writer), `moved before operation ${nth}`).toContain(roots.id);
      reader.pager.pages.forget();
      reader.check(roots, world.history.stateOf(roots.id));
    }
    expect(met).toBeGreaterThan(50);
  });

  test('each of several snapshots that one handle uses is kept, not the oldest alone', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    const pinned: SnapshotRoots[] = [];
    for (let i = 0; i < 3; i++) {
      world.commit(writer);
      world.commit(writer);
      pinned.push(reader.pager.readers.pin());
    }
    for (let i = 0; i < 30; i++) world.commit(writer);
    reader.pager.pages.forget();
    for (const roots of pinned) reader.check(roots, world.history.stateOf(roots.id));
  });
});

describe('D', () => {
  test('is what pinDurable keeps, not what is published', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    const durable = world.commit(writer);
    world.commit(writer, 'manual');
    const { readers } = reader.pager;
    expect(readers.pinDurable().id).toBe(durable);
    expect(readers.pinDurable().id).toBe(durable);
    expect(readers.pinned).toBe(1);
    for (let i = 0; i < 6; i++) world.commit(writer);
    expect(retainedIds(writer)).toContain(durable);
    readers.unpin(durable);
    expect(retainedIds(writer)).toContain(durable);
    readers.unpin(durable);
    for (let i = 0; i < 2; i++) world.commit(writer);
    expect(retainedIds(writer)).not.toContain(durable);
  });

  test('is kept by a writer that scanned before it was listed, and drops after that', () => {
    let met = 0;
    for (let nth = 0; nth < 40; nth++) {
      const world = new World();
      const writer = world.open();
      const reader = world.open();
      for (let i = 0; i < 3; i++) world.commit(writer);
      let scanned: Set<number> | undefined;
      const state = beforeAtomic(nth, () => {
        world.commit(writer);
        scanned = writer.pager.readers.scan();
      });
      const roots = reader.pager.readers.pinDurable();
      vi.unstubAllGlobals();
      if (!state.done) break;
      met++;
      vi.spyOn(writer.pager.readers, 'scan').mockReturnValueOnce(scanned!);
      for (let i = 0; i < 4; i++) world.commit(writer);
      expect(retainedIds(writer), `before operation ${nth}`).toContain(roots.id);
    }
    expect(met).toBeGreaterThan(5);
  });

  test('is not taken for another that stands in its entry by now', () => {
    for (let commits = 1; commits < 8; commits++) {
      for (let nth = 0; nth < 40; nth++) {
        const world = new World();
        const writer = world.open();
        const reader = world.open();
        for (let i = 0; i < 3; i++) world.commit(writer);
        beforeAtomic(nth, () => {
          for (let i = 0; i < commits; i++) world.commit(writer);
        });
        const roots = reader.pager.readers.pinDurable();
        vi.unstubAllGlobals();
        for (let i = 0; i < 6; i++) world.commit(writer);
        const where = `${commits} commits before operation ${nth}`;
        expect(retainedIds(writer), where).toContain(roots.id);
        reader.check(roots, world.history.stateOf(roots.id));
      }
    }
  });

  test('that is pinned as what was published shares its slot', () => {
    const world = new World();
    const writer = world.open();
    const { readers } = world.open().pager;
    const id = world.commit(writer);
    expect([readers.pin().id, readers.pinDurable().id]).toEqual([id, id]);
    expect(readers.pinned).toBe(1);
    readers.unpin(id);
    readers.unpin(id);
    expect(readers.pinned).toBe(0);
    expect(writer.pager.readers.scan().has(id)).toBe(false);
  });

  test('finds no slot: READERS_FULL', () => {
    const world = new World();
    for (let i = 1; i < SIM.maxReaders; i++) world.open();
    const { readers } = world.open().pager;
    expect(() => readers.pinDurable()).toThrow(ReadersFullError);
  });
});

describe('slots', () => {
  test('a handle that was killed keeps nothing, and its slot is free at once', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    world.commit(writer);
    const { id } = reader.pager.readers.pin();
    for (let i = 0; i < 3; i++) world.commit(writer);
    expect(retainedIds(writer)).toContain(id);
    reader.storage.kill();
    expect(writer.pager.readers.scan().has(id | 0)).toBe(false);
    for (let i = 0; i < 3; i++) world.commit(writer);
    expect(retainedIds(writer)).not.toContain(id);
  });

  test("whoever takes a dead handle's slot does not list its snapshot", () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    world.commit(writer);
    const { id } = reader.pager.readers.pin();
    for (let i = 0; i < 3; i++) world.commit(writer);
    reader.storage.kill();
    const next = world.open();
    const after = world.open();
    expect(writer.pager.readers.scan().has(id | 0)).toBe(false);
    next.pager.close();
    after.pager.close();
  });

  test('when all slots are taken the next snapshot is READERS_FULL, and one closed makes room', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    const pinned: number[] = [];
    for (let i = 0; i < 4; i++) {
      world.commit(writer);
      pinned.push(reader.pager.readers.pin().id);
    }
    world.commit(writer);
    expect(() => reader.pager.readers.pin()).toThrow(ReadersFullError);
    // The handle is as usable as before.
    const roots = reader.pager.readers.beginShort();
    reader.check(roots, world.history.stateOf(roots.id));
    reader.pager.readers.endShort();
    reader.pager.readers.unpin(pinned[0]!);
    expect(reader.pager.readers.pin().id).toBe(world.history.newestPublished);
  });

  test('a handle that opens when all slots are taken is READERS_FULL', () => {
    const world = new World();
    for (let i = 0; i < SIM.maxReaders; i++) world.open();
    expect(() => world.open()).toThrow(ReadersFullError);
  });

  test('users of one snapshot share a slot, and the last one gives it back', () => {
    const world = new World();
    const writer = world.open();
    const { readers } = writer.pager;
    world.commit(writer);
    const { id } = readers.pin();
    expect(readers.pin().id).toBe(id);
    readers.share(id);
    expect(readers.pinned).toBe(1);
    world.commit(writer);
    readers.unpin(id);
    readers.unpin(id);
    expect(readers.scan().has(id | 0)).toBe(true);
    readers.unpin(id);
    expect(readers.scan().has(id | 0)).toBe(false);
    expect(readers.pinned).toBe(0);
  });

  test('an idle handle lists nothing', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    world.commit(writer);
    reader.pager.readers.beginShort();
    expect(writer.pager.readers.scan().size).toBe(1);
    reader.pager.readers.endShort();
    expect(writer.pager.readers.scan().size).toBe(0);
  });
});

describe('short reads', () => {
  test('one inside another sees the same snapshot, and only the outermost ends it', () => {
    const world = new World();
    const writer = world.open();
    const { readers } = world.open().pager;
    const first = world.commit(writer);
    expect(readers.beginShort().id).toBe(first);
    const second = world.commit(writer);
    expect(readers.beginShort().id).toBe(first);
    readers.endShort();
    expect(writer.pager.readers.scan().has(first | 0)).toBe(true);
    readers.endShort();
    expect(writer.pager.readers.scan().has(first | 0)).toBe(false);
    expect(readers.beginShort().id).toBe(second);
    readers.endShort();
  });

  test('a pin inside a short read is of the snapshot of that read', () => {
    const world = new World();
    const writer = world.open();
    const reader = world.open();
    const first = world.commit(writer);
    reader.pager.readers.beginShort();
    world.commit(writer);
    const roots = reader.pager.readers.pin();
    reader.pager.readers.endShort();
    expect(roots.id).toBe(first);
    for (let i = 0; i < 10; i++) world.commit(writer);
    reader.pager.pages.forget();
    reader.check(roots, world.history.stateOf(first));
  });
});
