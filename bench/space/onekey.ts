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
/** For what the commits of one key cut off the file's end. */
const MARGIN = 1.05;
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
  const [full, free] = states.slice(1);
  if (full === undefined || free === undefined) throw new Error('states are missing');
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
      figure('pages a commit, much free / full', ratio.toFixed(3), 'within 10 % of 1', near),
    ],
    notes: [
      `${rows} rows; ${commits} commits in each state; counted by db.stats().commits. "full" and ` +
        '"much free" are one file before and after values of 1 MiB were removed, so the maps are ' +
        'as deep; the rows lie all over it. "small" is a file without these values. All rows were read back.',
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
    const model = new RowModel(rows);
    const commit = (state: string, seed: number): Promise<OneKey> =>
      commitOneByOne(db, store, model, { path, state, seed, rows, commits });
    const blobCount = Math.ceil((blobPages * db.stats().pageSize * MARGIN) / BLOB_BYTES);
    await fill(db, { store, rows }, { store: blobs, blobs: blobCount });
    states.push(await commit(blobPages === 0 ? 'small, full' : 'full', 1));
    if (blobPages > 0) {
      await db.write((tx) => tx.clear(blobs));
      states.push(await commit('much free', 2));
    }
    model.check((key) => store.get(key));
    await db.close();
  }
  return states;
}

/**
 * Rows in ascending order, and blobs between them, so that the rows lie all over the file and at its
 * end: it keeps its length without the blobs, and pages are freed elsewhere than they are taken.
 * Durable only at the end.
 */
async function fill(
  db: Database,
  small: { readonly store: Rows; readonly rows: number },
  large: { readonly store: Rows; readonly blobs: number },
): Promise<void> {
  const blob = new Uint8Array(BLOB_BYTES);
  const parts = Math.ceil(large.blobs / BLOBS_EACH) + 1;
  const put = (tx: WriteTransaction, part: number): void => {
    const until = Math.floor(((part + 1) * small.rows) / parts);
    for (let row = Math.floor((part * small.rows) / parts); row < until; row++) {
      tx.put(small.store, keyOf(row), stampedValue(0));
    }
  };
  for (let part = 0; part < parts; part++) {
    const first = part * BLOBS_EACH;
    const last = Math.min(large.blobs, first + BLOBS_EACH);
    await db.write((tx) => put(tx, part), { durability: 'manual' });
    if (first >= last) continue;
    const putBlobs = (tx: WriteTransaction): void => {
      for (let i = first; i < last; i++) tx.put(large.store, keyOf(i), blob);
    };
    await db.write(putBlobs, { durability: 'manual' });
  }
  await db.flush();
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
