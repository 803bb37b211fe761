/**
 * `prefetch`: pages brought into memory off this thread, before they are read here.
 *
 * It goes down the tree, and has the children that it needs of a branch loaded, by a thread of the
 * addon, before it looks at any of them. Here it looks at branches only, and at leaves that have
 * values in overflow runs, when they are in memory.
 */

import { EntryView } from '../btree/entry.ts';
import { type Bound, compareKeys } from '../btree/keys.ts';
import { type NeededChild, neededChildren, type Wanted } from '../btree/needed-pages.ts';
import { ROOT_TYPE } from '../btree/path.ts';
import type { Tree } from '../btree/tree.ts';
import { PAGE_FLAG, PAGE_TYPE, pageFlags, pageLevel, slotCount } from '../format/page-header.ts';
import { isNativeError, unreadable } from '../pager/failures.ts';
import type { Pager } from '../pager/pager.ts';
import { checkLongWork, type LongWork } from '../transaction/long-work.ts';
import { Pace } from '../transaction/pace.ts';
import type { PinnedSnapshots } from '../transaction/pinned-snapshot.ts';
import { type EncodedRange, encodeRange, type RangeOptions } from '../transaction/range.ts';
import type { StoreDefinition } from '../transaction/store-definition.ts';

/** Bytes that are loaded before anybody hears of it: a stop, or progress, waits for no more. */
const BATCH_BYTES: number = 4 * 2 ** 20;

/** How long the event loop is held at a time: whoever prefetches does not want to hold it. */
const PIECE_MS = 1;

/** What is to be loaded: the entries of a range, or those of some keys. */
export type PrefetchWish<K> = RangeOptions<K> | readonly K[] | undefined;

/** What it needs of its database. */
export interface PrefetchHost {
  readonly pager: Pager;
  readonly pins: PinnedSnapshots;
  /** Throws when the database is closed. */
  requireOpen(): void;
}

/** See Database.prefetch. */
export async function prefetch<K, V>(
  host: PrefetchHost,
  definition: StoreDefinition<K, V>,
  wish: PrefetchWish<K>,
  options: LongWork,
): Promise<{ pages: number }> {
  checkLongWork('prefetch', options);
  const wanted = Array.isArray(wish) ? encodeKeys(definition, wish) : undefined;
  const range = wanted === undefined ? encodeRange(definition, wish as RangeOptions<K>) : undefined;
  options.signal?.throwIfAborted();
  const pinned = host.pins.acquire();
  try {
    const walk = new PrefetchWalk(host, pinned.tree(definition), options);
    if (wanted !== undefined) await walk.load({ keys: wanted });
    else await walk.loadRange(range!);
    return { pages: walk.end() };
  } finally {
    pinned.release();
  }
}

/** The keys in order, each once. In a multi store the first entries of each. */
function encodeKeys<K>(definition: StoreDefinition<K, unknown>, keys: readonly K[]): Bound[] {
  const bounds = keys.map((key): Bound => {
    const length = definition.key.encode(definition.keyFormat, key);
    return { key: definition.key.bytes.slice(0, length), length, inclusive: true };
  });
  return bounds.sort((a, b) => compareKeys(a.key, a.length, b.key, b.length));
}

class PrefetchWalk {
  private readonly host: PrefetchHost;
  private readonly tree: Tree;
  private readonly options: LongWork;
  private readonly pace: Pace;
  private readonly entry: EntryView;
  private readonly separator: Uint8Array;
  /** Pages, and how many of each, that were asked for and not loaded yet. */
  private waiting: { page: number; count: number }[] = [];
  private waitingPages = 0;
  private loadedPages = 0;
  private toldPages = -1;

  constructor(host: PrefetchHost, tree: Tree, options: LongWork) {
    this.host = host;
    this.tree = tree;
    this.options = options;
    this.entry = new EntryView(tree.pages);
    this.separator = new Uint8Array(tree.pages.geometry.maxKeyBytes);
    this.pace = new Pace(() => {
      host.requireOpen();
      options.signal?.throwIfAborted();
    }, PIECE_MS);
  }

  /** The entries of a range, its limit and offset included. */
  async loadRange({ lower, upper, offset, limit, reverse }: EncodedRange): Promise<void> {
    const { tree } = this;
    // The ways to its ends first: where these lie is asked of pages that are in memory then.
    const ends = [lower, upper].filter((end) => end !== undefined);
    if (ends.length > 0) await this.load({ keys: ends });
    const begin = tree.rankOfLower(lower);
    const end = tree.rankOfUpper(upper);
    const size = Math.min(limit, end - begin - offset);
    if (size <= 0) return;
    const from = reverse ? end - offset - size : begin + offset;
    await this.load({ from, to: from + size });
  }

