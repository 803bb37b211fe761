/** `db.backup`: full, increments, compact; to paths and streams; what it refuses, and what it leaves. */

import {
  createWriteStream,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { META_SLOT_BYTES, META_SLOT_OFFSETS } from '../../src/format/geometry.ts';
import { BackupMismatchError, type BackupOptions, type Database, open } from '../../src/index.ts';
import { native } from '../../src/pager/native.ts';
import { seed } from '../frame/seed.ts';
import {
  blockBytes,
  change,
  contentOf,
  expectUntouched,
  filesAt,
} from '../support/backup-pieces.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { program } from '../support/process-children.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, rangeError, typeError } from './refusal.ts';

/** A database with stores, large values, and free pages among those in use. */
async function filled(path = newPath(), transactions = 12): Promise<Database> {
  const db = openFresh(path, { durability: 'manual' });
  await change(db, new Random(seed), transactions);
  return db;
}

/** The meta slots of a file: which are in use. */
function slotsInUse(path: string): boolean[] {
  const bytes = readFileSync(path);
  return META_SLOT_OFFSETS.map((o) => bytes.subarray(o, o + META_SLOT_BYTES).some((b) => b !== 0));
}

/** All bytes of a Node stream that a backup is sent to. */
async function toNodeStream(db: Database, options?: BackupOptions): Promise<Buffer> {
  const parts: Buffer[] = [];
  const stream = new PassThrough();
  stream.on('data', (part: Buffer) => parts.push(part));
  await db.backup(stream, options);
  expect(stream.writableFinished).toBe(true);
  return Buffer.concat(parts);
}

/** The same for a web stream. */
async function toWebStream(db: Database, options?: BackupOptions): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let closed = false;
  const stream = new WritableStream<Uint8Array>({
    write: (part) => {
      parts.push(part);
    },
    close: () => {
      closed = true;
    },
  });
  await db.backup(stream, options);
  expect(closed).toBe(true);
  return Buffer.concat(parts);
}

/** Without the time of the backup, and the checksum over it. */
function timeless(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0, 0, 8);
  copy.fill(0, 136, 144);
  return copy;
}

