/** From the rounds of some readers to what they got, and how it grows with their number. */

import { median } from '../summary.ts';
import type { Reading } from './protocol.ts';

/** What is counted: gets in a second by the clock, or in a second of processor time. */
export type Clock = 'clock' | 'processor';

/** One round: the readings of all readers, at the same time. */
export type Round = readonly Reading[];

/** The rounds of so many readers, which took turns with those of other numbers of them. */
export interface Scaling {
  readonly readers: number;
  readonly rounds: readonly Round[];
}

/** A round without the writer and the one after it, with. */
export interface Pair {
  readonly without: Round;
  readonly beside: Round;
}

/** Gets a second of all readers of a round; by processor time: a second of one processor. */
export function throughput(round: Round, clock: Clock): number {
  if (clock === 'clock') return round.reduce((sum, { gets, ms }) => sum + (gets * 1000) / ms, 0);
  const gets = round.reduce((sum, reading) => sum + reading.gets, 0);
  return (gets * 1000) / round.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}

/**
 * What so many readers get, as a part of what they would get if it grew linearly: with their number
 * from one reader on, and not any more from as many as there are processors. The median of what the
 * rounds give. By processor time: of what one reader gets. undefined without the rounds of that number.
 */
export function linearity(
  all: readonly Scaling[],
  readers: number,
  processors: number,
  clock: Clock,
): number | undefined {
  const base = clock === 'processor' || readers <= processors ? 1 : processors;
  const times = clock === 'processor' ? 1 : Math.min(readers, processors) / base;
  const of = all.find((scaling) => scaling.readers === readers);
  const by = all.find((scaling) => scaling.readers === base);
  if (of === undefined || by === undefined) return undefined;
  return median(
    of.rounds.map((round, i) => {
      const reference = by.rounds[i];
      if (reference === undefined) return Number.NaN;
      return throughput(round, clock) / (throughput(reference, clock) * times);
    }),
  );
}

/** Throughput beside the writer, as a part of that without it: the median of the pairs. */
export function besideWriter(pairs: readonly Pair[], clock: Clock): number {
  return median(ratiosOf(pairs, clock));
}

/** Between which two a half of the pairs lie: wide apart, the machine was not quiet enough. */
export function middleHalf(pairs: readonly Pair[], clock: Clock): readonly [number, number] {
  const sorted = ratiosOf(pairs, clock).sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
  return [at(0.25), at(0.75)];
}

function ratiosOf(pairs: readonly Pair[], clock: Clock): number[] {
  return pairs.map(({ without, beside }) => throughput(beside, clock) / throughput(without, clock));
}
