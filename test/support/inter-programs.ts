/**
 * What the actors of the interleavings do with a handle. Each says what it relies on, by notes that the
 * properties look at.
 */

import { PAGE_TYPE } from '../../src/format/page-header.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';
import type { Durability } from '../../src/pager/write-session.ts';
import type { Actor, Handle, Program } from './inter-actor.ts';
import { changeSomething } from './inter-begin.ts';
import { Paused } from './inter-operations.ts';

/** Looks at every page of a snapshot, as a search would. */
function readAll({ pages }: Handle, roots: SnapshotRoots): void {
  pages.find(roots.mapPage, roots.mapBirth, PAGE_TYPE.map);
  if (roots.cataloguePage === 0) return;
  pages.find(roots.cataloguePage, roots.catalogueBirth, PAGE_TYPE.leaf);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Runs `work`. Whether it failed with one of these codes; any other failure goes on. */
export function refused(codes: readonly string[], work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Paused || !codes.some((code) => code === codeOf(error))) throw error;
    return true;
  }
}

function commit({ pager }: Handle, { note }: Actor, durability: Durability): void {
  const session = pager.beginWriteSync();
  note('began', session.id);
  try {
    pager.commitSync(session, changeSomething(session), session.id, durability);
  } catch (error) {
    if (!(error instanceof Paused)) note('failed', session.id);
    throw error;
  }
  note(durability === 'commit' ? 'told durable' : 'told', session.id);
}

/** What a writer does, one after the other: a commit of that durability, a flush; closing, last. */
export type Write = Durability | 'flush' | 'close';

/** Ends when a failed flush stops all writers. */
export function writer(writes: readonly Write[]): Program {
  return {
    name: `writer: ${writes.join(', ')}`,
    attaches: true,
    run: (actor) => writeAll(actor, actor.attach(), writes),
  };
}

function writeAll(actor: Actor, handle: Handle, writes: readonly Write[]): void {
  const { note } = actor;
  actor.idle(handle, 0);
  writes.forEach((write, i) => {
    const stopped = refused(STOPPED, () => {
      if (write === 'close') {
        handle.pager.close();
        return;
      }
      if (write !== 'flush') {
        commit(handle, actor, write);
        return;
      }
      // What was told before is durable after it, whoever wrote it.
      note('looks');
      handle.pager.flushSync();
      note('flushed');
    });
    if (stopped) note('stopped');
    actor.idle(handle, i + 1);
  });
}

/** What a writer is told when a flush failed, its own or another's. */
export const STOPPED: readonly string[] = ['DATABASE_POISONED'];

/**
 * How a reader keeps a snapshot: as iterators and snapshots do, as `get`, as a backup; or first as
 * `get`, which goes on to keep it as a snapshot does.
 */
export type Way = 'pin' | 'short' | 'D' | 'short, then pin';

/** Reads what is published, or D, so often. */
export function reader(ways: readonly Way[]): Program {
  return {
    name: `reader: ${ways.join(', ')}`,
    attaches: true,
    run: (actor) => {
      const handle = actor.attach();
      actor.idle(handle, 0);
      ways.forEach((way, i) => {
        read(handle, actor, way);
        actor.idle(handle, i + 1);
      });
    },
  };
}

const BEGIN = {
  pin: 'pin',
  short: 'beginShort',
  D: 'pinDurable',
  'short, then pin': 'beginShort',
} as const;

function read(handle: Handle, { note, wait }: Actor, way: Way): void {
  const { readers } = handle;
  if (way !== 'D') note('looks');
  const roots = readers[BEGIN[way]]();
  note(way === 'D' ? 'pinned D' : 'pinned', roots.id);
  readAll(handle, roots);
  wait();
  if (way === 'short, then pin') {
    readers.pin();
    readers.endShort();
    wait();
  }
  readAll(handle, roots);
  note('lets go', roots.id);
  if (way === 'short') readers.endShort();
  else readers.unpin(roots.id);
}

/** More tries than a scenario has deaths and failed flushes. */
const MOST_OPENS = 4;

/** Opens by the code of `open`, again when a flush fails in it; reads, and writes. */
export function opener(writes: readonly Write[], ways: readonly Way[] = ['pin']): Program {
  return {
    name: `opener: ${ways.join(', ')}, ${writes.join(', ')}`,
    attaches: false,
    run: (actor) => {
      let handle: Handle | undefined;
      for (let tries = 0; handle === undefined && tries < MOST_OPENS; tries++) {
        refused(['EIO'], () => {
          handle = actor.open();
        });
      }
      if (handle === undefined) throw new Error('it cannot be opened');
      for (const way of ways) read(handle, actor, way);
      writeAll(actor, handle, writes);
    },
  };
}
