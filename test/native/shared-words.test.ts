import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { native } from '../../src/pager/native.ts';
import { create, fixture, newPath, run, start, thrown } from './support.ts';

describe('openShared', () => {
  test('makes a file of exactly the size, written out in full', () => {
    const path = newPath();
    const shared = native().openShared(path, 65536, { create: true, write: true });
    expect(shared.words.length).toBe(16384);
    expect(shared.words.every((word) => word === 0)).toBe(true);
    expect(statSync(path).size).toBe(65536);
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(65536);
    expect(shared.status()).toMatchObject({ kind: 'file', sizeBytes: 65536, links: 1 });
    shared.close();
  });

  test('lengthens a shorter file and keeps what is in it, and shortens none', () => {
    const path = newPath();
    writeFileSync(path, Buffer.from([1, 2, 3, 4]));
    const options = { create: true, write: true };
    const longer = native().openShared(path, 8192, options);
    expect([longer.words[0], longer.words[1], statSync(path).size]).toEqual([0x0403_0201, 0, 8192]);
    longer.close();
    const shorter = native().openShared(path, 4096, options);
    expect([shorter.words.length, statSync(path).size]).toEqual([1024, 8192]);
    shorter.close();
  });

  test('refuses a short or absent file that it may not make', () => {
    const path = newPath();
    const open = (create: boolean, write: boolean) => () =>
      native().openShared(path, 4096, { create, write });
    expect(thrown(open(false, true)).code).toBe('ENOENT');
    writeFileSync(path, 'short');
    expect(thrown(open(false, true)).code).toBe('ERR_TOO_SHORT');
    expect(thrown(open(true, false)).code).toBe('ERR_TOO_SHORT');
    expect(readFileSync(path, 'utf8')).toBe('short');
    expect(
      thrown(() => native().openShared(path, 4095, { create: true, write: true })),
    ).toBeInstanceOf(RangeError);
  });

  test('shares its words between handles, threads and processes', async () => {
    const path = newPath();
    const [a, b] = [0, 1].map(() => native().openShared(path, 4096, { create: true, write: true }));
    Atomics.store(a?.words as Int32Array, 7, 5);
    expect(Atomics.load(b?.words as Int32Array, 7)).toBe(5);
    const workers = [0, 1].map(
      () => new Worker(fixture('add-words.mjs'), { argv: [path, '20000'] }),
    );
    const exits = workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve)));
    const programs = [start('add-words.mjs', path, '20000'), start('add-words.mjs', path, '20000')];
    for (const program of programs) expect((await program.ended()).code).toBe(0);
    expect(await Promise.all(exits)).toEqual([0, 0]);
    expect(Atomics.load(b?.words as Int32Array, 3)).toBe(80_000);
    a?.close();
    b?.close();
  });

  test('without writing sees what others store', () => {
    const path = newPath();
    const writer = native().openShared(path, 4096, { create: true, write: true });
    const reader = native().openShared(path, 4096, { create: false, write: false });
    Atomics.store(writer.words, 9, 11);
    expect(Atomics.load(reader.words, 9)).toBe(11);
    writer.close();
    reader.close();
  });

  test('close() detaches the words, while a job that stores into them goes on', async () => {
    const file = create(newPath(), 4096);
    const path = newPath();
    const shared = native().openShared(path, 4096, { create: true, write: true });
    const { words } = shared;
    const outcome = run(file, [OP.ZERO, 0, 2 ** 24, OP.FLUSH, OP.STORE, 5, 6], [], words);
    shared.close();
    shared.close();
    expect([words.length, words[5]]).toEqual([0, undefined]);
    expect(thrown(() => shared.status()).code).toBe('ERR_CLOSED');
    expect(await outcome).toBeNull();
    expect(readFileSync(path).readInt32LE(20)).toBe(6);
  });

  test('openers at one time give one whole file, in which nothing is lost', async () => {
    const path = newPath();
    const programs = Array.from({ length: 6 }, () => start('add-words.mjs', path, '500'));
    for (const program of programs) expect((await program.ended()).code).toBe(0);
    expect(readFileSync(path).readInt32LE(12)).toBe(3000);
  });
});
