/**
 * Actors: programs over the code of src/pager, and where in it one of them may be.
 *
 * A place in a program is named by the results that its operations had so far. What the actor does next
 * there follows from them, so it is found out once, by running the code from its beginning, and kept:
 * most steps of an exploration run no code at all.
 */

import { Geometry } from '../../src/format/geometry.ts';
import type { Segment } from '../../src/format/segment.ts';
import { LockWords } from '../../src/pager/lock-words.ts';
import { MappedPages } from '../../src/pager/mapped-pages.ts';
import type { DatabaseIdentity } from '../../src/pager/metas.ts';
import { type OpenedFile, openFile } from '../../src/pager/open-file.ts';
import { Pager } from '../../src/pager/pager.ts';
import { PrivateMemory } from '../../src/pager/private-memory.ts';
import { Readers } from '../../src/pager/readers.ts';
import { shortId } from '../../src/pager/snapshot.ts';
import { PAGE_BYTES } from './inter-content.ts';
import { READER_SLOTS } from './inter-machine.ts';
import { LOCK_FILE, type Note, type Operation, replay } from './inter-operations.ts';
import { FILE_BYTES, OPEN_OPTIONS, SEGMENT_BYTES, SteppedStorage } from './inter-storage.ts';

/** An open handle, as a program uses it. */
export interface Handle {
  readonly pager: Pager;
  readonly readers: Readers;
  readonly pages: MappedPages;
  readonly storage: SteppedStorage;
}

/** What an actor does. Run again and again: it must do the same when it is given the same results. */
export interface Program {
  readonly name: string;
  /** Its handle is made before all begin. */
  readonly attaches: boolean;
  readonly run: (actor: Actor) => void;
}

/** What a program works with. */
export interface Actor {
  /** A handle on a database that is open elsewhere: without the opener's steps. */
  readonly attach: () => Handle;
  /** A handle by the code of `open`. */
  readonly open: () => Handle;
  readonly note: (note: Note, value?: number) => void;
  /** Time goes by. */
  readonly wait: () => void;
  /** Between two things that it does with the handle, `done` of which are done. */
  readonly idle: (handle: Handle, done: number) => void;
}

/** A place in a program. Two of one program with the same results are the same place. */
export interface Place {
  readonly id: number;
  readonly operation: Operation;
}

interface KnownPlace extends Place {
  readonly parent: KnownPlace | undefined;
  readonly result: number;
  readonly depth: number;
  readonly next: Map<number, KnownPlace>;
}

/** Private pages are large, and one actor runs at a time: all have the same ones. */
class SharedMemory extends PrivateMemory {
  private readonly ring = [0, 1].map(() => super.takeChunk());
  private taken = 0;
  override takeChunk(): Segment {
    return this.ring[this.taken++ % this.ring.length]!;
  }
  override giveBackChunks(): void {}
}

/** All places of the programs of one exploration. */
export class Places {
  private readonly all: KnownPlace[] = [];
  private readonly programs: Program[] = [];
  private readonly roots: number[] = [];
  private readonly programOf: Program[] = [];
  /** Places between two things that a program does. */
  private readonly idle = new Map<string, KnownPlace>();
  private readonly identity: DatabaseIdentity;
  private readonly memory = new SharedMemory();

  constructor(identity: DatabaseIdentity) {
    this.identity = identity;
  }

  get count(): number {
    return this.all.length;
  }

  get(id: number): Place {
    return this.all[id]!;
  }

  /** The first place of a program. */
  start(program: Program): Place {
    const known = this.programs.indexOf(program);
    if (known >= 0) return this.all[this.roots[known]!]!;
    this.programs.push(program);
    const place = this.make(program, undefined, 0);
    this.roots.push(place.id);
    return place;
  }

  /** Where the actor is after its operation had that result. */
  after(id: number, result: number): Place {
    const place = this.all[id]!;
    let next = place.next.get(result);
    if (next === undefined) {
      next = this.make(this.programOf[id]!, place, result);
      place.next.set(result, next);
    }
    return next;
  }

