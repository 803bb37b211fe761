import { describe, expect, test } from 'vitest';
import { copySeparator } from '../../src/btree/keys.ts';
import {
  hasNewerLeaf,
  type KeyRange,
  markRange,
  type RangeMark,
  rangeHasChanged,
} from '../../src/btree/range-mark.ts';
import { seed } from '../frame/seed.ts';
import { cases } from '../frame/size.ts';
import { Dice } from '../support/process-random.ts';
import { bound, TreeModel } from '../support/tree-model.ts';
import { leavesOf, pagesOf } from '../support/tree-shape.ts';

const EVERYTHING: KeyRange = { lower: undefined, upper: undefined };
const key = (n: number): Buffer => Buffer.from(String(n).padStart(6, '0'));
const from = (n: number, to: number): KeyRange => ({
  lower: bound(key(n), true),
  upper: bound(key(to), false),
});

function filled(count: number): TreeModel {
  const model = new TreeModel(256);
  for (let i = 0; i < count; i++) model.put(key(10 * i), Buffer.alloc(20, 1));
  model.commit();
  return model;
}

/** The transaction that was committed last. */
const now = ({ pages }: TreeModel): number => pages.transaction - 1;

function mark(model: TreeModel, range: KeyRange): RangeMark {
  return markRange(model.tree, now(model), range);
}

describe('a change of the range is found', () => {
  const changes: Record<string, (model: TreeModel) => void> = {
    'a new entry': (model) => model.put(key(5005), Buffer.alloc(20)),
    'another value of the same size': (model) => model.put(key(5000), Buffer.alloc(20, 2)),
    'an entry removed': (model) => model.remove(key(5000)),
    'an entry removed and another put': (model) => {
      model.remove(key(5000));
      model.put(key(5777), Buffer.alloc(20, 1));
    },
    'every entry removed, leaf by leaf': (model) => {
      model.removeRange(bound(key(4000), true), bound(key(7000), true));
    },
    'everything removed': (model) => model.clear(),
  };
  test.each(Object.entries(changes))('%s', (_, change) => {
    const model = filled(1000);
    const before = mark(model, from(5000, 6000));
    expect(rangeHasChanged(model.tree, before, from(5000, 6000))).toBe(false);
    change(model);
    model.commit();
    expect(rangeHasChanged(model.tree, before, from(5000, 6000))).toBe(true);
    const after = mark(model, from(5000, 6000));
    expect(rangeHasChanged(model.tree, after, from(5000, 6000))).toBe(false);
  });

  test('also when it was undone, and the leaf it was made in has gone', () => {
    const model = filled(100);
    const leaves = leavesOf(model.tree);
    expect(leaves.length).toBeGreaterThan(3);
    // A range without entries, at the end of a leaf: nothing of it is left when that leaf goes.
    const count = leaves.slice(0, 2).reduce((sum, leaf) => sum + leaf.count, 0);
    const last = 10 * (count - 1);
    const range = from(last + 1, last + 9);
    const before = mark(model, range);
    model.put(key(last + 5), Buffer.alloc(20));
    model.commit();
    model.remove(key(last + 5));
    model.commit();
    model.removeRange(bound(key(10 * leaves[0]!.count), true), bound(key(last), true));
    model.commit();
    expect(model.tree.count(range.lower, range.upper)).toBe(0);
    expect(rangeHasChanged(model.tree, before, range)).toBe(true);
  });

  test('also when the leaf that has gone reached into the range from above', () => {
    const model = filled(100);
    const leaves = leavesOf(model.tree);
    const begin = 10 * leaves[0]!.count;
    const end = begin + 10 * (leaves[1]!.count - 1);
    model.remove(key(begin));
    model.commit();
    // It ends before the first entry that the second leaf still has.
    const range = { lower: bound(key(10), true), upper: bound(key(begin + 5), false) };
    const before = mark(model, range);
    const count = model.tree.count(range.lower, range.upper);
    model.put(key(begin + 1), Buffer.alloc(20));
    model.commit();
    model.remove(key(begin + 1));
    model.commit();
    model.removeRange(bound(key(begin), true), bound(key(end), true));
    model.commit();
    expect(model.tree.count(range.lower, range.upper)).toBe(count);
    expect(hasNewerLeaf(model.pages, model.tree.root, before.transaction, range)).toBe(false);
    expect(rangeHasChanged(model.tree, before, range)).toBe(true);
  });

  test('also when the tree was empty, and is again', () => {
    const model = filled(3);
    model.clear();
    model.commit();
    for (const remove of [() => model.clear(), () => model.remove(key(1))]) {
      let before = mark(model, EVERYTHING);
      for (let round = 0; round < 2; round++) {
        model.put(key(1), Buffer.alloc(1));
        model.commit();
        remove();
        model.commit();
        expect(model.tree.root.page).toBe(0);
        expect(rangeHasChanged(model.tree, before, EVERYTHING)).toBe(true);
        before = mark(model, EVERYTHING);
        expect(rangeHasChanged(model.tree, before, EVERYTHING)).toBe(false);
      }
    }
  });
});

