/**
 * Holes of naive protocols, made in the real code for as long as a mutation is tried: a method is put in
 * the place of another, or the steps of a job are changed.
 */

import { META_SLOT_BYTES } from '../../src/format/geometry.ts';
import { SLOT, slotAt, slotByte, WORD } from '../../src/format/lock-file.ts';
import { poisonedError } from '../../src/pager/failures.ts';
import { Job, OP } from '../../src/pager/job.ts';
import { LockWords } from '../../src/pager/lock-words.ts';
import { Readers } from '../../src/pager/readers.ts';
import { finishDeadCommit } from '../../src/pager/recovery.ts';
import { type SnapshotRoots, shortId } from '../../src/pager/snapshot.ts';
import type { Tip } from '../../src/pager/write-session.ts';
import { WriterTurn } from '../../src/pager/writer-turn.ts';
import { READER_SLOTS } from './inter-machine.ts';
import { SteppedStorage } from './inter-storage.ts';
import { type Row, rowsOf, type Shape, shapeOf } from './sim-mutants.ts';

/** Makes the change; what it returns takes it back. */
export type Mutate = () => () => void;

type Method<This, Arguments extends unknown[], Result> = (this: This, ...args: Arguments) => Result;

/** Puts a property in the place of one of a prototype. */
function replaced(prototype: object, name: string, change: PropertyDescriptor): () => void {
  const before = Object.getOwnPropertyDescriptor(prototype, name);
  if (before === undefined) throw new Error(`there is no ${name} to be changed`);
  Object.defineProperty(prototype, name, { configurable: true, ...change });
  return () => {
    Object.defineProperty(prototype, name, before);
  };
}

function method<This extends object, Arguments extends unknown[], Result>(
  prototype: This,
  name: string,
  value: Method<This, Arguments, Result>,
): Mutate {
  return () => replaced(prototype, name, { value, writable: true });
}

// Readers: what is private to them, by name

interface Insides {
  readonly lock: LockWords;
  readonly words: Int32Array;
  readonly shortWord: number;
  readonly storage: SteppedStorage;
  readonly ownSlots: Set<number>;
  readonly spareSlots: number[];
  current: SnapshotRoots;
  currentShort: number;
  depth: number;
  claimSlot(): number;
  listIn(slot: number, id: number): number;
  keep(slot: number, roots: SnapshotRoots, sinceMs: number): void;
}

/** The same object; what it has is looked at when it is used. */
function insides(readers: Readers): Insides {
  return readers as unknown as Insides;
}

/** Finds what is published; returns it, not listed yet. */
function lookUp({ lock }: Insides): SnapshotRoots {
  for (;;) {
    const entry = lock.findEntry(lock.published);
    if (entry >= 0) return lock.entryRoots(entry);
  }
}

function use(own: Insides, roots: SnapshotRoots): SnapshotRoots {
  own.current = roots;
  own.currentShort = shortId(roots.id);
  return roots;
}

/** A reader lists what it found to be published, and does not look again. */
export const noSecondLook: Mutate = method(Readers.prototype, 'beginShort', function () {
  const own = insides(this);
  own.depth++;
  const roots = use(own, lookUp(own));
  Atomics.store(own.words, own.shortWord, own.currentShort);
  return roots;
});

/** A reader looks whether its snapshot is still published, and lists it after that. */
export const listsAfterLooking: Mutate = () => {
  const { beginShort } = Readers.prototype;
  return replaced(Readers.prototype, 'beginShort', {
    value(this: Readers): SnapshotRoots {
      const own = insides(this);
      if (own.depth > 0 || own.lock.published !== own.currentShort) return beginShort.call(this);
      own.depth++;
      Atomics.store(own.words, own.shortWord, own.currentShort);
      return own.current;
    },
  });
};

/** A short read lets go as soon as it has found its snapshot. */
export const shortReadLetsGoEarly: Mutate = () => {
  const { beginShort } = Readers.prototype;
  return replaced(Readers.prototype, 'beginShort', {
    value(this: Readers): SnapshotRoots {
      const roots = beginShort.call(this);
      Atomics.store(insides(this).words, insides(this).shortWord, 0);
      return roots;
    },
  });
};

/** `pin` lets go of the short slot before its own slot lists the snapshot. */
export const pinLetsGoEarly: Mutate = method(Readers.prototype, 'pin', function () {
  const own = insides(this);
  const roots = this.beginShort();
  this.endShort();
  const slot = own.spareSlots.pop() ?? own.claimSlot();
  own.keep(slot, roots, own.listIn(slot, roots.id));
  return roots;
});

