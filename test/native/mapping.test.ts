import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { native } from '../../src/pager/native.ts';
import {
  create,
  fixture,
  kept,
  mapped,
  newPath,
  note,
  open,
  RESERVE,
  run,
  SEGMENT,
  sanitized,
  start,
  startCommand,
  thrown,
} from './support.ts';

const MIB = 2 ** 20;

function mappingsOf(path: string): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(path));
}

describe('the mapping', () => {
  test('shows what a job has written', async () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    const page = new Uint8Array(4096).fill(9);
    expect(bytes[8192]).toBe(0);
    expect(await run(file, [OP.WRITE, 1, 0, 0, 4096, 8192], [page])).toBeNull();
    expect(bytes[8191]).toBe(0);
    expect(bytes.subarray(8192, 12288)).toEqual(page);
  });

  test('is one segment per GiB, the same object each time, and one mapping for the kernel', () => {
    const path = newPath();
    const file = create(path, MIB);
    expect(file.map(2 ** 33, SEGMENT)).toBe(2 ** 33);
    const first = file.window(0, SEGMENT);
    expect(first.byteLength).toBe(SEGMENT);
    expect(file.window(0, SEGMENT)).toBe(first);
    for (let i = 7; i >= 0; i--) file.window(i, SEGMENT);
    const lines = mappingsOf(path);
    expect(lines).toHaveLength(1);
    const [from, to] = lines.join().split(/[- ]/);
    expect(Number.parseInt(`${to}`, 16) - Number.parseInt(`${from}`, 16)).toBe(8 * SEGMENT);
    expect(lines[0]).toContain('r--s');
    expect(thrown(() => file.window(8, SEGMENT))).toBeInstanceOf(RangeError);
  });

  test('pages past the end become readable when the file grows, without mapping again', () => {
    const file = create(newPath(), MIB);
    const bytes = mapped(file);
    file.grow(64 * MIB);
    expect(bytes[64 * MIB - 1]).toBe(0);
    expect(file.faultWords()[1]).toBe(0);
  });

  test('a second segment shows the file past its first GiB', async () => {
    const file = create(newPath());
    file.truncate(SEGMENT + MIB);
    file.map(RESERVE, SEGMENT);
    const second = new Uint8Array(file.window(1, SEGMENT));
    const value = Uint8Array.of(1, 2, 3, 4);
    expect(await run(file, [OP.WRITE, 1, 0, 0, 4, SEGMENT + 4096], [value])).toBeNull();
    expect(second.subarray(4096, 4100)).toEqual(value);
  });

  test('a piece that crosses two segments is written whole', async () => {
    const file = create(newPath());
    file.truncate(2 * SEGMENT);
    file.map(RESERVE, SEGMENT);
    const value = Uint8Array.from({ length: 200 }, (_, i) => i + 1);
    await run(file, [OP.WRITE, 1, 0, 0, 200, SEGMENT - 100], [value]);
    expect(new Uint8Array(file.window(0, SEGMENT), SEGMENT - 100)).toEqual(value.subarray(0, 100));
    expect(new Uint8Array(file.window(1, SEGMENT), 0, 100)).toEqual(value.subarray(100));
  });

  test('two handles of one thread share one mapping, and the second outlives the first', async () => {
    const path = newPath();
    const first = create(path, MIB);
    const second = open(path);
    const a = mapped(first);
    const b = mapped(second);
    expect(a.buffer === b.buffer).toBe(false);
    expect(mappingsOf(path)).toHaveLength(1);
    await run(first, [OP.WRITE, 1, 0, 0, 1, 77], [Uint8Array.of(5)]);
    expect([a[77], b[77]]).toEqual([5, 5]);
    first.close();
    expect(a.length).toBe(0);
    expect(a[77]).toBeUndefined();
    expect(b[77]).toBe(5);
    second.close();
    expect(b[77]).toBeUndefined();
    expect(mappingsOf(path)).toHaveLength(0);
  });

  test('a read-only handle maps too, and shares what a writer mapped', async () => {
    const path = newPath();
    create(path, MIB);
    const reader = open(path, false);
    const bytes = mapped(reader);
    const writer = open(path);
    mapped(writer);
    await run(writer, [OP.WRITE, 1, 0, 0, 1, 5, OP.FLUSH], [Uint8Array.of(8)]);
    expect(bytes[5]).toBe(8);
  });

  test('a memory file behaves as any file', async () => {
    const file = kept(native().openMemory(), MIB);
    const bytes = mapped(file);
    expect(
      await run(file, [OP.WRITE, 1, 0, 0, 3, 10, OP.FLUSH], [Uint8Array.of(1, 2, 3)]),
    ).toBeNull();
    expect(bytes.subarray(10, 13)).toEqual(Uint8Array.of(1, 2, 3));
    expect(file.status()).toMatchObject({ kind: 'file', sizeBytes: MIB, links: 0 });
  });

  test('another size of segments on a mapped file is refused', () => {
    const path = newPath();
    const first = create(path, MIB);
    mapped(first);
    const second = open(path);
    expect(thrown(() => second.map(RESERVE, SEGMENT / 2))).toMatchObject({ code: 'EINVAL' });
    expect(second.map(RESERVE / 2, SEGMENT)).toBe(RESERVE);
    expect(thrown(() => first.map(RESERVE, 4095))).toBeInstanceOf(RangeError);
    expect(thrown(() => first.map(RESERVE, 6000))).toBeInstanceOf(RangeError);
  });

  test('handles that were opened, mapped and closed leave no descriptor and no mapping', () => {
    const path = newPath();
    create(path, MIB).close();
    const count = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length;
    const fds = (): number => statFds();
    const before = [fds(), count()];
    for (let i = 0; i < 50; i++) {
      const file = open(path);
      mapped(file);
      file.faultWords();
      file.tryAcquireWriter();
      file.runSync(Float64Array.of(OP.FLUSH), [], null);
      file.close();
    }
    expect(fds()).toBe(before[0]);
    expect(count()).toBeLessThan((before[1] as number) + 25);
  });
});

