// What `npm run bench -- ARGS` makes of its arguments.

import { describe, expect, it } from 'vitest';
import { contenderNames } from '../../bench/contenders/names.ts';
import { goalWorkloads } from '../../bench/goals.ts';
import { HELP, parseOptions } from '../../bench/options.ts';
import { workloads } from '../../bench/workloads/all.ts';

const namesOf = (args: readonly string[]): string[] =>
  parseOptions(args).workloads.map(({ name }) => name);

describe('options of the benchmarks', () => {
  it('without any: every workload and the heap, by every contender', () => {
    const options = parseOptions([]);
    expect(options.workloads).toEqual(workloads);
    expect(options.heap).toBe(true);
    expect(options.contenders).toEqual(contenderNames);
    expect(options.scale.rows).toBe(1_000_000);
    expect(options.json).toBeUndefined();
  });

  it('workloads by name, in the order given, each once; --only is the same', () => {
    expect(namesOf(['readseq', 'readrandom', 'readseq'])).toEqual(['readseq', 'readrandom']);
    expect(namesOf(['--only', 'open', 'readseq'])).toEqual(['readseq', 'open']);
    expect(parseOptions(['readseq']).heap).toBe(false);
    const heap = parseOptions(['heap']);
    expect([heap.heap, heap.workloads]).toEqual([true, []]);
  });

  it('contenders, rows, rounds, files', () => {
    const args = ['--contenders', 'lmdb,coppice', '--rows', '1e7', '--rounds', '7', '--gets', '5'];
    const options = parseOptions([...args, '--json', 'out.json', '--dir', '/data']);
    expect(options.contenders).toEqual(['coppice', 'lmdb']);
    expect(options.scale).toMatchObject({ rows: 10_000_000, gets: 5, rounds: 7 });
    expect([options.json, options.dir]).toEqual(['out.json', '/data']);
  });

  it('ours is always among the contenders', () => {
    expect(parseOptions(['--contenders', 'classic-level']).contenders).toEqual([
      'coppice',
      'classic-level',
    ]);
  });

  it('--quick: some workloads, and no contender that has to be installed', () => {
    const quick = parseOptions(['--quick']);
    expect(quick.workloads.length).toBeLessThan(workloads.length);
    expect(quick.contenders).toEqual(['coppice', 'lmdb']);
    expect(quick.scale.gets).toBeLessThan(parseOptions([]).scale.gets);
  });

  it('--goals: what the goals need, in five rounds, by every contender', () => {
    const options = parseOptions(['--goals']);
    expect(options.workloads.map(({ name }) => name)).toEqual(goalWorkloads);
    expect([options.heap, options.scale.rounds]).toEqual([false, 5]);
    expect(options.contenders).toEqual(contenderNames);
  });

  it.each([
    [['nosuch'], /no workload "nosuch".*readrandom/],
    [['--contenders', 'lmdb,nosuch'], /no contender "nosuch".*better-sqlite3/],
    [['--rows', '0'], /--rows 0: .*whole number/],
    [['--rows', '1.5'], /--rows 1.5: /],
    [['--rounds', 'many'], /--rounds many: /],
    [['--fast'], /--fast/],
  ])('%j is refused with what there is', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });

  it('--help names every workload and contender, in lines for a terminal', () => {
    expect(parseOptions(['--help']).help).toBe(true);
    for (const name of [...workloads.map((workload) => workload.name), ...contenderNames]) {
      expect(HELP).toContain(name);
    }
    for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});
