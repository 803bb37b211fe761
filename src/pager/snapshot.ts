/** The roots of one state of the database, and how they are told in metas and retained entries. */

import type { Meta } from '../format/meta.ts';

/** One state of the database: what a transaction id names. */
export interface SnapshotRoots {
  readonly id: number;
  readonly cataloguePage: number;
  readonly catalogueBirth: number;
  readonly mapPage: number;
  readonly mapBirth: number;
  /** File length in pages, as this snapshot needs it. */
  readonly filePages: number;
  readonly pagesInUse: number;
}

/** Stands for none: no transaction has the id 0. */
export const NO_SNAPSHOT: SnapshotRoots = {
  id: 0,
  cataloguePage: 0,
  catalogueBirth: 0,
  mapPage: 0,
  mapBirth: 0,
  filePages: 0,
  pagesInUse: 0,
};

/** Transaction ids have 48 bits. */
export const MAX_TRANSACTION: number = 2 ** 48 - 1;

/** The snapshot that a meta slot names. */
export function rootsOfMeta(meta: Meta): SnapshotRoots {
  return {
    id: meta.transaction,
    cataloguePage: meta.cataloguePage,
    catalogueBirth: meta.catalogueBirth,
    mapPage: meta.mapPage,
    mapBirth: meta.mapBirth,
    filePages: meta.filePages,
    pagesInUse: meta.pagesInUse,
  };
}

/** The 32 bits that stand for a snapshot in reader slots and in the published word; never 0. */
export function shortId(id: number): number {
  return id | 0;
}

/** The next id after `id`: one whose short form is not 0. */
export function nextId(id: number): number {
  return shortId(id + 1) === 0 ? id + 2 : id + 1;
}
