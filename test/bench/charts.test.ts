// Charts and the tables of docs/benchmarks.md: what the figures in bench/results/ say, and nothing
// else.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { drawBars } from '../../bench/charts/bar-chart.ts';
import { BEGIN, END, resultsText, withResults } from '../../bench/charts/document.ts';
import { growthChart } from '../../bench/charts/growth-chart.ts';
import { drawLines } from '../../bench/charts/line-chart.ts';
import { ceilTick, floorTick, ticksOf } from '../../bench/charts/log-scale.ts';
import { DOCUMENT, outputOf } from '../../bench/charts/output.ts';
import { ratiosChart } from '../../bench/charts/ratios.ts';
import { readersChart } from '../../bench/charts/readers-chart.ts';
import { type Results, readResults } from '../../bench/charts/results.ts';
import { trialReasons } from '../../bench/charts/trial.ts';
import { type ColdReport, readColdReport } from '../../bench/cold/report.ts';
import { type GrowthReport, readGrowthReport } from '../../bench/growth/report.ts';
import { type ReadersReport, readReadersReport } from '../../bench/readers/report.ts';
import { type Report, readReport } from '../../bench/report.ts';
import type { Result } from '../../bench/runner.ts';
import { machine, result } from './figures.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const resultsFolder = join(root, 'bench/results');

const report = (results: readonly Result[], more: Partial<Report> = {}): Report => ({
  version: 2,
  machine,
  scale: { rows: 1_000_000, gets: 500_000, transactions: 50, puts: 100, rounds: 11 },
  seconds: 100,
  absent: [],
  results,
  heap: undefined,
  ...more,
});

const none: Results = {
  full: [],
  growth: undefined,
  micro: undefined,
  space: undefined,
  readers: undefined,
  cold: undefined,
};

/** undefined when there is no such file. */
function textOf(path: string): string | undefined {
  const file = join(root, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Coppice takes 10 ms, lmdb as long as is said. */
const against = (lmdbMs: number, workload = 'fillsync'): Report =>
  report([result(workload, 'coppice', [10]), result(workload, 'lmdb', [lmdbMs])]);

const growth: GrowthReport = {
  version: 1,
  machine,
  sizes: [1000, 1_000_000],
  rounds: 5,
  seconds: 10,
  absent: [],
  results: [1000, 1_000_000].flatMap((rows) => [
    { ...result('fillsync', 'coppice', [rows / 1000]), rows },
    { ...result('fillsync', 'lmdb', [rows / 100]), rows },
  ]),
};

/** Of one reader, and of two that get as much each. */
const readers: ReadersReport = {
  version: 1,
  machine,
  rows: 1_000_000,
  rounds: 25,
  roundMs: 300,
  processors: 4,
  results: [
    {
      contender: 'coppice',
      kind: 'processes',
      fileBytes: 2 ** 20,
      scaling: [1, 2].map((count) => ({
        readers: count,
        rounds: [Array.from({ length: count }, () => ({ gets: 1000, ms: 1000, cpuMs: 500 }))],
      })),
      memory: [],
      besideWriter: [],
    },
  ],
};

/** 3 ms for the open and 2 for the get, 4 KiB of the slice loaded. */
const part = { ms: 2, cpuMs: 1, majorFaults: 1, readBytes: 4096, residentBytes: 8192 };
const opened = { ...part, ms: 3, residentBytes: 4096 };
const cold: ColdReport = {
  version: 1,
  machine,
  rows: 8_700_000,
  rounds: 5,
  file: { fileBytes: 1e9, depth: 4, fillSeconds: 40, readAheadBytes: 2 ** 17 },
  slice: {
    valueBytes: 9e8,
    sliceBytes: 1e6,
    rounds: [{ open: opened, blob: opened, slice: part }],
  },
  results: [{ advice: 'random', step: 'first', rounds: [{ open: opened, step: part }] }],
};

/** The line of a table that begins with this, as its cells. */
const cellsOf = (text: string, begin: string): string[] => {
  const line = text.split('\n').find((each) => each.startsWith(`| ${begin}`));
  return (line ?? expect.fail(`no line begins with ${begin}`)).split('|').map((s) => s.trim());
};

describe('docs/benchmarks.md and docs/charts', () => {
  it('are what the script makes of bench/results (npm run bench -- charts)', () => {
    const document = readFileSync(join(root, DOCUMENT), 'utf8');
    const files = [...outputOf(readResults(resultsFolder), document)];
    const stale = files.filter(([path, text]) => textOf(path) !== text).map(([path]) => path);
    expect(stale).toEqual([]);
  });

  it('every chart that is shown is there', () => {
    const document = readFileSync(join(root, DOCUMENT), 'utf8');
    const charts = readdirSync(join(root, 'docs/charts'));
    for (const [, name] of document.matchAll(/\]\(charts\/([^)]+)\)/g))
      expect(charts).toContain(name);
  });

  it('a file that is something else is refused', () => {
    const path = join(root, 'package.json');
    for (const read of [readReport, readGrowthReport, readReadersReport, readColdReport]) {
      expect(() => read(path)).toThrow(/package\.json is no report of this version/);
    }
  });

  it('the figures that are published name no folder, no person and no host', () => {
    for (const name of readdirSync(resultsFolder).filter((each) => each.endsWith('.json'))) {
      const text = readFileSync(join(resultsFolder, name), 'utf8');
      expect(text, name).not.toMatch(/"[^"]*\/(home|root|tmp|work|Users|usr|opt)\//);
      expect(text, name).not.toContain(`"${hostname()}"`);
      expect(text, name).not.toContain(`"${homedir()}`);
    }
  });
});

