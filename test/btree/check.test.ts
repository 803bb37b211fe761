/** The checker finds each kind of damage; and damage of any kind ends in a typed error, or in none. */

import { describe, expect, test } from 'vitest';
import { checkTree, type Problem } from '../../src/btree/check.ts';
import { CorruptionError } from '../../src/errors.ts';
import {
  childBirth,
  childPage,
  setBranchHead,
  setChild,
  setEntriesBelow,
} from '../../src/format/branch.ts';
import { leafEntry, leafHead, setLeafHead } from '../../src/format/leaf.ts';
import {
  holeBytes,
  pageFlags,
  pageLevel,
  setHoleBytes,
  setPageFlags,
  slotCount,
} from '../../src/format/page-header.ts';
import type { Segment } from '../../src/format/segment.ts';
import { seed } from '../frame/seed.ts';
import { TreeModel } from '../support/tree-model.ts';
import { leavesOf } from '../support/tree-shape.ts';

const decimal = (n: number): Buffer => Buffer.from(String(n).padStart(8, '0'));

function filled(count: number): TreeModel {
  const model = new TreeModel(256);
  for (let i = 0; i < count; i++) model.put(decimal(i), Buffer.alloc(i === 77 ? 300 : 12, i));
  return model;
}

/** The problems of a tree of 200 entries after `damage` of its root and its third leaf. */
function problemsOf(
  damage: (s: Segment, root: number, leaf: number, model: TreeModel) => void,
): string[] {
  const model = filled(200);
  const { pages, tree } = model;
  // The model keeps each dirty page in a segment of its own: damage one after the other.
  const rootAt = pages.find(tree.root.page, tree.root.birth, 0);
  const rootSegment = pages.segment;
  const third = leavesOf(tree)[2]!.page;
  const leafAt = pages.find(third, pages.transaction, 2);
  const leafSegment = pages.segment;
  damage(rootSegment, rootAt, -1, model);
  damage(leafSegment, -1, leafAt, model);
  const problems: Problem[] = [];
  checkTree(pages, tree.root, { problems });
  if (problems.length > 0) {
    expect(() => checkTree(pages, tree.root)).toThrow(CorruptionError);
    expect(problems[0]!.message).toMatch(/^page -?\d+: /);
  }
  return [...new Set(problems.map(({ code }) => code))];
}

describe('the check finds', () => {
  test('nothing in a sound tree, whose pages it counts', () => {
    expect(problemsOf(() => {})).toEqual([]);
    const model = filled(200);
    const report = checkTree(model.pages, model.tree.root, { values: true });
    expect(report.entries).toBe(200);
    expect(report.leafPages).toBe(leavesOf(model.tree).length);
    expect(report.branchPages + report.leafPages + report.overflowPages).toBe(
      model.pages.livePages,
    );
    expect(checkTree(model.pages, { page: 0, birth: 0, entries: 0, version: 0 }).depth).toBe(0);
  });

  test('a head that is not its key', () => {
    expect(
      problemsOf((s, _root, leaf) => {
        if (leaf >= 0) setLeafHead(s, leaf, 2, leafHead(s, leaf, 2) ^ 1);
      }),
    ).toContain('HEAD');
    expect(
      problemsOf((s, root) => {
        if (root >= 0) setBranchHead(s, root, 1, 5);
      }),
    ).toContain('HEAD');
  });

  test('keys out of order, and keys outside their separators', () => {
    const codes = problemsOf((s, _root, leaf) => {
      if (leaf < 0) return;
      const n = slotCount(s, leaf);
      const a = leafEntry(s, leaf, n, 0) - leaf;
      const b = leafEntry(s, leaf, n, 1) - leaf;
      const slots = ((leaf + 32) >> 1) + 2 * n;
      s.u16[slots] = b;
      s.u16[slots + 1] = a;
      const head = leafHead(s, leaf, 0);
      setLeafHead(s, leaf, 0, leafHead(s, leaf, 1));
      setLeafHead(s, leaf, 1, head);
    });
    expect(codes).toEqual(['ORDER']);
    expect(
      problemsOf((s, root) => {
        if (root < 0) return;
        const n = slotCount(s, root);
        const [page, birth] = [childPage(s, root, n, 0), childBirth(s, root, n, 0)];
        setChild(s, root, n, 0, childPage(s, root, n, 1), childBirth(s, root, n, 1));
        setChild(s, root, n, 1, page, birth);
      }),
    ).toContain('ORDER');
  });

  test('counts that are wrong, in a branch and of the tree', () => {
    expect(
      problemsOf((s, root) => {
        if (root >= 0) setEntriesBelow(s, root, slotCount(s, root), 0, 3);
      }),
    ).toEqual(['COUNT']);
    expect(
      problemsOf((_s, root, _leaf, model) => {
        if (root >= 0) model.tree.root.entries++;
      }),
    ).toEqual(['COUNT']);
  });

  test('holes that are not there, and entries on top of each other', () => {
    expect(
      problemsOf((s, _root, leaf) => {
        if (leaf >= 0) setHoleBytes(s, leaf, holeBytes(s, leaf) + 2);
      }),
    ).toEqual(['HOLES']);
    expect(
      problemsOf((s, _root, leaf) => {
        if (leaf < 0) return;
        const slots = ((leaf + 32) >> 1) + 2 * slotCount(s, leaf);
        s.u16[slots] = s.u16[slots + 1]!;
      }),
    ).toContain('OVERLAP');
  });

  test('levels, flags, and pages that two pointers lead to', () => {
    expect(
      problemsOf((s, root) => {
        if (root >= 0) s.bytes[root + 21] = pageLevel(s, root) + 1;
      }),
    ).toContain('LEVEL');
    expect(
      problemsOf((s, root) => {
        if (root >= 0) setPageFlags(s, root, pageFlags(s, root) & ~8);
      }),
    ).toContain('FLAGS');
    expect(
      problemsOf((s, root) => {
        if (root < 0) return;
        const n = slotCount(s, root);
        setChild(s, root, n, 1, childPage(s, root, n, 0), childBirth(s, root, n, 0));
      }),
    ).toContain('REACHED_TWICE');
  });
});

