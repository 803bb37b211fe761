// From the rounds of a run to goals that are met or not.

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { goals, judge, type Verdict } from '../../bench/goals.ts';
import type { Result } from '../../bench/runner.ts';
import { fastestOf, median, ratioOf } from '../../bench/summary.ts';
import { workloadNamed } from '../../bench/workloads/all.ts';
import { result } from './figures.ts';

const ROWS = 1000;

const verdict = (goal: RegExp, target: RegExp, results: readonly Result[]): Verdict => {
  const found = judge(results, ROWS).filter((v) => goal.test(v.goal) && target.test(v.target));
  expect(found).toHaveLength(1);
  return found[0] ?? expect.fail();
};

describe('goals of the benchmarks', () => {
  it('the ratio is the median of what each pair of rounds gives', () => {
    // Pairs: 4, 2, 3; the ratio of the medians would be 40 / 10.
    const ours = result('fillsync', 'coppice', [10, 40, 10]);
    const peer = result('fillsync', 'lmdb', [40, 80, 30]);
    expect(ratioOf(workloadNamed('fillsync'), peer, ours)).toBe(3);
    expect(median([1, 2, 4, 3])).toBe(2.5);
  });

  it('judges by the clock of the workload', () => {
    const ours = result('readrandom', 'coppice', [1, 1, 1], { cpuMs: [1, 1, 1] });
    const peer = result('readrandom', 'lmdb', [2, 2, 2], { cpuMs: [3, 3, 3] });
    expect(verdict(/^readrandom, value/, /lmdb/, [ours, peer])).toMatchObject({
      figure: '3.00 x, cpu',
      target: '3 x lmdb',
      met: true,
    });
  });

  it('met at the goal, not just below it', () => {
    const ours = result('fillsync', 'coppice', [100]);
    const goal = (ms: number): Verdict =>
      verdict(/single put, one/, /lmdb/, [ours, result('fillsync', 'lmdb', [ms])]);
    expect(goal(170)).toMatchObject({ figure: '1.70 x', met: true });
    expect(goal(169)).toMatchObject({ figure: '1.69 x', met: false });
  });

  it('the fastest variant counts on both sides, but none that does less than the task', () => {
    const peers = [
      result('readrandom', 'lmdb', [400], { variant: 'get' }),
      result('readrandom', 'lmdb', [200], { variant: 'getBinary' }),
      result('readrandom', 'lmdb', [50], { variant: 'getBinaryFast', borrows: true }),
    ];
    const workload = workloadNamed('readrandom');
    expect(fastestOf(workload, peers, 'lmdb')?.variant).toBe('getBinary');
    const ours = [
      result('readrandom', 'coppice', [300], { variant: 'slow' }),
      result('readrandom', 'coppice', [100], { variant: 'fast' }),
    ];
    const found = verdict(/^readrandom, value/, /lmdb/, [...peers, ...ours]);
    expect(found).toMatchObject({ figure: '2.00 x, cpu', met: false });
  });

  it('files: the closed ones, over the data and over the smallest of the peer', () => {
    const seq = (closedBytes: number): Result =>
      result('fillseq', 'coppice', [1], { closedBytes, fileBytes: 10 ** 9 });
    expect(verdict(/over raw data/, /1.1/, [seq(ROWS * 115 * 1.1)]).met).toBe(true);
    expect(verdict(/over raw data/, /1.1/, [seq(ROWS * 115 * 1.1 + 10)]).met).toBe(false);

    const random = (contender: string, closedBytes: number, borrows = false): Result =>
      result('fillrandom', contender, [1], { closedBytes, borrows });
    const size = (ours: number): Verdict =>
      verdict(/^file size/, /below/, [
        random('coppice', ours),
        random('better-sqlite3', 200),
        random('better-sqlite3', 10, true),
      ]);
    expect(size(199)).toMatchObject({ figure: '0.99 x', met: true });
    expect(size(200)).toMatchObject({ met: false });
  });

  it('a time: the median of our rounds', () => {
    const open = (ms: readonly number[]): Verdict =>
      verdict(/^open a file/, /5 ms/, [result('openlarge', 'coppice', ms)]);
    expect(open([4, 5, 90])).toMatchObject({ figure: '5.00 ms', met: true });
    expect(open([4, 5.1, 90]).met).toBe(false);
  });

  it('no row is left out: what was not measured says why', () => {
    const verdicts = judge([result('readrandom', 'coppice', [1])], ROWS);
    expect(verdicts).toHaveLength(goals.length);
    for (const { met, figure } of verdicts) {
      expect(met).toBeUndefined();
      expect(figure).toMatch(/not in this run|no \S+ in this run|npm run bench/);
    }
  });

  it('what another command judges names one that there is', () => {
    const commands = goals.flatMap(({ by }) => ('not' in by ? [by.not] : []));
    expect(commands.join()).toMatch(/cold.*readers.*readers.*cold/);
    for (const command of commands) {
      const [, suite] = command.match(/^npm run bench -- (\w+)/) ?? expect.fail(command);
      expect(existsSync(new URL(`../../bench/${suite}/main.ts`, import.meta.url))).toBe(true);
    }
  });
});
