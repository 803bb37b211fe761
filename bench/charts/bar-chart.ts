/**
 * A chart of ratios: for each workload a bar for each other contender, on a logarithmic scale. A bar
 * begins at 1 and goes to the right where Coppice is faster, to the left where it is slower; its
 * number and whom it is against stand beside it.
 */

import { ratioText } from '../table.ts';
import { ceilTick, floorTick, shareOf, ticksOf } from './log-scale.ts';
import { drawing, type Heading, line, rectangle, text } from './svg.ts';

export interface Bar {
  readonly name: string;
  /** How many times as fast as it we are. */
  readonly ratio: number;
}

export interface BarGroup {
  readonly name: string;
  readonly title: string;
  readonly bars: readonly Bar[];
}

export interface BarChart extends Heading {
  readonly groups: readonly BarGroup[];
}

const PLOT = { left: 330, right: 740, top: 146 };
const BAR = { height: 13, step: 17 };
/** Room for a workload's name and title where it has one bar only. */
const LEAST_GROUP = 36;
const GAP = 14;
/** Bars that go further end here, with a gap in them: else all others were short. */
const LEAST = 0.1;
const MOST = 100;

export function drawBars(chart: BarChart): string {
  const ratios = chart.groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio));
  const low = Math.max(LEAST, floorTick(Math.min(0.5, ...ratios)));
  const high = Math.min(MOST, ceilTick(Math.max(2, ...ratios)));
  const toX = (ratio: number): number =>
    PLOT.left + shareOf(within(ratio, low, high), low, high) * (PLOT.right - PLOT.left);
  const parts: string[] = [];
  let y = PLOT.top;
  for (const group of chart.groups) {
    parts.push(text(24, y + 11, group.name, 'name'), text(24, y + 27, group.title, 'quiet small'));
    group.bars.forEach((bar, i) => {
      const isBroken = bar.ratio !== within(bar.ratio, low, high);
      parts.push(...drawBar(bar, y + i * BAR.step, toX, isBroken));
    });
    y += Math.max(group.bars.length * BAR.step, LEAST_GROUP) + GAP;
  }
  return drawing(y + 10, chart, [...scale(low, high, y - GAP / 2, toX), ...parts]);
}

function drawBar(
  { name, ratio }: Bar,
  y: number,
  toX: (ratio: number) => number,
  isBroken: boolean,
): string[] {
  const one = toX(1);
  const end = toX(ratio);
  const colour = ratio < 1 ? 'orange' : 'green';
  // Of its own width at least, so that a ratio of 1 is seen.
  const width = Math.max(Math.abs(end - one), 1);
  const parts = [rectangle(Math.min(one, end), y, width, BAR.height, colour)];
  if (isBroken) {
    parts.push(rectangle(ratio < 1 ? end + 10 : end - 14, y, 4, BAR.height, 'background'));
  }
  const label = `${ratioText(ratio)} × ${name}`;
  parts.push(text(Math.max(one, end) + 7, y + 11, label, `${colour} small`));
  return parts;
}

function scale(
  low: number,
  high: number,
  bottom: number,
  toX: (ratio: number) => number,
): string[] {
  const top = PLOT.top - 12;
  const parts = [
    text(toX(1) - 8, 104, '← slower', 'quiet', 'end'),
    text(toX(1) + 8, 104, 'Coppice is faster → times as fast (log scale)', 'quiet'),
  ];
  for (const { value } of ticksOf(low, high)) {
    // 1, 2 and 5 of each power of ten.
    if (ceilTick(value) !== value) continue;
    if (value !== 1) parts.push(line(toX(value), top, toX(value), bottom, 'grid'));
    parts.push(text(toX(value), top - 6, String(value), 'quiet small', 'middle'));
  }
  parts.push(line(toX(1), top, toX(1), bottom, 'axis'));
  return parts;
}

function within(ratio: number, low: number, high: number): number {
  return Math.min(Math.max(ratio, low), high);
}