function statFds(): number {
  let open = 0;
  for (let fd = 0; fd < 400; fd++) {
    try {
      fstatSync(fd);
      open++;
    } catch {
      // not open
    }
  }
  return open;
}

describe('sizes', () => {
  test('grow allocates blocks and never shrinks; truncate goes both ways', () => {
    const path = newPath();
    const file = create(path);
    file.grow(MIB);
    expect(statSync(path)).toMatchObject({ size: MIB });
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(MIB);
    file.grow(4096);
    expect(file.status().sizeBytes).toBe(MIB);
    file.truncate(100);
    expect(file.status().sizeBytes).toBe(100);
    file.truncate(8192);
    expect(file.status().sizeBytes).toBe(8192);
  });

  test('readAt reads the file, short at its end', () => {
    const path = newPath();
    const file = create(path);
    appendFileSync(path, 'hello world');
    const target = new Uint8Array(8);
    expect(file.readAt(target, 6)).toBe(5);
    expect(Buffer.from(target.subarray(0, 5)).toString()).toBe('world');
    expect(file.readAt(target, 11)).toBe(0);
  });

  test('a failed call throws the errno, the code and the name of the call', () => {
    expect(
      thrown(() => native().openFile('/no/such/file', { write: true, create: false })),
    ).toMatchObject({
      code: 'ENOENT',
      errno: -2,
      syscall: 'open',
    });
    const path = newPath();
    create(path);
    expect(thrown(() => native().openFile(path, { write: true, create: true })).code).toBe(
      'EEXIST',
    );
    expect(thrown(() => open(path, false).grow(4096)).code).toBe('EBADF');
  });
});

describe('residency and advice', () => {
  test('resident counts the pages in memory', () => {
    const path = newPath();
    const file = create(path, MIB);
    file.map(RESERVE, SEGMENT);
    const fd = openSync(path, 'r+');
    writeSync(fd, new Uint8Array(3 * 4096), 0, 3 * 4096, 0);
    closeSync(fd);
    expect(file.resident(0, 3 * 4096)).toBe(3);
    expect(file.resident(1, 4096)).toBe(2);
    expect(file.resident(0, 0)).toBe(0);
    expect(file.resident(100 * MIB, MIB)).toBe(0);
  });

  test('every kind of advice is taken, and a later segment stays in the one mapping', () => {
    const path = newPath();
    const file = create(path, MIB);
    file.map(RESERVE, SEGMENT);
    for (const kind of ['sequential', 'normal', 'random'] as const) file.advise(kind, 0, 0);
    file.advise('willneed', 4096, 8192);
    file.window(2, SEGMENT);
    expect(mappingsOf(path)).toHaveLength(1);
    expect(thrown(() => file.advise('never' as 'normal', 0, 0))).toBeInstanceOf(RangeError);
  });
});