test('a change far from the range is not told, and few pages are looked at to know', () => {
  const model = filled(5000);
  expect(pagesOf(model.tree)[0]!.level).toBeGreaterThanOrEqual(3);
  const ranges = [from(1000, 1500), from(0, 2), { ...EVERYTHING, upper: bound(key(500), true) }];
  const marks = ranges.map((range) => mark(model, range));
  for (let i = 0; i < 20; i++) {
    model.put(key(20_003 + 100 * i), Buffer.alloc(20));
    model.remove(key(30_000 + 100 * i));
    model.commit();
  }
  ranges.forEach((range, i) => {
    const before = model.pages.visits;
    expect(rangeHasChanged(model.tree, marks[i]!, range)).toBe(false);
    // Two searches and their ranks, and the way to the leaves at the ends.
    expect(model.pages.visits - before).toBeLessThan(40);
  });
});

test('the descent goes to the first newer leaf that overlaps the range, and below no older page', () => {
  const model = filled(5000);
  const since = now(model);
  const newer = (range: KeyRange): boolean =>
    hasNewerLeaf(model.pages, model.tree.root, since, range);
  const before = model.pages.visits;
  expect(newer(EVERYTHING)).toBe(false);
  expect(model.pages.visits).toBe(before);
  model.put(key(25_000), Buffer.alloc(20, 9));
  model.commit();
  const levels = pagesOf(model.tree)[0]!.level;
  const start = model.pages.visits;
  expect(newer(EVERYTHING)).toBe(true);
  expect(model.pages.visits - start).toBe(levels);
  expect(newer(from(25_000, 25_001))).toBe(true);
  expect(newer({ lower: undefined, upper: bound(key(24_000), true) })).toBe(false);
  expect(newer({ lower: bound(key(26_000), false), upper: undefined })).toBe(false);
});

test('an end that is exclusive does not reach into the leaf that begins there', () => {
  const model = filled(14);
  const [root, , second] = pagesOf(model.tree);
  expect(root!.level).toBe(1);
  const since = now(model);
  const begin = 10 * leavesOf(model.tree)[0]!.count;
  model.put(key(begin), Buffer.alloc(20, 2));
  model.commit();
  const newer = pagesOf(model.tree).map(({ birth }) => birth > since);
  expect(newer.slice(0, 3)).toEqual([true, false, true]);
  expect(second!.birth).toBe(since);
  const o = model.pages.find(model.tree.root.page, model.tree.root.birth, 0);
  const separator = Buffer.alloc(100);
  const length = copySeparator(model.pages.segment, o, 256, 1, separator);
  const until = (inclusive: boolean): boolean => {
    const upper = bound(separator.subarray(0, length), inclusive);
    return hasNewerLeaf(model.pages, model.tree.root, since, { lower: undefined, upper });
  };
  expect([until(false), until(true)]).toEqual([false, true]);
});

test('random commits: no change of any range goes unseen, however many commits lie between', () => {
  const dice = new Dice('range marks');
  let unseen = 0;
  let changed = 0;
  let idle = 0;
  for (let run = 0; run < cases(12, 1000); run++) {
    const model = new TreeModel(256);
    const span = dice.below(2) === 0 ? 60 : 2000;
    const watched = Array.from({ length: 12 }, () => {
      const at = dice.below(span);
      const range = dice.below(8) === 0 ? EVERYTHING : from(at, at + 1 + dice.below(span / 4));
      return { range, mark: mark(model, range), isChanged: false };
    });
    const touched = (keys: readonly Buffer[]): void => {
      for (const one of watched) {
        const { lower, upper } = one.range;
        const inside = (k: Buffer): boolean =>
          (lower === undefined || Buffer.compare(k, lower.key) >= 0) &&
          (upper === undefined || Buffer.compare(k, upper.key) < 0);
        one.isChanged ||= keys.some(inside);
      }
    };
    for (let round = 0; round < 80; round++) {
      const step = dice.below(20);
      if (step === 0) {
        touched(model.entries.map((entry) => entry.key));
        model.clear();
      } else if (step < 4) {
        const at = dice.below(span);
        const { lower, upper } = from(at, at + dice.below(span / 2));
        const [a, b] = model.rangeOf(lower, upper);
        touched(model.entries.slice(a, b).map((entry) => entry.key));
        model.removeRange(lower, upper);
      } else {
        for (let i = dice.below(20); i >= 0; i--) {
          const k = key(dice.below(span));
          if (step < 12) model.put(k, Buffer.alloc(dice.below(40), i));
          else if (!model.remove(k)) continue;
          touched([k]);
        }
      }
      model.commit();
      for (const one of watched) {
        if (dice.below(3) > 0) continue;
        const told = rangeHasChanged(model.tree, one.mark, one.range);
        if (one.isChanged) changed++;
        else if (!told) idle++;
        if (one.isChanged && !told) unseen++;
        if (told) {
          one.mark = mark(model, one.range);
          one.isChanged = false;
        }
      }
    }
  }
  expect({ unseen }, `seed ${seed}`).toEqual({ unseen: 0 });
  expect(changed).toBeGreaterThan(100);
  expect(idle).toBeGreaterThan(100);
});
