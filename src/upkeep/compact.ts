/**
 * Compaction of a database that is in use, in the place where it lies.
 *
 *     fill: leaves are filled up from their neighbours -> fewer pages in use
 *     empty, until nothing is left there: what lies past `end` is copied to free pages before it
 *     cut: the file becomes as long as its longest snapshot
 *
 * 1. Every step is an ordinary durable transaction of about a megabyte, one of the queue's: stopped
 *    or killed at any point nothing is lost, and others read and write in between.
 * 2. Nothing is moved when there is no place for it further to the front: so each pass that moves
 *    something makes the file's tail emptier, and the passes end.
 */

import { type PackKind, PackPass } from '../btree/pack.ts';
import type { WritableTree } from '../btree/writable-tree.ts';
import type { LowSpace } from '../pager/low-space.ts';
import type { Pager } from '../pager/pager.ts';
import { allRecords, catalogueKey } from '../transaction/catalogue.ts';
import type { LongWork } from '../transaction/long-work.ts';
import type { WriteCore } from '../transaction/write-core.ts';
import type { WriteQueue } from '../transaction/write-queue.ts';

/** What compaction did. */
export interface CompactReport {
  /** Lengths of the file. */
  bytesBefore: number;
  bytesAfter: number;
  /** Pages that were written anew, those of values that do not fit a page among them. */
  pagesMoved: number;
}

/** Pages that one transaction moves, more or less: 1 MiB at 4 KiB a page. */
const STEP_PAGES = 256;
/** Leaves that one transaction looks at, so that it holds the writer lock for milliseconds. */
const STEP_LEAVES = 512;
/** Leaves of one branch that are done between two looks at these bounds. */
const LEAVES_AT_ONCE = 64;
/**
 * Free pages that a step leaves for what its commit writes beside: branches, catalogue, map.
 */
const RESERVED_PAGES = 16;
/** The file is made at most so many pages longer than what is in use, or this part of it. */
const MIN_SLACK_PAGES = 32;
const SLACK = 1 / 128;
/** Passes that are always made, or not needed: progress is told of these. */
const PASSES_TOLD = 3;
/** Others that write meanwhile can keep the tail from becoming empty. */
const MOST_PASSES = 16;

export interface CompactHost {
  readonly pager: Pager;
  readonly queue: WriteQueue;
  /** Throws when the database was closed. */
  requireOpen(): void;
}

/** Compacts the database; the options have been checked. Rejects with the signal's reason. */
export async function compactDatabase(
  host: CompactHost,
  options: LongWork,
): Promise<CompactReport> {
  const { storage } = host.pager;
  const bytesBefore = storage.sizeBytes();
  const compaction = new Compaction(host, options);
  // D holds what was let go of since: it has to be what is published.
  await host.pager.flush();
  await compaction.fill();
  await compaction.empty();
  await host.pager.flush();
  await host.pager.giveBack();
  host.requireOpen();
  compaction.tellEnd();
  return { bytesBefore, bytesAfter: storage.sizeBytes(), pagesMoved: compaction.pagesMoved };
}

/** The trees of the database at the beginning of a pass. */
interface Trees {
  /** Names of the stores; undefined stands for the catalogue. */
  readonly names: readonly (string | undefined)[];
  readonly entries: readonly number[];
  readonly pagesInUse: number;
  readonly filePages: number;
}

class Compaction {
  pagesMoved = 0;
  private readonly host: CompactHost;
  private readonly options: LongWork;
  /** Entries that the passes have gone over, and that the first of them have to. */
  private done = 0;
  private total = 0;

  constructor(host: CompactHost, options: LongWork) {
    this.host = host;
    this.options = options;
  }

  /** Fills leaves up. */
  async fill(): Promise<void> {
    const trees = this.look();
    this.total = PASSES_TOLD * trees.entries.reduce((sum, entries) => sum + entries, 0);
    await this.pass(trees, 'fill', trees.filePages);
  }

