/** The names of the contenders, apart from them: no database is loaded for a name. */

/** The one that the others are compared with. */
export const OURS = 'coppice';

export const LMDB_C = 'lmdb-c';

/** All, whether they are there or not. */
export const contenderNames: readonly string[] = [
  OURS,
  'lmdb',
  'better-sqlite3',
  'classic-level',
  LMDB_C,
];
