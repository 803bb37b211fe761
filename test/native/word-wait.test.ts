/** Waiting for a word of shared memory: NativeSharedWords.wait, and the WAKE step that ends it. */

import { readdirSync, truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { type NativeSharedWords, native } from '../../src/pager/native.ts';
import { long } from '../frame/size.ts';
import { create, newPath, run, sleep, start, thrown, until } from './support.ts';

const WORD = 0;
const WAITS = 1;
const WOKEN = 2;

function share(path = newPath()): NativeSharedWords {
  return native().openShared(path, 8192, { create: true, write: true });
}

/** Begins a wait for a change from `seen`; resolves to how often it was told so far. */
async function begin(shared: NativeSharedWords, seen = 0): Promise<() => number> {
  let told = 0;
  const before = Atomics.load(shared.words, WAITS);
  shared.wait(WORD, WAITS, seen, () => {
    told++;
  });
  await until(() => Atomics.load(shared.words, WAITS) !== before);
  return () => told;
}

/** What a commit does: STORE, then WAKE. */
async function publish(words: Int32Array, value: number): Promise<void> {
  const steps = [OP.STORE, WORD, value, OP.WAKE, WORD, WAITS, WOKEN];
  expect(await run(create(), steps, [], words)).toBeNull();
}

const threads = (): number => readdirSync('/proc/self/task').length;

describe('a wait', () => {
  test('is told once when the word has changed and somebody woke', async () => {
    const shared = share();
    const told = await begin(shared);
    await sleep(50);
    expect(told()).toBe(0);
    await publish(shared.words, 5);
    await until(() => told() === 1);
    await publish(shared.words, 6);
    await sleep(20);
    expect(told()).toBe(1);
    shared.close();
  });

  test('is told at once when the word is another than was seen', async () => {
    const shared = share();
    Atomics.store(shared.words, WORD, -3);
    const told = await begin(shared, 2);
    await until(() => told() === 1);
    shared.close();
  });

  test('sleeps on when it is woken and the word is as it was', async () => {
    const shared = share();
    const told = await begin(shared);
    const waits = Atomics.load(shared.words, WAITS);
    // Until the thread is surely asleep: each wake before that finds nobody.
    await until(() => {
      create().runSync(Float64Array.of(OP.WAKE, WORD, WAITS, WOKEN), [], shared.words);
      return Atomics.load(shared.words, WAITS) !== waits;
    });
    expect(told()).toBe(0);
    await publish(shared.words, 1);
    await until(() => told() === 1);
    shared.close();
  });

  test('of every handle on the file is told, in other processes too', async () => {
    const path = newPath();
    const [a, b] = [share(path), share(path)];
    const told = [await begin(a), await begin(b)];
    const other = start('wait-words.mjs', 'once', path);
    expect(await other.line()).toBe('waits');
    expect((await start('wait-words.mjs', 'wake', path).ended()).code).toBe(0);
    await until(() => told.every((count) => count() === 1));
    expect(await other.line()).toBe('told 7');
    expect((await other.ended()).code).toBe(0);
    a.close();
    b.close();
  });

  test('is never missed, however close the change comes to its beginning', async () => {
    const path = newPath();
    const [waiter, waker] = [share(path), share(path)];
    const file = create();
    for (let i = 1; i <= 3000; i++) {
      const told = new Promise<void>((resolve) => {
        waiter.wait(WORD, WAITS, Atomics.load(waiter.words, WORD), resolve);
      });
      for (let spin = (i * 37) % 4000; spin > 0; spin--) Atomics.load(waker.words, 9);
      const steps = Float64Array.of(OP.STORE, WORD, i, OP.WAKE, WORD, WAITS, WOKEN);
      file.runSync(steps, [], waker.words);
      await told;
    }
    waiter.close();
    waker.close();
  });

  // In long runs: it takes as long as the wait is.
  test.runIf(long)('finds a change of which nobody woke it within half a minute', async () => {
    const shared = share();
    const told = await begin(shared);
    await sleep(100);
    Atomics.store(shared.words, WORD, 1);
    await sleep(5000);
    expect(told()).toBe(0);
    await until(() => told() === 1, 60_000);
    shared.close();
  });

  test('may begin again from where it is told, and only then', async () => {
    const shared = share();
    let told = 0;
    const again = (): void => {
      told++;
      if (told < 5) shared.wait(WORD, WAITS, 1, again);
    };
    shared.wait(WORD, WAITS, 1, again);
    expect(thrown(() => shared.wait(WORD, WAITS, 1, again)).code).toBe('ERR_BUSY');
    await until(() => told === 5);
    shared.close();
  });

  test('is not told after close, which ends its thread', async () => {
    const before = threads();
    for (let i = 0; i < 20; i++) {
      const shared = share();
      const told = await begin(shared);
      expect(threads()).toBeGreaterThan(before);
      const began = performance.now();
      shared.close();
      // 30 s without the wake.
      expect(performance.now() - began).toBeLessThan(5000);
      expect(told()).toBe(0);
      expect(thrown(() => shared.wait(WORD, WAITS, 0, () => {})).code).toBe('ERR_CLOSED');
    }
    await until(() => threads() <= before);
  });

  test('is not told either when it had ended, and close came before the event loop to it', async () => {
    for (let i = 0; i < 5; i++) {
      const shared = share();
      let told = 0;
      shared.wait(WORD, WAITS, 1, () => {
        told++;
      });
      const end = performance.now() + 50;
      while (performance.now() < end);
      shared.close();
      await sleep(10);
      expect(told).toBe(0);
    }
  });

  test('ends when the file was cut short, before it began or under it', async () => {
    const paths = [newPath(), newPath()];
    const [first, second] = paths.map((path) => share(path));
    truncateSync(paths[0]!, 0);
    let told = 0;
    first!.wait(WORD, WAITS, 0, () => {
      told++;
    });
    await until(() => told === 1);
    expect(first!.isWhole()).toBe(false);
    first!.close();
    await begin(second!);
    truncateSync(paths[1]!, 0);
    const began = performance.now();
    second!.close();
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('refuses what is no word, no number and no function, and words that it may not count in', () => {
    const path = newPath();
    const shared = share(path);
    const { words } = shared;
    const done = (): void => {};
    for (const word of [-1, words.length, 0.5]) {
      expect(thrown(() => shared.wait(word, WAITS, 0, done))).toBeInstanceOf(RangeError);
      expect(thrown(() => shared.wait(WORD, word, 0, done))).toBeInstanceOf(RangeError);
    }
    for (const seen of [2 ** 31, 0.5, Number.NaN]) {
      expect(thrown(() => shared.wait(WORD, WAITS, seen, done))).toBeInstanceOf(TypeError);
    }
    const none = undefined as unknown as () => void;
    expect(thrown(() => shared.wait(WORD, WAITS, 0, none))).toBeInstanceOf(TypeError);
    expect(thrown(() => shared.keepAlive(1 as unknown as boolean))).toBeInstanceOf(TypeError);
    const reader = native().openShared(path, 8192, { create: false, write: false });
    expect(thrown(() => reader.wait(WORD, WAITS, 0, done)).code).toBe('ERR_READ_ONLY');
    reader.close();
    shared.close();
    expect(thrown(() => shared.keepAlive(true)).code).toBe('ERR_CLOSED');
  });
});

describe('WAKE', () => {
  test('notes what it has woken, and leaves all else as it is', async () => {
    const { words } = share();
    const wake = (): Promise<unknown> => run(create(), [OP.WAKE, WORD, WAITS, WOKEN], [], words);
    expect(await wake()).toBeNull();
    expect([...words.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    words[WAITS] = -7;
    expect(await wake()).toBeNull();
    expect([...words.subarray(0, 4)]).toEqual([0, -7, -7, 0]);
  });
});

describe('a process with a wait', () => {
  const ends = async (mode: string): Promise<unknown> => {
    const { code, signal, error } = await start('wait-words.mjs', mode, newPath()).ended();
    return [code, signal, error];
  };
  test.each(['idle', 'close', 'exit', 'terminate'])('ends by itself (%s)', async (mode) => {
    expect(await ends(mode)).toEqual([0, null, '']);
  });

  test('stays while the wait is to keep it alive', async () => {
    const path = newPath();
    const program = start('wait-words.mjs', 'kept', path);
    expect(await program.line()).toBe('waits');
    await sleep(300);
    expect(program.child.exitCode).toBeNull();
    expect((await start('wait-words.mjs', 'wake', path).ended()).code).toBe(0);
    expect(await program.line()).toBe('told 7');
    program.child.kill('SIGKILL');
  });
});
