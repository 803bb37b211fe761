// What `npm run bench -- readers` makes of its arguments, of /proc and of its rounds.

import { describe, expect, it } from 'vitest';
import type { ReadersResult } from '../../bench/readers/measure.ts';
import { HELP, parseOptions } from '../../bench/readers/options.ts';
import type { ProcessMemory, Reading } from '../../bench/readers/protocol.ts';
import {
  besideWriter,
  linearity,
  middleHalf,
  type Scaling,
  throughput,
} from '../../bench/readers/scaling.ts';
import { fileMemory, processMemory } from '../../bench/readers/smaps.ts';
import { judgeReaders } from '../../bench/readers/verdicts.ts';

/** One second by the clock, `cpuMs` of it on a processor. */
const reading = (gets: number, cpuMs = 1000): Reading => ({ gets, ms: 1000, cpuMs });

/** Rounds in each of which that many readers got so many each. */
const scaling = (readers: number, ...rounds: readonly number[]): Scaling => ({
  readers,
  rounds: rounds.map((gets) => Array.from({ length: readers }, () => reading(gets))),
});

describe('options of the readers', () => {
  it('without any: up to twice the processors, both contenders', () => {
    const countsFor = (processors: number): readonly number[] =>
      parseOptions([], processors).counts;
    expect(countsFor(1)).toEqual([1, 2]);
    expect(countsFor(2)).toEqual([1, 2, 4]);
    expect(countsFor(3)).toEqual([1, 2, 4]);
    expect(countsFor(64)).toEqual([1, 2, 4, 8, 16]);
    expect(parseOptions([]).contenders).toEqual(['coppice', 'lmdb']);
  });

  it('given ones: ascending, each once, and one among them', () => {
    expect(parseOptions(['--readers', '16,3,3']).counts).toEqual([1, 3, 16]);
    expect(parseOptions(['--contenders', 'lmdb']).contenders).toEqual(['lmdb']);
    expect(parseOptions(['--quick', '--ms', '50'])).toMatchObject({ rows: 100_000, roundMs: 50 });
  });

  it('--help is for a terminal', () => {
    for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('what they cannot be', () => {
    expect(() => parseOptions(['--readers', '0'])).toThrow(/--readers 0: .* from 1 on/);
    expect(() => parseOptions(['--readers', '2,x'])).toThrow(RangeError);
    expect(() => parseOptions(['--rows', '10'])).toThrow(/from 1000 on/);
    expect(() => parseOptions(['--contenders', 'sqlite'])).toThrow(/there are coppice, lmdb/);
    expect(() => parseOptions(['readrandom'])).toThrow(TypeError);
  });
});

describe('memory of a process', () => {
  const mapping = (path: string, rss: number, pss: number): string =>
    [
      `7f0000000000-7f0040000000 r--s 00000000 fe:00 1234                       ${path}`,
      'Size:            1048576 kB',
      `Rss:             ${String(rss).padStart(7)} kB`,
      `Pss:             ${String(pss).padStart(7)} kB`,
      'Pss_Dirty:             9 kB',
      'VmFlags: rd sh mr mw me ms',
    ].join('\n');

  it('of a file: all its mappings, and no other file', () => {
    const smaps = [
      mapping('/data/rows', 100, 50),
      mapping('/data/rows-lock', 8, 4),
      mapping('/data/rows', 20, 10),
      mapping('', 1000, 1000),
    ].join('\n');
    expect(fileMemory(smaps, '/data/rows')).toEqual({ rssBytes: 120 * 1024, pssBytes: 60 * 1024 });
    expect(fileMemory(smaps, '/rows')).toEqual({ rssBytes: 0, pssBytes: 0 });
  });

  it('of all', () => {
    const rollup = mapping('[rollup]', 300, 200);
    expect(processMemory(rollup)).toEqual({ rssBytes: 300 * 1024, pssBytes: 200 * 1024 });
  });
});

describe('how readers scale', () => {
  it('gets a second: the sum by the clock, the mean of a processor', () => {
    const round = [reading(100, 500), { gets: 300, ms: 2000, cpuMs: 1500 }];
    expect(throughput(round, 'clock')).toBe(250);
    expect(throughput(round, 'processor')).toBe(200);
  });

  it('up to the processors against one, beyond against as many as there are', () => {
    const all = [scaling(1, 100), scaling(2, 90), scaling(4, 40)];
    expect(linearity(all, 1, 2, 'clock')).toBe(1);
    expect(linearity(all, 2, 2, 'clock')).toBe(0.9);
    expect(linearity(all, 4, 2, 'clock')).toBeCloseTo(160 / 180);
    expect(linearity(all, 4, 8, 'clock')).toBe(0.4);
    // By processor time there is nothing to multiply.
    expect(linearity(all, 4, 2, 'processor')).toBe(0.4);
  });

  it('the median of what the rounds give, each against its own', () => {
    const all = [scaling(1, 100, 10, 100), scaling(2, 100, 10, 50)];
    expect(linearity(all, 2, 2, 'clock')).toBe(1);
  });

  it('nothing to compare with: nothing', () => {
    expect(linearity([scaling(1, 1), scaling(4, 1)], 4, 2, 'clock')).toBeUndefined();
    expect(linearity([scaling(1, 1)], 2, 2, 'clock')).toBeUndefined();
  });

  it('beside a writer: the median of the pairs', () => {
    const pair = (without: number, beside: number, cpuMs = 1000) => ({
      without: [reading(without)],
      beside: [reading(beside, cpuMs)],
    });
    const pairs = [pair(100, 90), pair(100, 10), pair(10, 9.5, 500)];
    expect(besideWriter(pairs, 'clock')).toBe(0.9);
    expect(besideWriter(pairs, 'processor')).toBe(0.9);
    const five = [0.5, 0.9, 0.8, 0.7, 0.6].map((part) => pair(100, 100 * part));
    expect(middleHalf(five, 'clock')).toEqual([0.6, 0.8]);
  });
});

describe('goals for readers', () => {
  const memory = (rss: number, pss: number): ProcessMemory => ({
    file: { rssBytes: rss, pssBytes: pss },
    process: { rssBytes: 0, pssBytes: 0 },
  });
  const result = (more: Partial<ReadersResult>): ReadersResult => ({
    contender: 'coppice',
    kind: 'processes',
    fileBytes: 0,
    scaling: [],
    memory: [],
    besideWriter: [],
    ...more,
  });
  const met = (more: Partial<ReadersResult>): (boolean | undefined)[] =>
    judgeReaders({ results: [result(more)], processors: 2 }).map((verdict) => verdict.met);

  it('linear: nine tenths', () => {
    expect(met({ scaling: [scaling(1, 100), scaling(2, 90)] })).toEqual([true, true]);
    expect(met({ scaling: [scaling(1, 100), scaling(2, 89)] })).toEqual([false, false]);
    expect(met({ scaling: [scaling(1, 100), scaling(4, 90)] })).toEqual([undefined, true]);
    const waited = { readers: 2, rounds: [[reading(80, 800), reading(80, 800)]] };
    expect(met({ scaling: [scaling(1, 100), waited] })).toEqual([false, true]);
  });

  it('memory: the worst share counts; of threads there is none', () => {
    const shared = [{ readers: 2, each: [memory(100, 50), memory(100, 52)] }];
    const own = [{ readers: 2, each: [memory(100, 50), memory(100, 54)] }];
    expect(met({ memory: shared })).toEqual([true]);
    expect(met({ memory: own })).toEqual([false]);
    expect(met({ memory: own, kind: 'threads' })).toEqual([]);
  });

  it('beside a writer: 5 % by either clock', () => {
    const pairs = [{ without: [reading(100, 1000)], beside: [reading(95, 960)] }];
    const besideWriter = [{ readers: 1, putsACommit: 1, pairs, writings: [] }];
    expect(met({ besideWriter })).toEqual([true, true]);
    const slower = [{ without: [reading(100, 1000)], beside: [reading(94, 900)] }];
    expect(met({ besideWriter: [{ ...besideWriter[0]!, pairs: slower }] })).toEqual([false, true]);
  });

  it('judges ours only', () => {
    const results = [result({ contender: 'lmdb', scaling: [scaling(2, 1)] })];
    expect(judgeReaders({ results, processors: 2 })).toEqual([]);
  });
});
