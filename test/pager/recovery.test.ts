import { describe, expect, test, vi } from 'vitest';
import {
  CorruptionError,
  DatabaseLockedError,
  FormatVersionError,
  NotADatabaseError,
  StorageFaultError,
} from '../../src/errors.ts';
import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { LOCK_BYTE, LOCK_FILE_VERSION, WORD } from '../../src/format/lock-file.ts';
import { decodeMeta, encodeMeta, META_KIND, type Meta } from '../../src/format/meta.ts';
import { LockWords } from '../../src/pager/lock-words.ts';
import { native } from '../../src/pager/native.ts';
import { openFile } from '../../src/pager/open-file.ts';
import { Pager } from '../../src/pager/pager.ts';
import { RecordingStorage } from '../support/recording-storage.ts';
import { type DiskImage, SimDisk } from '../support/sim-disk.ts';
import { History } from '../support/sim-history.ts';
import { SimMachine } from '../support/sim-machine.ts';
import { DEFAULT_SIM, diesIn, newMachine, SimProcess } from '../support/sim-process.ts';

const SIM = DEFAULT_SIM;

function hash(bytes: Uint8Array, start: number, end: number, target: Uint8Array): void {
  native().hash(bytes, start, end, 0, 0, target, 0);
}

/** A machine, what its users know, and hands to damage its file with. */
class World {
  machine: SimMachine;
  history: History;

  constructor(machine: SimMachine = newMachine(SIM), history: History = History.empty()) {
    this.machine = machine;
    this.history = history;
  }

  open(): SimProcess {
    return SimProcess.open(this.machine, this.history, SIM);
  }

  /** The power fails; all that was flushed is there. */
  loseMachine(): void {
    this.machine = new SimMachine(SIM.windowBytes, this.flushed());
  }

  flushed(): DiskImage {
    return this.machine.disk.crashPoint().disk;
  }

  /** The same, with all that was written, flushed or not. */
  loseMachineWhole(): void {
    this.machine.disk.flush();
    this.loseMachine();
  }

  meta(slot: number): Meta {
    const bytes = new Uint8Array(META_SLOT_BYTES);
    this.machine.disk.read(bytes, META_SLOT_OFFSETS[slot]!);
    const reading = decodeMeta(bytes, slot, hash);
    if (reading.kind !== 'valid') throw new Error(`slot ${slot} is ${reading.kind}`);
    return reading.meta;
  }

  kinds(): string[] {
    return META_SLOT_OFFSETS.map((offset, slot) => {
      const bytes = new Uint8Array(META_SLOT_BYTES);
      this.machine.disk.read(bytes, offset);
      return decodeMeta(bytes, slot, hash).kind;
    });
  }

  slotOf(transaction: number): number {
    const found = [0, 1, 2].filter(
      (slot) => this.kinds()[slot] === 'valid' && this.meta(slot).transaction === transaction,
    );
    if (found.length === 0) throw new Error(`no slot holds ${transaction}`);
    return found[0]!;
  }

  /** Writes a meta anew, changed, with the right checksum, and flushes it. */
  changeMeta(slot: number, change: Partial<Meta>): void {
    const bytes = encodeMeta({ ...this.meta(slot), ...change }, hash);
    this.write(META_SLOT_OFFSETS[slot]!, bytes);
  }

  /** Overwrites bytes of the file and flushes. */
  write(offset: number, bytes: Uint8Array): void {
    this.machine.disk.write(offset, bytes, 0, bytes.length);
    this.machine.disk.flush();
  }

  damageSlot(slot: number): void {
    this.write(META_SLOT_OFFSETS[slot]! + 200, Uint8Array.of(1, 2, 3));
  }

  damagePage(page: number): void {
    this.write(page * SIM.pageSize + 500, Uint8Array.of(0xff, 0xfe, 0xfd));
  }
}

/** One flushed commit of three keys, and then another of one flush that is the newest. */
function twoCommits(): { world: World; first: number; second: number } {
  const world = new World();
  const process = world.open();
  const first = process.commit(
    new Map([
      [1, 30],
      [2, 30],
      [3, 30],
    ]),
  );
  const second = process.commit(new Map([[2, 40]]));
  return { world, first, second };
}

