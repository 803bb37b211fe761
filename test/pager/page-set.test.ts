import { expect, test } from 'vitest';
import { PageSet } from '../../src/pager/page-set.ts';
import { seed } from '../frame/seed.ts';
import { Random } from '../support/sim-random.ts';

/** Far apart, and around the ends of words and pieces. */
const STARTS = [0, 1, 30, 31, 32, 63, 32_760, 32_767, 32_768, 65_535, 1_000_000, 2 ** 31 - 40];

test('holds what was added, in order, whatever was done to it', () => {
  const random = new Random(seed);
  const set = new PageSet();
  const model = new Set<number>();
  for (let step = 0; step < 3000; step++) {
    const page = random.pick(STARTS) + random.below(40);
    const count = 1 + random.below(8);
    if (random.below(3) === 0) {
      set.delete(page);
      model.delete(page);
    } else {
      let isNew = true;
      for (let p = page; p < page + count && isNew; p++) {
        if (model.has(p)) isNew = false;
        model.add(p);
      }
      expect(set.add(page, count), `seed ${seed}`).toBe(isNew);
    }
    expect(set.size).toBe(model.size);
    expect(set.has(page)).toBe(model.has(page));
    if (step % 50 !== 0) continue;
    const found: number[] = [];
    for (let p = set.next(0); p >= 0; p = set.next(p + 1)) found.push(p);
    expect(found).toEqual([...model].sort((a, b) => a - b));
    const at = found[random.below(found.length)] ?? 0;
    if (!set.has(at)) continue;
    let length = 1;
    while (model.has(at + length)) length++;
    expect(set.runLength(at, 1000)).toBe(length);
    expect(set.runLength(at, 2)).toBe(Math.min(2, length));
  }
});

test('is empty at first', () => {
  const set = new PageSet();
  expect([set.size, set.next(0), set.has(0)]).toEqual([0, -1, false]);
});