  /**
   * Moves what lies at the end of the file to the front. Runs come first: they need places in one
   * piece, which single pages would break. When nothing moves any more, runs anywhere in the file
   * move to the first place that has room for them, once.
   */
  async empty(): Promise<void> {
    let slid = false;
    for (let passes = 0; passes < MOST_PASSES; passes++) {
      const trees = this.look();
      const { pagesInUse } = trees;
      const end = pagesInUse + Math.max(MIN_SLACK_PAGES, Math.ceil(pagesInUse * SLACK));
      if (trees.filePages <= end) return;
      const before = this.pagesMoved;
      await this.pass(trees, 'runs', end);
      await this.pass(trees, 'pages', end);
      if (this.pagesMoved > before) continue;
      if (slid) return;
      slid = true;
      await this.pass(trees, 'runs', end, 0);
    }
  }

  tellEnd(): void {
    this.options.onProgress?.({ done: this.total, total: this.total });
  }

  private look(): Trees {
    this.host.requireOpen();
    const { readers, pages } = this.host.pager;
    const roots = readers.beginShort();
    try {
      const records = allRecords(pages, roots);
      return {
        names: [...records.map(({ name }) => name), undefined],
        entries: [...records.map(({ root }) => root.entries), records.length],
        pagesInUse: roots.pagesInUse,
        filePages: roots.filePages,
      };
    } finally {
      readers.endShort();
    }
  }

  /** Goes over all trees once. `end` counts free pages, `movesFrom` says what is moved. */
  private async pass(
    trees: Trees,
    kind: PackKind,
    end: number,
    movesFrom: number = end,
  ): Promise<void> {
    const { pageSize } = this.host.pager.pages.geometry;
    for (const [i, name] of trees.names.entries()) {
      const key = name === undefined ? undefined : catalogueKey(name);
      const pass = new PackPass(kind, movesFrom, pageSize);
      const from = this.done;
      while (!pass.finished) {
        this.options.signal?.throwIfAborted();
        this.host.requireOpen();
        const moved = pass.moved;
        const entries = await this.step((core) => treeOf(core, name, key), pass, end);
        this.pagesMoved += pass.moved - moved;
        this.tell(from + Math.min(entries, trees.entries[i]!));
        // A turn for everyone else, also when nothing was to be committed.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      this.done = Math.min(this.total, from + trees.entries[i]!);
    }
  }

  /** One transaction. Returns how many entries of the tree lie before the place that it came to. */
  private step(
    find: (core: WriteCore) => WritableTree | undefined,
    pass: PackPass,
    end: number,
  ): Promise<number> {
    const run = (core: WriteCore): number => {
      const space = this.host.pager.lowSpace(core.session, end, STEP_PAGES + RESERVED_PAGES);
      try {
        const tree = find(core);
        if (tree === undefined || !work(tree, pass, space)) pass.finished = true;
        if (tree === undefined || pass.finished) return Number.POSITIVE_INFINITY;
        return tree.rank(pass.key, pass.keyLength, false);
      } finally {
        space.dispose();
      }
    };
    return this.host.queue.add({ run, undoable: true, bytes: 0, durability: 'commit' });
  }

  private tell(done: number): void {
    this.options.onProgress?.({ done: Math.min(done, this.total), total: this.total });
  }
}

function treeOf(
  core: WriteCore,
  name: string | undefined,
  key: Uint8Array | undefined,
): WritableTree | undefined {
  if (name === undefined || key === undefined) return core.catalogueTree;
  return core.treeNamed(name, key);
}

/** Does as much of a pass as one transaction should. False: there is no room to move anything. */
function work(tree: WritableTree, pass: PackPass, space: LowSpace): boolean {
  const room =
    pass.kind === 'fill' ? STEP_PAGES : Math.min(STEP_PAGES, space.pages - RESERVED_PAGES);
  if (room <= 0) return false;
  const stopLooking = pass.looked + STEP_LEAVES;
  pass.stopAt = pass.moved + room;
  while (!pass.finished && pass.moved < pass.stopAt && pass.looked < stopLooking) {
    tree.pack(pass, LEAVES_AT_ONCE, (pages, before) => space.takeRun(pages, before));
  }
  return true;
}