describe('alone, after a power failure', () => {
  test('the newest slot whose checksum holds is taken, and its commit walked', () => {
    const { world, second } = twoCommits();
    world.loseMachine();
    const process = world.open();
    expect(process.published.id).toBe(second);
    process.check(process.published, world.history.stateOf(second));
  });

  test('a torn slot proves nothing, and stays as it is', () => {
    const { world, first, second } = twoCommits();
    const slot = world.slotOf(second);
    world.damageSlot(slot);
    world.loseMachine();
    const before = world.flushed();
    const process = world.open();
    expect(process.published.id).toBe(first);
    expect(world.machine.disk.crashPoint().sectors.size).toBe(0);
    expect(world.flushed()).toEqual(before);
    expect(world.kinds()[slot]).toBe('torn');
  });

  test('recovery writes nothing but the lock file', () => {
    const { world } = twoCommits();
    world.loseMachine();
    const before = world.flushed();
    const process = world.open();
    expect(world.machine.counts.metas).toBe(0);
    expect(world.flushed()).toEqual(before);
    process.storage.kill();
  });

  test('a one-flush commit with a page that is not whole steps back, and says from what', () => {
    const { world, first, second } = twoCommits();
    const { cataloguePage } = world.meta(world.slotOf(second));
    world.damagePage(cataloguePage);
    world.loseMachine();
    const process = world.open();
    expect(process.published.id).toBe(first);
    expect(process.steppedBackFrom).toBe(second);
    process.check(process.published, world.history.stateOf(first));
  });

  test('it steps back from a file that is too short', () => {
    const { world, first, second } = twoCommits();
    const shorter = world.meta(world.slotOf(first)).filePages;
    expect(world.meta(world.slotOf(second)).filePages).toBeGreaterThan(shorter);
    world.machine.disk.resize(shorter * SIM.pageSize);
    world.loseMachineWhole();
    expect(world.open().published.id).toBe(first);
  });

  test('it steps back to the snapshot before, and no further', () => {
    const { world, first, second } = twoCommits();
    world.damagePage(world.meta(world.slotOf(second)).cataloguePage);
    world.damageSlot(world.slotOf(first));
    world.loseMachine();
    expect(() => world.open()).toThrow(CorruptionError);
  });

  test('the first meta after a step back overwrites the one that was given up', () => {
    // D twice, by a confirming meta, so that two slots name it; then a commit into the third.
    const { world, first } = twoCommits();
    const process = world.open();
    process.storage.kill();
    world.loseMachine();
    const again = world.open();
    const third = again.commit(new Map([[3, 50]]));
    const slot = world.slotOf(third);
    world.damagePage(world.meta(slot).cataloguePage);
    world.loseMachine();
    const back = world.open();
    expect(back.steppedBackFrom).toBe(third);
    expect(back.published.id).toBeGreaterThan(first);
    back.pager.abort(back.pager.beginWriteSync());
    expect(world.meta(slot).kind).toBe(META_KIND.confirming);
  });

  test('a snapshot that is confirmed and damaged is CORRUPTION, not a step back', () => {
    const { world, second } = twoCommits();
    const slot = world.slotOf(second);
    const meta = world.meta(slot);
    world.changeMeta(slot, { kind: META_KIND.confirming, filePages: meta.filePages + 5000 });
    world.loseMachine();
    expect(() => world.open()).toThrow(CorruptionError);
  });

  test('a snapshot that a newer slot names as its previous one, and that is damaged, is CORRUPTION', () => {
    const { world, first, second } = twoCommits();
    // The newest slot names `first` as known to be durable; `first` itself is now the newest slot.
    const slot = world.slotOf(first);
    const meta = world.meta(slot);
    world.damagePage(meta.mapPage);
    const witness = world.slotOf(second);
    world.changeMeta(witness, { transaction: first - 1, previousDurable: first });
    world.loseMachine();
    expect(() => world.open()).toThrow(CorruptionError);
  });

  test('a page that cannot be read is STORAGE_FAULT, never a step back', () => {
    const { world, second } = twoCommits();
    world.damagePage(world.meta(world.slotOf(second)).cataloguePage);
    world.loseMachine();
    class Faulty extends RecordingStorage {
      override faultWords(): Int32Array {
        return Int32Array.of(1, 1);
      }
    }
    const options = { ...SIM, storage: (machine: SimMachine) => new Faulty(machine) };
    expect(() => SimProcess.open(world.machine, world.history, options)).toThrow(StorageFaultError);
  });

  test('ids go on above whatever was reserved, after a confirming meta', () => {
    const { world, second } = twoCommits();
    const reserved = world.meta(world.slotOf(second)).idsReservedUntil;
    world.loseMachine();
    const process = world.open();
    const session = process.pager.beginWriteSync();
    expect(session.id).toBeGreaterThan(reserved);
    const newest = [0, 1, 2].map((slot) => world.meta(slot));
    const confirming = newest.find(
      (meta) => meta.kind === META_KIND.confirming && meta.transaction === second,
    );
    expect(confirming?.idsReservedUntil).toBeGreaterThan(session.id);
    process.pager.abort(session);
  });
});

