/** What was measured, as Markdown tables. */

import { median } from '../summary.ts';
import { table } from '../table.ts';
import type { ColdResult, ColdRound } from './measure.ts';
import type { ColdReport } from './report.ts';
import { loadedBySlice, type SliceResult } from './slice.ts';

const TITLES: Readonly<Record<ColdResult['step'], string>> = {
  first: 'open, get one key',
  again: 'the same, all in memory',
  gets: 'open, 1,000 gets at random',
  scan: 'open, scan of all',
};

export function fileText({ rows, file }: ColdReport): string {
  const { fileBytes, depth, fillSeconds, readAheadBytes } = file;
  const around = readAheadBytes === undefined ? 'an unknown number of' : readAheadBytes / 1024;
  return (
    `${rows} rows, ${fileBytes} bytes, ${depth} levels, made in ${fillSeconds.toFixed(0)} s; ` +
    `the system reads ${around} KiB around a page; medians`
  );
}

export function coldTable(results: readonly ColdResult[]): string {
  const order = Object.keys(TITLES);
  const sorted = [...results].sort((a, b) => order.indexOf(a.step) - order.indexOf(b.step));
  const rows = sorted.map(({ step, advice, rounds }, i) => {
    const middle = (of: (round: ColdRound) => number): number => median(rounds.map(of));
    const both = (of: 'ms' | 'cpuMs' | 'majorFaults' | 'readBytes'): number =>
      middle(({ open, step }) => open[of] + step[of]);
    return [
      step === sorted[i - 1]?.step ? '' : TITLES[step],
      advice,
      milliseconds(both('ms')),
      milliseconds(middle(({ open }) => open.ms)),
      milliseconds(both('cpuMs')),
      String(both('majorFaults')),
      kibibytes(both('readBytes')),
      kibibytes(middle(({ open }) => open.residentBytes)),
      kibibytes(middle(({ step }) => step.residentBytes)),
    ];
  });
  const head = ['from nothing in memory', 'advice', 'ms', 'of it open', 'CPU ms', 'major faults'];
  return table([...head, 'read, KiB', 'in memory, KiB: opened', 'at the end'], rows, 'llrrrrrrr');
}

export function sliceTable({ valueBytes, sliceBytes, rounds }: SliceResult): string {
  const rows = rounds.map((round) => [
    `${sliceBytes} of ${valueBytes}`,
    milliseconds(round.slice.ms),
    String(loadedBySlice(round)),
    kibibytes(round.open.residentBytes),
    kibibytes(round.blob.residentBytes - round.open.residentBytes),
  ]);
  const head = ['slice, bytes', 'ms', 'loaded, bytes', 'by opening before, KiB', 'by finding it'];
  return table(head, rows, 'lrrrr');
}

function milliseconds(ms: number): string {
  return ms.toFixed(ms < 100 ? 2 : 0);
}

function kibibytes(bytes: number): string {
  return (bytes / 1024).toFixed(0);
}