describe('a full backup', () => {
  for (const pageSize of [256, 4096] as const) {
    test(`is a database that holds the same, pages of ${pageSize} bytes`, async () => {
      const path = pageSize === 256 ? newTinyFile(pageSize) : newPath();
      const db = await filled(path, pageSize === 256 ? 3 : 12);
      const to = newPath();
      const report = await db.backup(to);
      expect(filesAt(to).length).toBe(1);
      const { pages } = await db.verify();
      const size = statSync(to).size;
      expect(report).toEqual({
        transaction: db.lastTransaction,
        since: undefined,
        pages,
        bytes: size,
      });
      expect(size % pageSize).toBe(0);
      expect(slotsInUse(to)).toEqual([true, false, false]);
      const copy = openFresh(to);
      expect(copy.lastTransaction).toBe(report.transaction);
      expect(contentOf(copy)).toEqual(contentOf(db));
      expect((await copy.verify()).pages).toBe(report.pages);
      await change(copy, new Random(seed + 1), 2);
    });
  }

  test('of an empty database, and of one in memory', async () => {
    const empty = newPath();
    await openFresh(newPath()).backup(empty);
    expect(openFresh(empty).stores()).toEqual([]);
    const memory = await filled(':memory:');
    const to = newPath();
    await memory.backup(to);
    expect(contentOf(openFresh(to))).toEqual(contentOf(memory));
  });

  test('holds what is not durable yet, and nothing that comes after it', async () => {
    const db = await filled();
    expect(db.stats().durableTransaction).toBeLessThan(db.lastTransaction);
    const before = contentOf(db);
    let later: Promise<void> | undefined;
    const to = newPath();
    const report = await db.backup(to, {
      onProgress: () => {
        later ??= change(db, new Random(seed + 2), 20);
      },
    });
    await later;
    expect(contentOf(openFresh(to))).toEqual(before);
    expect(db.lastTransaction).toBeGreaterThan(report.transaction);
  });

  test('takes no room for free pages', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 20; i++) await store.put(i, Buffer.alloc(500_000, i + 1));
    await store.removeRange({ lt: 19 });
    const to = newPath();
    const { bytes, pages } = await db.backup(to);
    expect(bytes).toBeGreaterThan(10 * 500_000);
    expect(pages * 4096).toBeLessThan(2 * 500_000);
    expect(blockBytes(to)).toBeLessThan(pages * 4096 + 65_536);
    const image = readFileSync(to);
    const used = (await openFresh(to).verify()).pages;
    let held = 0;
    for (let o = 3 * 4096; o < image.length; o += 4096) {
      if (image.subarray(o, o + 4096).some((byte) => byte !== 0)) held++;
    }
    expect(held + 3).toBe(used);
  });

  test('is as long as its state says, also when its last pages are free', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 4; i++) await store.put(i, Buffer.alloc(300_000, i + 1));
    await store.removeRange({ gt: 0 });
    const to = newPath();
    const { bytes } = await db.backup(to);
    expect(statSync(to).size).toBe(bytes);
    const image = readFileSync(to);
    expect(image.length).toBe(image.readUInt32LE(128) * 4096);
    expect(contentOf(openFresh(to))).toEqual(contentOf(db));
  });

  test('tells progress up to the end', async () => {
    const db = await filled();
    const told: { done: number; total: number }[] = [];
    const { pages } = await db.backup(newPath(), { onProgress: (p) => told.push(p) });
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toEqual({ done: 2 * pages, total: 2 * pages });
    for (const [i, { done, total }] of told.entries()) {
      expect(total).toBe(2 * pages);
      if (i > 0) expect(done).toBeGreaterThanOrEqual(told[i - 1]!.done);
    }
  });

  test('of a handle that only reads: what is durable', async () => {
    const path = newPath();
    const db = await filled(path);
    const reader = openFresh(path, { readOnly: true });
    const durable = db.stats().durableTransaction;
    expect((await reader.backup(newPath())).transaction).toBe(durable);
    await db.flush();
    const to = newPath();
    expect((await reader.backup(to)).transaction).toBe(db.lastTransaction);
    expect(contentOf(openFresh(to))).toEqual(contentOf(db));
  });

  test('of a file that nobody writes, immutable', async () => {
    const path = newPath();
    await (await filled(path)).close();
    const db = openFresh(path, { readOnly: true, immutable: true });
    const to = newPath();
    await db.backup(to);
    expect(contentOf(openFresh(to))).toEqual(contentOf(db));
  });

  test('while another process writes', async () => {
    const path = newPath();
    const here = new URL('../processes/', import.meta.url).href;
    const writer = program(`${here}x.ts`, 'writer.mjs', [path, 1, { pause: 0 }]);
    await writer.line('ack');
    const db = openFresh(path);
    for (let i = 0; i < 3; i++) {
      const to = newPath();
      const { transaction } = await db.backup(to);
      const copy = openFresh(to);
      expect(copy.lastTransaction).toBe(transaction);
      expect((await copy.verify()).problems).toEqual([]);
      await writer.line('ack');
    }
    await writer.kill();
  });
});

