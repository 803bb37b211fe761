/** Figures as text: Markdown tables, which a terminal shows well enough too. */

import type { Verdict } from './goals.ts';
import type { HeapReport } from './heap.ts';
import { isMemory, type Machine } from './machine.ts';
import { microseconds, ratioOf, type Summary } from './summary.ts';

export function machineText(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const gigabytes = (machine.memoryBytes / 2 ** 30).toFixed(0);
  const lines = [
    `${machine.date.slice(0, 16).replace('T', ' ')} UTC, Node ${machine.node}, ${versions.join(', ')}`,
    `${machine.processor}, ${machine.cores} cores, ${gigabytes} GiB, ${machine.system}, data on ` +
      `${machine.filesystem}; load ${machine.loadBefore} before, ${machine.loadAfter} after`,
  ];
  if (isMemory(machine.filesystem)) {
    lines.push('The data lies in memory: figures of durable writes say nothing. Give --dir.');
  }
  return lines.join('\n');
}

/** Each contender's variant in each workload. */
export function timesTable(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap(({ workload, results, ours }) =>
    results.map((result, i) => [
      i === 0 ? workload.title : '',
      i === 0 ? workload.durability : '',
      `${result.contender} ${result.variant}`,
      time(microseconds(result, 'wall')),
      spread(result.ms.map((ms) => (ms * 1000) / result.operations)),
      time(microseconds(result, 'cpu')),
      ours === undefined ? '' : result === ours ? '1' : ratioOf(workload, result, ours).toFixed(2),
      workload.clock,
    ]),
  );
  const head = ['workload', 'durability', 'contender', 'median', 'rounds', 'processor time'];
  return table([...head, 'x ours', 'by'], rows, 'lllrrrrl');
}

/** The goals, as goals.ts judged them. */
export function goalsTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ goal, figure, target, met }) => [
    goal,
    figure,
    target,
    met === undefined ? '' : met ? 'yes' : 'NO',
  ]);
  return table(['goal', 'figure', 'wanted', 'met'], rows, 'lrll');
}

/** What the writes cost, in exact figures. */
export function countsTable(summaries: readonly Summary[]): string {
  const rows = summaries
    .flatMap(({ results }) => results)
    .filter(({ bytesPut }) => bytesPut > 0)
    .map((result) => {
      const puts = result.operations * result.ms.length;
      return [
        result.workload,
        `${result.contender} ${result.variant}`,
        ((result.writeCalls * 1000) / puts).toFixed(0),
        (result.writeBytes / result.bytesPut).toFixed(1),
        mebibytes(result.fileBytes),
        mebibytes(result.closedBytes),
      ];
    });
  const head = ['workload', 'contender', 'write calls for 1,000', 'bytes a byte given'];
  return table([...head, 'file after, MiB', 'closed, MiB'], rows, 'llrrrr');
}

/** What the processes took of the machine. */
export function memoryTable(summaries: readonly Summary[]): string {
  const rows = summaries
    .flatMap(({ results }) => results)
    .map((result) => [
      result.workload,
      `${result.contender} ${result.variant}`,
      mebibytes(result.peakRssBytes),
      String(Math.round(result.minorFaults / result.ms.length)),
      String(Math.round(result.majorFaults / result.ms.length)),
    ]);
  const head = ['workload', 'contender', 'peak RSS, MiB', 'minor faults a round', 'major'];
  return table(head, rows, 'llrrr');
}

export function heapText({ withDatabase, without, mappedBytes, gets }: HeapReport): string {
  const row = (name: string, usage: HeapReport['without']): string[] => [
    name,
    (usage.heapBytes / 1024).toFixed(0),
    (usage.externalBytes / 1024).toFixed(0),
    String(usage.fullCollections),
    String(usage.smallCollections),
  ];
  const head = ['process', 'heap grew, KiB', 'external grew, KiB', 'full GCs', 'small GCs'];
  const mapped = (mappedBytes / 2 ** 20).toFixed(0);
  return table(
    head,
    [
      row(`file of ${mapped} MiB, ${gets} searches`, withDatabase),
      row('the same keys, no database', without),
    ],
    'lrrrr',
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

export function time(us: number): string {
  if (us >= 100) return `${(us / 1000).toFixed(us >= 10_000 ? 1 : 2)} ms`;
  return `${us.toFixed(us >= 10 ? 1 : 2)} us`;
}

/** To three digits, of large ratios the whole part; of small ones two. */
export function ratioText(ratio: number): string {
  if (ratio < 0.1) return String(Number(ratio.toPrecision(2)));
  const digits = ratio >= 100 ? 0 : ratio >= 10 ? 1 : 2;
  const kept = ratio >= 1000 ? Number(ratio.toPrecision(3)) : ratio;
  return kept.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function spread(us: readonly number[]): string {
  return `${time(Math.min(...us))} - ${time(Math.max(...us))}`;
}

/** `sides`: l or r for each column. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  sides: string,
): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, i) => {
      const width = widths[i] ?? 0;
      return sides[i] === 'r' ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, i) =>
    sides[i] === 'r' ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
