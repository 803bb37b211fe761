/**
 * A process of the simulator with the database open: the pager, and above it a catalogue with one store,
 * as the engine has. It tells the history of each step.
 */

import { checkTree } from '../../src/btree/check.ts';
import type { PackPass } from '../../src/btree/pack.ts';
import { Scratch } from '../../src/btree/scratch.ts';
import { Tree } from '../../src/btree/tree.ts';
import { WritableTree } from '../../src/btree/writable-tree.ts';
import { decodeRecord, encodeRecord, type TreeRoot } from '../../src/format/catalogue.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { PAGE_FLAG } from '../../src/format/page-header.ts';
import { initialise } from '../../src/pager/create-file.ts';
import type { LockWords } from '../../src/pager/lock-words.ts';
import { openFile } from '../../src/pager/open-file.ts';
import { Pager } from '../../src/pager/pager.ts';
import { PrivateMemory } from '../../src/pager/private-memory.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import type { Durability, WriteSession } from '../../src/pager/write-session.ts';
import { checkAccounting } from './crash-accounting.ts';
import { RecordingStorage } from './recording-storage.ts';
import {
  type Changes,
  type History,
  isValue,
  type SimState,
  type SimValue,
  valueBytes,
} from './sim-history.ts';
import { Killed, type MachineCounts, noCounts, SimMachine } from './sim-machine.ts';

export interface SimOptions {
  readonly pageSize: number;
  readonly segmentBytes: number;
  /** Smaller than segments, as in life: what confuses the two is found. The disk has such pieces. */
  readonly windowBytes: number;
  readonly maxReaders: number;
  /** How a handle is made: a mutation gives another class. */
  readonly storage: (machine: SimMachine) => RecordingStorage;
  /** How the handle that makes the database is made; RecordingStorage when absent. */
  readonly maker?: (machine: SimMachine) => RecordingStorage;
  /** Told of each lock file when the database has been opened: for mutations. */
  readonly opened?: (lock: LockWords) => void;
}

export const DEFAULT_SIM: SimOptions = {
  pageSize: 1024,
  segmentBytes: 2 ** 15,
  windowBytes: 2 ** 13,
  maxReaders: 8,
  storage: (machine) => new RecordingStorage(machine),
};

const STORE: Uint8Array = new TextEncoder().encode('s');
const DESCRIPTION = { key: 'b', value: 'b', flags: 0 };
const keyBytes = new Uint8Array(2);

function encodeKey(key: number): Uint8Array {
  keyBytes[0] = key >> 8;
  keyBytes[1] = key;
  return keyBytes;
}

/** The same in each run, so that a seed repeats it. */
const IDENTITY = Buffer.from('a simulated database, 24', 'latin1');

/** A machine with an empty database, flushed. */
export function newMachine(options: SimOptions, counts: MachineCounts = noCounts()): SimMachine {
  const machine = new SimMachine(options.windowBytes, undefined, counts);
  const storage = options.maker?.(machine) ?? new RecordingStorage(machine);
  initialise(storage, options.pageSize, IDENTITY);
  storage.close();
  return machine;
}

/** A transaction that has been built and not been committed yet. */
export interface Built {
  readonly session: WriteSession;
  readonly root: TreeRoot;
  readonly state: SimState;
}

export class SimProcess {
  readonly machine: SimMachine;
  readonly storage: RecordingStorage;
  readonly pager: Pager;
  readonly history: History;
  readonly steppedBackFrom: number;
  private readonly scratch: Scratch;

  private constructor(
    machine: SimMachine,
    storage: RecordingStorage,
    history: History,
    pager: Pager,
    steppedBackFrom: number,
  ) {
    this.machine = machine;
    this.storage = storage;
    this.history = history;
    this.pager = pager;
    this.steppedBackFrom = steppedBackFrom;
    this.scratch = scratchFor(pager.pages.geometry);
  }