describe('a stream', () => {
  for (const [kind, send] of [
    ['of Node', toNodeStream],
    ['of the web', toWebStream],
  ] as const) {
    test(`${kind} gets the bytes that a file has`, async () => {
      const db = await filled();
      const full = newPath();
      const { transaction } = await db.backup(full);
      expect(timeless(await send(db)).equals(timeless(readFileSync(full)))).toBe(true);
      await change(db, new Random(seed + 3), 3);
      const increment = newPath();
      const report = await db.backup(increment, { since: transaction });
      const sent = await send(db, { since: transaction });
      expect(sent.length).toBe(report.bytes);
      expect(statSync(increment).size).toBe(report.bytes);
      const compact = newPath();
      writeFileSync(compact, await send(db, { compact: true }));
      expect(contentOf(openFresh(compact))).toEqual(contentOf(db));
    });
  }

  test('that is slow is not overrun', async () => {
    const db = await filled();
    let taken = 0;
    let waiting = 0;
    let most = 0;
    const stream = new Writable({
      highWaterMark: 1,
      write(part: Buffer, _encoding, done) {
        waiting += part.length;
        most = Math.max(most, stream.writableLength);
        setTimeout(() => {
          waiting -= part.length;
          taken += part.length;
          done();
        }, 3);
      },
    });
    const { bytes } = await db.backup(stream);
    expect([taken, waiting]).toEqual([bytes, 0]);
    expect(most).toBeLessThanOrEqual(2 * 2 ** 20);
  });

  test('that takes everything at once leaves the event loop its turns', async () => {
    const db = await filled();
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 60; i++) await store.put(i, Buffer.alloc(2 ** 20, i + 1));
    await store.removeRange({ gte: 20, lt: 40 });
    const busy = (): void => {
      const until = performance.now() + 2;
      while (performance.now() < until);
    };
    for (const make of [
      () =>
        new Writable({
          write: (_part, _encoding, done) => {
            busy();
            done();
          },
        }),
      () => new WritableStream<Uint8Array>({ write: busy }),
    ]) {
      let turns = 0;
      let halfway = 0;
      let going = true;
      const count = (): void => {
        turns++;
        if (going) setImmediate(count);
      };
      count();
      await db.backup(make(), {
        onProgress: ({ done, total }) => {
          if (halfway === 0 && done > total / 2) halfway = turns;
        },
      });
      going = false;
      // 60 parts of 2 ms each, of which 20 are zeros.
      expect(turns - halfway).toBeGreaterThan(10);
    }
  });

  test('that fails is told of as it is', async () => {
    const db = await filled();
    const failing = new Writable({
      write: (_part, _encoding, done) => done(new Error('the tape is full')),
    });
    await expect(db.backup(failing)).rejects.toThrow('the tape is full');
    expect(failing.destroyed).toBe(true);
    const web = new WritableStream({
      write() {
        throw new Error('the tape is full');
      },
    });
    await expect(db.backup(web)).rejects.toThrow('the tape is full');
    const to = newPath();
    mkdirSync(to);
    await expect(db.backup(createWriteStream(to))).rejects.toMatchObject({ code: 'EISDIR' });
    const gone = new PassThrough();
    gone.destroy();
    await expectRefusal(() => db.backup(gone), typeError('ended'));
    const failed = new PassThrough();
    const late = db.backup(failed);
    // Before anything is written: an error that nobody hears would end the process.
    expect(failed.listenerCount('error')).toBeGreaterThan(0);
    failed.destroy(new Error('pulled out'));
    await expect(late).rejects.toThrow('pulled out');
    const done = new PassThrough();
    done.resume();
    await db.backup(done);
    expect(done.listeners('error').map(({ name }) => name)).not.toContain('heard');
  });

  test('is destroyed when the backup fails before its first byte', async () => {
    const db = await filled();
    const stream = new PassThrough();
    await expect(db.backup(stream, { since: 2 ** 40 })).rejects.toThrow(RangeError);
    expect(stream.destroyed).toBe(true);
    let aborted: unknown;
    const web = new WritableStream({
      abort: (reason) => {
        aborted = reason;
      },
    });
    await expect(db.backup(web, { since: 2 ** 40 })).rejects.toThrow(RangeError);
    expect(aborted).toBeInstanceOf(RangeError);
  });
});

