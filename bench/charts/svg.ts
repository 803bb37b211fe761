/**
 * What every chart is drawn with: an SVG with a background of its own, whose colours follow the
 * reader's choice of light or dark.
 */

export const WIDTH = 900;

/** A class of the style sheet below. */
export type Colour = 'green' | 'orange' | 'grey';

const STYLE = `
    text { font: 13px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #24292f; }
    .title { font-size: 17px; font-weight: 600; }
    .name { font-weight: 600; }
    .small { font-size: 11.5px; }
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
    rect.green, circle.green { stroke: none; fill: #1a7f37; }
    rect.orange, circle.orange { stroke: none; fill: #bc4c00; }
    rect.grey, circle.grey { stroke: none; fill: #57606a; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      .background { fill: #0d1117; }
      .grid { stroke: #2a3038; }
      .minor { stroke: #1a2027; }
      .axis { stroke: #6e7681; }
      .leader { stroke: #4a525c; }
      .green { stroke: #3fb950; } text.green, rect.green, circle.green { fill: #3fb950; }
      .orange { stroke: #f0883e; } text.orange, rect.orange, circle.orange { fill: #f0883e; }
      .grey { stroke: #9198a1; } text.grey, rect.grey, circle.grey { fill: #9198a1; }
    }`;

export interface Heading {
  readonly title: string;
  /** One or two lines below it. */
  readonly subtitles: readonly string[];
}

/** The whole file: title and subtitles at its top, the parts below. */
export function drawing(
  height: number,
  { title, subtitles }: Heading,
  parts: readonly string[],
): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
      `width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="background" width="${WIDTH}" height="${height}" rx="8"/>`,
    text(24, 34, title, 'title'),
    ...subtitles.map((each, i) => text(24, 56 + 19 * i, each, 'quiet')),
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

export function text(x: number, y: number, what: string, look: string, anchor = 'start'): string {
  const place = `x="${rounded(x)}" y="${rounded(y)}"`;
  const side = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `  <text ${place} class="${look}"${side}>${escaped(what)}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, look: string): string {
  const from = `x1="${rounded(x1)}" y1="${rounded(y1)}"`;
  return `  <line class="${look}" ${from} x2="${rounded(x2)}" y2="${rounded(y2)}"/>`;
}

export function rectangle(
  x: number,
  y: number,
  width: number,
  height: number,
  look: string,
): string {
  const size = `width="${rounded(width)}" height="${rounded(height)}"`;
  return `  <rect class="${look}" x="${rounded(x)}" y="${rounded(y)}" ${size}/>`;
}

/** A place of the drawing, to a tenth of a pixel. */
export function rounded(n: number): string {
  return String(Math.round(n * 10) / 10);
}

function escaped(what: string): string {
  return what.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