describe('the generated part', () => {
  it('is what stands between the markers: what stands outside stays', () => {
    const before = `above\n\n${BEGIN}\nold\n${END}\n\nbelow\n`;
    const made = withResults(before, none, new Set());
    expect(made).toMatch(/^above\n\n<!--/);
    expect(made).toMatch(/-->\n\nbelow\n$/);
    expect(made).not.toContain('old');
    expect(withResults(made, none, new Set())).toBe(made);
    expect(() => withResults('nothing', none, new Set())).toThrow(/has to have these two lines/);
  });

  it('says by how much, for each version of Node, with machine, versions and date', () => {
    const full = [
      { node: '20', report: against(30) },
      { node: '24', report: against(25) },
    ];
    const text = resultsText({ ...none, full }, new Set());
    expect(cellsOf(text, '**fillsync**').slice(2, 6)).toEqual([
      'wall',
      '20',
      '1.00 ms',
      '3.00 ms (3.00)',
    ]);
    const second = text.split('\n').find((line) => /^\|\s*\|\s*\| 24 /.test(line));
    expect(second).toContain('2.50 ms (2.50)');
    expect(text).toContain('2026-11-28 00:00 UTC, Node v24.0.0, coppice 1.2.3, lmdb 4.5.6');
    expect(text).toContain('A processor, 4 cores, 8 GiB');
    expect(text).toContain('In 0 of 2 comparisons.');
  });

  it('what is slower stands at the top, the farthest first, and in the tables', () => {
    const results = [
      ...against(8).results,
      ...against(5, 'overwrite').results,
      ...against(20, 'fillgroup').results,
    ];
    const text = resultsText(
      { ...none, full: [{ node: '24', report: report(results) }] },
      new Set(),
    );
    expect(text).toContain('In 2 of 3 comparisons.');
    expect(text.indexOf('| overwrite: ')).toBeLessThan(text.indexOf('| fillsync: '));
    expect(cellsOf(text, 'fillsync: ').slice(-4, -1)).toEqual(['1.00 ms', '0.80 ms', '0.80']);
    expect(text).not.toContain('| fillgroup: ');
    expect(cellsOf(text, '**fillsync**')).toContain('0.80 ms (0.80)');
  });

  it('a contender that was left out is named with the reason', () => {
    const absent = [{ name: 'lmdb-c', why: 'no lmdb.h' }];
    const full = [{ node: '24', report: { ...against(20), absent } }];
    expect(resultsText({ ...none, full }, new Set())).toContain('lmdb-c was left out: no lmdb.h');
  });

  it('a chart is shown where there is one', () => {
    const full = [{ node: '24', report: against(20) }];
    const shown = (charts: string[]): string => resultsText({ ...none, full }, new Set(charts));
    expect(shown(['writes.svg'])).toContain('](charts/writes.svg)');
    expect(shown([])).not.toContain('charts/');
  });
});