describe('an increment', () => {
  test('is no database', async () => {
    const db = await filled();
    const { transaction } = await db.backup(newPath());
    await change(db, new Random(seed + 4), 1);
    const to = newPath();
    const report = await db.backup(to, { since: transaction });
    expect(report.since).toBe(transaction);
    expect(report.pages * 4096).toBeLessThan(report.bytes);
    await expectRefusal(() => open(to), coded('NOT_A_DATABASE', 'increment', 'restore'));
  });

  test('costs what was written since', async () => {
    const db = await filled(newPath(), 40);
    const { transaction, pages } = await db.backup(newPath());
    const store = db.store('small', { key: 'u32', value: 'string' });
    await store.put(1, 'one');
    const told: { done: number; total: number }[] = [];
    const report = await db.backup(newPath(), {
      since: transaction,
      onProgress: (p) => told.push(p),
    });
    expect(report.pages).toBeLessThan(8);
    expect(report.pages).toBeLessThan(pages / 4);
    expect(told.at(-1)).toEqual({ done: 2 * report.pages, total: 2 * report.pages });
    const nothing = await db.backup(newPath(), { since: report.transaction });
    expect(nothing.pages).toBe(0);
  });

  test('builds on nothing that was given up, also when the machine stops before the next write', async () => {
    const path = newPath();
    const db = openFresh(path);
    const store = db.store('s', { key: 'u32', value: 'string' });
    await store.put(1, 'kept');
    const kept = await db.backup(newPath());
    await store.put(1, 'given up');
    const lost = await db.backup(newPath());
    await db.close();
    await openFresh(path, { recover: 'previous' }).close();
    // The lock file is gone with the machine.
    const moved = newPath();
    writeFileSync(moved, readFileSync(path));
    const again = openFresh(moved);
    expect(again.store('s').get(1)).toBe('kept');
    await again.store('s', { key: 'u32', value: 'string' }).put(2, 'new');
    expect(again.lastTransaction).toBeGreaterThan(lost.transaction);
    const since = { since: lost.transaction };
    await expectRefusal(() => again.backup(newPath(), since), coded('BACKUP_MISMATCH'));
    await again.backup(newPath(), { since: kept.transaction });
  });

  test('builds on nothing that was given up', async () => {
    const path = newPath();
    const db = openFresh(path);
    const store = db.store('s', { key: 'u32', value: 'string' });
    await store.put(1, 'kept');
    const kept = await db.backup(newPath());
    await store.put(1, 'given up');
    const lost = await db.backup(newPath());
    await db.close();
    const back = openFresh(path, { recover: 'previous' });
    expect(back.store('s').get(1)).toBe('kept');
    const refused = coded('BACKUP_MISMATCH', String(lost.transaction), 'given up', 'full');
    const refuse = async (handle: Database): Promise<void> => {
      const to = newPath();
      const error = await expectRefusal(
        () => handle.backup(to, { since: lost.transaction }),
        refused,
      );
      expect(error).toBeInstanceOf(BackupMismatchError);
      expect(error).toMatchObject({ expected: kept.transaction, found: lost.transaction });
      expectUntouched(to, undefined);
    };
    await refuse(back);
    await back.store('s', { key: 'u32', value: 'string' }).put(2, 'new');
    await refuse(back);
    expect((await back.backup(newPath(), { since: kept.transaction })).pages).toBeGreaterThan(0);
    await back.close();
    // The lock file is gone with the machine: the metas say it too.
    const moved = newPath();
    writeFileSync(moved, readFileSync(path));
    const again = openFresh(moved);
    await refuse(again);
    await again.store('s', { key: 'u32', value: 'string' }).put(3, 'newer');
    await refuse(again);
    const next = await again.backup(newPath(), { since: kept.transaction });
    await again.backup(newPath(), { since: next.transaction });
  });
});

describe('a compact backup', () => {
  test('is a small database of its own', async () => {
    const db = await filled(newPath(), 60);
    const to = newPath();
    const told: { done: number; total: number }[] = [];
    const report = await db.backup(to, { compact: true, onProgress: (p) => told.push(p) });
    expect(filesAt(to).length).toBe(1);
    expect(report.bytes).toBe(statSync(to).size);
    const entries = db.stores().reduce((sum, { count }) => sum + count, 0);
    expect(told.at(-1)).toEqual({ done: entries, total: entries });
    expect(slotsInUse(to)).toEqual([true, false, false]);
    const copy = openFresh(to);
    expect(contentOf(copy)).toEqual(contentOf(db));
    expect((await copy.verify()).pages).toBe(report.pages);
    expect(copy.lastTransaction).toBeGreaterThanOrEqual(report.transaction);
    const free = report.bytes / 4096 - report.pages;
    expect(free).toBeLessThan(report.pages / 20 + 8);
    await change(copy, new Random(seed + 5), 2);
  });

  test('of 100,000 rows put in any order takes 1.12 times what they hold', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('rows', { key: 'string', value: 'string' });
    const random = new Random(seed);
    const all = Array.from({ length: 100_000 }, (_, i) => String(i).padStart(15, '0'));
    for (let i = all.length - 1; i > 0; i--) {
      const other = random.below(i + 1);
      [all[i], all[other]] = [all[other]!, all[i]!];
    }
    const value = 'v'.repeat(100);
    for (let i = 0; i < all.length; i += 5000) {
      await store.putMany(all.slice(i, i + 5000).map((key) => [key, value] as const));
    }
    const to = newPath();
    const { bytes } = await db.backup(to, { compact: true });
    expect(bytes).toBeLessThanOrEqual(1.12 * 115 * 100_000);
    expect(openFresh(to).store('rows').count()).toBe(100_000);
  });

  test('of an empty database', async () => {
    const to = newPath();
    await openFresh(newPath()).backup(to, { compact: true });
    expect(openFresh(to).stores()).toEqual([]);
  });
});

