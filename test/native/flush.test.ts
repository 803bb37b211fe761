import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { type NativeFile, native } from '../../src/pager/native.ts';
import { create, fixture, mapped, newPath, note, open, run } from './support.ts';

const MIB = 2 ** 20;
const TMPFS = 0x0102_1994;

/** Dirty pages of the file in the page cache, by cachestat(2); undefined where that cannot be told. */
function dirtyPages(path: string): number | undefined {
  if (statfsSync(path).type === TMPFS) return undefined;
  try {
    const text = execFileSync('python3', [fixture('cachestat.py'), path], { encoding: 'utf8' });
    return Number(text);
  } catch {
    return undefined;
  }
}

async function dirtied(path: string, file: NativeFile): Promise<boolean> {
  const pages = new Uint8Array(16 * 4096).fill(3);
  await run(file, [OP.WRITE, 2, 0, 0, 8 * 4096, 0, 0, 0, 8 * 4096, MIB / 2], [pages]);
  const dirty = dirtyPages(path);
  if (dirty === undefined) {
    note('no cachestat here: what a flush leaves in memory was not looked at');
    return false;
  }
  expect(dirty).toBeGreaterThanOrEqual(16);
  return true;
}

test('a job with a FLUSH lets the disk begin before it comes to it', async () => {
  const pages = new Uint8Array(4 * MIB).fill(3);
  const { words } = native().openShared(null, 64, { create: true, write: true });
  // A GUARD that does not hold ends the job before the flush.
  const left = async (steps: number[]): Promise<number | undefined> => {
    const path = newPath();
    const file = create(path, 4 * MIB);
    mapped(file);
    const job = [OP.WRITE, 1, 0, 0, pages.length, 0, OP.GUARD, 0, 1, ...steps];
    expect(await run(file, job, [pages], words)).not.toBeNull();
    return dirtyPages(path);
  };
  const without = await left([]);
  if (without === undefined) {
    note('no cachestat here: what is dirty after a long write was not looked at');
    return;
  }
  expect(without).toBeGreaterThan(0);
  expect(await left([OP.FLUSH])).toBeLessThan(without / 2);
});

describe('FLUSH leaves no dirty page of the file', () => {
  test('when it is mapped for writing', async () => {
    const path = newPath();
    const file = create(path, MIB);
    mapped(file);
    if (!(await dirtied(path, file))) return;
    expect(await run(file, [OP.FLUSH])).toBeNull();
    expect(dirtyPages(path)).toBe(0);
  });

  test('when it was never mapped', async () => {
    const path = newPath();
    const file = create(path, MIB);
    if (!(await dirtied(path, file))) return;
    expect(await run(file, [OP.FLUSH])).toBeNull();
    expect(dirtyPages(path)).toBe(0);
  });

  test('when the mapping was made by a read-only handle, whose msync would write nothing', async () => {
    const path = newPath();
    create(path, MIB).close();
    const reader = open(path, false);
    mapped(reader);
    const writer = open(path);
    mapped(writer);
    if (!(await dirtied(path, writer))) return;
    expect(await run(writer, [OP.FLUSH])).toBeNull();
    expect(dirtyPages(path)).toBe(0);
  });

  test('when pages of the mapping have been replaced', async () => {
    const path = newPath();
    const file = create(path, MIB);
    const bytes = mapped(file);
    file.truncate(4096);
    expect(bytes[8192]).toBe(0);
    expect(file.faultWords()[0]).toBe(1);
    file.grow(MIB);
    if (!(await dirtied(path, file))) return;
    expect(await run(file, [OP.FLUSH])).toBeNull();
    expect(dirtyPages(path)).toBe(0);
  });

  test('when the file has grown past what is mapped', async () => {
    const path = newPath();
    const file = create(path, MIB);
    file.map(2 ** 30, MIB);
    file.truncate(3 * MIB);
    const page = new Uint8Array(4096).fill(4);
    await run(file, [OP.WRITE, 1, 0, 0, 4096, 2 * MIB], [page]);
    if (dirtyPages(path) === undefined) return note('no cachestat here');
    expect(dirtyPages(path)).toBeGreaterThan(0);
    file.runSync(Float64Array.of(OP.FLUSH), [], null);
    expect(dirtyPages(path)).toBe(0);
  });
});
