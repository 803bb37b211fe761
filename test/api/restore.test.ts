/** `restore`: pieces joined, what does not fit together, and damage of every kind. */

import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type BackupSource, type Database, type LongWork, open, restore } from '../../src/index.ts';
import { seed } from '../frame/seed.ts';
import {
  blockBytes,
  change,
  contentOf,
  expectUntouched,
  filesAt,
} from '../support/backup-pieces.ts';
import { newPath, newTinyFile, openFresh } from '../support/fresh-database.ts';
import { Random } from '../support/sim-random.ts';
import { coded, expectRefusal, typeError } from './refusal.ts';

/** A full backup, increments after it, and what the database held at each. */
interface Chain {
  readonly db: Database;
  readonly pieces: string[];
  readonly contents: Record<string, string[]>[];
  readonly transactions: number[];
}

async function makeChain(increments: number, path = newPath()): Promise<Chain> {
  const random = new Random(seed);
  const db = openFresh(path, { durability: 'manual' });
  const chain: Chain = { db, pieces: [], contents: [], transactions: [] };
  await change(db, random, 12);
  for (let i = 0; i <= increments; i++) {
    const piece = newPath();
    const since = chain.transactions.at(-1);
    const report = await db.backup(piece, since === undefined ? {} : { since });
    chain.pieces.push(piece);
    chain.contents.push(contentOf(db));
    chain.transactions.push(report.transaction);
    await change(db, random, 1 + random.below(6));
  }
  return chain;
}

/** The content of what the pieces make, checked whole. */
async function restored(
  pieces: readonly BackupSource[],
  options?: LongWork,
): Promise<Record<string, string[]>> {
  const to = newPath();
  await restore(pieces, to, options);
  expect(filesAt(to).length).toBe(1);
  const db = open(to);
  expect((await db.verify()).problems).toEqual([]);
  const content = contentOf(db);
  await db.close();
  return content;
}

const webStream = (path: string): ReadableStream<Uint8Array> =>
  new Blob([readFileSync(path)]).stream();

/** In parts that end nowhere in particular. */
function inParts(path: string, random: Random): Readable {
  const bytes = readFileSync(path);
  return Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random.below(9000);
        yield bytes.subarray(at, end);
        at = end;
      }
    })(),
  );
}

/** An image's bytes but those of its meta slot. */
const timeless = (path: string): Buffer => readFileSync(path).subarray(512);

describe('pieces', () => {
  for (const pageSize of [256, 4096] as const) {
    test(`of each length of a chain give what was there, pages of ${pageSize} bytes`, async () => {
      const path = pageSize === 256 ? newTinyFile(pageSize) : newPath();
      const { pieces, contents } = await makeChain(pageSize === 256 ? 2 : 6, path);
      for (let n = 1; n <= pieces.length; n++) {
        expect(await restored(pieces.slice(0, n)), `seed ${seed}`).toEqual(contents[n - 1]);
      }
    });
  }

  test('may be streams of either kind', async () => {
    const { pieces, contents } = await makeChain(3);
    const random = new Random(seed);
    const [a, b, c, d] = pieces as [string, string, string, string];
    expect(await restored([createReadStream(a), webStream(b), inParts(c, random), d])).toEqual(
      contents[3],
    );
    expect(await restored([webStream(a), inParts(b, random), createReadStream(c)])).toEqual(
      contents[2],
    );
  });

  test('may be of an empty database, and bring nothing', async () => {
    const db = openFresh(newPath());
    const [a, b] = [newPath(), newPath()];
    const { transaction } = await db.backup(a);
    await db.backup(b, { since: transaction });
    expect(await restored([a, b])).toEqual({});
  });

  test('may be a compact backup, alone', async () => {
    const { db } = await makeChain(0);
    const compact = newPath();
    const { transaction } = await db.backup(compact, { compact: true });
    expect(await restored([compact])).toEqual(contentOf(db));
    const increment = newPath();
    await db.backup(increment, { since: transaction });
    await expectRefusal(
      () => restore([compact, increment], newPath()),
      coded('BACKUP_MISMATCH', 'another database'),
    );
  });

  test('of a file that became shorter, and longer again', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    const lengths: number[] = [];
    const pieces: string[] = [];
    let since: number | undefined;
    for (const values of [30, 0, 12]) {
      await store.clear();
      for (let i = 0; i < values; i++) await store.put(i, Buffer.alloc(400_000, i + 1));
      // Room at the end is given back some commits later, when nothing needs it.
      for (let i = 0; i < 8; i++) {
        await store.put(99, Buffer.alloc(10, i));
        await db.flush();
      }
      const piece = newPath();
      const report = await db.backup(piece, since === undefined ? {} : { since });
      since = report.transaction;
      pieces.push(piece);
      const full = newPath();
      lengths.push((await db.backup(full)).bytes);
      const to = newPath();
      await restore(pieces, to);
      expect(statSync(to).size).toBe(lengths.at(-1));
      expect(timeless(to).equals(timeless(full))).toBe(true);
    }
    expect(lengths[1]).toBeLessThan(lengths[0]! / 2);
    expect(lengths[2]).toBeGreaterThan(2 * lengths[1]!);
  });

  test('that write zeros over something leave zeros', async () => {
    const db = openFresh(newPath());
    const store = db.store('s', { key: 'string', value: 'bytes' });
    const [a, b] = [newPath(), newPath()];
    await store.put('v', Buffer.alloc(60_000, 1));
    await store.put('w', Buffer.alloc(60_000, 1));
    const { transaction } = await db.backup(a);
    // Room is free after the first of them, and taken by zeros by the last.
    await store.remove('v');
    for (let i = 0; i < 6; i++) await store.put(`z${i}`, new Uint8Array(60_000 - i));
    await db.backup(b, { since: transaction });
    expect(await restored([a, b])).toEqual(contentOf(db));
  });
});

