/**
 * The sweep: entries that have expired are removed in the background, in small transactions, by
 * whichever handle writes.
 *
 * A pass goes through the stores with `expires`, a piece at a time, each from the key at which the
 * one before ended. A piece looks at a bounded number of entries without the writer lock, then
 * removes those that had expired, if they still have. After a pass the sweep rests until the first
 * expiry that it met, or that this handle has put since; after writes of this handle no longer than
 * a minute, since other handles may have put what it does not know of. Without writes, and without
 * expiries to come, it does nothing.
 */

import { Tree } from '../btree/tree.ts';
import { STORE_FLAG } from '../format/catalogue.ts';
import type { Pager } from '../pager/pager.ts';
import { allRecords, catalogueKey, catalogueRoot, findRecord } from '../transaction/catalogue.ts';
import { isExpired } from '../transaction/expiry.ts';
import type { WriteCore } from '../transaction/write-core.ts';
import type { WriteQueue } from '../transaction/write-queue.ts';

/** Entries that a piece looks at: half a millisecond of the event loop. */
const ENTRIES_PER_PIECE = 8192;
/** Entries that a piece removes: a transaction of a few milliseconds. */
const MOST_REMOVED = 1000;
/** Between two pieces of a pass, in ms; less when there is much to remove. */
const PAUSE_MS = 50;
const BUSY_PAUSE_MS = 1;
/** Between two passes, at least. */
const REST_MS = 500;
/** Between two passes at most, when this handle has written. */
const LONGEST_REST_MS = 60_000;

/** How far a pass has come in a store: `from` is the last key that it has seen. */
interface Place {
  readonly name: string;
  readonly key: Uint8Array;
  from: Uint8Array | undefined;
}

/** What a piece found. */
interface Piece {
  readonly expired: readonly Uint8Array[];
  readonly storeEnded: boolean;
}

export class ExpirySweep {
  private readonly pager: Pager;
  private readonly queue: WriteQueue;
  private timer: NodeJS.Timeout | undefined;
  /** When the timer fires, in ms since 1970. */
  private due = Number.POSITIVE_INFINITY;
  private running = false;
  private stopped = false;
  /** Stores that the present pass has not finished; none between two passes. */
  private places: Place[] = [];
  /** The first expiry that is still to come, as far as this handle knows. */
  private soonest = Number.POSITIVE_INFINITY;

  constructor(pager: Pager, queue: WriteQueue) {
    this.pager = pager;
    this.queue = queue;
  }

  /** This handle has committed something; the first expiry in it, or infinity. */
  committed(expiry: number): void {
    const now = Date.now();
    this.soonest = Math.min(this.soonest, expiry);
    this.wakeAt(Math.min(now + LONGEST_REST_MS, Math.max(now + REST_MS, expiry)));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** The timer keeps no process alive: what is left is swept by whoever writes next. */
  private wakeAt(time: number): void {
    if (this.stopped || time >= this.due) return;
    clearTimeout(this.timer);
    this.due = time;
    if (this.running) return;
    const delay = Math.min(LONGEST_REST_MS, Math.max(0, time - Date.now()));
    this.timer = setTimeout(() => void this.run(), delay);
    this.timer.unref();
  }

  private async run(): Promise<void> {
    this.running = true;
    this.due = Number.POSITIVE_INFINITY;
    let next: number;
    try {
      next = Date.now() + (await this.piece());
    } catch {
      // The lock was not to be had, a page not to be read: what asks for them hears of it.
      next = Date.now() + LONGEST_REST_MS;
    }
    this.running = false;
    // Or when a commit meanwhile asked for it.
    next = Math.min(next, this.due);
    this.due = Number.POSITIVE_INFINITY;
    if (next < Number.POSITIVE_INFINITY) this.wakeAt(next);
  }

  /** One piece of the pass. Returns for how long to rest then, in ms; infinity: until woken. */
  private async piece(): Promise<number> {
    const { pager } = this;
    if (pager.closed || pager.poisoned) return Number.POSITIVE_INFINITY;
    if (this.places.length === 0) this.beginPass();
    const place = this.places.at(-1);
    if (place === undefined) return Number.POSITIVE_INFINITY;
    const { expired, storeEnded } = this.look(place);
    if (expired.length > 0) await this.remove(place, expired);
    if (storeEnded) this.places.pop();
    if (this.places.length > 0) return expired.length > 0 ? BUSY_PAUSE_MS : PAUSE_MS;
    return Math.max(REST_MS, this.soonest - Date.now());
  }

  private beginPass(): void {
    this.soonest = Number.POSITIVE_INFINITY;
    const { pages, readers } = this.pager;
    const roots = readers.beginShort();
    try {
      this.places = allRecords(pages, roots)
        .filter(({ description }) => (description.flags & STORE_FLAG.expires) !== 0)
        .map(({ name }) => ({ name, key: catalogueKey(name), from: undefined }));
    } finally {
      readers.endShort();
    }
    pages.throwOnFault();
  }

  /** Goes on from the place, through so many entries at most. */
  private look(place: Place): Piece {
    const { pages, readers } = this.pager;
    const expired: Uint8Array[] = [];
    const roots = readers.beginShort();
    try {
      const catalogue = new Tree(pages, catalogueRoot(pages, roots));
      const record = findRecord(catalogue, place.name, place.key);
      if (record === undefined || (record.description.flags & STORE_FLAG.expires) === 0) {
        return { expired, storeEnded: true };
      }
      const cursor = new Tree(pages, record.root).cursor();
      const { from } = place;
      const key = new Uint8Array(pages.geometry.maxKeyBytes);
      const now = Date.now();
      let more = from === undefined ? cursor.first() : cursor.seek(from, from.length, false);
      for (let looked = 0; more && looked < ENTRIES_PER_PIECE; looked++) {
        if (isExpired(cursor, now)) expired.push(key.slice(0, cursor.copyKey(key)));
        else if (cursor.expiry !== 0) this.soonest = Math.min(this.soonest, cursor.expiry);
        const isLast = looked + 1 === ENTRIES_PER_PIECE || expired.length === MOST_REMOVED;
        if (isLast) {
          place.from = key.slice(0, cursor.copyKey(key));
          pages.throwOnFault();
          return { expired, storeEnded: false };
        }
        more = cursor.next();
      }
    } finally {
      readers.endShort();
    }
    pages.throwOnFault();
    return { expired, storeEnded: true };
  }

  private async remove(place: Place, keys: readonly Uint8Array[]): Promise<void> {
    await this.queue.add({
      run: (core) => removeExpired(core, place, keys),
      undoable: true,
      bytes: 0,
      // What comes back after a crash has expired still.
      durability: 'manual',
    });
  }
}

/** Of those entries the ones that have expired still: somebody may have put them anew. */
function removeExpired(core: WriteCore, { name, key }: Place, keys: readonly Uint8Array[]): void {
  const tree = core.treeNamed(name, key);
  if (tree === undefined) return;
  const now = Date.now();
  for (const bytes of keys) {
    if (tree.find(bytes, bytes.length) && isExpired(tree.found, now)) {
      tree.remove(bytes, bytes.length);
    }
  }
}