  /** Opens the database. `diesAt`: the process is killed at that step. */
  static open(machine: SimMachine, history: History, options: SimOptions, diesAt = -1): SimProcess {
    const storage = options.storage(machine);
    storage.diesAt = diesAt;
    const file = openFile(storage, {
      addressSpace: 2 ** 30,
      segmentBytes: options.segmentBytes,
      windowBytes: options.windowBytes,
      lockTimeout: 0,
      maxReaders: options.maxReaders,
      verify: 'first-read',
      recoverPrevious: false,
    });
    const pager = new Pager(file, { lockTimeout: 0, maxGrowth: 2, readOnly: false });
    Reflect.set(pager, 'memory', memoryFor(pager.pages.geometry));
    options.opened?.(file.lock);
    const steppedBackFrom = file.recovered?.steppedBackFrom ?? 0;
    return new SimProcess(machine, storage, history, pager, steppedBackFrom);
  }

  get published(): SnapshotRoots {
    const { lock } = this.pager;
    return lock.entryRoots(lock.findEntry(lock.published));
  }

  // Writing

  begin(): WriteSession {
    return this.noted(this.pager.beginWriteSync());
  }

  noted(session: WriteSession): WriteSession {
    this.history.began(session.id, session.base.id);
    return session;
  }

  /** Makes the changes in the session's private memory. */
  build(session: WriteSession, changes: Changes): Built {
    const { tree: store, record } = this.storeIn(session);
    const state = new Map<number, SimValue>(this.history.stateOf(session.base.id));
    for (const [key, length] of changes) {
      if (length === undefined) {
        store.remove(encodeKey(key), 2);
        state.delete(key);
      } else {
        const value = { writer: session.id, length };
        store.put(encodeKey(key), 2, valueBytes(key, value), 0, length);
        state.set(key, value);
      }
    }
    return { session, root: record(), state };
  }

  /** The store's tree in a session; `record` notes it in the catalogue, whose root it returns. */
  private storeIn(session: WriteSession): { tree: WritableTree; record: () => TreeRoot } {
    const { pages } = session;
    const catalogue = new WritableTree(
      pages,
      catalogueRoot(session.base),
      this.scratch,
      PAGE_FLAG.catalogue,
    );
    const tree = new WritableTree(pages, storeRoot(catalogue), this.scratch, 0);
    const record = (): TreeRoot => {
      const bytes = encodeRecord(DESCRIPTION, tree.root);
      catalogue.put(STORE, STORE.length, bytes, 0, bytes.length);
      return catalogue.root;
    };
    return { tree, record };
  }

  /** Commits what was built. An error is thrown on; a full disk is told to the history. */
  commitBuilt({ session, root, state }: Built, durability: Durability): number {
    const { history, pager } = this;
    history.committing(session.id, state);
    try {
      pager.commitSync(session, root.page, root.birth, durability);
    } catch (error) {
      if (isDiskFull(error)) history.aborted(session.id);
      throw error;
    }
    history.published(session.id);
    if (durability === 'commit') history.durable(session.id);
    return session.id;
  }

  commit(changes: Changes, durability: Durability = 'commit'): number {
    return this.commitBuilt(this.build(this.begin(), changes), durability);
  }

  /** As `commit`, through the queue: resolves when the durability says so. */
  async commitLater(built: Built, durability: Durability): Promise<number> {
    const { session, root, state } = built;
    this.history.committing(session.id, state);
    try {
      await this.pager.commit(session, root.page, root.birth, durability);
    } catch (error) {
      if (isDiskFull(error)) this.history.aborted(session.id);
      throw error;
    }
    this.history.published(session.id);
    if (durability === 'commit') this.history.durable(session.id);
    return session.id;
  }

