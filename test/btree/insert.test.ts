import { describe, expect, test } from 'vitest';
import { KeyTooLargeError, ValueTooLargeError } from '../../src/errors.ts';
import { seed } from '../frame/seed.ts';
import { Random } from '../support/sim-random.ts';
import { TreeModel } from '../support/tree-model.ts';
import { leavesOf, pagesOf } from '../support/tree-shape.ts';

const value = (size: number, fill = 1): Buffer => Buffer.alloc(size, fill);
const decimal = (n: number): Buffer => Buffer.from(String(n).padStart(8, '0'));

/** Bytes of leaves in use, of all that they could hold. */
function fillOf(model: TreeModel): number {
  const leaves = leavesOf(model.tree);
  const capacity = model.pages.geometry.capacity;
  const used = leaves.reduce((sum, leaf) => sum + 6 * leaf.count + leaf.heap - leaf.holes, 0);
  return used / (leaves.length * capacity);
}

describe('keys', () => {
  test('order: unsigned bytes, the shorter first; equal heads are told apart by lengths', () => {
    const model = new TreeModel(256);
    const texts = [
      '',
      '\0',
      '\0\0',
      'a',
      'a\0',
      'a\0\0',
      'a\0\0\0\0',
      'a\x7f',
      'a\xff',
      'b',
      '\xff',
    ];
    for (const text of [...texts].reverse()) model.put(Buffer.from(text, 'latin1'), value(3));
    model.checkAll();
    expect(model.entries.map(({ key }) => key.toString('latin1'))).toEqual(texts);
    for (const { key } of model.entries) {
      model.checkGet(key);
      model.checkGet(Buffer.concat([key, Buffer.from([0])]));
      model.checkRank(key);
    }
  });

  test('the empty key is a key, first of all, also in the first leaf of many', () => {
    const model = new TreeModel(256);
    for (let i = 0; i < 100; i++) model.put(decimal(i), value(8));
    expect(model.put(Buffer.alloc(0), value(4))).toBe(true);
    expect(model.put(Buffer.alloc(0), value(5))).toBe(false);
    model.checkGet(Buffer.alloc(0));
    model.checkRank(Buffer.alloc(0));
    model.checkAll();
    expect(model.remove(Buffer.alloc(0))).toBe(true);
    model.checkAll();
  });

  test.each([256, 4096, 65536])('the longest keys fit, one byte more does not: %i', (pageSize) => {
    const model = new TreeModel(pageSize);
    const { maxKeyBytes } = model.pages.geometry;
    for (let i = 0; i < 40; i++) {
      const key = value(maxKeyBytes, 7);
      key[(i * 37) % maxKeyBytes] = i;
      model.put(key, value(i));
    }
    model.checkAll();
    const tooLong = value(maxKeyBytes + 1);
    const before = { ...model.tree.root };
    expect(() => model.tree.put(tooLong, tooLong.length, tooLong, 0, 0)).toThrow(KeyTooLargeError);
    expect(model.tree.root).toEqual(before);
    model.checkAll();
    while (model.entries.length > 0) model.remove(model.entries[model.entries.length >> 1]!.key);
    model.checkAll();
  });

  test('only key[0, length) counts, and the value is value[start, end)', () => {
    const model = new TreeModel(256);
    model.tree.put(Buffer.from('keyrest'), 3, Buffer.from('..value..'), 2, 7);
    model.entries = [{ key: Buffer.from('key'), value: Buffer.from('value') }];
    model.checkAll();
  });
});