describe('refused', () => {
  test('what is no target, and what are no options', async () => {
    const db = await filled();
    const to = newPath();
    for (const target of ['', 'a\0b', ':memory:', 7, undefined, null, {}]) {
      await expectRefusal(() => db.backup(target as string), typeError('target of backup'));
    }
    const locked = new WritableStream();
    locked.getWriter();
    await expectRefusal(() => db.backup(locked), typeError('locked'));
    const wrong: [unknown, ReturnType<typeof typeError>][] = [
      [null, typeError('options of backup', 'null')],
      [{ sinse: 1 }, typeError('"sinse"', 'since')],
      [{ since: '1' }, typeError('since', '"1"')],
      [{ since: 0 }, rangeError('since', '0')],
      [{ since: 1.5 }, rangeError('since', '1.5')],
      [{ since: 1, compact: true }, typeError('since', 'compact')],
      [{ compact: 1 }, typeError('compact', '1')],
      [{ signal: 1 }, typeError('signal', '1')],
      [{ onProgress: 1 }, typeError('onProgress', '1')],
      [{ since: db.lastTransaction + 1 }, rangeError('since', String(db.lastTransaction))],
    ];
    for (const [options, refusal] of wrong) {
      await expectRefusal(() => db.backup(to, options as BackupOptions), refusal);
    }
    expectUntouched(to, undefined);
    await db.close();
    await expectRefusal(() => db.backup(to), coded('DATABASE_CLOSED'));
  });

  test('what is no place for a file', async () => {
    const db = await filled();
    const folder = newPath();
    mkdirSync(folder);
    await expectRefusal(() => db.backup(folder), coded('CANNOT_OPEN', 'directory'));
    await expectRefusal(() => db.backup(`${folder}/none/x`), coded('CANNOT_OPEN', 'ENOENT'));
    const file = newPath();
    writeFileSync(file, 'something');
    await expectRefusal(() => db.backup(`${file}/x`), coded('CANNOT_OPEN', 'ENOTDIR'));
    await expectRefusal(() => db.backup('/dev/null'), coded('CANNOT_OPEN', 'not a file'));
    const link = newPath();
    symlinkSync(newPath(), link);
    await expectRefusal(() => db.backup(link), coded('CANNOT_OPEN', 'symbolic link'));
  });

  for (const compact of [false, true]) {
    test(`a database that is open, ${compact ? 'compact' : 'in full'}`, async () => {
      const path = newPath();
      const db = await filled(path);
      const hard = newPath();
      const soft = newPath();
      linkSync(path, hard);
      symlinkSync(path, soft);
      const otherPath = newPath();
      await (await filled(otherPath, 1)).flush();
      await db.flush();
      for (const target of [path, hard, soft, otherPath]) {
        const before = readFileSync(target);
        const onProgress = (): void => {
          throw new Error('the work was begun');
        };
        await expectRefusal(
          () => db.backup(target, { compact, onProgress }),
          coded('DATABASE_LOCKED', 'open'),
        );
        expectUntouched(target, before);
      }
      const elsewhere = newPath();
      await (await filled(elsewhere, 1)).close();
      const here = new URL('../processes/', import.meta.url).href;
      const child = program(`${here}x.ts`, 'open-only.mjs', [elsewhere]);
      await child.line('open');
      await expectRefusal(
        () => db.backup(elsewhere, { compact }),
        coded('DATABASE_LOCKED', 'process'),
      );
      child.say('go');
      await child.ended();
      await db.backup(elsewhere, { compact });
      expect(contentOf(openFresh(elsewhere))).toEqual(contentOf(db));
    });
  }

  test('to replace what is opened while the backup is made', async () => {
    const db = await filled();
    const to = newPath();
    await (await filled(to, 1)).close();
    const before = readFileSync(to);
    let other: Database | undefined;
    await expectRefusal(
      () =>
        db.backup(to, {
          onProgress: () => {
            other ??= open(to);
          },
        }),
      coded('DATABASE_LOCKED'),
    );
    await other?.close();
    expectUntouched(to, before);
  });

  test('to copy a state that miscounts its pages', async () => {
    const path = newPath();
    await (await filled(path)).close();
    const bytes = readFileSync(path);
    for (const offset of META_SLOT_OFFSETS) {
      const slot = bytes.subarray(offset, offset + META_SLOT_BYTES);
      slot.writeUInt32LE(slot.readUInt32LE(132) + 1, 132);
      native().hash(slot, 8, META_SLOT_BYTES, 0, 0, slot, 0);
    }
    // Another name: the lock file of the first still knows better.
    const miscounted = newPath();
    writeFileSync(miscounted, bytes);
    const db = open(miscounted);
    const to = newPath();
    await expectRefusal(() => db.backup(to), coded('CORRUPTION', 'pages are in use'));
    expectUntouched(to, undefined);
    await db.close();
  });

  test('to copy what cannot be read any more, between the check and the copy', async () => {
    for (const since of [undefined, 1]) {
      const path = newPath();
      const db = open(path);
      const store = db.store('s', { key: 'u32', value: 'bytes' });
      for (let i = 0; i < 6; i++) await store.put(i, Buffer.alloc(2 ** 20, i + 1));
      const size = statSync(path).size;
      const to = newPath();
      let cut = false;
      const work = db.backup(to, {
        ...(since === undefined ? {} : { since }),
        onProgress: ({ done, total }) => {
          if (cut || done <= total / 2) return;
          cut = true;
          truncateSync(path, 2 ** 20);
        },
      });
      await expectRefusal(() => work, coded('STORAGE_FAULT', 'could not be read'));
      expectUntouched(to, undefined);
      truncateSync(path, size);
      await db.close().catch(() => {});
    }
  });

  test('to copy what is damaged', async () => {
    const random = new Random(seed);
    const path = newPath();
    await (await filled(path)).close();
    const whole = readFileSync(path);
    const sound = openFresh(path);
    const { pages } = await sound.verify();
    await sound.close();
    let found = 0;
    for (let round = 0; round < 40; round++) {
      const damagedPath = newPath();
      const damaged = Buffer.from(whole);
      const at = 3 * 4096 + random.below(whole.length - 3 * 4096);
      damaged[at] = damaged[at]! ^ (1 << random.below(8));
      writeFileSync(damagedPath, damaged);
      const to = newPath();
      const db = open(damagedPath);
      const compact = round % 2 === 1;
      try {
        await db.backup(to, { compact });
        // It lay where no page is in use.
        const copy = openFresh(to);
        expect((await copy.verify()).problems).toEqual([]);
        if (!compact) expect((await copy.verify()).pages).toBe(pages);
        await copy.close();
      } catch (error) {
        found++;
        expect(error, `byte ${at}, seed ${seed}`).toMatchObject({ code: 'CORRUPTION' });
        expectUntouched(to, undefined);
      }
      await db.close();
    }
    expect(found).toBeGreaterThan(10);
  });
});