describe('a roll-back', () => {
  /** The state after `second` was given up, in a new process. */
  function rolledBack(): { world: World; first: number; second: number; process: SimProcess } {
    const { world, first, second } = twoCommits();
    giveUp(world, second, first);
    return { world, first, second, process: world.open() };
  }

  /** The disk loses a page of `lost`, against its promise, and the machine is lost. */
  function giveUp(world: World, lost: number, to: number): void {
    world.damagePage(world.meta(world.slotOf(lost)).cataloguePage);
    world.loseMachine();
    const { states } = world.history;
    world.history = new History({ ids: [to], states, lastStarted: lost });
  }

  test('is told by every handle, and by every meta from then on', () => {
    const { world, first, second, process } = rolledBack();
    const range = { to: first, from: second };
    expect(process.pager.lock.rolledBack).toEqual(range);
    expect(world.open().pager.lock.rolledBack).toEqual(range);
    for (const durability of ['commit', 'manual', 'commit', 'commit'] as const) {
      process.commit(new Map([[1, 30]]), durability);
    }
    for (const slot of [0, 1, 2]) expect(world.meta(slot).rolledBack).toEqual(range);
    const flushed = process.commit(new Map([[1, 31]]), 'manual');
    process.pager.flushSync();
    expect(world.meta(world.slotOf(flushed)).rolledBack).toEqual(range);
  });

  test('is told after the machine was lost, and when processes died', () => {
    const { world, first, second, process } = rolledBack();
    process.commit(new Map([[1, 30]]));
    const range = { to: first, from: second };
    world.loseMachine();
    const next = world.open();
    expect(next.pager.lock.rolledBack).toEqual(range);
    // A dead writer's commit, finished by another, and what only was published, made durable.
    next.commit(new Map([[1, 32]]), 'manual');
    next.storage.kill();
    const last = world.open();
    expect(last.pager.lock.rolledBack).toEqual(range);
    expect(world.meta(world.slotOf(last.published.id)).rolledBack).toEqual(range);
  });

  test('is told by whoever opens again before anything was written', () => {
    const { world, first, second, process } = rolledBack();
    process.storage.kill();
    expect(world.open().pager.lock.rolledBack).toEqual({ to: first, from: second });
  });

  test('after another one spans both', () => {
    const { world, first, process } = rolledBack();
    const kept = process.commit(new Map([[1, 30]]));
    const lost = process.commit(new Map([[2, 30]]));
    giveUp(world, lost, kept);
    const next = world.open();
    expect(next.steppedBackFrom).toBe(lost);
    expect(next.pager.lock.rolledBack).toEqual({ to: first, from: lost });
  });

  test('there was none: nothing is told', () => {
    const { world, second } = twoCommits();
    world.loseMachine();
    const process = world.open();
    expect(process.pager.lock.rolledBack).toEqual({ to: 0, from: 0 });
    process.commit(new Map([[1, 30]]));
    expect(world.meta(world.slotOf(second)).rolledBack).toEqual({ to: 0, from: 0 });
  });
});

