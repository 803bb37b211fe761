import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { native } from '../../src/pager/native.ts';
import { create, fixture, newPath, thrown } from './support.ts';

describe('paths', () => {
  test('renameNoReplace moves, and refuses to replace', () => {
    const [a, b, c] = [newPath(), newPath(), newPath()];
    writeFileSync(a, 'a');
    writeFileSync(b, 'b');
    expect(thrown(() => native().renameNoReplace(a, b)).code).toBe('EEXIST');
    expect(readFileSync(b, 'utf8')).toBe('b');
    native().renameNoReplace(a, c);
    expect([existsSync(a), readFileSync(c, 'utf8')]).toEqual([false, 'a']);
    expect(thrown(() => native().renameNoReplace(a, c)).code).toBe('ENOENT');
  });

  test('syncDirectory takes directories only', () => {
    const folder = newPath();
    mkdirSync(folder);
    native().syncDirectory(folder);
    writeFileSync(`${folder}/file`, '');
    expect(thrown(() => native().syncDirectory(`${folder}/file`)).code).toBe('ENOTDIR');
    expect(thrown(() => native().syncDirectory(`${folder}/none`)).code).toBe('ENOENT');
  });

  test('a path with a NUL, or none, is refused', () => {
    expect(thrown(() => native().syncDirectory('/tmp\0/x'))).toBeInstanceOf(RangeError);
    expect(thrown(() => native().syncDirectory(''))).toBeInstanceOf(RangeError);
  });

  test('status tells what is behind a descriptor', () => {
    const folder = newPath();
    mkdirSync(folder);
    const directory = native().openFile(folder, { write: false, create: false });
    expect(directory.status().kind).toBe('directory');
    directory.close();
    const device = native().openFile('/dev/null', { write: true, create: false });
    expect(device.status().kind).toBe('other');
    device.close();
    const [a, b] = [create().status(), create().status()];
    expect(a.device).toBe(b.device);
    expect(a.inode).not.toBe(b.inode);
    expect(a.filesystem).toBeGreaterThan(0);
  });
});

describe('the process', () => {
  test('identity is the same in one thread, and differs in the thread only in a worker', async () => {
    const mine = native().identity();
    expect(native().identity()).toEqual(mine);
    expect(mine.pid).toBe(process.pid);
    const stat = readFileSync('/proc/self/stat', 'utf8');
    expect(mine.startedAt).toBe(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]));
    const other = await new Promise<unknown>((resolve) => {
      new Worker(fixture('identity-worker.mjs')).once('message', resolve);
    });
    expect(other).toMatchObject({ pid: mine.pid, startedAt: mine.startedAt });
    expect((other as typeof mine).thread).not.toBe(mine.thread);
  });

  test("bootId is the kernel's, faults grow, and nobody forked", () => {
    expect(native().bootId()).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    const before = native().faults();
    const touched = new Uint8Array(2 ** 24).fill(1);
    expect(native().faults().minor).toBeGreaterThan(before.minor);
    expect([touched[5], native().forked()]).toEqual([1, false]);
  });
});