describe('an abort', () => {
  const REASON = new Error('enough');

  for (const options of [{}, { since: 1 }, { compact: true }] as const) {
    test(`stops it at once and leaves the target, ${JSON.stringify(options)}`, async () => {
      const db = await filled(newPath(), 30);
      const random = new Random(seed);
      const to = newPath();
      writeFileSync(to, 'what was there');
      const before = readFileSync(to);
      const already = AbortSignal.abort(REASON);
      await expect(db.backup(to, { ...options, signal: already })).rejects.toBe(REASON);
      for (let round = 0; round < 12; round++) {
        const stop = new AbortController();
        const turns = random.below(12);
        const work = db.backup(to, { ...options, signal: stop.signal });
        const ended = work.then(
          () => 'done',
          (error: unknown) => error,
        );
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
        stop.abort(REASON);
        const outcome = await ended;
        if (outcome === 'done') writeFileSync(to, before);
        else expect(outcome).toBe(REASON);
        expectUntouched(to, before);
      }
      expect(db.stats().readers.filter(({ self }) => self)).toEqual([]);
    });
  }

  test('stops one whose stream takes nothing more', async () => {
    const db = await filled();
    for (const make of [
      () => new Writable({ highWaterMark: 1, write: () => {} }),
      () => new WritableStream({ write: () => new Promise<void>(() => {}) }),
    ]) {
      const stop = new AbortController();
      const work = db.backup(make(), { signal: stop.signal });
      const outcome = expect(work).rejects.toBe(REASON);
      await new Promise((resolve) => setTimeout(resolve, 100));
      stop.abort(REASON);
      await outcome;
    }
  });

  test('by closing the database', async () => {
    const random = new Random(seed);
    let closed = 0;
    for (let round = 0; round < 24; round++) {
      const db = await filled(newPath(), 10);
      const to = newPath();
      const ended = db.backup(to, { compact: round % 2 === 1 }).then(
        () => undefined,
        (error: unknown) => error,
      );
      const turns = random.below(14);
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      await db.close();
      const error = await ended;
      if (error === undefined) continue;
      closed++;
      expect(error, `${turns} turns, seed ${seed}`).toMatchObject({ code: 'DATABASE_CLOSED' });
      expectUntouched(to, undefined);
    }
    expect(closed).toBeGreaterThan(5);
  });
});
