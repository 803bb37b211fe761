/**
 * Random operations on a tree and on a sorted array, at page sizes that make deep trees of few
 * keys.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seed } from '../frame/seed.ts';
import { cases, long } from '../frame/size.ts';
import { bound, keyAt, TreeModel } from '../support/tree-model.ts';

/** Keys of one kind, from two small numbers; kinds meet different parts of the page layout. */
type KeyKind = (maxKeyBytes: number, a: number, b: number) => Buffer;

const KEY_KINDS: Record<string, KeyKind> = {
  short: (_max, a, b) => Buffer.from([a, b].slice(0, (a + b) % 3)),
  decimal: (_max, a, b) => Buffer.from(`user:${String(a * 7 + b).padStart(6, '0')}`),
  sharedPrefix: (max, a, b) =>
    Buffer.concat([Buffer.alloc(Math.min(max - 4, 5 * (a % 9)), 0x61), Buffer.from([b, a])]),
  longest: (max, a, b) => {
    const key = Buffer.alloc(max - (b % 3), a % 4);
    key[(a * 31 + b) % key.length] = b;
    return key;
  },
  zerosAndOnes: (_max, a, b) =>
    Buffer.from(Array.from({ length: a % 7 }, (_, i) => (((b >> i) & 1) === 0 ? 0 : 0xff))),
  zeros: (max, a, b) => Buffer.alloc(Math.min(max, (a + b) % 60)),
  mixed: (max, a, b) => {
    const kinds = [KEY_KINDS.short, KEY_KINDS.decimal, KEY_KINDS.sharedPrefix, KEY_KINDS.longest];
    return kinds[(a ^ b) & 3]!(max, a, b);
  },
};

const byte = fc.integer({ min: 0, max: 255 });
const end = fc.option(fc.tuple(byte, byte, fc.boolean()), { nil: undefined });
const operation = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(fc.constant('put' as const), byte, byte, byte) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('putMany' as const), byte, byte, byte) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('remove' as const), byte, byte) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('removeNear' as const), byte, byte) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('removeRange' as const), end, end) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('range' as const), end, end, fc.boolean()) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('look' as const), byte, byte) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('walk' as const), byte, byte, fc.boolean()) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('commit' as const)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('nested' as const), byte, byte, fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), byte) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function valueFor(pageSize: number, n: number): Buffer {
  // Small ones mostly; some about the inline limit, some in overflow runs of several pages.
  const sizes = [0, 1, 7, 20, 20, 40, pageSize >> 2, pageSize >> 1, pageSize * 2 + 3];
  return Buffer.alloc(sizes[n % sizes.length]! + (n >> 5), n);
}

function apply(model: TreeModel, pageSize: number, kind: KeyKind, op: Operation): void {
  const max = model.pages.geometry.maxKeyBytes;
  const toBound = (e: [number, number, boolean] | undefined) =>
    e === undefined ? undefined : bound(kind(max, e[0], e[1]), e[2]);
  switch (op[0]) {
    case 'put':
      model.put(kind(max, op[1], op[2]), valueFor(pageSize, op[3]));
      break;
    case 'putMany':
      for (let i = 0; i < 40; i++) {
        model.put(
          kind(max, (op[1] + i * (op[3] & 3)) & 255, (op[2] + i) & 255),
          valueFor(pageSize, 3),
        );
      }
      break;
    case 'remove':
      model.remove(kind(max, op[1], op[2]));
      break;
    case 'removeNear': {
      const at = model.lowerBound(kind(max, op[1], op[2]), false);
      for (const { key } of model.entries.slice(at, at + 12)) model.remove(key);
      break;
    }
    case 'removeRange':
      model.removeRange(toBound(op[1]), toBound(op[2]));
      break;
    case 'range':
      model.checkRange(toBound(op[1]), toBound(op[2]), op[3]);
      break;
    case 'look': {
      const key = kind(max, op[1], op[2]);
      model.checkGet(key);
      model.checkRank(key);
      model.checkAt(op[1]);
      model.checkAt(model.entries.length - 1);
      break;
    }
    case 'walk':
      walk(model, pageSize, kind(max, op[1], op[2]), op[1], op[3]);
      break;
    case 'commit':
      model.commit();
      break;
    case 'nested':
      nested(model, kind(max, op[1], op[2]), op[3]);
      break;
    case 'clear':
      if (op[1] < 60) model.clear();
      break;
  }
}

/** Asks `expect` for its message only when there is something to tell: a call takes it 10 us. */
function same(found: number | boolean, wanted: number | boolean): void {
  if (found !== wanted) expect(found).toBe(wanted);
}

/** Steps of a cursor with changes of the tree between them. */
function walk(model: TreeModel, pageSize: number, start: Buffer, n: number, back: boolean): void {
  const cursor = model.tree.cursor();
  const there = back
    ? cursor.seekBack(start, start.length, true)
    : cursor.seek(start, start.length, true);
  let at = back ? model.lowerBound(start, true) - 1 : model.lowerBound(start, false);
  same(there, model.entries[at] !== undefined);
  if (!there) return;
  for (let i = 0; i < 20; i++) {
    const key = keyAt(cursor);
    same(key.equals(model.entries[at]!.key), true);
    same(cursor.index, at);
    const what = (n + i * 7) % 6;
    if (what === 0) model.remove(key);
    else if (what === 1) model.put(key, valueFor(pageSize, n + i));
    else if (what === 2) {
      const other = model.entries[(n * 3 + i) % model.entries.length]!.key;
      model.remove(other);
    } else if (what === 3) model.removeRange(bound(key, true), bound(key, true));
    const step = (n + i) % 5 === 0 ? !back : back;
    const moved = step ? cursor.previous() : cursor.next();
    const next = step ? model.lowerBound(key, false) - 1 : model.lowerBound(key, true);
    same(moved, model.entries[next] !== undefined);
    if (!moved) return;
    at = next;
  }
}

/** A nested part that is kept or undone. */
function nested(model: TreeModel, key: Buffer, keep: boolean): void {
  const root = { ...model.tree.root };
  const entries = [...model.entries];
  model.pages.beginPart();
  model.put(key, Buffer.from('nested'));
  for (const entry of model.entries.slice(0, 5)) model.remove(entry.key);
  if (keep) model.pages.keepPart();
  else {
    model.tree.reset(root);
    model.pages.undoPart();
    model.entries = entries;
  }
}

function property(pageSize: number, kind: string): fc.IPropertyWithHooks<[Operation[]]> {
  return fc.property(
    fc.array(operation, { minLength: 1, maxLength: long ? 600 : 150, size: 'max' }),
    (operations) => {
      const model = new TreeModel(pageSize);
      for (const op of operations) apply(model, pageSize, KEY_KINDS[kind]!, op);
      model.checkAll();
      model.commit();
      model.checkAll();
      expect(model.pages.livePages === 0).toBe(model.entries.length === 0);
    },
  );
}

describe('a tree does what a sorted array does', () => {
  for (const pageSize of [256, 512, 4096]) {
    for (const kind of Object.keys(KEY_KINDS)) {
      test(`pages of ${pageSize} bytes, ${kind} keys`, () => {
        fc.assert(property(pageSize, kind), { seed, numRuns: cases(60, 400) });
      });
    }
  }
});