/** `pinDurable` lists D and does not look again. */
export const noSecondLookAtD: Mutate = method(Readers.prototype, 'pinDurable', function () {
  const own = insides(this);
  const slot = own.spareSlots.pop() ?? own.claimSlot();
  const roots = own.lock.entryRoots(own.lock.durableEntry);
  own.keep(slot, roots, own.listIn(slot, roots.id));
  return roots;
});

/** Whoever takes the slot of a dead handle has its snapshot listed. */
export const slotIsInherited: Mutate = method(Readers.prototype, 'claimSlot', function () {
  const { lock, storage, ownSlots } = insides(this);
  for (let slot = 0; slot < lock.readerSlots; slot++) {
    if (ownSlots.has(slot) || !storage.tryLock(slotByte(lock.session, slot))) continue;
    lock.noteSlotUsed(slot);
    ownSlots.add(slot);
    return slot;
  }
  throw new Error('no slot');
});

// The scan

/** Looks at all slots: what each lists, and whether its handle lives. */
function scanning(counts: (own: Insides, slot: number, lives: boolean) => boolean): Mutate {
  return method(Readers.prototype, 'scan', function () {
    const own = insides(this);
    const listed = new Set<number>();
    const used = own.lock.slotsUsed;
    for (let slot = 0; slot < used; slot++) {
      const short = Atomics.load(own.words, own.lock.slotWord(slot));
      if (short === 0) continue;
      const lives =
        own.ownSlots.has(slot) || own.storage.isLocked(slotByte(own.lock.session, slot), 1);
      if (counts(own, slot, lives)) listed.add(short);
    }
    return listed;
  });
}

/** A scan looks once: what moves from a slot to another meanwhile may be missed in both. */
export const scansOnce: Mutate = scanning((_own, _slot, lives) => lives);

/** A handle that lives is taken for dead. */
export const livingCountForNothing: Mutate = scanning(() => false);

/** What a dead handle lists is kept. */
export const deadAreCounted: Mutate = scanning(() => true);

/** A writer clears the slots of dead handles, which may have a new owner by now. */
export const deadAreCleared: Mutate = scanning((own, slot, lives) => {
  if (!lives) Atomics.store(own.words, slotAt(READER_SLOTS, slot) + SLOT.snapshot, 0);
  return lives;
});

/** The scan of the commit before is used: it was made before that one was published. */
export const scanBeforePublishing: Mutate = () => {
  const { scan } = Readers.prototype;
  return replaced(Readers.prototype, 'scan', {
    value(this: Readers): Set<number> {
      const now = scan.call(this);
      const before: unknown = Reflect.get(this, 'mutant');
      Reflect.set(this, 'mutant', [...now]);
      return Array.isArray(before) ? new Set<number>(before) : now;
    },
  });
};

// The retained table

/** Drops all that `keeps` does not name, and that nobody lists. */
function dropping(keeps: (lock: LockWords, tip: Tip) => number[]): Mutate {
  return method(WriterTurn.prototype, 'dropUnneeded', function (tip: Tip) {
    const lock: LockWords = Reflect.get(this, 'lock');
    const file: { readonly readers: Readers } = Reflect.get(this, 'file');
    const listed = file.readers.scan();
    const keep = keeps(lock, tip);
    const retained: SnapshotRoots[] = [];
    for (let entry = 0; entry < lock.entriesUsed; entry++) {
      if (!lock.isRetained(entry)) continue;
      const roots = lock.entryRoots(entry);
      if (keep.includes(entry) || listed.has(shortId(roots.id))) retained.push(roots);
      else lock.drop(entry);
    }
    return retained;
  });
}

export const dropsD: Mutate = dropping((lock, tip) => [tip.entry, lock.commitInProgress]);
export const dropsPublished: Mutate = dropping((lock, tip) => [
  lock.durableEntry === tip.entry ? -1 : lock.durableEntry,
]);

/** The slots are scanned first, and then the published word is read. */
export const scansFirst: Mutate = dropping((lock, tip) => [
  tip.entry,
  tip.durableEntry,
  lock.durableEntry,
  lock.commitInProgress,
  lock.findEntry(lock.published),
]);

/** What is published and D are kept, and not the commit in flight that is built on. */
export const dropsWhatIsInFlight: Mutate = dropping((lock) => [
  lock.durableEntry,
  lock.findEntry(lock.published),
]);

// Ids, and step 1

export const idsAreNotStored: Mutate = () => {
  const before = Object.getOwnPropertyDescriptor(LockWords.prototype, 'lastIdStarted');
  return replaced(LockWords.prototype, 'lastIdStarted', { ...before, set() {} });
};

