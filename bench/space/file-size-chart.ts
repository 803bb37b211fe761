/** docs/charts/file-size.svg: what `longreader` measured, from its JSON. */

import { readFileSync } from 'node:fs';
import type { Machine } from '../machine.ts';
import { type ChartLine, drawChart } from './line-chart.ts';
import type { Line } from './long-reader.ts';

/** The part of the JSON that is drawn. */
interface Report {
  readonly machine: Machine;
  readonly results: readonly {
    readonly name: string;
    readonly rows: number;
    readonly data: readonly Line[];
  }[];
}

const MIB = 2 ** 20;
const NAMES: Readonly<Record<string, string>> = { coppice: 'Coppice', lmdb: 'lmdb-js' };

export function fileSizeChart(jsonFile: string): string {
  const { machine, results }: Report = JSON.parse(readFileSync(jsonFile, 'utf8'));
  const result = results.find(({ name }) => name === 'longreader');
  if (result === undefined) throw new RangeError(`${jsonFile} has no figures of longreader`);
  const { rows, data } = result;
  const versions = Object.entries(machine.versions).map(
    ([name, version]) => `${NAMES[name] ?? name} ${version}`,
  );
  return drawChart({
    title: 'File size while rows are overwritten at random',
    subtitle:
      `${rows.toLocaleString('en-US')} rows of 115 bytes, durable transactions of 1,000; ` +
      `${versions.join(', ')}`,
    xTitle: 'data written, as a multiple of the data set',
    yTitle: 'file size, MiB (log scale)',
    unit: 'MiB',
    xEnd: 20,
    xStep: 5,
    lines: [...data.flatMap(live), ...data.map(file)],
  });
}

function file({ contender, readers, samples }: Line): ChartLine {
  const name = NAMES[contender] ?? contender;
  return {
    name: readers === 0 ? `${name}, no reader` : `${name}, a reader open`,
    colour: contender === 'coppice' ? 'green' : 'orange',
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