describe('loading in order', () => {
  test.each([512, 4096])('ascending leaves full leaves and branches: %i', (pageSize) => {
    const model = new TreeModel(pageSize);
    for (let i = 0; i < 4000; i++) model.put(decimal(i), value(20));
    model.checkAll();
    expect(fillOf(model)).toBeGreaterThan(pageSize === 512 ? 0.93 : 0.98);
    const branches = pagesOf(model.tree).filter(({ level }) => level === 1);
    // All but the last two have as many children as fit.
    const counts = branches.slice(0, -2).map(({ count }) => count);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(3);
  });

  test('descending leaves full leaves too', () => {
    const model = new TreeModel(512);
    for (let i = 4000; i > 0; i--) model.put(decimal(i), value(20));
    model.checkAll();
    expect(fillOf(model)).toBeGreaterThan(0.93);
    // No leaf but the first gave any of its entries away. A longer prefix leaves room for more, so
    // leaves are held against those with the same one.
    const [first, ...others] = leavesOf(model.tree);
    for (const prefix of new Set(others.map((leaf) => leaf.prefix))) {
      const counts = others.filter((leaf) => leaf.prefix === prefix).map(({ count }) => count);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    const counts = others.map(({ count }) => count);
    expect(Math.max(...counts, first!.count) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });

  test('ascending visits one path an insert, and no page twice to find the place', () => {
    const model = new TreeModel(4096);
    for (let i = 0; i < 30_000; i++) model.tree.put(decimal(i), 8, value(100), 0, 100);
    const before = model.pages.visits;
    for (let i = 30_000; i < 31_000; i++) model.tree.put(decimal(i), 8, value(100), 0, 100);
    // The leaf is touched and found, and each of two branches counts one entry more.
    expect((model.pages.visits - before) / 1000).toBeLessThan(5);
  });

  test.each([256, 4096])(
    'keys with equal heads, of any length, without the prefix: %i',
    (pageSize) => {
      const random = new Random(seed);
      for (let round = 0; round < 30; round++) {
        const model = new TreeModel(pageSize);
        const base = Buffer.alloc(random.below(12), 'p');
        const keys = Array.from({ length: 400 }, () => {
          const rest = Array.from({ length: random.below(9) }, () => random.pick([0, 1, 97, 255]));
          return Buffer.concat([random.chance(0.9) ? base : base.subarray(1), Buffer.from(rest)]);
        });
        const sorted = keys.sort(Buffer.compare);
        for (const key of sorted) {
          model.put(key, value(random.chance(0.02) ? pageSize : random.below(40)));
          // Then the next one does not come after the one put last.
          if (random.chance(0.05)) model.put(random.pick(sorted), value(3));
        }
        model.checkAll();
      }
    },
  );

  test('append takes greater keys only, whoever was put last', () => {
    const model = new TreeModel(256);
    for (let i = 0; i < 200; i++) model.put(decimal(i * 2), value(9), true);
    for (const n of [398, 397, 0, 100]) {
      expect(() => model.tree.put(decimal(n), 8, value(1), 0, 1, true)).toThrow(RangeError);
    }
    model.put(decimal(11), value(1));
    expect(() => model.tree.put(decimal(13), 8, value(1), 0, 1, true)).toThrow(RangeError);
    model.put(decimal(399), value(9), true);
    model.remove(decimal(399));
    model.put(decimal(399), value(8), true);
    model.checkAll();
    const fresh = new TreeModel(256);
    fresh.put(decimal(5), value(3), true);
    fresh.checkAll();
  });
});

describe('leaves that are full', () => {
  test('random inserts leave well more than 69 % in use', () => {
    const model = new TreeModel(4096);
    let x = seed | 1;
    for (let i = 0; i < 8000; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) | 0;
      model.put(decimal(x >>> 8), value(100));
    }
    model.pages.account([model.tree.root]);
    expect(fillOf(model)).toBeGreaterThan(0.8);
  });

  test('a neighbour with room takes entries: no page is added', () => {
    const model = new TreeModel(512);
    for (let i = 0; i < 60; i++) model.put(decimal(i * 10), value(30));
    const second = leavesOf(model.tree)[1]!;
    // The second leaf is full; make room in the third, and insert in the second.
    const first = model.entries.findIndex(
      ({ key }) => model.tree.rank(key, 8, false) >= second.count,
    );
    for (let i = 0; i < 5; i++) model.remove(model.entries[first + second.count]!.key);
    const before = leavesOf(model.tree).length;
    model.put(Buffer.concat([model.entries[first + 2]!.key, Buffer.from('x')]), value(30));
    model.checkAll();
    expect(leavesOf(model.tree).length).toBe(before);
  });

  test('a key without the prefix makes two leaves of one at most, however long the prefix', () => {
    for (const pageSize of [256, 512, 4096]) {
      const model = new TreeModel(pageSize);
      const { maxKeyBytes } = model.pages.geometry;
      // As many long keys with one long prefix as the leaf takes: it could not hold them without.
      for (let i = 0; leavesOf(model.tree).length < 3; i++) {
        model.put(Buffer.concat([value(maxKeyBytes - 4, 0x62), decimal(i).subarray(4)]), value(4));
      }
      for (const first of [0x63, 0x61]) {
        const before = leavesOf(model.tree).length;
        model.put(value(maxKeyBytes, first), value(40));
        model.checkAll();
        expect(leavesOf(model.tree).length).toBeLessThanOrEqual(before + 1);
      }
      // In the middle of the leaves, too: after the last key of one, before the first of the next.
      const leaf = leavesOf(model.tree)[1]!;
      const key = Buffer.from(model.entries[leaf.count]!.key);
      const shorter = key.subarray(0, 3);
      model.put(shorter, value(30));
      model.put(Buffer.concat([shorter, value(20, 0xff)]), value(30));
      model.checkAll();
    }
  });

  test('a replaced value that grows splits the leaf; one that shrinks leaves a hole', () => {
    const model = new TreeModel(512);
    for (let i = 0; i < 9; i++) model.put(decimal(i), value(30));
    expect(leavesOf(model.tree).length).toBe(1);
    model.put(decimal(4), value(10));
    expect(leavesOf(model.tree)[0]!.holes).toBe(20);
    model.checkAll();
    model.put(decimal(4), value(30, 9));
    model.put(decimal(5), value(31, 9));
    model.checkAll();
    model.put(decimal(4), value(180, 9));
    model.put(decimal(3), value(180, 9));
    model.checkAll();
    expect(leavesOf(model.tree).length).toBe(2);
  });

  test('replacing with a value of the same size moves nothing', () => {
    const model = new TreeModel(512);
    for (let i = 0; i < 100; i++) model.put(decimal(i), value(20));
    const before = pagesOf(model.tree);
    for (let i = 0; i < 100; i++) model.put(decimal(i), value(20, 77));
    expect(pagesOf(model.tree)).toEqual(before);
    model.checkAll();
  });
});

describe('overflow runs', () => {
  const overhead = 4 + 6;

  test.each([
    [256, 0],
    [4096, 0],
    [4096, 1],
    [4096, 3],
    [65536, 0],
  ])('a value is inline up to the limit, and one byte more is not: %i, flags %i', (size, flags) => {
    const model = new TreeModel(size, flags);
    const key = Buffer.from('key');
    const stamps = flags === 3 ? 12 : flags === 1 ? 6 : 0;
    const limit = (model.pages.geometry.capacity >> 1) - overhead - stamps - key.length;
    const inline = limit - ((limit + stamps + key.length) & 1);
    for (const [length, inRun] of [
      [inline, false],
      [inline + 1, true],
      [inline, false],
    ] as const) {
      model.put(key, value(length, length));
      expect(model.tree.find(key, 3)).toBe(true);
      expect(model.tree.found.inOverflow).toBe(inRun);
      expect(model.tree.found.valueLength).toBe(length);
      model.checkAll();
      model.commit();
      model.checkAll();
    }
  });

  test('runs about one chunk and one page are read back, replaced and let go', () => {
    const model = new TreeModel(4096);
    const sizes = [65535, 65536, 65537, 131072, 131073, 8191, 8192, 8193];
    for (const size of sizes) {
      model.put(Buffer.from('a'), value(size, size));
      model.put(decimal(size), value(size, size + 1));
      model.checkAll();
      model.commit();
    }
    model.checkAll();
    model.put(Buffer.from('a'), value(3));
    model.removeRange(undefined, { key: decimal(65536), length: 8, inclusive: true });
    model.checkAll();
    model.clear();
    model.commit();
    model.checkAll();
    expect(model.pages.livePages).toBe(0);
  });

  test('part of a value is found without the rest', () => {
    const model = new TreeModel(4096);
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
    model.put(Buffer.from('run'), bytes);
    model.put(Buffer.from('inline'), bytes.subarray(0, 50));
    for (const [key, from, to] of [
      ['run', 65_000, 66_000],
      ['run', 200_000, 200_000],
      ['inline', 10, 20],
    ] as const) {
      expect(model.tree.find(Buffer.from(key), key.length)).toBe(true);
      model.tree.found.loadPart(from, to);
      const { valueSegment, valueStart, valueEnd } = model.tree.found;
      const part = Buffer.from(valueSegment.bytes.subarray(valueStart, valueEnd));
      expect(part.equals(bytes.subarray(from, to))).toBe(true);
    }
  });

  test('every page above a run says so, also after splits, merges and a new root', () => {
    const model = new TreeModel(256);
    for (let i = 0; i < 300; i++) model.put(decimal(i), value(i === 150 ? 500 : 10));
    // The check that account makes holds leaves to their branches' flags.
    model.checkAll();
    const flagged = pagesOf(model.tree).filter(({ flags }) => (flags & 8) !== 0);
    const depth = pagesOf(model.tree)[0]!.level + 1;
    expect(depth).toBeGreaterThan(2);
    expect(flagged.length).toBeGreaterThanOrEqual(depth);
    for (let i = 0; i < 140; i++) model.remove(decimal(i));
    for (let i = 299; i > 160; i--) model.remove(decimal(i));
    model.checkAll();
  });

  test('a value that is too large is refused before anything is touched', () => {
    const model = new TreeModel(256, 0, 4096);
    model.put(Buffer.from('k'), value(10));
    const before = { ...model.tree.root };
    const tooLarge = value(model.pages.geometry.maxValueBytes + 1);
    expect(() => model.tree.put(Buffer.from('k'), 1, tooLarge, 0, tooLarge.length)).toThrow(
      ValueTooLargeError,
    );
    expect(model.tree.root).toEqual(before);
    model.checkAll();
  });
});

test('versions and times of expiry stand in the entries of a tree that keeps them', () => {
  const model = new TreeModel(512, 3);
  for (let i = 0; i < 50; i++) {
    model.put(decimal(i), value(i));
    model.tree.put(decimal(i), 8, value(i), 0, i, false, i + 2 ** 40, 2 ** 47 + i);
  }
  model.checkAll();
  for (let i = 0; i < 50; i++) {
    expect(model.tree.find(decimal(i), 8)).toBe(true);
    expect([model.tree.found.version, model.tree.found.expiry]).toEqual([i + 2 ** 40, 2 ** 47 + i]);
  }
  const plain = new TreeModel(512);
  plain.put(decimal(1), value(1));
  expect(plain.tree.find(decimal(1), 8)).toBe(true);
  expect([plain.tree.found.version, plain.tree.found.expiry]).toEqual([0, 0]);
});