export const noTakeover: Mutate = () =>
  replaced(LockWords.prototype, 'commitInProgress', { get: () => -1 });

/** A dead writer's work is finished first, and then the poison flag is looked at. */
export const poisonIsSeenLate: Mutate = method(WriterTurn.prototype, 'start', function () {
  const lock: LockWords = Reflect.get(this, 'lock');
  const storage: SteppedStorage = Reflect.get(this, 'storage');
  const { pages, identity } = Reflect.get(this, 'file');
  if (lock.commitInProgress >= 0) {
    try {
      finishDeadCommit(storage, lock, pages, identity);
    } catch (error) {
      throw Reflect.get(this, 'jobs').translate(error, 0);
    }
  }
  if (lock.poisoned) throw poisonedError(storage.path, lock);
});

// Jobs

/** Runs other jobs than it was given. */
export function changingJobs(change: (rows: Row[], shape: Shape) => Row[]): Mutate {
  const changed = (job: Job): Job => {
    const rows = rowsOf(job);
    const other = new Job();
    for (const row of change(rows, shapeOf(rows))) other.steps.push(...row);
    other.buffers.push(...job.buffers);
    return other;
  };
  return () => {
    const { run, runSync } = SteppedStorage.prototype;
    const back = [
      replaced(SteppedStorage.prototype, 'runSync', {
        value(this: SteppedStorage, job: Job): void {
          runSync.call(this, changed(job));
        },
      }),
      replaced(SteppedStorage.prototype, 'run', {
        value(this: SteppedStorage, job: Job): Promise<void> {
          return run.call(this, changed(job));
        },
      }),
    ];
    return () => {
      for (const undo of back) undo();
    };
  };
}

/** A commit goes on whatever became of the one that it was built on. */
export const noGuard: Mutate = changingJobs((rows) => rows.filter((row) => row[0] !== OP.GUARD));

export function isStore(row: Row, word: number, value?: number): boolean {
  return row[0] === OP.STORE && row[1] === word && (value === undefined || row[2] === value);
}

/** Moves rows to where they stand before the first row that `before` names. */
export function moved(
  rows: readonly Row[],
  isMoved: (row: Row) => boolean,
  before: (row: Row) => boolean,
): Row[] {
  const rest = rows.filter((row) => !isMoved(row));
  const at = rest.findIndex(before);
  if (at < 0) return [...rows];
  return [...rest.slice(0, at), ...rows.filter(isMoved), ...rest.slice(at)];
}

function writesPages(row: Row): boolean {
  return (
    row[0] === OP.WRITE &&
    row.slice(2).some((_, i) => i % 4 === 2 && row[2 + i] !== META_SLOT_BYTES)
  );
}

/** A takeover flushes, and does not write again what a failed flush left clean. */
export const takeoverOnlyFlushes: Mutate = changingJobs((rows, shape) =>
  shape === 'finish' || shape === 'give up' ? rows.filter((row) => !writesPages(row)) : rows,
);

/** The slots of what was given up stay as they are when the poison flag is cleared. */
export const poisonedSlotsStay: Mutate = changingJobs((rows, shape) =>
  shape === 'clear poison' ? rows.filter((row) => row[0] !== OP.ZERO) : rows,
);

export const noPoison: Mutate = changingJobs((rows) =>
  rows.filter((row) => !isStore(row, WORD.poisoned)),
);

export const publishesBeforeFlush: Mutate = changingJobs((rows, shape) =>
  shape === 'commit'
    ? moved(
        rows,
        (row) => isStore(row, WORD.published),
        (row) => row[0] === OP.FLUSH,
      )
    : rows,
);

export const durableBeforeFlush: Mutate = changingJobs((rows, shape) =>
  shape === 'commit'
    ? moved(
        rows,
        (row) => isStore(row, WORD.durable),
        (row) => row[0] === OP.FLUSH,
      )
    : rows,
);

/** What is in progress is noted when its meta is on the disk. */
export const progressIsNotedLate: Mutate = changingJobs((rows, shape) =>
  shape === 'commit'
    ? moved(
        rows,
        (row) => isStore(row, WORD.commitInProgress) && row[2] !== 0,
        (row) => isStore(row, WORD.publishedEntry),
      )
    : rows,
);

/** The writer lock is given back before the commit is published. */
export const releasesEarly: Mutate = changingJobs((rows, shape) =>
  shape === 'commit'
    ? moved(
        rows,
        (row) => row[0] === OP.RELEASE,
        (row) => isStore(row, WORD.publishedEntry),
      )
    : rows,
);