describe('a restored database', () => {
  test('is one of its own, whose transactions go on', async () => {
    const { db, pieces, transactions } = await makeChain(1);
    const to = newPath();
    await restore(pieces, to);
    const uuid = (path: string): string => readFileSync(path).subarray(40, 56).toString('hex');
    expect(uuid(to)).not.toBe(uuid(db.path));
    const copy = openFresh(to);
    expect(copy.lastTransaction).toBe(transactions[1]);
    await change(copy, new Random(seed), 3);
    const [full, next] = [newPath(), newPath()];
    const { transaction } = await copy.backup(full);
    await change(copy, new Random(seed), 2);
    await copy.backup(next, { since: transaction });
    expect(await restored([full, next])).toEqual(contentOf(copy));
    await expectRefusal(
      () => restore([pieces[0]!, next], newPath()),
      coded('BACKUP_MISMATCH', 'another database'),
    );
  });

  test('is itself a full backup, and takes no room for free pages', async () => {
    const db = openFresh(newPath(), { durability: 'manual' });
    const store = db.store('s', { key: 'u32', value: 'bytes' });
    for (let i = 0; i < 20; i++) await store.put(i, Buffer.alloc(500_000, i + 1));
    await store.removeRange({ lt: 18 });
    const [a, b] = [newPath(), newPath()];
    const { transaction } = await db.backup(a);
    await store.remove(18);
    await db.backup(b, { since: transaction });
    const to = newPath();
    await restore([a], to);
    expect(blockBytes(to)).toBeLessThan(1_400_000);
    await restore([a, b], to);
    expect(statSync(to).size).toBeGreaterThan(5_000_000);
    expect(await restored([to])).toEqual(contentOf(db));
  });

  test('takes the place of what was there', async () => {
    const { pieces, contents } = await makeChain(1);
    const to = newPath();
    copyFileSync(pieces[1]!, to);
    await restore([pieces[0]!], to);
    await restore(pieces, to);
    // Also of the first piece.
    await restore(pieces, pieces[0]!);
    const db = openFresh(pieces[0]!);
    expect(contentOf(db)).toEqual(contents[1]);
    const before = readFileSync(pieces[0]!);
    await expectRefusal(() => restore([to], pieces[0]!), coded('DATABASE_LOCKED', 'open'));
    expectUntouched(pieces[0]!, before);
    const folder = newPath();
    mkdirSync(folder);
    await expectRefusal(() => restore([to], folder), coded('CANNOT_OPEN', 'directory'));
    await expectRefusal(() => restore([to], `${folder}/none/x`), coded('CANNOT_OPEN', 'ENOENT'));
  });

  test('progress is told in bytes of the pieces', async () => {
    const { pieces } = await makeChain(2);
    const all = pieces.reduce((sum, piece) => sum + statSync(piece).size, 0);
    for (const sources of [pieces, pieces.map((piece) => createReadStream(piece))]) {
      const told: { done: number; total: number }[] = [];
      await restored(sources, { onProgress: (p) => told.push(p) });
      expect(told.at(-1)).toEqual({ done: all, total: all });
      for (const [i, { done, total }] of told.entries()) {
        expect(done).toBeLessThanOrEqual(total);
        if (i > 0) expect(done).toBeGreaterThan(told[i - 1]!.done);
      }
    }
  });
});

