/** The goals for cold starts and for slices, judged by what was measured. */

import type { Verdict } from '../goals.ts';
import { median } from '../summary.ts';
import type { ColdResult, ColdRound } from './measure.ts';
import type { ColdReport } from './report.ts';
import { loadedBySlice, type SliceResult } from './slice.ts';

const OPEN_MS = 5;
const LOADED_BYTES = 2 ** 20;
const SLICE_LOADED_BYTES = 1_200_000;
const OS_PAGE_BYTES = 4096;

type Judged = Pick<ColdReport, 'results' | 'file' | 'slice'>;

export function judgeCold({ results, file, slice }: Judged): Verdict[] {
  const size = `${(file.fileBytes / 1e9).toFixed(1)} GB`;
  const pages = file.depth + 2;
  const judged = (
    goal: string,
    rounds: readonly ColdRound[] | undefined,
    of: (round: ColdRound) => number,
    unit: (value: number) => string,
    most: number,
  ): Verdict => {
    const target = `at most ${unit(most)}`;
    if (rounds === undefined) return { goal, figure: 'not in this run', target, met: undefined };
    const value = median(rounds.map(of));
    return { goal, figure: unit(value), target, met: value <= most };
  };
  const random = roundsOf(results, 'random', 'first');
  return [
    judged(
      `open ${size} and get one key: all in memory, nothing waited for`,
      roundsOf(results, 'default', 'again'),
      (round) => round.open.ms + round.step.ms,
      (ms) => `${ms.toFixed(2)} ms`,
      OPEN_MS,
    ),
    judged(
      `open ${size} and get one key: loaded, default advice`,
      roundsOf(results, 'default', 'first'),
      (round) => round.step.residentBytes,
      kibibytes,
      LOADED_BYTES,
    ),
    judged(
      'the same, random advice: pages that were touched and loaded',
      random,
      (round) => round.open.majorFaults + round.step.majorFaults,
      (count) => `${count} pages`,
      pages,
    ),
    judged(
      'the same, random advice: all pages loaded',
      random,
      (round) => round.step.residentBytes / OS_PAGE_BYTES,
      (count) => `${count} pages`,
      pages,
    ),
    judgeSlice(slice),
  ];
}

function judgeSlice(slice: SliceResult | undefined): Verdict {
  const target = `at most ${SLICE_LOADED_BYTES} bytes`;
  if (slice === undefined) {
    return { goal: 'slice of 1 MB', figure: 'not in this run', target, met: undefined };
  }
  const most = Math.max(...slice.rounds.map(loadedBySlice));
  return {
    goal: `slice of 1 MB out of ${slice.valueBytes / 1e6} MB: loaded, at most`,
    figure: `${most} bytes`,
    target,
    met: most <= SLICE_LOADED_BYTES,
  };
}

function roundsOf(
  results: readonly ColdResult[],
  advice: ColdResult['advice'],
  step: ColdResult['step'],
): readonly ColdRound[] | undefined {
  return results.find((result) => result.advice === advice && result.step === step)?.rounds;
}

function kibibytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}