describe('across threads and limits', () => {
  test('two workers share one mapping, and one that ends leaves it to the others', async () => {
    const path = newPath();
    const file = create(path, MIB);
    const bytes = mapped(file);
    const workers = [0, 1].map(
      () => new Worker(fixture('reader-worker.mjs'), { workerData: path }),
    );
    const ask = (worker: Worker, offset: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        worker.postMessage(offset);
      });
    await run(file, [OP.WRITE, 1, 0, 0, 1, 123], [Uint8Array.of(42)]);
    expect(await Promise.all(workers.map((worker) => ask(worker, 123)))).toEqual([42, 42]);
    expect(mappingsOf(path)).toHaveLength(1);
    await workers[0]?.terminate();
    await run(file, [OP.WRITE, 1, 0, 0, 1, 124], [Uint8Array.of(43)]);
    expect(bytes[124]).toBe(43);
    expect(await ask(workers[1] as Worker, 124)).toBe(43);
    await workers[1]?.terminate();
    file.close();
    expect(mappingsOf(path)).toHaveLength(0);
  });

  test('an address-space limit makes the reservation smaller, not impossible', async () => {
    if (sanitized) return note('AddressSanitizer needs more address space than the limit leaves');
    const path = newPath();
    create(path, MIB).close();
    const limit = 40 * 2 ** 30;
    const program = startCommand(
      'prlimit',
      `--as=${limit}`,
      process.execPath,
      fixture('reserve.mjs'),
      path,
    );
    const { code, text, error } = await program.ended();
    expect([code, error]).toEqual([0, '']);
    const reserved = Number(text);
    expect(reserved).toBeGreaterThanOrEqual(SEGMENT);
    expect(reserved).toBeLessThan(limit / 2);
    expect(reserved % SEGMENT).toBe(0);
  });

  test('mapping 48 GiB and unmapping it forces no full garbage collection', async () => {
    const path = newPath();
    create(path, MIB).close();
    const collections = async (mode: string): Promise<string[]> => {
      const program = startCommand(
        process.execPath,
        '--trace-gc',
        '--max-old-space-size=8192',
        fixture('gc.mjs'),
        path,
        mode,
      );
      const { text, code } = await program.ended();
      expect(code).toBe(0);
      return text.split('\n').filter((line) => line.includes('Mark-Compact'));
    };
    // V8 looks at the total in the moment before the length is taken off again, and may start to
    // mark step by step. What it must not do is stop for a collection on that account.
    const forced = (lines: string[]): string[] =>
      lines.filter((line) => /pressure|reduce/.test(line));
    expect(forced(await collections('none'))).toEqual([]);
    expect(forced(await collections('map'))).toEqual([]);
  });

  test('a read after close is undefined in code that was optimised before', async () => {
    const program = start('read-after-close.mjs', newPath());
    expect(await program.ended()).toMatchObject({ code: 0, text: '0 undefined\n' });
  });
});

// The kernel took the reads of the meta slots for the begin of a scan, and loaded 25 pages.
test('reads through the descriptor load what is read, and nothing behind it', ({ skip }) => {
  const path = newPath();
  writeFileSync(path, new Uint8Array(2 ** 22).fill(1));
  const drop = spawnSync('dd', [
    `of=${path}`,
    'oflag=nocache',
    'conv=notrunc,fdatasync',
    'count=0',
  ]);
  const file = open(path, false);
  file.map(RESERVE, SEGMENT);
  const length = 2 ** 22;
  if (drop.status !== 0 || file.resident(0, length) > 0) {
    skip('no file can be dropped from memory here: dd of GNU coreutils, and a disk');
  }
  const bytes = new Uint8Array(512);
  for (const slot of [0, 1, 2]) file.readAt(bytes, slot * 4096);
  // One, where pages of the system are longer than ours.
  expect(file.resident(0, length)).toBeGreaterThan(0);
  expect(file.resident(0, length)).toBeLessThanOrEqual(3);
});
