import { describe, expect, test } from 'vitest';
import { bound, keyAt, TreeModel } from '../support/tree-model.ts';

const value = (size: number, fill = 1): Buffer => Buffer.alloc(size, fill);
const decimal = (n: number): Buffer => Buffer.from(String(n).padStart(8, '0'));

/** Keys 0, 10, 20 ... on leaves of a few entries. */
function filled(count: number): TreeModel {
  const model = new TreeModel(256);
  for (let i = 0; i < count; i++) model.put(decimal(i * 10), value(10));
  return model;
}

describe('a place', () => {
  test('seek: the first key >= or >; seekBack: the last <= or <', () => {
    const model = filled(200);
    const cursor = model.reader().cursor();
    for (let n = -5; n <= 2005; n += 5) {
      const key = n < 0 ? Buffer.alloc(0) : decimal(n);
      for (const inclusive of [true, false]) {
        const at = model.lowerBound(key, !inclusive);
        expect(cursor.seek(key, key.length, inclusive)).toBe(at < 200);
        if (at < 200) expect(keyAt(cursor).equals(model.entries[at]!.key)).toBe(true);
        const before = model.lowerBound(key, inclusive) - 1;
        expect(cursor.seekBack(key, key.length, inclusive)).toBe(before >= 0);
        if (before >= 0) {
          expect(keyAt(cursor).equals(model.entries[before]!.key)).toBe(true);
          expect(cursor.index).toBe(before);
        }
      }
    }
  });

  test('nowhere: in an empty tree, before the first move, after a move that failed', () => {
    const empty = new TreeModel(256).tree.cursor();
    for (const move of [empty.first(), empty.last(), empty.next(), empty.previous()]) {
      expect(move).toBe(false);
    }
    expect(empty.seek(decimal(1), 8, true)).toBe(false);
    const cursor = filled(10).tree.cursor();
    expect(cursor.next()).toBe(false);
    expect(cursor.seekIndex(10)).toBe(false);
    expect(cursor.seekIndex(-1)).toBe(false);
    expect(cursor.previous()).toBe(false);
    expect(cursor.seekIndex(9)).toBe(true);
    expect(cursor.next()).toBe(false);
    expect(keyAt(cursor).equals(decimal(90))).toBe(true);
    expect(cursor.previous()).toBe(true);
    expect(keyAt(cursor).equals(decimal(80))).toBe(true);
  });

  test('a range holds both ways, and a step out of it leaves the cursor where it was', () => {
    const model = filled(200);
    for (let i = 0; i < 40; i++) {
      const lower = i % 6 === 0 ? undefined : bound(decimal(i * 50 - (i % 3)), i % 2 === 0);
      const upper = i % 5 === 0 ? undefined : bound(decimal(i * 50 + i * 7), i % 4 < 2);
      model.checkRange(lower, upper, false);
      model.checkRange(lower, upper, true);
      const [from, to] = model.rangeOf(lower, upper);
      if (to - from < 2) continue;
      const cursor = model.tree.cursor();
      cursor.setRange(lower, upper);
      expect(cursor.last()).toBe(true);
      expect(cursor.next()).toBe(false);
      expect(cursor.next()).toBe(false);
      expect(cursor.previous()).toBe(true);
      expect(keyAt(cursor).equals(model.entries[to - 2]!.key)).toBe(true);
      expect(cursor.first()).toBe(true);
      expect(cursor.previous()).toBe(false);
      expect(cursor.next()).toBe(true);
      expect(keyAt(cursor).equals(model.entries[from + 1]!.key)).toBe(true);
    }
  });

  test('a step inside a leaf finds no page; a scan finds each leaf and its parent once', () => {
    const model = new TreeModel(4096);
    for (let i = 0; i < 5000; i++) model.put(decimal(i), value(100));
    model.commit();
    const cursor = model.reader().cursor();
    expect(cursor.first()).toBe(true);
    const before = model.pages.visits;
    let steps = 1;
    while (cursor.next()) steps++;
    expect(steps).toBe(5000);
    const leaves = model.pages.livePages;
    expect(model.pages.visits - before).toBeLessThan(2.2 * leaves);
  });
});

test.each([200, 5])('of %i entries it knows an end that its leaf tells of', (count) => {
  const cursor = filled(count).reader().cursor();
  let told = 0;
  for (let to = 10; to <= count * 10; to += 10) {
    for (const reverse of [false, true]) {
      const key = decimal(reverse ? count * 10 - to : to - 10);
      cursor.setRange(
        reverse ? bound(key, true) : undefined,
        reverse ? undefined : bound(key, true),
      );
      let moved = reverse ? cursor.last() : cursor.first();
      while (moved) {
        const ends = cursor.endsHere(reverse);
        moved = reverse ? cursor.previous() : cursor.next();
        if (ends) expect(moved).toBe(false);
        if (!moved && ends) told++;
      }
    }
  }
  // Not where the range ends with a leaf: in a tree of one leaf that is the end, too.
  if (count === 5) expect(told).toBe(2 * count);
  else expect(told).toBeGreaterThan(count);
});

