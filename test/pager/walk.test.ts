/** The walk, by steps, and what it finds that nobody else would. */

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Geometry, SEGMENT_BYTES } from '../../src/format/geometry.ts';
import { open } from '../../src/index.ts';
import { MappedPages, WINDOW_BYTES } from '../../src/pager/mapped-pages.ts';
import { MappedStorage } from '../../src/pager/mapped-storage.ts';
import { readMetas } from '../../src/pager/metas.ts';
import { rootsOfMeta, type SnapshotRoots } from '../../src/pager/snapshot.ts';
import { Walk, type WalkFault, walkBornSince } from '../../src/pager/walk.ts';
import { newPath } from '../support/fresh-database.ts';

interface Walked {
  readonly fault: WalkFault | undefined;
  readonly told: [page: number, count: number][];
  readonly reached: number[];
  readonly steps: number;
  readonly roots: SnapshotRoots;
}

/** Walks the newest snapshot of the file, `pages` at a step. */
function walked(path: string, since: number, pages: number): Walked {
  const storage = new MappedStorage(path, { write: true, create: false, alone: true });
  try {
    const meta = readMetas(storage)[0]!;
    const roots = rootsOfMeta(meta);
    const secret = { low: meta.secretLow, high: meta.secretHigh };
    const mapped = storage.map(2 ** 34, SEGMENT_BYTES);
    const geometry = new Geometry(meta.pageSize);
    const reader = new MappedPages(storage, geometry, secret, 'always', mapped, WINDOW_BYTES);
    const told: [number, number][] = [];
    const tell = (page: number, count: number): void => {
      told.push([page, count]);
    };
    const walk = new Walk(storage, reader, roots, since, tell);
    let steps = 1;
    while (!walk.step(pages)) steps++;
    const reached: number[] = [];
    for (let p = walk.reached.next(0); p >= 0; p = walk.reached.next(p + 1)) reached.push(p);
    expect(walkBornSince(storage, reader, roots, since, () => {})).toEqual(walk.fault);
    return { fault: walk.fault, told, reached, steps, roots };
  } finally {
    storage.close();
  }
}

/** A file with leaves, a branch, and a value whose run ends inside a page. */
async function made(): Promise<string> {
  const path = newPath();
  const db = open(path);
  const store = db.store('s', { key: 'u32', value: 'bytes' });
  await store.putMany(Array.from({ length: 500 }, (_, i) => [i, Buffer.alloc(90, i)] as const));
  await store.put(1000, Buffer.alloc(200_000, 0xab));
  await db.close();
  return path;
}

test('by steps of any size it reaches the same', async () => {
  const path = await made();
  const whole = walked(path, 0, Number.POSITIVE_INFINITY);
  expect(whole.fault).toBeUndefined();
  expect(whole.reached.length + 3).toBe(whole.roots.pagesInUse);
  for (const pages of [1, 3, 16]) {
    const byStep = walked(path, 0, pages);
    expect([byStep.reached, byStep.told]).toEqual([whole.reached, whole.told]);
    expect(byStep.steps).toBeGreaterThan(10 / pages);
  }
  const told = whole.told.flatMap(([page, count]) =>
    Array.from({ length: count }, (_, i) => page + i),
  );
  expect(told.sort((a, b) => a - b)).toEqual(whole.reached);
  expect(walked(path, whole.roots.id, 1).reached).toEqual([]);
});

test('every byte that it reaches is checked, and no other', async () => {
  const path = await made();
  const bytes = readFileSync(path);
  const { reached, told } = walked(path, 0, 8);
  const [run, count] = told.find(([, n]) => n > 1)!;
  // What follows the value in the last page of its run.
  const places = [(run + count) * 4096 - 1, (run + count - 1) * 4096 + (200_000 % 4096)];
  for (const page of reached) places.push(page * 4096 + ((page * 997) % 4096));
  const damaged = newPath();
  for (const at of places) {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ 1;
    writeFileSync(damaged, copy);
    expect(walked(damaged, 0, 8).fault, `byte ${at}`).toBeDefined();
  }
  const free = Array.from({ length: bytes.length / 4096 }, (_, page) => page).find(
    (page) => page > 3 && !reached.includes(page),
  );
  expect(free).toBeDefined();
  bytes[free! * 4096 + 100]! ^= 1;
  writeFileSync(damaged, bytes);
  expect(walked(damaged, 0, 8).fault).toBeUndefined();
});