/** Refused, with the target as it was. */
async function refused(
  pieces: readonly BackupSource[],
  ...[code, ...says]: Parameters<typeof coded>
): Promise<Error> {
  const to = newPath();
  writeFileSync(to, 'what was there');
  const before = readFileSync(to);
  const error = await expectRefusal(() => restore(pieces, to), coded(code, ...says));
  expectUntouched(to, before);
  return error;
}

describe('refused', () => {
  test('what are no arguments', async () => {
    const to = newPath();
    for (const pieces of [[], undefined, 'path', [7], [''], [{}]]) {
      await expectRefusal(() => restore(pieces as unknown as string[], to), typeError(/piece/i));
    }
    for (const target of ['', undefined, ':memory:', {}]) {
      await expectRefusal(() => restore(['x'], target as string), typeError('target'));
    }
    for (const options of [null, { since: 1 }, { signal: 1 }, { onProgress: 1 }]) {
      await expectRefusal(() => restore(['x'], to, options as LongWork), typeError(/option|must/));
    }
    expectUntouched(to, undefined);
  });

  test('pieces out of order, missing, twice, or of another database', async () => {
    const { pieces, transactions } = await makeChain(3);
    const [a, b, c, d] = pieces as [string, string, string, string];
    const [ta, tb, tc] = transactions as [number, number, number];
    const order = ['BACKUP_MISMATCH', 'missing', 'order'] as const;
    expect(await refused([a, c], ...order)).toMatchObject({ expected: ta, found: tb });
    expect(await refused([a, c, b, d], ...order)).toMatchObject({ expected: ta, found: tb });
    expect(await refused([a, b, d], ...order)).toMatchObject({ expected: tb, found: tc });
    await refused([a, b, b, c], ...order);
    await refused([b, c], 'BACKUP_MISMATCH', 'increment', 'first');
    await refused([a, a], 'BACKUP_MISMATCH', 'only the first');
    const other = await makeChain(1);
    await refused([a, other.pieces[1]!], 'BACKUP_MISMATCH', 'another database');
    await refused([other.pieces[0]!, b], 'BACKUP_MISMATCH', 'another database');
  });

  test('a database that was written to', async () => {
    const { db, pieces } = await makeChain(1);
    await db.close();
    await refused([db.path], 'BACKUP_MISMATCH', 'db.backup');
    const copy = open(pieces[0]!);
    await copy.store('small').remove(1);
    await change(copy, new Random(seed), 1);
    await copy.close();
    await refused(pieces, 'BACKUP_MISMATCH', 'db.backup');
  });

  test('what is no piece, and what is not there', async () => {
    const { pieces } = await makeChain(1);
    const [a] = pieces as [string];
    const other = newPath();
    for (const size of [0, 5, 700, 20_000]) {
      writeFileSync(other, Buffer.alloc(size, 'text '));
      await refused([other], 'NOT_A_DATABASE', 'no backup');
      await refused([a, other], 'NOT_A_DATABASE', 'no increment');
    }
    writeFileSync(other, Buffer.alloc(20_000));
    await refused([other], 'NOT_A_DATABASE', 'no backup');
    await refused([newPath()], 'CANNOT_OPEN', 'ENOENT');
    await refused([a, newPath()], 'CANNOT_OPEN', 'ENOENT');
    await refused([newPath(), a].reverse(), 'CANNOT_OPEN', 'ENOENT');
    const folder = newPath();
    mkdirSync(folder);
    await refused([folder], 'CANNOT_OPEN', 'EISDIR');
  });

  test('a piece of a newer format', async () => {
    const { pieces } = await makeChain(1);
    const [a, b] = pieces as [string, string];
    const { native } = await import('../../src/pager/native.ts');
    const newer = newPath();
    const image = readFileSync(a);
    image.writeUInt32LE(2, 16);
    native().hash(image, 8, 512, 0, 0, image, 0);
    writeFileSync(newer, image);
    await refused([newer], 'FORMAT_VERSION', 'version 2');
    const increment = readFileSync(b);
    increment.writeUInt32LE(2, 16);
    native().hash(increment, 8, 640, 0, 0, increment, 0);
    writeFileSync(newer, increment);
    await refused([a, newer], 'FORMAT_VERSION', 'version 2');
  });

  test('streams that fail, as they do, and all of them destroyed', async () => {
    const { pieces } = await makeChain(2);
    const [a, b] = pieces as [string, string];
    const to = newPath();
    const missing = createReadStream(newPath());
    const later = createReadStream(b);
    await expect(restore([a, missing, later], to)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(later.destroyed).toBe(true);
    const failing = new PassThrough();
    failing.write(readFileSync(a).subarray(0, 20_000));
    setTimeout(() => failing.destroy(new Error('the tape broke')), 20);
    await expect(restore([failing], to)).rejects.toThrow('the tape broke');
    let cancelled: unknown;
    const web = new ReadableStream<Uint8Array>({
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const text = createReadStream(a, 'utf8');
    await expectRefusal(() => restore([text, web], to), typeError('text', 'encoding'));
    expect(cancelled).toBeInstanceOf(TypeError);
    expect(text.destroyed).toBe(true);
    expectUntouched(to, undefined);
  });
});

describe('damage', () => {
  const CODES = ['CORRUPTION', 'BACKUP_MISMATCH', 'NOT_A_DATABASE', 'FORMAT_VERSION'];

  /** Restores with piece `i` replaced by `bytes`; returns the code of the error. */
  async function codeWith(pieces: string[], i: number, bytes: Buffer, to: string): Promise<string> {
    const damaged = newPath();
    writeFileSync(damaged, bytes);
    try {
      await restore(pieces.with(i, damaged), to);
    } catch (error) {
      expectUntouched(to, undefined);
      if (error instanceof Error && 'code' in error) return String(error.code);
      throw error;
    }
    return 'restored';
  }

  for (const pageSize of [256, 4096] as const) {
    test(`of any bit of any piece is found, pages of ${pageSize} bytes`, async () => {
      const path = pageSize === 256 ? newTinyFile(pageSize) : newPath();
      const { pieces } = await makeChain(2, path);
      const random = new Random(seed);
      for (const [i, piece] of pieces.entries()) {
        const bytes = readFileSync(piece);
        // The parts with a meaning of their own, and then anywhere.
        const places = [0, 8, 16, 24, 40, 64, 130, 144, 300, 511, 512, 600, 640, 648, 652, 656];
        if (i === 0) places.push(4096, 4104, 8192, 9000, 12_287, 12_288, 12_320);
        for (let n = 0; n < 60; n++) places.push(random.below(bytes.length));
        places.push(bytes.length - 1, bytes.length - 9, bytes.length - 16);
        for (const at of places) {
          const damaged = Buffer.from(bytes);
          damaged[at] = damaged[at]! ^ (1 << random.below(8));
          const code = await codeWith(pieces, i, damaged, newPath());
          expect(CODES, `byte ${at} of piece ${i}: ${code}; seed ${seed}`).toContain(code);
        }
      }
    });
  }

  test('by cutting a piece short, or making it longer', async () => {
    const { pieces } = await makeChain(2);
    const random = new Random(seed);
    for (const [i, piece] of pieces.entries()) {
      const bytes = readFileSync(piece);
      const lengths = [0, 10, 511, 512, 640, 4096, 12_288, bytes.length - 4096, bytes.length - 1];
      for (let n = 0; n < 12; n++) lengths.push(random.below(bytes.length));
      for (const length of lengths) {
        const code = await codeWith(pieces, i, bytes.subarray(0, length), newPath());
        expect(CODES, `${length} bytes of piece ${i}: ${code}`).toContain(code);
      }
      for (const more of [Buffer.alloc(1), Buffer.alloc(4096), bytes]) {
        const code = await codeWith(pieces, i, Buffer.concat([bytes, more]), newPath());
        expect(code, `${more.length} bytes more of piece ${i}`).toBe('CORRUPTION');
      }
    }
  });

  test('that only the allocation map can tell', async () => {
    const { pieces } = await makeChain(0);
    const bytes = readFileSync(pieces[0]!);
    const { native } = await import('../../src/pager/native.ts');
    bytes.writeUInt32LE(bytes.readUInt32LE(132) + 1, 132);
    native().hash(bytes, 8, 512, 0, 0, bytes, 0);
    expect(await codeWith(pieces, 0, bytes, newPath())).toBe('CORRUPTION');
    // A page that is in use and marked as free, or the other way round.
    const image = readFileSync(pieces[0]!);
    const map = image.readUInt32LE(112) * 4096;
    image[map + 32] = image[map + 32]! ^ 0x10;
    const seedOf = image.readBigUInt64LE(56) + BigInt(map / 4096);
    const [low, high] = [Number(seedOf & 0xffff_ffffn), Number((seedOf >> 32n) & 0xffff_ffffn)];
    native().hash(image, map + 8, map + 4096, low, high, image, map);
    expect(await codeWith(pieces, 0, image, newPath())).toBe('CORRUPTION');
  });

  test('by exchanging sections between places and pieces', async () => {
    const { pieces, db, transactions } = await makeChain(1);
    const since = transactions[0]!;
    const sections = (piece: Buffer): [at: number, end: number][] => {
      const found: [number, number][] = [];
      for (let at = 640; piece.readUInt32LE(at + 12) !== 0; ) {
        const end = at + 16 + piece.readUInt32LE(at + 12) * 4096;
        found.push([at, end]);
        at = end;
      }
      return found;
    };
    let bytes = readFileSync(pieces[1]!);
    for (let i = 0; i < 30 && sections(bytes).length < 2; i++) {
      await change(db, new Random(seed + i), 3);
      await db.backup(pieces[1]!, { since });
      bytes = readFileSync(pieces[1]!);
    }
    await change(db, new Random(seed + 1), 3);
    const again = newPath();
    await db.backup(again, { since });
    const other = readFileSync(again);
    const own = sections(bytes);
    const [x, y] = [own[0]!, own.at(-1)!];
    expect(own.length).toBeGreaterThan(1);
    const swapped = Buffer.concat([
      bytes.subarray(0, 640),
      bytes.subarray(...y),
      bytes.subarray(x[1], y[0]),
      bytes.subarray(...x),
      bytes.subarray(y[1]),
    ]);
    expect(await codeWith(pieces, 1, swapped, newPath())).toBe('CORRUPTION');
    const z = sections(other)[0]!;
    const mixed = Buffer.concat([
      bytes.subarray(0, 640),
      other.subarray(...z),
      bytes.subarray(x[1]),
    ]);
    expect(await codeWith(pieces, 1, mixed, newPath())).toBe('CORRUPTION');
  });
});

describe('an abort', () => {
  const REASON = new Error('enough');

  test('stops it at once and leaves the target', async () => {
    const { pieces } = await makeChain(3);
    const random = new Random(seed);
    const to = newPath();
    writeFileSync(to, 'what was there');
    const before = readFileSync(to);
    await expect(restore(pieces, to, { signal: AbortSignal.abort(REASON) })).rejects.toBe(REASON);
    let stopped = 0;
    for (let round = 0; round < 30; round++) {
      const stop = new AbortController();
      const streams = pieces.map((piece) => createReadStream(piece));
      const ended = restore(streams, to, { signal: stop.signal }).then(
        () => 'done',
        (error: unknown) => error,
      );
      const turns = random.below(80);
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      stop.abort(REASON);
      const outcome = await ended;
      if (outcome === 'done') writeFileSync(to, before);
      else {
        stopped++;
        expect(outcome).toBe(REASON);
        for (const stream of streams) expect(stream.destroyed).toBe(true);
      }
      expectUntouched(to, before);
    }
    expect(stopped).toBeGreaterThan(5);
  });

  test('stops one whose stream brings nothing more', async () => {
    const to = newPath();
    for (const piece of [new PassThrough(), new ReadableStream<Uint8Array>()]) {
      const stop = new AbortController();
      const outcome = expect(restore([piece], to, { signal: stop.signal })).rejects.toBe(REASON);
      await new Promise((resolve) => setTimeout(resolve, 50));
      stop.abort(REASON);
      await outcome;
    }
    expectUntouched(to, undefined);
  });
});
