import { readFileSync, truncateSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import type { NativeFile } from '../../src/pager/native.ts';
import { create, newPath, run, thrown } from './support.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const MIB = 2 ** 20;

/** A file of 1 MiB, each byte of which is its page's number. */
async function numbered(path = newPath()): Promise<NativeFile> {
  const file = create(path, MIB);
  const bytes = new Uint8Array(MIB);
  for (let at = 0; at < MIB; at++) bytes[at] = at >> 12;
  expect(await run(file, [OP.WRITE, 1, 0, 0, MIB, 0], [bytes])).toBeNull();
  return file;
}
const mappingsOf = (path: string): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path)).length;

test('a view has the bytes asked for, wherever they begin, and no others', async () => {
  const file = await numbered();
  for (const [offset, length] of [
    [0, 1],
    [4095, 2],
    [8192, 12_288],
    [5000, 100_000],
    [MIB - 1, 1],
  ] as const) {
    const view = file.view(offset, length, () => {});
    const bytes = new Uint8Array(view.buffer()!);
    expect(bytes).toHaveLength(length);
    expect([bytes[0], bytes.at(-1)]).toEqual([offset >> 12, (offset + length - 1) >> 12]);
    expect(view.close()).toBe(true);
  }
});

test('what is written into it is its own, and the file may be closed before it', async () => {
  const file = await numbered();
  const [one, other] = [file.view(0, 8192, () => {}), file.view(0, 8192, () => {})];
  const mine = new Uint8Array(one.buffer()!);
  const theirs = new Uint8Array(other.buffer()!);
  mine.fill(99);
  expect(theirs[4096]).toBe(1);
  const read = new Uint8Array(2);
  file.readAt(read, 4095);
  expect([...read]).toEqual([0, 1]);
  file.close();
  expect(mine[8191]).toBe(99);
  expect(theirs[4096]).toBe(1);
  expect(one.close() && other.close()).toBe(true);
});

test('close detaches it and gives the addresses back, and tells once', async () => {
  const path = newPath();
  const file = await numbered(path);
  let told = 0;
  const view = file.view(0, 8192, () => told++);
  const bytes = new Uint8Array(view.buffer()!);
  expect(mappingsOf(path)).toBe(1);
  expect(view.close()).toBe(true);
  expect(view.close()).toBe(false);
  expect(bytes).toHaveLength(0);
  expect(view.buffer()).toBeUndefined();
  for (let round = 0; round < 200 && told === 0; round++) await wait(5);
  expect(told).toBe(1);
  expect(mappingsOf(path)).toBe(0);
});

test('one that is collected gives them back, and tells; the object alone keeps nothing', async () => {
  const path = newPath();
  const file = await numbered(path);
  let told = 0;
  const view = file.view(0, 8192, () => told++);
  for (let round = 0; round < 300 && told === 0; round++) {
    collect();
    await wait(10);
  }
  expect(told).toBe(1);
  expect(mappingsOf(path)).toBe(0);
  expect(view.buffer()).toBeUndefined();
  expect(view.close()).toBe(false);
});

test('pages that cannot be read are zeros, and counted', async () => {
  const path = newPath();
  const file = await numbered(path);
  const view = file.view(0, MIB, () => {});
  const bytes = new Uint8Array(view.buffer()!);
  truncateSync(path, 8192);
  expect(view.faults()).toBe(0);
  expect([bytes[4096], bytes[8192], bytes[MIB - 1]]).toEqual([1, 0, 0]);
  expect(view.faults()).toBe(2);
  expect(view.close()).toBe(true);
});

test('arguments that are none are refused', async () => {
  const file = await numbered();
  const view = (...parameters: unknown[]): unknown =>
    Reflect.apply(file.view, file, parameters as Parameters<NativeFile['view']>);
  for (const parameters of [
    [-1, 1, () => {}],
    [0, 0, () => {}],
    [0, 2 ** 40, () => {}],
    [0.5, 1, () => {}],
    ['0', 1, () => {}],
    [0, 1],
    [0, 1, 7],
  ]) {
    expect(thrown(() => view(...parameters))).toBeInstanceOf(Error);
  }
  file.close();
  expect(thrown(() => view(0, 1, () => {}))).toMatchObject({ code: 'ERR_CLOSED' });
});