describe('alone, the machine still running', () => {
  test('what was published by processes that died is there, and is made durable before open returns', () => {
    const world = new World();
    const process = world.open();
    process.commit(new Map([[1, 30]]));
    const published = process.commit(new Map([[2, 2000]]), 'manual');
    process.storage.kill();
    const next = world.open();
    expect(next.published.id).toBe(published);
    expect(next.pager.isDurable).toBe(true);
    world.loseMachine();
    const after = world.open();
    expect(after.published.id).toBe(published);
    after.check(after.published, world.history.stateOf(published));
  });

  test('a lock file that was deleted is made anew; what was durable is there', () => {
    const { world, second } = twoCommits();
    world.machine.locks.clear();
    world.machine.removeLockFile();
    expect(world.open().published.id).toBe(second);
  });

  test('a lock file with a published snapshot older than a slot is not believed', () => {
    const { world, first, second } = twoCommits();
    world.machine.locks.clear();
    // D stands in its slot, and yet another one holds what came later.
    const slot = world.slotOf(first);
    const later = { transaction: second + 50, kind: META_KIND.confirming };
    world.changeMeta(slot, { ...world.meta(world.slotOf(second)), ...later, slot });
    expect(world.open().published.id).toBe(second + 50);
  });

  test('a file that was restored in place to an older state is taken as it is', () => {
    const world = new World();
    const process = world.open();
    const old = process.commit(new Map([[1, 30]]));
    const backup = world.flushed();
    process.commit(new Map([[1, 40]]));
    process.commit(new Map([[2, 50]]));
    process.storage.kill();
    const { machine } = world;
    world.machine = new SimMachine(SIM.windowBytes, backup);
    world.machine.shared = machine.shared;
    Object.assign(world.machine, { bootId: machine.bootId });
    const next = world.open();
    expect(next.published.id).toBe(old);
    next.check(next.published, world.history.stateOf(old));
  });

  test('of another boot, device or database the lock file is not believed', () => {
    for (const word of [WORD.bootId, WORD.device, WORD.inode, WORD.uuid + 3, WORD.whole]) {
      const world = new World();
      const process = world.open();
      const durable = process.commit(new Map([[1, 30]]));
      process.commit(new Map([[2, 30]]), 'manual');
      process.storage.kill();
      const words = new Int32Array(world.machine.shared!);
      words[word]! ^= 5;
      expect(world.open().published.id).toBe(durable);
    }
  });
});

