/** Coppice against each of the others in each workload: figures, tables and bars. */

import { OURS } from '../contenders/names.ts';
import type { Report } from '../report.ts';
import { fastestOf, microseconds, ratioOf } from '../summary.ts';
import { ratioText, table, time } from '../table.ts';
import { workloads } from '../workloads/all.ts';
import type { Workload } from '../workloads/workload.ts';
import { type BarGroup, drawBars } from './bar-chart.ts';
import { labelOf, measuredOn, versionsText } from './names.ts';
import type { FullResults } from './results.ts';
import { TRIAL, whyTrial } from './trial.ts';

/** One contender's fastest variant in one workload, with one version of Node. */
export interface Ratio {
  readonly workload: Workload;
  readonly node: string;
  readonly contender: string;
  readonly variant: string;
  readonly us: number;
  readonly ourUs: number;
  /** How many times as fast we are; 1 for ours. */
  readonly ratio: number;
}

export type Kind = 'reads' | 'writes';

/** In the order of the workloads, then of the versions of Node, then of the contenders. */
export function ratiosOf(full: readonly FullResults[]): Ratio[] {
  return workloads.flatMap((workload) =>
    full.flatMap(({ node, report }) => ratiosIn(workload, node, report)),
  );
}

function ratiosIn(workload: Workload, node: string, { machine, results }: Report): Ratio[] {
  const ours = fastestOf(workload, results, OURS);
  if (ours === undefined) return [];
  const ourUs = microseconds(ours, workload.clock);
  return Object.keys(machine.versions).flatMap((contender) => {
    const fastest = fastestOf(workload, results, contender);
    if (fastest === undefined) return [];
    const ratio = fastest === ours ? 1 : ratioOf(workload, fastest, ours);
    const us = microseconds(fastest, workload.clock);
    return [{ workload, node, contender, variant: fastest.variant, us, ourUs, ratio }];
  });
}

export function isOfKind(workload: Workload, kind: Kind): boolean {
  return workload.durability.startsWith('reads') === (kind === 'reads');
}

/** A line for each workload and version of Node, a column for each contender. */
export function ratiosTable(ratios: readonly Ratio[], kind: Kind): string {
  const contenders = [...new Set(ratios.map(({ contender }) => contender))];
  const nodes = [...new Set(ratios.map(({ node }) => node))];
  const rows = workloads
    .filter((workload) => isOfKind(workload, kind))
    .flatMap((workload) => {
      const there = ratios.filter((ratio) => ratio.workload === workload);
      return nodes
        .filter((node) => there.some((ratio) => ratio.node === node))
        .map((node, i) => [
          i === 0 ? `**${workload.name}**: ${describe(workload, kind)}` : '',
          i === 0 ? workload.clock : '',
          node,
          ...contenders.map((contender) =>
            cell(there.find((each) => each.node === node && each.contender === contender)),
          ),
        ]);
    });
  const head = ['workload', 'by', 'Node', ...contenders.map(labelOf)];
  return table(head, rows, `lll${'r'.repeat(contenders.length)}`);
}

function describe({ title, durability }: Workload, kind: Kind): string {
  return kind === 'reads' ? title : `${title}; ${durability}`;
}

function cell(ratio: Ratio | undefined): string {
  if (ratio === undefined) return '';
  if (ratio.contender === OURS) return time(ratio.us);
  return `${time(ratio.us)} (${ratioText(ratio.ratio)})`;
}

/** The comparisons in which another contender is faster, the farthest first. */
export function behindTable(ratios: readonly Ratio[]): string {
  const rows = ratios
    .filter(({ ratio }) => ratio < 1)
    .sort((a, b) => a.ratio - b.ratio)
    .map(({ workload, node, contender, variant, us, ourUs, ratio }) => [
      `${workload.name}: ${workload.title}`,
      `${labelOf(contender)} ${variant}`,
      node,
      time(ourUs),
      time(us),
      ratioText(ratio),
    ]);
  const head = ['workload', 'against', 'Node', 'Coppice', 'the other', 'times as fast'];
  return table(head, rows, 'lllrrr');
}

/** undefined when nothing of the kind was compared. */
export function ratiosChart({ node, report }: FullResults, kind: Kind): string | undefined {
  const ratios = ratiosOf([{ node, report }]);
  const groups: BarGroup[] = workloads
    .filter((workload) => isOfKind(workload, kind))
    .map((workload) => ({
      name: workload.name,
      title: workload.title,
      bars: ratios
        .filter((each) => each.workload === workload && each.contender !== OURS)
        .map(({ contender, ratio }) => ({ name: labelOf(contender), ratio })),
    }))
    .filter(({ bars }) => bars.length > 0);
  if (groups.length === 0) return undefined;
  const { rows, rounds } = report.scale;
  const what = kind === 'reads' ? 'Reads' : 'Writes';
  return drawBars({
    title:
      (whyTrial(report).length > 0 ? TRIAL : '') +
      `${what}: Coppice against the others, ${rows.toLocaleString('en-US')} rows`,
    subtitles: [
      `${measuredOn(report.machine)}; median of ${rounds} rounds`,
      versionsText(report.machine),
    ],
    groups,
  });
}