  private make(program: Program, parent: KnownPlace | undefined, result: number): KnownPlace {
    const depth = parent === undefined ? 0 : parent.depth + 1;
    const results = new Array<number>(depth);
    for (let at = depth, from = parent, last = result; at > 0 && from !== undefined; ) {
      results[--at] = last;
      last = from.result;
      from = from.parent;
    }
    const operation = replay.run(results, () => program.run(this.actor()));
    const id = this.all.length;
    if (operation.kind === 'idle') {
      // Whatever led here, the same is left of it: what follows is the same too.
      const key = `${this.programs.indexOf(program)} ${operation.left}`;
      const known = this.idle.get(key);
      if (known !== undefined) return known;
      this.idle.set(key, { id, operation, parent, result, depth, next: new Map() });
      return this.keep(this.idle.get(key)!, program);
    }
    return this.keep({ id, operation, parent, result, depth, next: new Map() }, program);
  }

  private keep(place: KnownPlace, program: Program): KnownPlace {
    this.all.push(place);
    this.programOf.push(program);
    return place;
  }

  private actor(): Actor {
    return {
      attach: () => this.attach(),
      open: () => {
        const storage = new SteppedStorage();
        return this.handle(storage, opened(storage));
      },
      note: (note, value = 0) => {
        replay.other(() => ({ kind: 'note', note, value }));
      },
      wait: () => {
        replay.other(() => ({ kind: 'wait' }));
      },
      idle: (handle, done) => {
        replay.other(() => ({ kind: 'idle', left: `${done} ${stateOf(handle)}` }));
      },
    };
  }

  private attach(): Handle {
    const storage = new SteppedStorage();
    const geometry = new Geometry(PAGE_BYTES, SEGMENT_BYTES);
    const lock = new LockWords(LOCK_FILE, READER_SLOTS);
    const pages = this.pages(storage, geometry);
    const { identity } = this;
    const readers = new Readers(storage, lock);
    // It has read before.
    const current = lock.entryRoots(lock.findEntry(lock.published));
    Reflect.set(readers, 'current', current);
    Reflect.set(readers, 'currentShort', shortId(current.id));
    const recovered = undefined;
    return this.handle(storage, { storage, geometry, identity, lock, pages, readers, recovered });
  }

  private pages(storage: SteppedStorage, geometry: Geometry): MappedPages {
    const { secretLow: low, secretHigh: high } = this.identity;
    const secret = { low, high };
    return new MappedPages(storage, geometry, secret, 'structure', FILE_BYTES, SEGMENT_BYTES);
  }

  private handle(storage: SteppedStorage, file: OpenedFile): Handle {
    const pager = new Pager(file, { lockTimeout: 0, maxGrowth: 0, readOnly: false });
    // Their content is nobody's business: what is read of them was written before.
    Reflect.set(pager, 'memory', this.memory);
    return { pager, readers: file.readers, pages: file.pages, storage };
  }
}

/** What an idle handle knows from before: its readers, and which pages it has checked. */
function stateOf({ readers, pages }: Handle): string {
  const ofReaders = ['short', 'depth', 'current', 'currentShort', 'spareSlots', 'mutant'];
  const left = ofReaders.map((name): unknown => Reflect.get(readers, name));
  const slots: unknown = Reflect.get(readers, 'ownSlots');
  const pins: unknown = Reflect.get(readers, 'pins');
  if (!(slots instanceof Set) || !(pins instanceof Map)) throw new Error('readers are made anew');
  const checked: unknown = Reflect.get(pages, 'checked');
  return JSON.stringify([left, [...slots], [...pins], checked, readers.constructor.name]);
}

/** `openFile`, which leaves it to its caller to close what it could not open. */
function opened(storage: SteppedStorage): OpenedFile {
  try {
    return openFile(storage, OPEN_OPTIONS);
  } catch (error) {
    storage.close();
    throw error;
  }
}
