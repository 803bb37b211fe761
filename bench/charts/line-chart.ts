/** A chart of lines, values on a logarithmic scale, each line named at its end. */

import { ceilTick, floorTick, shareOf, ticksOf } from './log-scale.ts';
import { type Colour, drawing, type Heading, line, rounded, text } from './svg.ts';

export interface ChartLine {
  readonly name: string;
  readonly colour: Colour;
  readonly stroke: 'solid' | 'dashed' | 'thin';
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart extends Heading {
  readonly x: Axis;
  readonly yTitle: string;
  /** Of the values at the lines' ends. */
  readonly unit: string;
  readonly lines: readonly ChartLine[];
}

export type Axis =
  /** From 0 to `end`, a tick each `step`. */
  | { readonly title: string; readonly end: number; readonly step: number }
  /** Logarithmic, with a tick and a dot on the lines at each of these values, ascending. */
  | { readonly title: string; readonly values: readonly number[] };

const HEIGHT = 508;
const PLOT = { left: 76, right: 630, top: 130, bottom: 442 };
/** Between the baselines of two names. */
const NAME_STEP = 19;

type Place = (value: number) => number;

export function drawLines(chart: LineChart): string {
  const values = chart.lines.flatMap(({ points }) => points.map(({ y }) => y));
  const low = floorTick(Math.min(...values));
  const high = ceilTick(Math.max(...values));
  const toX = placeOnX(chart.x);
  const toY: Place = (y) => PLOT.bottom - shareOf(y, low, high) * (PLOT.bottom - PLOT.top);
  return drawing(HEIGHT, chart, [
    ...yAxis(chart.yTitle, low, high, toY),
    ...xAxis(chart.x, toX),
    ...chart.lines.map((each) => path(each, toX, toY)),
    ...('values' in chart.x ? chart.lines.flatMap((each) => dots(each, toX, toY)) : []),
    ...names(chart, toX, toY),
  ]);
}

function placeOnX(axis: Axis): Place {
  const { left, right } = PLOT;
  if ('end' in axis) return (x) => left + (x / axis.end) * (right - left);
  const low = axis.values[0] ?? 1;
  const high = axis.values.at(-1) ?? low;
  // One value alone lies in the middle.
  if (low === high) return () => (left + right) / 2;
  return (x) => left + shareOf(x, low, high) * (right - left);
}

function yAxis(title: string, low: number, high: number, toY: Place): string[] {
  const parts: string[] = [];
  for (const { value, named } of ticksOf(low, high)) {
    const y = toY(value);
    parts.push(line(PLOT.left, y, PLOT.right, y, named ? 'grid' : 'minor'));
    if (named) parts.push(text(PLOT.left - 10, y + 4.5, thousands(value), 'quiet', 'end'));
  }
  parts.push(text(24, PLOT.top - 20, title, 'quiet'));
  return parts;
}

function xAxis(axis: Axis, toX: Place): string[] {
  const { left, right, bottom } = PLOT;
  const parts = [line(left, bottom, right, bottom, 'axis')];
  for (const x of 'end' in axis ? steps(axis.end, axis.step) : axis.values) {
    parts.push(line(toX(x), bottom, toX(x), bottom + 5, 'axis'));
    parts.push(text(toX(x), bottom + 21, thousands(x), 'quiet', 'middle'));
  }
  parts.push(text((left + right) / 2, bottom + 46, axis.title, 'quiet', 'middle'));
  return parts;
}

function steps(end: number, step: number): number[] {
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step);
}

function path({ points, colour, stroke }: ChartLine, toX: Place, toY: Place): string {
  const d = points.map(({ x, y }) => `${rounded(toX(x))},${rounded(toY(y))}`).join(' ');
  return `  <polyline class="line ${stroke} ${colour}" points="${d}"/>`;
}

function dots({ points, colour }: ChartLine, toX: Place, toY: Place): string[] {
  return points.map(
    ({ x, y }) =>
      `  <circle class="${colour}" cx="${rounded(toX(x))}" cy="${rounded(toY(y))}" r="3.5"/>`,
  );
}

/** Each line's name at its last point, moved apart where lines end close together. */
function names({ lines, unit }: LineChart, toX: Place, toY: Place): string[] {
  const ends = lines
    .flatMap(({ points, ...rest }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ ...rest, value: end.y, x: toX(end.x), y: toY(end.y) }];
    })
    .sort((a, b) => a.y - b.y);
  const places = movedApart(ends.map(({ y }) => y));
  return ends.flatMap(({ name, colour, value, x, y }, i) => {
    const place = places[i] ?? y;
    const from = `${rounded(x + 4)},${rounded(y)}`;
    const to = `${rounded(x + 18)},${rounded(place)} ${rounded(x + 24)},${rounded(place)}`;
    const shown = thousands(Number(value.toPrecision(value >= 100 ? 3 : 2)));
    return [
      `  <polyline class="leader" points="${from} ${to}"/>`,
      text(x + 29, place + 4.5, `${name}: ${shown} ${unit}`, colour),
    ];
  });
}

/** Ascending places at least a step apart, each as near as may be to where it would be. */
function movedApart(wanted: readonly number[]): number[] {
  // Groups of names that touch: each lies around the mean of what its members want.
  const groups: { count: number; sum: number; top: number }[] = [];
  for (const y of wanted) {
    let group = { count: 1, sum: y, top: y };
    for (;;) {
      const above = groups.at(-1);
      if (above === undefined || above.top + above.count * NAME_STEP <= group.top) break;
      groups.pop();
      const count = above.count + group.count;
      // What the members below want, as the top of the whole group.
      const sum = above.sum + group.sum - group.count * above.count * NAME_STEP;
      group = { count, sum, top: sum / count };
    }
    groups.push(group);
  }
  return groups.flatMap(({ top, count }) =>
    Array.from({ length: count }, (_, i) => top + i * NAME_STEP),
  );
}

function thousands(n: number): string {
  return n.toLocaleString('en-US');
}
