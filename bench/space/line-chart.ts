/**
 * A chart of lines as SVG, values on a logarithmic scale, each line named at its end. It has a
 * background of its own, and follows the reader's choice of light or dark.
 */

export interface ChartLine {
  readonly name: string;
  /** A class of the style sheet below: its colour. */
  readonly colour: 'green' | 'orange' | 'grey';
  readonly stroke: 'solid' | 'dashed' | 'thin';
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Of the values at the lines' ends. */
  readonly unit: string;
  /** From 0 to here, a tick each so much. */
  readonly xEnd: number;
  readonly xStep: number;
  readonly lines: readonly ChartLine[];
}

const WIDTH = 900;
const HEIGHT = 490;
const PLOT = { left: 76, right: 630, top: 112, bottom: 424 };
/** Between the baselines of two names. */
const NAME_STEP = 19;

const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #24292f; }
    .title { font-size: 17px; font-weight: 600; }
    .quiet { fill: #57606a; }
    .background { fill: #ffffff; }
    .grid { stroke: #d8dee4; stroke-width: 1; }
    .minor { stroke: #eef1f4; stroke-width: 1; }
    .axis { stroke: #8c959f; stroke-width: 1; }
    .leader { stroke: #afb8c1; stroke-width: 1; fill: none; }
    .line { fill: none; stroke-linejoin: round; stroke-linecap: round; }
    .solid { stroke-width: 2.6; }
    .dashed { stroke-width: 2; stroke-dasharray: 2 5; }
    .thin { stroke-width: 1; }
    .green { stroke: #1a7f37; } text.green { stroke: none; fill: #1a7f37; }
    .orange { stroke: #bc4c00; } text.orange { stroke: none; fill: #bc4c00; }
    .grey { stroke: #57606a; } text.grey { stroke: none; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      .background { fill: #0d1117; }
      .grid { stroke: #2a3038; }
      .minor { stroke: #1a2027; }
      .axis { stroke: #6e7681; }
      .leader { stroke: #4a525c; }
      .green { stroke: #3fb950; } text.green { fill: #3fb950; }
      .orange { stroke: #f0883e; } text.orange { fill: #f0883e; }
      .grey { stroke: #9198a1; } text.grey { fill: #9198a1; }
    }`;

export function drawChart(chart: Chart): string {
  const values = chart.lines.flatMap(({ points }) => points.map(({ y }) => y));
  const low = floorTick(Math.min(...values));
  const high = ceilTick(Math.max(...values));
  const toX = (x: number): number => PLOT.left + (x / chart.xEnd) * (PLOT.right - PLOT.left);
  const toY = (y: number): number => {
    const share = Math.log(y / low) / Math.log(high / low);
    return PLOT.bottom - share * (PLOT.bottom - PLOT.top);
  };
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
      `width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(chart.title)}">`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="background" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    text(24, 34, chart.title, 'title'),
    text(24, 56, chart.subtitle, 'quiet'),
    ...yAxis(chart.yTitle, low, high, toY),
    ...xAxis(chart, toX),
    ...chart.lines.map((line) => path(line, toX, toY)),
    ...names(chart, toX, toY),
    '</svg>',
  ].join('\n')}\n`;
}

function yAxis(title: string, low: number, high: number, toY: (y: number) => number): string[] {
  const parts: string[] = [];
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
    for (let times = 1; times < 10; times++) {
      const value = times * decade;
      if (value < low || value > high) continue;
      const y = toY(value);
      const named = times === 1 || value === low || value === high;
      parts.push(line(PLOT.left, y, PLOT.right, y, named ? 'grid' : 'minor'));
      if (named) parts.push(text(PLOT.left - 10, y + 4.5, thousands(value), 'quiet', 'end'));
    }
  }
  parts.push(text(24, PLOT.top - 20, title, 'quiet'));
  return parts;
}

function xAxis({ xTitle, xEnd, xStep }: Chart, toX: (x: number) => number): string[] {
  const { left, right, bottom } = PLOT;
  const parts = [line(left, bottom, right, bottom, 'axis')];
  for (let x = 0; x <= xEnd; x += xStep) {
    parts.push(line(toX(x), bottom, toX(x), bottom + 5, 'axis'));
    parts.push(text(toX(x), bottom + 21, String(x), 'quiet', 'middle'));
  }
  parts.push(text((left + right) / 2, bottom + 46, xTitle, 'quiet', 'middle'));
  return parts;
}

function path(
  { points, colour, stroke }: ChartLine,
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
  const d = points.map(({ x, y }) => `${round(toX(x))},${round(toY(y))}`).join(' ');
  return `  <polyline class="line ${stroke} ${colour}" points="${d}"/>`;
}

/** Each line's name at its last point, moved apart where lines end close together. */
function names(
  { lines, unit }: Chart,
  toX: (x: number) => number,
  toY: (y: number) => number,
): string[] {
  const ends = lines
    .flatMap(({ points, ...rest }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ ...rest, value: end.y, x: toX(end.x), y: toY(end.y) }];
    })
    .sort((a, b) => a.y - b.y);
  const places = movedApart(ends.map(({ y }) => y));
  return ends.flatMap(({ name, colour, value, x, y }, i) => {
    const place = places[i] ?? y;
    const from = `${round(x + 4)},${round(y)}`;
    const to = `${round(x + 18)},${round(place)} ${round(x + 24)},${round(place)}`;
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

/** The tick at or below: 1, 2, 5, 10, 20 ... */
function floorTick(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  return (value >= 5 * decade ? 5 : value >= 2 * decade ? 2 : 1) * decade;
}

function ceilTick(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((times) => times * decade >= value) ?? 10) * decade;
}

function text(x: number, y: number, what: string, look: string, anchor = 'start'): string {
  const place = `x="${round(x)}" y="${round(y)}"`;
  const side = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `  <text ${place} class="${look}"${side}>${escaped(what)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, look: string): string {
  const from = `x1="${round(x1)}" y1="${round(y1)}"`;
  return `  <line class="${look}" ${from} x2="${round(x2)}" y2="${round(y2)}"/>`;
}

function round(n: number): string {
  return String(Math.round(n * 10) / 10);
}

function thousands(n: number): string {
  return n.toLocaleString('en-US');
}

function escaped(what: string): string {
  return what.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