describe('not alone', () => {
  /** Finds that somebody has the file open, and then that one is gone. */
  class LooksTooEarly extends RecordingStorage {
    gone: (() => void) | undefined;
    override isLocked(byte: number, count: number): boolean {
      const found = super.isLocked(byte, count);
      this.gone?.();
      this.gone = undefined;
      return found;
    }
  }

  test.each(['closes', 'dies'])(
    'the only other one %s while it is opened: alone after all',
    (how) => {
      const world = new World();
      const other = world.open();
      const id = other.commit(new Map([[1, 30]]), 'manual');
      const storage = (machine: SimMachine): LooksTooEarly => {
        const early = new LooksTooEarly(machine);
        early.gone = () => {
          if (how === 'dies') other.storage.kill();
          else other.close();
        };
        return early;
      };
      const opened = SimProcess.open(world.machine, world.history, { ...SIM, storage });
      expect(opened.published.id).toBe(id);
      expect(opened.pager.isDurable).toBe(true);
    },
  );

  test('the lock file is the truth: a meta in the page cache is not read', () => {
    const world = new World();
    const writer = world.open();
    const published = writer.commit(new Map([[1, 30]]));
    const seen: number[] = [];
    world.machine.beforeFlush = () => {
      world.machine.beforeFlush = undefined;
      const joined = world.open();
      seen.push(joined.published.id);
      joined.pager.close();
    };
    const next = writer.commit(new Map([[1, 31]]));
    expect(seen).toEqual([published]);
    expect(writer.published.id).toBe(next);
  });

  test('a snapshot that is dropped while the opener looks for it is not what it begins with', () => {
    // Found by 2,000 kills: an opener read which snapshot is published, two commits went by, and the
    // entry that it looked for then was gone.
    const world = new World();
    const writer = world.open();
    writer.commit(new Map([[1, 30]]));
    const { get } = Object.getOwnPropertyDescriptor(LockWords.prototype, 'published')!;
    let armed = true;
    const spy = vi.spyOn(LockWords.prototype, 'published', 'get').mockImplementation(function (
      this: LockWords,
    ) {
      const published = get!.call(this);
      if (armed) {
        armed = false;
        for (const length of [31, 32]) writer.commit(new Map([[1, length]]));
      }
      return published;
    });
    try {
      const joined = world.open();
      const roots = joined.pager.readers.beginShort();
      joined.expectContent(roots, world.history.stateOf(roots.id));
      expect(roots.id).toBe(writer.published.id);
      joined.pager.readers.endShort();
    } finally {
      spy.mockRestore();
    }
    expect(armed).toBe(false);
  });

  test('without a lock file that belongs the opener is refused', () => {
    const { world } = twoCommits();
    const { shared } = world.machine;
    world.machine.removeLockFile();
    expect(() => world.open()).toThrow(DatabaseLockedError);
    world.machine.shared = new Uint8Array(shared!.byteLength).fill(3).buffer;
    expect(() => world.open()).toThrow(DatabaseLockedError);
    world.machine.shared = shared;
    world.open().pager.close();
  });

  test('with a lock file of another version the opener is refused, and told so', () => {
    const { world, second } = twoCommits();
    const words = new Int32Array(world.machine.shared!);
    words[WORD.version]! += 1;
    expect(() => world.open()).toThrow(
      `is of another version of coppice: its layout is ${LOCK_FILE_VERSION + 1}, not ${LOCK_FILE_VERSION}.`,
    );
    world.machine.locks.clear();
    // Alone, it is made new.
    expect(world.open().published.id).toBe(second);
    expect(new Int32Array(world.machine.shared!)[WORD.version]).toBe(LOCK_FILE_VERSION);
  });

  test.each(['commit', 'manual'] as const)(
    "who waits for a commit is woken by a writer killed at any step, or by the next ('%s')",
    (durability) => {
      let published = 0;
      for (let step = 0; ; step++) {
        const { world } = twoCommits();
        const [victim, survivor] = [world.open(), world.open()];
        const { lock } = survivor.pager;
        const before = lock.published;
        lock.store(WORD.waits, 1);
        const built = victim.build(victim.begin(), new Map([[1, 50]]));
        victim.storage.diesAt = victim.storage.steps + step;
        const died = diesIn(() => victim.commitBuilt(built, durability));
        if (!died) {
          expect(lock.load(WORD.woken)).toBe(1);
          break;
        }
        survivor.pager.abort(survivor.pager.beginWriteSync());
        if (lock.published === before) continue;
        published++;
        expect(lock.load(WORD.woken), `killed at step ${step}`).toBe(1);
      }
      expect(published).toBeGreaterThan(2);
    },
  );

  test('while another one is opening, an opener is refused after lockTimeout', () => {
    const { world } = twoCommits();
    new RecordingStorage(world.machine).tryLock(LOCK_BYTE.opener);
    expect(() => world.open()).toThrow(DatabaseLockedError);
  });

  test('an opener killed at any step leaves nothing that keeps the next one out', () => {
    for (let step = 0; step < 20; step++) {
      const { world, second } = twoCommits();
      world.loseMachine();
      const died = diesIn(() => SimProcess.open(world.machine, world.history, SIM, step));
      const process = world.open();
      expect(process.published.id).toBe(second);
      if (!died) return;
    }
    throw new Error('an opener takes more than 20 steps');
  });
});

