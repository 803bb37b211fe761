/**
 * What the retained snapshots take of the file, together and each by itself: live size is the pages
 * in use by any of them (docs/space.md).
 */

import { CorruptionError } from '../errors.ts';
import { findMapLeaf, readMapLeaf } from './allocation-map.ts';
import type { LockWords } from './lock-words.ts';
import type { PageReader } from './page-reader.ts';
import type { ListedReader, Readers } from './readers.ts';
import { type SnapshotRoots, shortId } from './snapshot.ts';

/** A snapshot in use by someone, and what it keeps. */
export interface ReaderSpace {
  readonly snapshot: number;
  readonly ageMs: number;
  readonly self: boolean;
  readonly bytesHeld: number;
}

export interface SpaceAccount {
  readonly liveBytes: number;
  readonly readers: ReaderSpace[];
}

/** Snapshots can be let go of while they are measured: so often it is begun anew. */
const MAX_TRIES = 20;
/** And so often with D: who commits all the time lets go of one after the other. */
const TRIES_WITH_D = 3;

/**
 * The account of the snapshots that are retained now: `pinned`, which the caller keeps, D, and what
 * `listed` readers use; listed again when one of these has ended meanwhile.
 */
export function accountSpace(
  lock: LockWords,
  readers: Readers,
  pages: PageReader,
  pinned: SnapshotRoots,
  listed: readonly ListedReader[],
): SpaceAccount {
  for (let tries = 0; ; tries++) {
    const list = tries === 0 ? listed : stillListed(readers, listed);
    const named = new Map<number, SnapshotRoots>([[pinned.id, pinned]]);
    const entries = list.map(({ shortId }) => lock.findEntry(shortId));
    if (tries < TRIES_WITH_D) entries.push(lock.durableEntry);
    for (const entry of entries) {
      // None: that reader lost a race and is about to look again.
      if (entry < 0) continue;
      const roots = lock.entryRoots(entry);
      named.set(roots.id, roots);
    }
    const snapshots = [...named.values()];
    const kept = [pinned.id, lock.entryId(lock.durableEntry)];
    // Pages of a snapshot that nobody keeps any longer are overwritten: no damage, and no figures.
    const ended = (): boolean =>
      snapshots.some((roots) => roots !== pinned && !isKept(lock, readers, roots));
    try {
      const space = measureRetained(pages, snapshots);
      if (tries === MAX_TRIES || !ended()) return accountOf(space, snapshots, kept, list, pages);
    } catch (error) {
      if (!(error instanceof CorruptionError) || tries === MAX_TRIES || !ended()) throw error;
    }
  }
}

/** Those of the readers that still are; whoever asks lists a snapshot too, and is none of them. */
function stillListed(readers: Readers, before: readonly ListedReader[]): ListedReader[] {
  const now = readers.list();
  return before.filter((reader) =>
    now.some(({ shortId: short, self }) => short === reader.shortId && self === reader.self),
  );
}

function isKept(lock: LockWords, readers: Readers, { id }: SnapshotRoots): boolean {
  return lock.entryId(lock.durableEntry) === id || readers.scan().has(shortId(id));
}

function accountOf(
  { live, held }: RetainedSpace,
  snapshots: readonly SnapshotRoots[],
  kept: readonly number[],
  listed: readonly ListedReader[],
  { geometry }: PageReader,
): SpaceAccount {
  const { pageSize } = geometry;
  const readers = listed.flatMap(({ shortId: short, ageMs, self }) => {
    const i = snapshots.findIndex(({ id }) => shortId(id) === short);
    if (i < 0) return [];
    const { id } = snapshots[i]!;
    // The newest snapshot and D stay whoever reads them.
    const bytesHeld = kept.includes(id) ? 0 : held[i]! * pageSize;
    return [{ snapshot: id, ageMs, self, bytesHeld }];
  });
  return { liveBytes: live * pageSize, readers };
}

export interface RetainedSpace {
  /** Pages in use by any of the snapshots. */
  readonly live: number;
  /** Of each snapshot: pages that are free as soon as it alone is let go of. */
  readonly held: readonly number[];
}

/** Measures snapshots, all different, which nobody may let go of meanwhile. */
export function measureRetained(
  pages: PageReader,
  snapshots: readonly SnapshotRoots[],
): RetainedSpace {
  const { mapLeafBits } = pages.geometry;
  const end = snapshots.reduce((last, { filePages }) => Math.max(last, filePages), 0);
  const held = snapshots.map(() => 0);
  const words = snapshots.map(() => new Int32Array(mapLeafBits >> 5));
  const once = new Int32Array(mapLeafBits >> 5);
  const twice = new Int32Array(mapLeafBits >> 5);
  let live = 0;
  for (let index = 0; index * mapLeafBits < end; index++) {
    const pointers = snapshots.map((roots) => findMapLeaf(pages, roots, index));
    const leaves = pointers.map(({ page }) => page);
    once.fill(0);
    twice.fill(0);
    leaves.forEach((leaf, i) => {
      // Who shares a bitmap page with another holds nothing of it alone.
      const other = leaves.indexOf(leaf);
      if (other < i) {
        for (let w = 0; w < once.length; w++) twice[w]! |= words[other]![w]!;
        return;
      }
      readMapLeaf(pages, pointers[i]!, words[i]!, false);
      for (let w = 0; w < once.length; w++) {
        twice[w]! |= once[w]! & words[i]![w]!;
        once[w]! |= words[i]![w]!;
      }
    });
    for (const word of once) live += bitCount(word);
    leaves.forEach((leaf, i) => {
      if (leaves.indexOf(leaf) < i) return;
      for (let w = 0; w < once.length; w++) held[i]! += bitCount(words[i]![w]! & ~twice[w]!);
    });
  }
  return { live, held };
}

/** How many bits are set. */
function bitCount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
