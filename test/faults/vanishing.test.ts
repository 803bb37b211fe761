/**
 * A file that is cut short under several threads at once, in the middle of what they do: each of them
 * gets STORAGE_FAULT, also the second time, and goes on when the file is whole again.
 */

import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Child, killAtLibrary, newFolder } from '../support/process-children.ts';
import { each, Readers } from './asking.ts';

const folder = newFolder('vanishing');
let made = 0;

async function create(): Promise<string> {
  const path = join(folder, `vanishing-${made++}`);
  const maker = await Readers.start(path, 0);
  await maker.ask('fill 1');
  await maker.lives();
  return path;
}

/** Cuts the file to a part; returns how to make it whole. */
function cutTo(path: string, part: number): () => void {
  const whole = readFileSync(path);
  truncateSync(path, Math.floor((whole.length * part) / 4096) * 4096);
  return () => writeFileSync(path, whole, { flag: 'r+' });
}

const FAULT = 'STORAGE_FAULT';

test('in the main thread and three worker threads at once: STORAGE_FAULT twice, right again when whole', async () => {
  const path = await create();
  const readers = await Readers.start(path, 3);
  const sums = await readers.ask('all');
  expect(new Set(sums).size).toBe(1);
  const mend = cutTo(path, 0.3);
  for (let i = 0; i < 3; i++) {
    for (const command of ['all', 'old', 'get']) each(await readers.ask(command), FAULT);
  }
  mend();
  // The read that notices it may be the last to fail.
  await readers.ask('all');
  for (const command of ['all', 'old']) expect(await readers.ask(command)).toEqual(sums);
  each(await readers.ask('get'), 2000);
  each(await readers.ask('verify'), 'sound');
  each(await readers.ask('put'), 'put');
  each(await readers.lives(), 'closed');
});

test('under iterators that are half way through: STORAGE_FAULT, and the next one is right', async () => {
  const path = await create();
  const readers = await Readers.start(path, 2);
  const sums = await readers.ask('all');
  for (const part of [0.6, 0.2]) {
    await readers.ask('begin');
    const mend = cutTo(path, part);
    each(await readers.ask('rest'), FAULT);
    each(await readers.ask('all'), FAULT);
    mend();
    await readers.ask('all');
    expect(await readers.ask('all')).toEqual(sums);
  }
  each(await readers.lives(), 'closed');
});

test("when a dead writer's commit has to be finished: STORAGE_FAULT, and finished when the file is whole", async () => {
  const library = killAtLibrary();
  if (library === undefined) return;
  const path = await create();
  const readers = await Readers.start(path, 1);
  const sums = await readers.ask('all');
  const writer = fileURLToPath(new URL('../processes/programs/writer.mjs', import.meta.url));
  const parameters = [writer, path, '1', '{"pause":0,"bytes":100000}'];
  const env = { LD_PRELOAD: library, COPPICE_KILL_AT: 'msync:before:6' };
  const { signal } = await new Child(process.execPath, parameters, env).ended();
  expect(signal).toBe('SIGKILL');
  const mend = cutTo(path, 0.3);
  for (let i = 0; i < 2; i++) each(await readers.ask('put'), FAULT);
  mend();
  await readers.ask('all');
  expect(await readers.ask('all')).toEqual(sums);
  each(await readers.ask('put'), 'put');
  each(await readers.ask('verify'), 'sound');
  each(await readers.lives(), 'closed');
});

test('under a backup, a check and compaction: STORAGE_FAULT, and nothing is committed', async () => {
  const path = await create();
  const readers = await Readers.start(path, 2);
  const sums = await readers.ask('all');
  const before = statSync(path).size;
  const mend = cutTo(path, 0.4);
  const cut = readFileSync(path);
  for (let i = 0; i < 2; i++) {
    for (const command of ['backup', 'verify', 'compact']) {
      // A page past the end may be looked for before it is touched.
      each(await readers.ask(command), expect.stringMatching(/^(STORAGE_FAULT|CORRUPTION)$/));
    }
    each(await readers.ask('put'), FAULT);
  }
  // A meta that only reserves ids, for the same state, may have been written.
  const pages = (bytes: Buffer): Buffer => bytes.subarray(3 * 4096);
  expect(pages(readFileSync(path)).equals(pages(cut))).toBe(true);
  mend();
  await readers.ask('all');
  expect(await readers.ask('all')).toEqual(sums);
  expect(statSync(path).size).toBe(before);
  for (const [command, done] of [
    ['backup', 'saved'],
    ['verify', 'sound'],
    ['put', 'put'],
    ['compact', 'compacted'],
    ['verify', 'sound'],
  ] as const) {
    each(await readers.ask(command), done);
  }
  each(await readers.lives(), 'closed');
});
