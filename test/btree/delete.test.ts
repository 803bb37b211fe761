import { describe, expect, test } from 'vitest';
import { CorruptionError } from '../../src/errors.ts';
import { bound, TreeModel } from '../support/tree-model.ts';
import { leavesOf, pagesOf } from '../support/tree-shape.ts';

const value = (size: number, fill = 1): Buffer => Buffer.alloc(size, fill);
const decimal = (n: number): Buffer => Buffer.from(String(n).padStart(8, '0'));

function filled(pageSize: number, count: number, size = 20): TreeModel {
  const model = new TreeModel(pageSize);
  for (let i = 0; i < count; i++) model.put(decimal(i), value(size));
  return model;
}

describe('one entry', () => {
  test('the tree shrinks to one leaf, and to no page', () => {
    const model = filled(256, 500);
    expect(pagesOf(model.tree)[0]!.level).toBeGreaterThan(2);
    model.commit();
    let levels = pagesOf(model.tree)[0]!.level;
    while (model.entries.length > 0) {
      model.remove(model.entries[(model.entries.length * 7) % 10]?.key ?? model.entries[0]!.key);
      const level = pagesOf(model.tree)[0]?.level ?? -1;
      expect(level).toBeLessThanOrEqual(levels);
      levels = level;
      if (model.entries.length % 50 === 0) model.checkAll();
    }
    expect(levels).toBe(-1);
    expect(model.tree.root).toMatchObject({ page: 0, entries: 0 });
    model.commit();
    expect(model.pages.livePages).toBe(0);
    model.put(decimal(1), value(1));
    model.checkAll();
  });

  test('a root with one child gives way to it', () => {
    const model = filled(512, 22);
    expect(pagesOf(model.tree).map(({ level }) => level)).toEqual([1, 0, 0]);
    for (let i = 21; i > 6; i--) model.remove(decimal(i));
    expect(pagesOf(model.tree).map(({ level }) => level)).toEqual([0]);
    model.checkAll();
  });

  test('leaves that are joined have the prefix that all their keys share', () => {
    const model = new TreeModel(512);
    for (let i = 0; i < 11; i++) model.put(Buffer.from(`common/left/${i + 10}`), value(20));
    for (let i = 0; i < 11; i++) model.put(Buffer.from(`common/right/${i + 10}`), value(20));
    for (let i = 2; i < 11; i++) {
      model.remove(Buffer.from(`common/left/${i + 10}`));
      model.remove(Buffer.from(`common/right/${i + 10}`));
      model.checkAll();
    }
    const leaves = leavesOf(model.tree);
    expect(leaves.map(({ count }) => count)).toEqual([4]);
    // "common/" has 7 bytes; prefixes are even.
    expect(leaves[0]!.prefix).toBe(6);
  });

  test('leaves whose joined prefix would be too short to fit share instead', () => {
    const model = new TreeModel(512);
    const { maxKeyBytes } = model.pages.geometry;
    const long = (first: number, n: number): Buffer =>
      Buffer.concat([value(maxKeyBytes - 1, first), Buffer.from([n])]);
    for (let i = 0; i < 40; i++) model.put(long(0x61, i), value(2));
    for (let i = 0; i < 40; i++) model.put(long(0x62, i), value(2));
    while (model.entries.length > 4) {
      model.remove(model.entries[model.entries.length >> 1]!.key);
      model.checkAll();
    }
  });

  test('pages stay at least a third full on average while entries go at random', () => {
    const model = filled(512, 3000);
    const capacity = model.pages.geometry.capacity;
    let x = 12345;
    while (model.entries.length > 200) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      model.remove(model.entries[x % model.entries.length]!.key);
      if (model.entries.length % 400 !== 0) continue;
      for (const [level, slotBytes] of [
        [0, 6],
        [1, 22],
      ] as const) {
        const pages = pagesOf(model.tree).filter((page) => page.level === level);
        if (pages.length < 2) continue;
        const used = pages.reduce((sum, p) => sum + slotBytes * p.count + p.heap - p.holes, 0);
        expect(used / (pages.length * capacity)).toBeGreaterThan(1 / 3);
        for (const page of pages) expect(page.count).toBeGreaterThan(4);
      }
    }
    model.checkAll();
  });

  test('removing what is not there changes nothing', () => {
    const model = filled(256, 100);
    model.commit();
    const copied = model.pages.copied;
    expect(model.remove(Buffer.from('zzz'))).toBe(false);
    expect(model.remove(Buffer.from(''))).toBe(false);
    expect(model.pages.copied).toBe(copied);
    expect(new TreeModel(256).remove(Buffer.from('a'))).toBe(false);
  });
});

describe('a range', () => {
  test('any range of a deep tree, each end open, closed or outside', () => {
    for (let i = 0; i < 60; i++) {
      const model = filled(256, 300);
      if (i % 2 === 0) model.commit();
      const from = (i * 37) % 300;
      const to = from + ((i * i * 13) % 200);
      model.removeRange(
        i % 7 === 0 ? undefined : bound(decimal(from), i % 3 !== 0),
        i % 5 === 0 ? undefined : bound(decimal(to), i % 4 !== 0),
      );
      model.checkAll();
      model.commit();
      model.checkAll();
    }
  });

  test('a range that is empty or upside down removes nothing', () => {
    const model = filled(256, 50);
    expect(model.removeRange(bound(decimal(20), true), bound(decimal(10), true))).toBe(0);
    expect(model.removeRange(bound(decimal(20), false), bound(decimal(20), true))).toBe(0);
    expect(model.removeRange(bound(Buffer.from('x'), true), undefined)).toBe(0);
    model.checkAll();
  });

  test('leaves in it are freed without being read', () => {
    const model = filled(512, 20_000, 30);
    model.commit();
    const leaves = leavesOf(model.tree).length;
    const branches = pagesOf(model.tree).length - leaves;
    const { pages, tree } = model;
    const before = pages.visits;
    model.removeRange(bound(decimal(100), true), bound(decimal(19_900), true));
    expect(leaves).toBeGreaterThan(1500);
    // Every branch once, and a few pages for each level.
    expect(pages.visits - before).toBeLessThan(branches + 250);
    pages.account([tree.root]);
  });

  test('clear reads branches alone, unless there are overflow runs', () => {
    const model = filled(512, 5000, 30);
    const branches = pagesOf(model.tree).filter(({ level }) => level > 0).length;
    const before = model.pages.visits;
    model.clear();
    expect(model.pages.visits - before).toBeLessThan(branches + 10);
    model.commit();
    expect(model.pages.livePages).toBe(0);
    for (let i = 0; i < 200; i++) model.put(decimal(i), value(i % 50 === 0 ? 2000 : 20));
    model.commit();
    model.clear();
    model.commit();
    expect(model.pages.livePages).toBe(0);
  });
});

test('a change that fails half-way leaves a tree that refuses to be changed, until reset', () => {
  const model = filled(256, 200);
  model.commit();
  const root = { ...model.tree.root };
  const touch = model.pages.touch;
  model.pages.beginPart();
  model.pages.touch = () => {
    throw new CorruptionError(1, 'made up');
  };
  expect(() => model.tree.remove(decimal(7), 8)).toThrow('made up');
  model.pages.touch = touch;
  expect(() => model.tree.remove(decimal(7), 8)).toThrow('failed');
  expect(() => model.tree.put(decimal(7), 8, value(1), 0, 1)).toThrow('failed');
  model.tree.reset(root);
  model.pages.undoPart();
  model.remove(decimal(7));
  model.checkAll();
});