describe('a trial', () => {
  const reasonsOf = (more: Partial<Report>): string[] =>
    trialReasons({ ...none, full: [{ node: '24', report: { ...against(20), ...more } }] });

  it('is what had few rows or rounds, or was measured beside other work', () => {
    const scale = against(20).scale;
    expect(reasonsOf({})).toEqual([]);
    expect(reasonsOf({ scale: { ...scale, rows: 20_000 } })).toEqual([
      'workloads: Node 24: 20,000 rows, not 1,000,000',
    ]);
    expect(reasonsOf({ scale: { ...scale, rounds: 4 } })[0]).toMatch(/4 rounds, not 5/);
    expect(reasonsOf({ machine: { ...machine, loadBefore: 4 } })[0]).toMatch(
      /load of 4 on 4 cores/,
    );
    expect(reasonsOf({ machine: { ...machine, loadBefore: 3.9 } })).toEqual([]);
  });

  it('growth: up to fewer than ten million rows', () => {
    const rowsOf = (sizes: number[]): string[] =>
      trialReasons({ ...none, growth: { ...growth, sizes } });
    expect(rowsOf([1e6, 1e7])).toEqual([]);
    expect(rowsOf([1e6])).toEqual(['growth: 1,000,000 rows at most, not 10,000,000']);
  });

  it('says so before any figure, and in the titles of its charts', () => {
    const scale = { ...against(20).scale, rows: 10 };
    const full = { node: '24', report: { ...against(20), scale } };
    const text = resultsText({ ...none, full: [full] }, new Set());
    expect(text).toMatch(/^\*\*Not to be quoted\.\*\*/);
    const title = /class="title">A trial, not to be quoted: /;
    expect(ratiosChart(full, 'writes')).toMatch(title);
    expect(growthChart(growth, 'writes')).toMatch(title);
    expect(ratiosChart({ ...full, report: against(20) }, 'writes')).not.toMatch(title);
    expect(growthChart({ ...growth, sizes: [1000, 1e7] }, 'writes')).not.toMatch(title);
  });
});

describe('readers and cold starts', () => {
  it('each has its tables and its goals, judged', () => {
    const text = resultsText({ ...none, readers, cold }, new Set(['readers.svg']));
    // 1,000 gets in 1 s by the clock and 0.5 s of processor time, each.
    expect(cellsOf(text, 'coppice, processes | ').slice(2, 8)).toEqual([
      '1',
      '1',
      '1 - 1',
      '1.000',
      '2',
      '1.000',
    ]);
    expect(cellsOf(text, '2 processes: throughput is linear, by the clock')).toContain('yes');
    expect(text).toContain('](charts/readers.svg)');
    expect(cellsOf(text, 'open, get one key').slice(2, 5)).toEqual(['random', '5.00', '3.00']);
    expect(text).toContain('the system reads 128 KiB around a page');
    expect(cellsOf(text, 'slice of 1 MB out of 900 MB')).toContain('yes');
    expect(text).not.toContain('A trial');
  });

  it('the chart: a line for each kind and contender, a dot for each number', () => {
    const svg = readersChart(readers);
    expect(svg).toContain('>Coppice, processes: 2 k/s</text>');
    expect(svg?.match(/<circle/g)).toHaveLength(2);
    const [one] = readers.results;
    const single = { ...one!, scaling: one!.scaling.slice(0, 1) };
    expect(readersChart({ ...readers, results: [single] })).toBeUndefined();
  });

  it('a trial says so where it stands, whatever else is final', () => {
    const trial = { ...cold, rows: 1000 };
    const text = resultsText({ ...none, readers, cold: trial }, new Set());
    const [before, after] = text.split('## Cold starts');
    expect(before).not.toContain('A trial');
    expect(after).toMatch(/^\n\n\*\*A trial, not to be quoted:\*\* 1,000 rows, not 8,700,000\.\n/);
    expect(trialReasons({ ...none, cold: { ...cold, slice: undefined } })).toEqual([
      'cold starts: 0 bytes of the large value, not 900,000,000',
    ]);
    const few = { ...readers, rounds: 5, roundMs: 100 };
    expect(trialReasons({ ...none, readers: few })).toEqual([
      'readers: 5 rounds, not 25',
      'readers: 100 ms each, not 300',
    ]);
    expect(readersChart(few)).toMatch(/class="title">A trial, not to be quoted: /);
    expect(readersChart(readers)).not.toContain('A trial');
  });
});

