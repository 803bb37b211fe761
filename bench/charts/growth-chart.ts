/** What an operation costs by the rows in the file: a line for each workload and contender. */

import { OURS } from '../contenders/names.ts';
import { type Growth, type GrowthReport, growthOf } from '../growth/report.ts';
import { type ChartLine, drawLines } from './line-chart.ts';
import { colourOf, labelOf, measuredOn, versionsText } from './names.ts';
import { isOfKind, type Kind } from './ratios.ts';
import { TRIAL, whyGrowthTrial } from './trial.ts';

/** undefined when nothing of the kind was measured. */
export function growthChart(report: GrowthReport, kind: Kind): string | undefined {
  const growths = growthOf(report).filter(
    ({ workload, costs }) => isOfKind(workload, kind) && costs.length > 0,
  );
  if (growths.length === 0) return undefined;
  const what = kind === 'reads' ? 'reads' : 'durable writes';
  return drawLines({
    title: `${whyGrowthTrial(report).length > 0 ? TRIAL : ''}Cost of ${what} by the rows in the file`,
    subtitles: [
      `${measuredOn(report.machine)}; median of ${report.rounds} rounds`,
      `${versionsText(report.machine)}; rows of 15 + 100 bytes`,
    ],
    x: { title: 'rows in the file (log scale)', values: report.sizes },
    yTitle: 'microseconds for one operation (log scale)',
    unit: 'µs',
    lines: growths.map(lineOf),
  });
}

function lineOf({ workload, contender, costs }: Growth): ChartLine {
  return {
    name: `${workload.name}, ${labelOf(contender)}`,
    colour: colourOf(contender),
    stroke: contender === OURS ? 'solid' : 'dashed',
    points: costs.map(({ rows, us }) => ({ x: rows, y: us })),
  };
}
