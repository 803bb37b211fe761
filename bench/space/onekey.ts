/**
 * What a commit of one key writes, when nothing in the file is free and when a million pages are:
 * nothing that a commit does depends on how much is free.
 */

import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type Store, type WriteTransaction } from 'coppice';
import { keyOf, randomRows } from '../data.ts';
import { inChild } from './child-process.ts';
import {
  figure,
  type Measurement,
  mebibytes,
  type Outcome,
  type Part,
  type Place,
} from './measurement.ts';
import { RowModel, stampedValue } from './row-model.ts';

interface Sizes {
  readonly folder: string;
  readonly rows: number;
  readonly freePages: number;
  readonly commits: number;
}

/** One state of the file, and what its commits of one key wrote. */
interface OneKey {
  readonly state: string;
  readonly fileBytes: number;
  readonly freePages: number;
  readonly pages: number;
  readonly runs: number;
  readonly bytes: number;
  readonly commits: number;
}

type Rows = Store<string, Uint8Array>;

/** A value that takes the space which is freed later. */
const BLOB_BYTES = 2 ** 20;
const BLOBS_EACH = 64;
const TOLERANCE = 0.1;

const committing: Part<Sizes, OneKey[]> = { name: 'onekey', run: commitInEach };

export const onekeyParts: readonly Part<Sizes, OneKey[]>[] = [committing];

export const onekey: Measurement = {
  name: 'onekey',
  title: 'durable commits of one key, nothing free and much free',
  rows: { quick: 20_000, full: 100_000 },
  run: measure,
};

async function measure({ folder, rows, quick }: Place): Promise<Outcome> {
  const freePages = quick ? 100_000 : 1_000_000;
  const commits = quick ? 100 : 500;
  const states = await inChild(committing, { folder, rows, freePages, commits });
  const [full, free, moved] = states.slice(1);
  if (full === undefined || free === undefined || moved === undefined)
    throw new Error('states are missing');
  const ratio = free.pages / full.pages;
  const near = Math.abs(ratio - 1) <= TOLERANCE;
  return {
    figures: [
      ...states.flatMap((one) => [
        figure(`${one.state}: pages a commit`, (one.pages / one.commits).toFixed(2)),
        figure(`${one.state}: runs a commit`, (one.runs / one.commits).toFixed(2)),
        figure(`${one.state}: KiB a commit`, (one.bytes / one.commits / 1024).toFixed(1)),
        figure(`${one.state}: free pages`, `${one.freePages} in ${mebibytes(one.fileBytes)}`),
      ]),
      figure(
        'free pages there are',
        String(free.freePages),
        `at least ${freePages}`,
        free.freePages >= freePages,
      ),
      figure('pages a commit, free / full', ratio.toFixed(3), 'within 10 % of 1', near),
      figure('pages a commit, free, moved / full', (moved.pages / full.pages).toFixed(3)),
    ],
    notes: [
      `${rows} rows; ${commits} commits in each state; counted by db.stats().commits. "full" and ` +
        '"free" are one file before and after values of 1 MiB were removed, so that the maps are ' +
        'as deep; "moved" after all rows were put again. Beside the free space it matters where ' +
        'pages are freed and where they are taken: far apart is one more page of the map, as in ' +
        '"free", and in "full" once little is left beside the rows. "small" is a file without ' +
        'these values. All rows were read back.',
    ],
    data: states,
  };
}

async function commitInEach({ folder, rows, freePages, commits }: Sizes): Promise<OneKey[]> {
  const states: OneKey[] = [];
  for (const blobPages of [0, freePages]) {
    const own = join(folder, String(blobPages));
    mkdirSync(own);
    const path = join(own, 'data.coppice');
    const db = open(path);
    const store: Rows = db.store('rows', { key: 'string', value: 'bytes' });
    const blobs: Rows = db.store('blobs', { key: 'string', value: 'bytes' });
    const anchor: Rows = db.store('anchor', { key: 'string', value: 'bytes' });
    const model = new RowModel(rows);
    const commit = (state: string, seed: number): Promise<OneKey> =>
      commitOneByOne(db, store, model, { path, state, seed, rows, commits });
    await putBlobs(db, blobs, Math.ceil((blobPages * db.stats().pageSize) / BLOB_BYTES));
    await putRows(db, store, rows);
    if (blobPages === 0) {
      states.push(await commit('small, full', 1));
    } else {
      // At the file's end, which stays where it is.
      await putBlobs(db, anchor, 1);
      states.push(await commit('full', 1));
      await db.write((tx) => tx.clear(blobs));
      states.push(await commit('free', 2));
      await putRows(db, store, rows);
      model.reset();
      states.push(await commit('free, moved', 3));
    }
    model.check((key) => store.get(key));
    await db.close();
  }
  return states;
}

/** Durable only at the end: they are only there to take space. */
async function putBlobs(db: Database, store: Rows, count: number): Promise<void> {
  const blob = new Uint8Array(BLOB_BYTES);
  for (let i = 0; i < count; i += BLOBS_EACH) {
    const put = (tx: WriteTransaction): void => {
      for (let j = i; j < Math.min(count, i + BLOBS_EACH); j++) tx.put(store, keyOf(j), blob);
    };
    await db.write(put, { durability: 'manual' });
  }
  await db.flush();
}

/** In the order of their keys, in one transaction: they lie together. */
async function putRows(db: Database, store: Rows, rows: number): Promise<void> {
  await db.write((tx) => {
    for (let row = 0; row < rows; row++) tx.put(store, keyOf(row), stampedValue(0));
  });
}

async function commitOneByOne(
  db: Database,
  store: Rows,
  model: RowModel,
  what: { path: string; state: string; seed: number; rows: number; commits: number },
): Promise<OneKey> {
  const { path, state, seed, rows, commits } = what;
  const before = db.stats();
  const fileBytes = statSync(path).size;
  let transaction = seed * commits;
  for (const row of randomRows(commits, rows, seed)) {
    transaction++;
    await store.put(keyOf(row), stampedValue(transaction));
    model.wrote([row], transaction);
  }
  const after = db.stats().commits;
  return {
    state,
    fileBytes,
    freePages: Math.floor((fileBytes - before.liveBytes) / before.pageSize),
    pages: after.pages - before.commits.pages,
    runs: after.runs - before.commits.runs,
    bytes: after.bytes - before.commits.bytes,
    commits,
  };
}