describe('alone, in the boot in which the filesystem was lost and mounted again', () => {
  /** A third commit is on the disk, and a lock file that knows of an aborted one in its slot instead. */
  function olderLockFile(): { world: World; third: number } {
    const { world, second } = twoCommits();
    const process = world.open();
    // As the lock file reached the disk: in the middle of a commit that was aborted then.
    const shared = world.machine.shared!.slice(0);
    const old = new LockWords(new Int32Array(shared), SIM.maxReaders);
    const slot = (old.entryMetaSlot(old.durableEntry) + 1) % 3;
    const aborted = old.retain({ ...process.published, id: second + 1 }, slot);
    old.store(WORD.commitInProgress, aborted + 1);
    process.pager.abort(process.pager.beginWriteSync());
    const third = process.commit(new Map([[3, 50]]));
    expect(world.slotOf(third)).toBe(slot);
    const { bootId } = world.machine;
    world.loseMachine();
    Object.assign(world.machine, { bootId, shared });
    return { world, third };
  }

  test('an older lock file says that an aborted commit goes to a slot: the newer meta there stays', () => {
    const { world, third } = olderLockFile();
    const after = world.open();
    expect(after.published.id).toBe(third);
    after.check(after.published, world.history.stateOf(third));
  });

  test('the newer meta stays, too, when the first flush of the opener fails', () => {
    const { world, third } = olderLockFile();
    world.machine.faults.push({ kind: 'flush', nth: 0, code: 'EIO' });
    expect(() => world.open()).toThrow(/EIO/);
    world.machine.locks.clear();
    const after = world.open();
    expect(after.published.id).toBe(third);
    after.check(after.published, world.history.stateOf(third));
  });
});

describe("recover: 'previous'", () => {
  function recoverPrevious(world: World): Pager {
    const storage = new RecordingStorage(world.machine);
    const file = openFile(storage, {
      addressSpace: 2 ** 30,
      segmentBytes: SIM.segmentBytes,
      windowBytes: SIM.windowBytes,
      lockTimeout: 0,
      maxReaders: SIM.maxReaders,
      verify: 'first-read',
      recoverPrevious: true,
    });
    return new Pager(file, { lockTimeout: 0, maxGrowth: 2, readOnly: false });
  }

  test('goes back to the newest older state that is whole, for good', () => {
    const { world, first, second } = twoCommits();
    world.loseMachine();
    const pager = recoverPrevious(world);
    expect(pager.lock.published).toBe(first);
    pager.close();
    expect(world.kinds()).not.toContain('torn');
    world.loseMachine();
    const process = world.open();
    expect(process.published.id).toBe(first);
    const session = process.pager.beginWriteSync();
    expect(session.id).toBeGreaterThan(second);
  });

  test('is not undone by a power failure before the slots of what was given up are zeroed', () => {
    const world = new World();
    const first = world.open().commit(new Map([[1, 50]]));
    world.loseMachine();
    const maker = world.open();
    // The first writer confirmed `first`, in a slot of its own.
    const second = maker.commit(new Map([[1, 60]]));
    world.damageSlot((world.slotOf(second) + 2) % 3);
    world.loseMachine();
    world.machine.faults.push({ kind: 'write', nth: 1, code: 'EIO' });
    expect(() => recoverPrevious(world)).toThrow();
    world.loseMachine();
    // Its meta had reached the disk, the zeros had not.
    expect(world.kinds()).toEqual(['valid', 'valid', 'valid']);
    expect(world.meta(world.slotOf(second)).transaction).toBe(second);
    const process = world.open();
    expect(process.published.id).toBe(first);
    process.check(process.published, maker.history.stateOf(first));
    expect(process.pager.beginWriteSync().id).toBeGreaterThan(second);
  });

  test('ids that the given-up state had reserved are not used again', () => {
    const { world, second } = twoCommits();
    world.changeMeta(world.slotOf(second), { idsReservedUntil: 10_000_000 });
    world.loseMachine();
    const session = recoverPrevious(world).beginWriteSync();
    expect(session.id).toBeGreaterThan(10_000_000);
  });

  test('an older state of which one page is damaged is passed over', () => {
    const { world, first, second } = twoCommits();
    world.damagePage(world.meta(world.slotOf(first)).cataloguePage);
    world.loseMachine();
    expect(recoverPrevious(world).lock.published).not.toBe(first);
    expect(second).toBeGreaterThan(first);
  });
});

