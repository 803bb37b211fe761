import { readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { native } from '../../src/pager/native.ts';
import { onFullDisk } from './full-disk.ts';
import {
  create,
  fixture,
  mapped,
  newPath,
  note,
  open,
  RESERVE,
  run,
  SEGMENT,
  startCommand,
  thrown,
} from './support.ts';

const MIB = 2 ** 20;
const PAGE = 4096;

function words(count = 16): Int32Array {
  return native().openShared(null, count * 4, { create: true, write: true }).words;
}

function random(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

describe('the steps of a job', () => {
  test('WRITE_PAGES sets each checksum, seeded with secret + page number in 64 bits', async () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    const pages = random(3 * PAGE);
    const low = 0xffff_fffe;
    const high = 0xffff_ffff;
    const steps = [
      OP.WRITE_PAGES,
      PAGE,
      low,
      high,
      2,
      0,
      0,
      2 * PAGE,
      5 * PAGE,
      0,
      2 * PAGE,
      PAGE,
      9 * PAGE,
    ];
    expect(await run(file, steps, [pages])).toBeNull();
    const expected = new Uint8Array(8);
    // 2^64 - 2 + 5 wraps to 3.
    native().hash(bytes, 5 * PAGE + 8, 6 * PAGE, 3, 0, expected, 0);
    expect(bytes.subarray(5 * PAGE, 5 * PAGE + 8)).toEqual(expected);
    for (const page of [5, 6, 9]) {
      expect(native().pageIsIntact(bytes, page * PAGE, PAGE, page, low, high)).toBe(true);
      expect(native().pageIsIntact(bytes, page * PAGE, PAGE, page + 1, low, high)).toBe(false);
    }
    expect(bytes.subarray(9 * PAGE + 8, 10 * PAGE)).toEqual(pages.subarray(2 * PAGE + 8));
  });

  test('long pieces are sealed and written in parts, of which none is left out', async () => {
    const file = create(newPath(), 4 * MIB);
    const bytes = mapped(file);
    const pages = random(2 * MIB + 7 * PAGE);
    // 3 pages; then, adjacent to them in the file only, all but a page; then one apart.
    const first = 3 * PAGE;
    const second = pages.length - 4 * PAGE;
    const rows = [
      [0, pages.length - first, first, 5 * PAGE],
      [0, 0, second, 8 * PAGE],
      [0, second, PAGE, 900 * PAGE],
    ];
    const steps = [OP.WRITE_PAGES, PAGE, 7, 0, rows.length, ...rows.flat(), OP.FLUSH];
    expect(await run(file, steps, [pages])).toBeNull();
    for (const [, start, length, offset] of rows as [number, number, number, number][]) {
      for (let at = 0; at < length; at += PAGE) {
        const page = (offset + at) / PAGE;
        expect(native().pageIsIntact(bytes, page * PAGE, PAGE, page, 7, 0), `page ${page}`).toBe(
          true,
        );
        const found = Buffer.from(bytes.subarray(page * PAGE + 8, (page + 1) * PAGE));
        expect(found.equals(pages.subarray(start + at + 8, start + at + PAGE))).toBe(true);
      }
    }
  });

  test('thousands of adjacent pieces go out in as many calls as IOV_MAX asks for', async () => {
    const path = newPath();
    const file = create(path, MIB);
    const data = random(3000 * 16);
    const steps: number[] = [OP.WRITE, 3000];
    for (let i = 0; i < 3000; i++) steps.push(0, i * 16, 16, 100 + i * 16);
    const before = writeCalls();
    file.runSync(Float64Array.from(steps), [data], null);
    expect(writeCalls() - before).toBe(3);
    expect(new Uint8Array(readFileSync(path).subarray(100, 100 + data.length))).toEqual(data);
  });

  test('pieces apart are written apart, and empty ones are nothing', async () => {
    const path = newPath();
    const file = create(path, 64);
    const data = random(8);
    await run(file, [OP.WRITE, 4, 0, 0, 2, 4, 0, 2, 0, 6, 0, 2, 2, 20, 0, 4, 0, 50], [data]);
    const found = readFileSync(path);
    expect([found[4], found[5], found[6], found[20], found[21], found[50]]).toEqual([
      data[0],
      data[1],
      0,
      data[2],
      data[3],
      0,
    ]);
  });

  test('ZERO writes zeros of any length, over what was there, and lengthens the file', async () => {
    const path = newPath();
    const file = create(path);
    const long = new Uint8Array(5 * MIB).fill(1);
    await run(file, [OP.WRITE, 1, 0, 0, long.length, 0, OP.ZERO, 1, 5 * MIB + 1234], [long]);
    const found = readFileSync(path);
    expect(found.length).toBe(5 * MIB + 1235);
    expect(found[0]).toBe(1);
    expect(found.subarray(1).every((byte) => byte === 0)).toBe(true);
  });

  test('PUNCH makes a hole of whole blocks, which reads as zeros and is filled again', async () => {
    const path = newPath();
    const file = create(path);
    const long = new Uint8Array(5 * MIB).fill(1);
    await run(file, [OP.WRITE, 1, 0, 0, long.length, 0, OP.FLUSH], [long]);
    const before = file.status().allocatedBytes;
    await run(file, [OP.PUNCH, MIB, 3 * MIB, OP.PUNCH, 5 * MIB, 0, OP.FLUSH], []);
    expect(file.sizeBytes()).toBe(5 * MIB);
    const found = readFileSync(path);
    expect(found.subarray(MIB, 4 * MIB).every((byte) => byte === 0)).toBe(true);
    expect(found.subarray(0, MIB).every((byte) => byte === 1)).toBe(true);
    expect(found.subarray(4 * MIB).every((byte) => byte === 1)).toBe(true);
    expect(before - file.status().allocatedBytes).toBe(3 * MIB);
    expect(file.status().allocatedBytes).toBe(statSync(path).blocks * 512);
    await run(file, [OP.WRITE, 1, 0, 0, MIB, 2 * MIB, OP.FLUSH], [long]);
    expect(readFileSync(path).subarray(2 * MIB, 3 * MIB)).toEqual(Buffer.alloc(MIB, 1));
  });

  test('STORE stores after what comes before it, and NOTIFY tells in between', async () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    const shared = words();
    const events: string[] = [];
    const steps = [
      OP.WRITE,
      1,
      0,
      0,
      1,
      7,
      OP.STORE,
      3,
      -5,
      OP.STORE,
      4,
      0xffff_ffff,
      OP.NOTIFY,
      OP.FLUSH,
    ];
    await new Promise<void>((resolve) => {
      file.run(
        Float64Array.from(steps),
        [Uint8Array.of(9)],
        shared,
        (error) => {
          events.push(`done ${error}`);
          resolve();
        },
        () =>
          events.push(`written ${bytes[7]} ${Atomics.load(shared, 3)} ${Atomics.load(shared, 4)}`),
      );
    });
    expect(events).toEqual(['written 9 -5 -1', 'done null']);
  });

  test('RELEASE gives the writer lock back once', async () => {
    const path = newPath();
    const file = create(path);
    const other = open(path);
    expect([file.tryAcquireWriter(), file.tryAcquireWriter()]).toEqual([true, true]);
    await run(file, [OP.RELEASE]);
    expect(other.tryAcquireWriter()).toBe(false);
    await run(file, [OP.RELEASE, OP.RELEASE]);
    expect(other.tryAcquireWriter()).toBe(true);
  });

  test('jobs run in order, runSync after those queued, and pending counts them', async () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    const big = new Uint8Array(8 * MIB);
    const outcomes = [1, 2, 3].map((value) =>
      run(
        file,
        [OP.WRITE, 1, 0, 0, big.length, 4096, OP.WRITE, 1, 1, 0, 1, 0],
        [big, Uint8Array.of(value)],
      ),
    );
    expect(file.pending()).toBeGreaterThan(0);
    file.runSync(Float64Array.of(OP.WRITE, 1, 0, 0, 1, 1), [bytes.slice(0, 1)], null);
    expect(file.pending()).toBe(0);
    expect(bytes[0]).toBe(3);
    expect(await Promise.all(outcomes)).toEqual([null, null, null]);
  });

  test('the buffers are kept while the job runs, whatever the caller does with its array', async () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    const list = [new Uint8Array(4 * MIB).fill(7)];
    const steps = [OP.WRITE, 1, 0, 0, 4 * MIB, 0];
    const outcomes = [run(file, steps, list), run(file, steps, list)];
    list.length = 0;
    (globalThis as { gc?: () => void }).gc?.();
    await Promise.all(outcomes);
    expect(bytes[4 * MIB - 1]).toBe(7);
  });

  test('what a callback throws is an uncaught exception, and the next job runs', async () => {
    const program = startCommand(process.execPath, fixture('throwing.mjs'), newPath());
    expect(await program.ended()).toMatchObject({
      code: 0,
      text: 'uncaught: from done\nnext done\n',
    });
  });
});