  /** One transaction of compaction, as src/upkeep/compact.ts makes them. */
  pack(pass: PackPass, end: number, pages: number, durability: Durability = 'commit'): void {
    const session = this.begin();
    const space = this.pager.lowSpace(session, end, pages + 16);
    const store = this.storeIn(session);
    pass.stopAt = pass.moved + pages;
    while (!pass.finished && pass.moved < pass.stopAt) {
      store.tree.pack(pass, 4, (count, before) => space.takeRun(count, before));
    }
    space.dispose();
    const state = this.history.stateOf(session.base.id);
    this.commitBuilt({ session, root: store.record(), state }, durability);
  }

  flush(): void {
    this.pager.flushSync();
    this.history.durable(this.published.id);
  }

  /** Flushes and closes, as the database does. */
  close(): void {
    this.flush();
    this.pager.close();
  }

  // Reading

  /** Throws unless the snapshot holds exactly that state. */
  expectContent(roots: SnapshotRoots, state: SimState): void {
    const { pages } = this.pager;
    const catalogue = new Tree(pages, catalogueRoot(roots));
    const store = new Tree(pages, storeRoot(catalogue));
    if (store.root.entries !== state.size) {
      throw new Error(`snapshot ${roots.id} has ${store.root.entries} entries, not ${state.size}`);
    }
    const cursor = store.cursor();
    const key = new Uint8Array(pages.geometry.maxKeyBytes);
    for (let more = cursor.first(); more; more = cursor.next()) {
      cursor.copyKey(key);
      const number = key[0]! * 256 + key[1]!;
      const value = state.get(number);
      cursor.loadValue();
      const { bytes } = cursor.valueSegment;
      if (
        value === undefined ||
        !isValue(bytes, cursor.valueStart, cursor.valueEnd, number, value)
      ) {
        throw new Error(`snapshot ${roots.id}: key ${number} has not the value of its transaction`);
      }
    }
  }

  /** The full check of a snapshot: content, tree, accounting. Returns its pages. */
  check(roots: SnapshotRoots, state: SimState): Set<number> {
    const { pages } = this.pager;
    this.expectContent(roots, state);
    const catalogue = new Tree(pages, catalogueRoot(roots));
    checkTree(pages, storeRoot(catalogue));
    return checkAccounting(this.storage, pages, roots);
  }
}

/** One per page size, however many processes: trees of one transaction are changed one at a time. */
const scratches = new Map<number, Scratch>();

function scratchFor(geometry: Geometry): Scratch {
  const { pageSize } = geometry;
  const scratch = scratches.get(pageSize) ?? new Scratch(geometry);
  scratches.set(pageSize, scratch);
  return scratch;
}

/**
 * One per page size as well: each transaction has its chunks for itself, and what is in them is
 * anything. A megabyte for each process would be most of the garbage.
 */
const memories = new Map<number, PrivateMemory>();

function memoryFor({ pageSize }: Geometry): PrivateMemory {
  const memory = memories.get(pageSize) ?? new PrivateMemory();
  memories.set(pageSize, memory);
  return memory;
}

function catalogueRoot({ cataloguePage, catalogueBirth }: SnapshotRoots): TreeRoot {
  const isEmpty = cataloguePage === 0;
  return { page: cataloguePage, birth: catalogueBirth, entries: isEmpty ? 0 : 1, version: 0 };
}

function storeRoot(catalogue: Tree): TreeRoot {
  if (!catalogue.get(STORE, STORE.length)) return { page: 0, birth: 0, entries: 0, version: 0 };
  const { valueSegment, valueStart, valueEnd } = catalogue.found;
  const record = decodeRecord(valueSegment.bytes, valueStart, valueEnd);
  if (record === undefined) throw new Error('the catalogue has no record of the store');
  return record.root;
}

/** Whether an error means that nothing was changed, and the database is as usable as before. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'DISK_FULL';
}

/** Whether an error says that an earlier write or flush failed. */
export function isPoisoned(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'DATABASE_POISONED';
}

/** Runs `work`, which may be killed. Returns whether it was. */
export function diesIn(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  }
}
