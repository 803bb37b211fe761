/** What was measured, as Markdown tables. */

import { median } from '../summary.ts';
import { table } from '../table.ts';
import type { ReadersResult } from './measure.ts';
import type { ReadersReport } from './report.ts';
import { besideWriter, linearity, middleHalf, type Scaling, throughput } from './scaling.ts';

export function roundsText({ rows, rounds, roundMs, processors }: ReadersReport): string {
  return (
    `${rows} rows, gets at random, ${rounds} rounds of ${roundMs} ms on ${processors} processors; ` +
    'medians'
  );
}

export function scalingTable({ results, processors }: ReadersReport): string {
  const rows = results.flatMap(({ contender, kind, scaling }) =>
    scaling.map(({ readers, rounds }) => [
      `${contender}, ${kind}`,
      String(readers),
      thousands(median(rounds.map((round) => throughput(round, 'clock')))),
      eachReader(rounds, readers),
      ratio(linearity(scaling, readers, processors, 'clock')),
      thousands(median(rounds.map((round) => throughput(round, 'processor')))),
      ratio(linearity(scaling, readers, processors, 'processor')),
    ]),
  );
  const head = ['readers', 'number', '1,000 gets/s', 'each, least - most', 'of linear'];
  return table([...head, '1,000 gets/CPU s', 'of one'], rows, 'lrrrrrr');
}

export function memoryTable(results: readonly ReadersResult[]): string {
  const rows = results.flatMap(({ contender, kind, memory, fileBytes }) =>
    memory.map(({ readers, each }) => [
      `${contender}, ${kind}`,
      String(readers),
      mebibytes(fileBytes),
      range(each.map(({ file }) => file.rssBytes)),
      range(each.map(({ file }) => file.pssBytes)),
      mebibytes(each.reduce((sum, { file }) => sum + file.pssBytes, 0)),
      range(each.map((of) => of.process.pssBytes)),
    ]),
  );
  const head = ['readers', 'number', 'file', 'mapped by each process', 'its share (Pss)'];
  return table([...head, 'shares together', 'Pss of the process'], rows, 'lrrrrrr');
}

export function besideWriterTable(results: readonly ReadersResult[]): string {
  const rows = results.flatMap(({ contender, kind, besideWriter: all }) =>
    all.map(({ readers, putsACommit, pairs, writings }) => [
      `${contender}, ${kind}`,
      String(readers),
      String(putsACommit),
      median(writings.map(({ commits, ms }) => (commits * 1000) / ms)).toFixed(0),
      thousands(median(pairs.map(({ without }) => throughput(without, 'clock')))),
      thousands(median(pairs.map(({ beside }) => throughput(beside, 'clock')))),
      besideWriter(pairs, 'clock').toFixed(3),
      besideWriter(pairs, 'processor').toFixed(3),
      middleHalf(pairs, 'processor')
        .map((part) => part.toFixed(2))
        .join(' - '),
    ]),
  );
  const head = ['readers', 'number', 'puts a commit', 'commits/s', '1,000 gets/s without'];
  return table(
    [...head, 'beside', 'of without', 'by CPU time', 'half of the rounds'],
    rows,
    'lrrrrrrrr',
  );
}

/** What single readers got in a second, over all rounds. */
function eachReader(rounds: Scaling['rounds'], readers: number): string {
  const each = Array.from({ length: readers }, (_, i) =>
    median(rounds.map((round) => throughput(round.slice(i, i + 1), 'clock'))),
  );
  return `${thousands(Math.min(...each))} - ${thousands(Math.max(...each))}`;
}

function range(bytes: readonly number[]): string {
  const [least, most] = [mebibytes(Math.min(...bytes)), mebibytes(Math.max(...bytes))];
  return least === most ? least : `${least} - ${most}`;
}

function ratio(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(3);
}

function thousands(perSecond: number): string {
  return (perSecond / 1000).toFixed(0);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