describe('charts', () => {
  it('bars: to the right of 1 where Coppice is faster, to the left where it is slower', () => {
    const bars = [
      { name: 'fast <one>', ratio: 0.5 },
      { name: 'slow', ratio: 2 },
    ];
    const svg = drawBars({ title: 'T', subtitles: [], groups: [{ name: 'g', title: 't', bars }] });
    const of = (colour: string): number[] =>
      (
        svg.match(
          new RegExp(`<rect class="${colour}" x="([\\d.]+)" y="[\\d.]+" width="([\\d.]+)"`),
        ) ?? []
      )
        .slice(1)
        .map(Number);
    const [left = 0, leftWidth = 0] = of('orange');
    const [right = 0, rightWidth = 0] = of('green');
    expect(left + leftWidth).toBeCloseTo(right, 0);
    expect(leftWidth).toBeCloseTo(rightWidth, 0);
    expect(svg).toContain('>0.50 × fast &lt;one></text>');
    expect(svg).toContain('>2.00 × slow</text>');
  });

  it('a bar that is too long for the chart is broken, its number is there in full', () => {
    const bars = [
      { name: 'slow', ratio: 12_345 },
      { name: 'fast', ratio: 0.00123 },
    ];
    const groups = [{ name: 'g', title: 't', bars }];
    const svg = drawBars({ title: 'T', subtitles: [], groups });
    expect(svg).toContain('>12,300 × slow</text>');
    expect(svg).toContain('>0.0012 × fast</text>');
    expect(svg.match(/<rect class="background"/g)).toHaveLength(3);
    const places = [...svg.matchAll(/<rect class="\w+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)];
    for (const [, x, width] of places.slice(1)) {
      expect(Number(x)).toBeGreaterThan(300);
      expect(Number(x) + Number(width)).toBeLessThan(900);
    }
  });

  it('each says what, with title, axes, units, machine, versions and date', () => {
    const full = { node: '24', report: against(20) };
    const charts = [ratiosChart(full, 'writes'), growthChart(growth, 'writes')];
    for (const svg of charts) {
      expect(svg).toMatch(/aria-label="[^"]+"/);
      expect(svg).toContain('2026-11-28, Node v24.0.0, A processor, 4 cores, 8 GiB');
      expect(svg).toContain('Coppice 1.2.3, lmdb-js 4.5.6');
      expect(svg).toContain('(log scale)');
      expect(svg).toContain('prefers-color-scheme: dark');
    }
    expect(ratiosChart(full, 'reads')).toBeUndefined();
    expect(growthChart(growth, 'reads')).toBeUndefined();
  });

  it('growth: each line is named at its end with what an operation costs there', () => {
    const svg = growthChart(growth, 'writes');
    // 1,000 and 10,000 ms for 10 operations.
    expect(svg).toContain('>fillsync, Coppice: 100,000 µs</text>');
    expect(svg).toContain('>fillsync, lmdb-js: 1,000,000 µs</text>');
    expect(svg?.match(/<circle/g)).toHaveLength(4);
  });

  it('no name of a line lies on another one', () => {
    const lines = [10, 10.1, 10.2, 10.3].map((y) => ({
      name: `line ${y}`,
      colour: 'green' as const,
      stroke: 'solid' as const,
      points: [{ x: 1, y }],
    }));
    const x = { title: 'x', end: 1, step: 1 };
    const svg = drawLines({ title: 'T', subtitles: [], x, yTitle: 'y', unit: 'u', lines });
    const places = [...svg.matchAll(/y="([\d.]+)" class="green"/g)].map(([, y]) => Number(y));
    expect(places).toHaveLength(4);
    places.slice(1).forEach((y, i) => {
      expect(y - (places[i] ?? 0)).toBeGreaterThanOrEqual(18.9);
    });
  });

  it('ticks: 1, 2, 5 of each power of ten around the values', () => {
    expect([floorTick(0.7), floorTick(1), floorTick(4.9), floorTick(99)]).toEqual([0.5, 1, 2, 50]);
    expect([ceilTick(0.7), ceilTick(1), ceilTick(2.1), ceilTick(51)]).toEqual([1, 1, 5, 100]);
    const named = (low: number, high: number): number[] =>
      ticksOf(low, high).flatMap((tick) => (tick.named ? [tick.value] : []));
    expect(named(0.5, 20)).toEqual([0.5, 1, 2, 5, 10, 20]);
    expect(named(0.5, 100)).toEqual([0.5, 1, 10, 100]);
  });
});
