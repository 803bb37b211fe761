/** Allocation maps in memory, for what works on maps alone. */

import { Geometry } from '../../src/format/geometry.ts';
import { setMapWord } from '../../src/format/map-page.ts';
import { initialisePage, PAGE_TYPE } from '../../src/format/page-header.ts';
import { Segment } from '../../src/format/segment.ts';
import type { PageReader } from '../../src/pager/page-reader.ts';
import type { SnapshotRoots } from '../../src/pager/snapshot.ts';

const PAGE_SIZE = 1024;
/** Segments of 64 pages, so that runs meet their ends. */
export const GEOMETRY: Geometry = new Geometry(PAGE_SIZE, 64 * PAGE_SIZE);
const FIRST = GEOMETRY.firstPage;

/** Snapshots whose maps are one bitmap page each, at page i of a memory of its own. */
export class Maps implements PageReader {
  readonly geometry: Geometry = GEOMETRY;
  readonly segment: Segment;
  visits = 0;
  readonly snapshots: SnapshotRoots[];

  constructor(inUse: readonly ReadonlySet<number>[]) {
    this.segment = new Segment(new ArrayBuffer(PAGE_SIZE * (inUse.length + 1)));
    this.snapshots = inUse.map((pages, i) => {
      const o = (i + 1) * PAGE_SIZE;
      initialisePage(this.segment, o, PAGE_SIZE, i + 1, 1, PAGE_TYPE.map, 0, 0);
      const words = new Int32Array(GEOMETRY.mapLeafBits >> 5);
      for (const page of [...Array(FIRST).keys(), ...pages]) words[page >> 5]! |= 1 << (page & 31);
      words.forEach((word, w) => {
        setMapWord(this.segment, o, w, word);
      });
      const end = Math.max(FIRST, ...[...pages].map((page) => page + 1));
      return {
        id: i + 1,
        cataloguePage: 0,
        catalogueBirth: 0,
        mapPage: i + 1,
        mapBirth: 1,
        filePages: end,
        pagesInUse: FIRST + pages.size,
      };
    });
  }

  find(page: number): number {
    this.visits++;
    return page * PAGE_SIZE;
  }
  findRun(): number {
    throw new Error('maps have no runs');
  }
}