describe('refused', () => {
  test('a file that is none of ours is NOT_A_DATABASE, and left as it is', () => {
    const disk = new SimDisk(SIM.windowBytes);
    disk.write(0, new TextEncoder().encode('SQLite format 3'.repeat(2000)), 0, 30_000);
    disk.flush();
    const machine = new SimMachine(SIM.windowBytes, disk.crashPoint().disk);
    expect(() => new World(machine).open()).toThrow(NotADatabaseError);
    expect(machine.disk.crashPoint().sectors.size).toBe(0);
  });

  test('three damaged slots are NOT_A_DATABASE, and the message says what it was', () => {
    const { world } = twoCommits();
    for (const slot of [0, 1, 2]) world.damageSlot(slot);
    world.loseMachine();
    expect(() => world.open()).toThrow(/none of its three meta slots is whole/);
  });

  test('a newer version, or a feature that is not known, is FORMAT_VERSION', () => {
    for (const change of [{ formatVersion: 2 }, { incompatible: 4 }]) {
      const { world, second } = twoCommits();
      world.changeMeta(world.slotOf(second), change);
      world.loseMachine();
      expect(() => world.open()).toThrow(FormatVersionError);
    }
  });
});

describe('poisoned', () => {
  function poison(): { world: World; durable: number; failed: SimProcess; other: SimProcess } {
    const world = new World();
    const other = world.open();
    const failed = world.open();
    const durable = failed.commit(new Map([[1, 30]]));
    world.machine.faults.push({ kind: 'flush', nth: 0, code: 'EIO' });
    expect(() => failed.commit(new Map([[1, 31]]))).toThrow(/errno 5/);
    return { world, durable, failed, other };
  }

  test('every process reads the last published durable snapshot, and none writes', () => {
    const { world, durable, failed, other } = poison();
    for (const process of [failed, other, world.open()]) {
      expect(process.published.id).toBe(durable);
      process.check(process.published, world.history.stateOf(durable));
      expect(() => process.pager.beginWriteSync()).toThrow(/errno 5/);
    }
  });

  test('opening while others have it open does not clear the flag; opening alone does', () => {
    const { world, durable, failed, other } = poison();
    failed.pager.close();
    const joined = world.open();
    expect(joined.pager.lock.poisoned).toBe(true);
    joined.pager.close();
    other.pager.close();
    const alone = world.open();
    expect(alone.pager.lock.poisoned).toBe(false);
    expect(alone.published.id).toBe(durable);
    world.history.found(durable);
    alone.commit(new Map([[1, 32]]));
    expect(world.kinds()).not.toContain('torn');
  });

  test('the failed transaction does not come back when the lock file is deleted', () => {
    // The kernel has marked its pages clean: in the page cache all of it is whole.
    const { world, durable, failed, other } = poison();
    failed.pager.close();
    other.pager.close();
    world.machine.removeLockFile();
    const alone = world.open();
    expect(alone.published.id).toBe(durable);
    world.history.found(durable);
    alone.commit(new Map([[1, 32]]));
    world.loseMachine();
    const after = world.open();
    after.check(after.published, world.history.stateOf(after.published.id));
  });

  test('when zeroing the other slots fails the flag stays', () => {
    const { world, failed, other } = poison();
    failed.pager.close();
    other.pager.close();
    world.machine.faults.push({ kind: 'flush', nth: 0, code: 'EIO' });
    expect(() => world.open()).toThrow();
    world.machine.locks.clear();
    const words = new Int32Array(world.machine.shared!);
    expect(words[WORD.poisoned]).toBe(1);
    expect(world.open().pager.lock.poisoned).toBe(false);
  });
});
