/** docs/charts/readers.svg: what each reader gets beside more and more of them. */

import type { ReadersReport } from '../readers/report.ts';
import { throughput } from '../readers/scaling.ts';
import { median } from '../summary.ts';
import { type ChartLine, drawLines } from './line-chart.ts';
import { colourOf, labelOf, measuredOn, versionsText } from './names.ts';
import { TRIAL, whyReadersTrial } from './trial.ts';

/** undefined when there was never more than one reader. */
export function readersChart(report: ReadersReport): string | undefined {
  const counts = report.results.flatMap(({ scaling }) => scaling.map(({ readers }) => readers));
  const values = [...new Set(counts)].sort((a, b) => a - b);
  if (values.length < 2) return undefined;
  const { machine, rows, rounds, processors } = report;
  return drawLines({
    title:
      (whyReadersTrial(report).length > 0 ? TRIAL : '') +
      'Gets for a second of processor time, by the number of readers',
    subtitles: [
      `${measuredOn(machine)}; median of ${rounds} rounds`,
      `${versionsText(machine)}; ${rows.toLocaleString('en-US')} rows of 15 + 100 bytes; ` +
        'a level line: each gets as much as one alone',
    ],
    x: {
      title: `readers of one file at the same time, on ${processors} processors (log scale)`,
      values,
    },
    yTitle: 'thousand gets a second of processor time (log scale)',
    unit: 'k/s',
    lines: report.results.map(lineOf),
  });
}

function lineOf({ contender, kind, scaling }: ReadersReport['results'][number]): ChartLine {
  return {
    name: `${labelOf(contender)}, ${kind}`,
    colour: colourOf(contender),
    stroke: kind === 'processes' ? 'solid' : 'dashed',
    points: scaling.map(({ readers, rounds }) => ({
      x: readers,
      y: median(rounds.map((round) => throughput(round, 'processor'))) / 1000,
    })),
  };
}