describe('a job that fails', () => {
  const sections = [
    OP.ON_ABORT,
    OP.STORE,
    1,
    1,
    OP.ON_POISON,
    OP.STORE,
    2,
    1,
    OP.FINALLY,
    OP.STORE,
    3,
    1,
  ];

  test('runs only FINALLY when all went well', async () => {
    const shared = words();
    expect(await run(create(), [OP.STORE, 0, 1, ...sections], [], shared)).toBeNull();
    expect([...shared.subarray(0, 4)]).toEqual([1, 0, 0, 1]);
  });

  test('runs ON_ABORT when a GUARD does not hold, and nothing after it', async () => {
    const shared = words();
    shared[9] = 5;
    const held = await run(create(), [OP.GUARD, 9, 5, OP.STORE, 0, 1, ...sections], [], shared);
    expect([held, ...shared.subarray(0, 4)]).toEqual([null, 1, 0, 0, 1]);
    shared.fill(0, 0, 4);
    const failed = await run(create(), [OP.GUARD, 9, 6, OP.STORE, 0, 1, ...sections], [], shared);
    expect(failed).toMatchObject({ code: 'ECANCELED', syscall: 'guard' });
    expect([...shared.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
  });

  test('runs ON_ABORT when the disk is full, and the file can be used on', async () => {
    const ran = await onFullDisk(async (path, makeRoom) => {
      const shared = words();
      const file = create(path);
      const page = random(PAGE);
      const big = new Uint8Array(4 * MIB);
      expect(thrown(() => file.grow(64 * MIB)).code).toBe('ENOSPC');
      const steps = [OP.WRITE, 1, 0, 0, big.length, 0, OP.STORE, 0, 1, ...sections];
      const error = await run(file, steps, [big], shared);
      expect(error).toMatchObject({ code: 'ENOSPC', syscall: 'pwritev' });
      expect([...shared.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
      makeRoom();
      file.truncate(0);
      expect(await run(file, [OP.WRITE, 1, 0, 0, PAGE, 0, OP.FLUSH], [page], shared)).toBeNull();
    });
    if (!ran) note('no file system can be mounted here: a full disk was not tried');
  });

  test('past RLIMIT_FSIZE writes up to the limit, then aborts with EFBIG, and no signal ends it', async () => {
    const path = newPath();
    const program = startCommand(
      'prlimit',
      '--fsize=1048576',
      process.execPath,
      fixture('too-big.mjs'),
      path,
    );
    expect(await program.ended()).toMatchObject({
      code: 0,
      text: 'run EFBIG 0,1,0,1\nrunSync EFBIG 0,1,0,1\ngrow EFBIG\ntruncate EFBIG\n',
    });
    expect(statSync(path).size).toBe(MIB);
  });

  test('runs ON_POISON when a write fails otherwise', async () => {
    const path = newPath();
    create(path, PAGE);
    const shared = words();
    const steps = [OP.WRITE, 1, 0, 0, 1, 0, OP.STORE, 0, 1, ...sections];
    const error = await run(open(path, false), steps, [new Uint8Array(1)], shared);
    expect(error).toMatchObject({ code: 'EBADF', syscall: 'pwritev' });
    expect([...shared.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
    shared.fill(0);
    const sync = thrown(() =>
      open(path, false).runSync(Float64Array.from(steps), [new Uint8Array(1)], shared),
    );
    expect(sync.code).toBe('EBADF');
    expect([...shared.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  });

  test('STORE_ERRNO stores why, in each section; 0 when nothing failed', async () => {
    const path = newPath();
    create(path, PAGE);
    const tails = [
      OP.ON_ABORT,
      OP.STORE_ERRNO,
      1,
      OP.ON_POISON,
      OP.STORE_ERRNO,
      2,
      OP.FINALLY,
      OP.STORE_ERRNO,
      3,
    ];
    const shared = words();
    shared.fill(-1);
    await run(open(path, false), [OP.WRITE, 1, 0, 0, 1, 0, ...tails], [new Uint8Array(1)], shared);
    expect([...shared.subarray(1, 4)]).toEqual([-1, constants.errno.EBADF, constants.errno.EBADF]);
    await run(open(path), [OP.GUARD, 0, 7, ...tails], [], shared);
    expect([shared[1], shared[3]]).toEqual([constants.errno.ECANCELED, constants.errno.ECANCELED]);
    await run(open(path), tails, [], shared);
    expect(shared[3]).toBe(0);
  });

  test('runs ON_POISON too when ON_ABORT cannot be done', async () => {
    const path = newPath();
    create(path, PAGE);
    const shared = words();
    const steps = [
      OP.GUARD,
      9,
      1,
      OP.ON_ABORT,
      OP.ZERO,
      0,
      8,
      OP.ON_POISON,
      OP.STORE,
      2,
      1,
      OP.FINALLY,
      OP.STORE,
      3,
      1,
    ];
    const error = await run(open(path, false), steps, [], shared);
    expect(error?.code).toBe('EBADF');
    expect([...shared.subarray(0, 4)]).toEqual([0, 0, 1, 1]);
  });
});

describe('a job that breaks the grammar', () => {
  const file = () => create(newPath(), PAGE);
  const buffer = new Uint8Array(PAGE);
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ['an unknown operation', [10]],
    ['STORE_ERRNO past the words', [OP.STORE_ERRNO, 16]],
    ['operation 0', [0]],
    ['a section twice', [OP.FINALLY, OP.FINALLY]],
    ['a fraction', [1.5]],
    ['NaN', [Number.NaN]],
    ['the end in the middle of a step', [OP.ZERO, 0]],
    ['a count of pieces that do not come', [OP.WRITE, 2, 0, 0, 1, 0]],
    ['a huge count', [OP.WRITE, 2 ** 53, 0, 0, 1, 0]],
    ['a buffer that is not there', [OP.WRITE, 1, 1, 0, 1, 0]],
    ['a negative buffer', [OP.WRITE, 1, -1, 0, 1, 0]],
    ['a start past the buffer', [OP.WRITE, 1, 0, PAGE + 1, 0, 0]],
    ['a length past the buffer', [OP.WRITE, 1, 0, 1, PAGE, 0]],
    ['a negative file offset', [OP.WRITE, 1, 0, 0, 1, -1]],
    ['a word past the words', [OP.STORE, 16, 0]],
    ['a guard past the words', [OP.GUARD, 16, 0]],
    ['a wake past the words', [OP.WAKE, 0, 1, 16]],
    ['a wake without its counts', [OP.WAKE, 0]],
    ['a value of 33 bits', [OP.STORE, 0, 2 ** 32]],
    ['a page of 4 bytes', [OP.WRITE_PAGES, 4, 0, 0, 1, 0, 0, 4, 0]],
    ['a part of a page', [OP.WRITE_PAGES, 64, 0, 0, 1, 0, 0, 100, 0]],
    ['a page between two pages', [OP.WRITE_PAGES, 64, 0, 0, 1, 0, 0, 64, 32]],
    ['a secret of 33 bits', [OP.WRITE_PAGES, 64, 2 ** 32, 0, 1, 0, 0, 64, 0]],
  ];
  test.each(cases)('throws a RangeError for %s, and does nothing', (_, steps) => {
    const shared = words();
    const whole = Float64Array.from([OP.STORE, 0, 1, ...steps]);
    const handle = file();
    expect(thrown(() => handle.runSync(whole, [buffer], shared))).toBeInstanceOf(RangeError);
    expect(thrown(() => handle.run(whole, [buffer], shared, () => {}, null))).toBeInstanceOf(
      RangeError,
    );
    expect(shared[0]).toBe(0);
  });

  test('STORE without words is refused, and so is a page in the mapping', () => {
    const handle = file();
    const bytes = mapped(handle);
    expect(thrown(() => handle.runSync(Float64Array.of(OP.STORE, 0, 0), [], null))).toBeInstanceOf(
      RangeError,
    );
    const steps = Float64Array.of(OP.WRITE_PAGES, PAGE, 0, 0, 1, 0, 0, PAGE, 0);
    expect(thrown(() => handle.runSync(steps, [bytes], null))).toBeInstanceOf(RangeError);
    expect(thrown(() => native().hash(buffer, 0, 8, 0, 0, bytes, 0))).toBeInstanceOf(RangeError);
  });

  test('pages of the mapping can be written again from there', async () => {
    const handle = create(newPath(), MIB);
    const bytes = mapped(handle);
    await run(handle, [OP.WRITE, 1, 0, 0, PAGE, 0], [random(PAGE)]);
    expect(await run(handle, [OP.WRITE, 1, 0, 0, PAGE, 8 * PAGE], [bytes])).toBeNull();
    expect(bytes.subarray(8 * PAGE, 9 * PAGE)).toEqual(random(PAGE));
  });

  test('arguments of other kinds are TypeErrors', () => {
    const handle = file();
    const none = new Float64Array(0);
    const calls: (() => unknown)[] = [
      () => handle.runSync([] as unknown as Float64Array, [], null),
      () => handle.runSync(none, buffer as unknown as Uint8Array[], null),
      () => handle.runSync(none, [{} as Uint8Array], null),
      () => handle.runSync(none, [], buffer as unknown as Int32Array),
      () => handle.run(none, [], null, 5 as unknown as () => void, null),
      () => handle.map('1' as unknown as number, SEGMENT),
      () => handle.map.call({} as typeof handle, RESERVE, SEGMENT),
      () => new (handle.constructor as new () => unknown)(),
    ];
    for (const call of calls) expect(thrown(call)).toBeInstanceOf(TypeError);
  });

  test('a closed file refuses everything but close', () => {
    const handle = file();
    handle.close();
    handle.close();
    for (const call of [
      () => handle.status(),
      () => handle.runSync(new Float64Array(0), [], null),
    ]) {
      expect(thrown(call).code).toBe('ERR_CLOSED');
    }
    expect(handle.pending()).toBe(0);
  });
});

function writeCalls(): number {
  return Number(/syscw: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