test('a cursor goes on in another object of the same tree, and in no other tree', () => {
  const model = filled(200);
  const cursor = model.reader().cursor();
  cursor.setRange(undefined, bound(decimal(1500), false));
  cursor.seekIndex(70);
  const other = model.reader();
  cursor.goOnIn(other);
  for (let i = 71; i < 150; i++) {
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(i * 10))).toBe(true);
  }
  expect(cursor.next()).toBe(false);
  model.commit();
  expect(() => cursor.goOnIn(model.reader())).toThrow('another tree');
});

test('of a cursor for one look a tree keeps no key when it changes', () => {
  const model = filled(10);
  const cursor = model.tree.cursor(true);
  expect(cursor.first()).toBe(true);
  model.put(decimal(5), value(10));
  expect(() => cursor.next()).toThrow('outlived');
});

test('a cursor of a tree that is only read may not outlive the root', () => {
  const model = filled(10);
  const reader = model.reader();
  const cursor = reader.cursor();
  expect(cursor.first()).toBe(true);
  reader.reset(model.tree.root);
  expect(() => cursor.next()).toThrow('outlived');
  expect(cursor.first()).toBe(true);
  expect(cursor.next()).toBe(true);
});

describe('a cursor of a tree that changes', () => {
  test('goes on after its key though the key is gone, and sees what is put before it', () => {
    const model = filled(100);
    const cursor = model.tree.cursor();
    expect(cursor.seek(decimal(500), 8, true)).toBe(true);
    model.remove(decimal(500));
    model.put(decimal(505), value(3));
    model.put(decimal(495), value(3));
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(505))).toBe(true);
    model.removeRange(bound(decimal(500), true), bound(decimal(700), true));
    expect(cursor.previous()).toBe(true);
    expect(keyAt(cursor).equals(decimal(495))).toBe(true);
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(710))).toBe(true);
  });

  test('at the end it finds what is put after the end', () => {
    const model = filled(10);
    const cursor = model.tree.cursor();
    expect(cursor.last()).toBe(true);
    expect(cursor.next()).toBe(false);
    model.put(decimal(95), value(1));
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(95))).toBe(true);
    model.clear();
    expect(cursor.next()).toBe(false);
    expect(cursor.previous()).toBe(false);
    model.put(decimal(96), value(1));
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(96))).toBe(true);
  });

  test('more cursors than the tree watches keep their places', () => {
    const model = filled(300);
    const cursors = Array.from({ length: 200 }, (_, i) => {
      const cursor = model.tree.cursor();
      expect(cursor.seekIndex(i)).toBe(true);
      return cursor;
    });
    model.remove(decimal(0));
    cursors.forEach((cursor, i) => {
      expect(cursor.next()).toBe(true);
      expect(keyAt(cursor).equals(decimal(i * 10 + 10))).toBe(true);
    });
  });

  test('it outlives a nested part that is undone', () => {
    const model = filled(100);
    model.commit();
    const cursor = model.tree.cursor();
    expect(cursor.seekIndex(50)).toBe(true);
    const root = { ...model.tree.root };
    model.pages.beginPart();
    model.tree.put(decimal(505), 8, value(1), 0, 1);
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(505))).toBe(true);
    model.tree.reset(root);
    model.pages.undoPart();
    expect(cursor.next()).toBe(true);
    expect(keyAt(cursor).equals(decimal(510))).toBe(true);
    model.checkAll();
  });
});

test('in a tree of 10,000 entries order statistics read a page or two for each level', () => {
  const model = new TreeModel(512);
  for (let i = 0; i < 10_000; i++) model.tree.put(decimal(i), 8, value(40), 0, 40);
  const { pages, tree } = model;
  tree.at(0);
  const levels = 4;
  const visitsOf = (run: () => unknown): number => {
    const before = pages.visits;
    run();
    return pages.visits - before;
  };
  for (let i = 0; i < 10_000; i += 997) {
    const key = decimal(i);
    expect(visitsOf(() => expect(tree.find(key, 8)).toBe(true))).toBe(levels);
    expect(visitsOf(() => expect(tree.rank(key, 8, false)).toBe(i))).toBe(2 * levels - 1);
    expect(visitsOf(() => expect(tree.at(i)).toBe(true))).toBe(levels);
    const upper = bound(decimal(9_000), true);
    expect(
      visitsOf(() => expect(tree.count(bound(key, true), upper)).toBe(Math.max(0, 9_001 - i))),
    ).toBe(2 * (2 * levels - 1));
    const cursor = tree.cursor();
    expect(visitsOf(() => cursor.seekIndex(i))).toBe(levels);
  }
});