  /** All pages with those entries. */
  async load(wanted: Wanted): Promise<void> {
    const { page, birth } = this.tree.root;
    if (page === 0 || ('keys' in wanted && wanted.keys.length === 0)) return;
    this.ask(page, 1);
    await this.loadWaiting();
    await this.descend({ page, birth, wanted }, ROOT_TYPE);
    await this.loadWaiting();
  }

  /** Tells that all is done; returns the pages that were loaded. */
  end(): number {
    if (this.toldPages !== this.loadedPages) this.tell();
    return this.loadedPages;
  }

  /** Goes on from a page that is in memory. */
  private async descend({ page, birth, wanted }: NeededChild, type: number): Promise<void> {
    const { pages } = this.tree;
    const o = pages.find(page, birth, type);
    const s = pages.segment;
    const level = pageLevel(s, o);
    const hasRuns = (pageFlags(s, o) & PAGE_FLAG.overflow) !== 0;
    if (level === 0) {
      if (hasRuns) this.askRuns(page, birth, type, wanted);
      await this.rest();
      return;
    }
    const { pageSize } = pages.geometry;
    const children = neededChildren(s, o, pageSize, this.separator, wanted);
    for (const child of children) this.ask(child.page, 1);
    await this.rest();
    // Nobody has to look at leaves without runs.
    if (level === 1 && !hasRuns) return;
    await this.loadWaiting();
    const below = level === 1 ? PAGE_TYPE.leaf : PAGE_TYPE.branch;
    for (const child of children) await this.descend(child, below);
  }

  /** The overflow runs of the values that are wanted of a leaf. */
  private askRuns(page: number, birth: number, type: number, wanted: Wanted): void {
    const { tree, entry } = this;
    if ('keys' in wanted) {
      for (const { key, length } of wanted.keys) {
        if (tree.find(key, length) && tree.found.inOverflow) this.askRun(tree.found);
      }
      return;
    }
    const o = tree.pages.find(page, birth, type);
    const s = tree.pages.segment;
    const to = Math.min(wanted.to, slotCount(s, o));
    for (let slot = wanted.from; slot < to; slot++) {
      entry.show(s, o, slot);
      if (entry.inOverflow) this.askRun(entry);
    }
  }

  private askRun({ runPage, valueLength, pages }: EntryView): void {
    this.ask(runPage, pages.geometry.overflowPages(valueLength));
  }

  private ask(page: number, count: number): void {
    this.waiting.push({ page, count });
    this.waitingPages += count;
  }

  /** When much is waiting it is loaded; when this has gone on for long others have their turn. */
  private async rest(): Promise<void> {
    const { pageSize } = this.tree.pages.geometry;
    if (this.waitingPages * pageSize >= BATCH_BYTES) await this.loadWaiting();
    await this.pace.goOn();
  }

  /** Loads what is waiting, a batch at a time. */
  private async loadWaiting(): Promise<void> {
    const { pageSize } = this.tree.pages.geometry;
    const parts = partsOf(this.waiting, BATCH_BYTES / pageSize);
    this.waiting = [];
    this.waitingPages = 0;
    for (const part of parts) {
      const ranges = part.flatMap(({ page, count }) => [page * pageSize, count * pageSize]);
      await this.host.pager.storage.load(ranges).catch((error: unknown) => this.failed(error));
      this.loadedPages += part.reduce((sum, { count }) => sum + count, 0);
      this.pace.resume();
      this.tell();
    }
  }

  private failed(error: unknown): never {
    this.host.requireOpen();
    if (!isNativeError(error)) throw error;
    throw unreadable(this.host.pager.path, 'a part of it');
  }

  private tell(): void {
    this.toldPages = this.loadedPages;
    this.options.onProgress?.({ done: this.loadedPages, total: this.loadedPages });
  }
}

interface Extent {
  readonly page: number;
  readonly count: number;
}

/** The extents in the order of the file, those that follow each other as one; in parts. */
function partsOf(extents: readonly Extent[], pagesInPart: number): Extent[][] {
  const parts: Extent[][] = [];
  let part: Extent[] = [];
  let room = pagesInPart;
  for (const whole of [...extents].sort((a, b) => a.page - b.page)) {
    for (let { page, count } = whole; count > 0; ) {
      const here = Math.min(count, room);
      const last = part.at(-1);
      if (last !== undefined && last.page + last.count === page) {
        part[part.length - 1] = { page: last.page, count: last.count + here };
      } else part.push({ page, count: here });
      page += here;
      count -= here;
      room -= here;
      if (room > 0) continue;
      parts.push(part);
      part = [];
      room = pagesInPart;
    }
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