test('a branch that leads to itself ends in CorruptionError, whatever is asked', () => {
  const model = filled(400);
  const { pages, tree } = model;
  const o = pages.find(tree.root.page, tree.root.birth, 0);
  const s = pages.segment;
  expect(pageLevel(s, o)).toBeGreaterThan(1);
  const n = slotCount(s, o);
  for (let i = 0; i < n; i++) setChild(s, o, n, i, tree.root.page, tree.root.birth);
  const key = decimal(200);
  const cursor = tree.cursor();
  for (const attempt of [
    () => tree.find(key, 8),
    () => tree.rank(key, 8, false),
    () => tree.at(200),
    () => cursor.first(),
    () => cursor.last(),
    () => cursor.seek(key, 8, true),
    () => checkTree(pages, tree.root),
    () => tree.put(key, 8, key, 0, 8),
    () => tree.remove(key, 8),
    () => tree.removeRange(undefined, { key, length: 8, inclusive: true }),
    () => tree.clear(),
  ]) {
    expect(attempt).toThrow(CorruptionError);
  }
});

test('flipped bits end in a typed error, or in none: no hang, no other error', () => {
  let x = seed | 1;
  const random = (n: number): number => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    return (x >>> 8) % n;
  };
  let found = 0;
  for (let round = 0; round < 150; round++) {
    const model = filled(150);
    const { pages, tree } = model;
    const all = leavesOf(tree).map(({ page }) => page);
    all.push(tree.root.page);
    pages.checkDirty = true;
    for (let i = 0; i < 3; i++) {
      const page = all[random(all.length)]!;
      const o = pages.find(page, pages.transaction, page === tree.root.page ? 0 : 2);
      const bit = random(256 * 8);
      // Number, birth and type are the pager's to check.
      if (bit >= 64 && bit < 21 * 8) continue;
      pages.segment.bytes[o + (bit >> 3)]! ^= 1 << (bit & 7);
      try {
        pages.find(page, pages.transaction, page === tree.root.page ? 0 : 2);
      } catch {
        pages.segment.bytes[o + (bit >> 3)]! ^= 1 << (bit & 7);
      }
    }
    const attempts = [
      () => checkTree(pages, tree.root),
      () => tree.get(decimal(random(150)), 8),
      () => tree.rank(decimal(random(150)), 8, true),
      () => tree.at(random(150)),
      () => {
        const cursor = tree.cursor();
        const key = Buffer.alloc(256);
        let there = cursor.first();
        for (let i = 0; there && i < 400; i++) {
          cursor.copyKey(key);
          cursor.loadValue();
          there = cursor.next();
        }
      },
      () => tree.put(decimal(random(150)), 8, Buffer.alloc(30), 0, 30),
      () => tree.put(Buffer.from(`${random(150)}`), 3, Buffer.alloc(30), 0, 30),
      () => tree.remove(decimal(random(150)), 8),
      () => tree.removeRange({ key: decimal(random(150)), length: 8, inclusive: true }, undefined),
    ];
    for (const [i, attempt] of attempts.entries()) {
      try {
        attempt();
      } catch (error) {
        found++;
        // The strict pages' own words for a pointer or a length that was damaged.
        const strict = /has another length|freed twice|after it was freed|is an overflow run/;
        if (!strict.test((error as Error).message)) expect(error).toBeInstanceOf(CorruptionError);
        // A tree whose change failed is not used again.
        if (i >= 5) break;
      }
    }
  }
  expect(found).toBeGreaterThan(50);
}, 20_000);
