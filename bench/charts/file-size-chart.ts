/** docs/charts/file-size.svg: what `longreader` measured. */

import type { Line } from '../space/long-reader.ts';
import type { SpaceReport } from '../space/report.ts';
import { type ChartLine, drawLines } from './line-chart.ts';
import { colourOf, labelOf, versionsText } from './names.ts';
import { TRIAL, whySpaceTrial } from './trial.ts';

const MIB = 2 ** 20;

/** undefined when `longreader` was not measured. */
export function fileSizeChart(report: SpaceReport): string | undefined {
  const { machine, results } = report;
  const result = results.find(({ name }) => name === 'longreader');
  if (result === undefined || !isLines(result.data)) return undefined;
  const { rows, data } = result;
  return drawLines({
    title: `${whySpaceTrial(report).length > 0 ? TRIAL : ''}File size while rows are overwritten at random`,
    subtitles: [
      `${rows.toLocaleString('en-US')} rows of 115 bytes, durable transactions of 1,000`,
      `${machine.date.slice(0, 10)}, Node ${machine.node}, ${versionsText(machine)}`,
    ],
    x: { title: 'data written, as a multiple of the data set', end: 20, step: 5 },
    yTitle: 'file size, MiB (log scale)',
    unit: 'MiB',
    lines: [...data.flatMap(live), ...data.map(file)],
  });
}

function isLines(data: unknown): data is readonly Line[] {
  return Array.isArray(data) && data.every((each) => 'samples' in each);
}

function file({ contender, readers, samples }: Line): ChartLine {
  const name = labelOf(contender);
  return {
    name: readers === 0 ? `${name}, no reader` : `${name}, a reader open`,
    colour: colourOf(contender),
    stroke: readers === 0 ? 'dashed' : 'solid',
    points: samples.map(({ written, fileBytes }) => ({ x: written, y: fileBytes / MIB })),
  };
}

/** What is in use while a reader is open. */
function live({ readers, samples }: Line): ChartLine[] {
  const points = samples.flatMap(({ written, liveBytes }) =>
    liveBytes === undefined ? [] : [{ x: written, y: liveBytes / MIB }],
  );
  if (readers === 0 || points.length === 0) return [];
  return [{ name: 'in use, a reader open', colour: 'grey', stroke: 'thin', points }];
}
