// What `npm run bench -- growth ARGS` makes of its arguments, and of its figures.

import { describe, expect, it } from 'vitest';
import { GROWTH_HELP, parseGrowthOptions } from '../../bench/growth/options.ts';
import { type GrowthReport, growthOf, growthTable } from '../../bench/growth/report.ts';
import { machine, result } from './figures.ts';

describe('options of growth', () => {
  it('without any: four sizes from 10,000 to ten million, coppice and lmdb', () => {
    const options = parseGrowthOptions([]);
    expect(options.sizes).toEqual([1e4, 1e5, 1e6, 1e7]);
    expect(options.contenders).toEqual(['coppice', 'lmdb']);
    expect(options.each.rounds).toBe(5);
    for (const { name } of options.workloads) expect(GROWTH_HELP).toContain(name);
  });

  it('workloads by name, sizes ascending and each once, contenders, rounds', () => {
    const options = parseGrowthOptions([
      ...['readseq', '--sizes', '1e5,100,1e5', '--contenders', 'classic-level'],
      ...['--rounds', '3', '--json', 'out.json', '--dir', '/data'],
    ]);
    expect(options.workloads.map(({ name }) => name)).toEqual(['readseq']);
    expect(options.sizes).toEqual([100, 100_000]);
    expect(options.contenders).toEqual(['coppice', 'classic-level']);
    expect([options.each.rounds, options.json, options.dir]).toEqual([3, 'out.json', '/data']);
  });

  it.each([
    [['nosuch'], /no workload "nosuch".*readrandom/],
    [['--sizes', '1e4,'], /--sizes : .*whole number/],
    [['--sizes', '0'], /--sizes 0: /],
    [['--contenders', 'nosuch'], /no contender "nosuch"/],
    [['--rows', '10'], /--rows/],
  ])('%j is refused', (args, message) => {
    expect(() => parseGrowthOptions(args)).toThrow(message);
  });
});

describe('figures of growth', () => {
  const at = (rows: number, contender: string, ms: number, variant: string) => ({
    ...result('fillsync', contender, [ms], { variant }),
    rows,
  });
  const report: GrowthReport = {
    version: 1,
    machine,
    sizes: [1000, 10_000],
    rounds: 5,
    seconds: 1,
    absent: [],
    results: [
      at(1000, 'coppice', 10, 'put'),
      at(1000, 'lmdb', 40, 'put'),
      at(1000, 'lmdb', 20, 'putSync'),
      at(10_000, 'coppice', 20, 'put'),
      at(10_000, 'lmdb', 10, 'put'),
    ],
  };

  it('at each size the fastest variant, and how many times as long as ours', () => {
    const [ours, lmdb] = growthOf(report);
    expect(ours?.costs.map(({ us }) => us)).toEqual([1000, 2000]);
    expect(lmdb?.costs).toEqual([
      { rows: 1000, us: 2000, overOurs: 2 },
      { rows: 10_000, us: 1000, overOurs: 0.5 },
    ]);
  });

  it('a column for each size, where we lose as where we win', () => {
    const lines = growthTable(report).split('\n');
    expect(lines[0]).toMatch(/1,000 rows \| +10,000 rows/);
    expect(lines[3]).toMatch(/lmdb .*2\.00 ms \(2\.00\).*1\.00 ms \(0\.50\)/);
  });
});
