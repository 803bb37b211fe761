/** The generated part of docs/benchmarks.md: tables and charts, from the figures. */

import { goals, judge } from '../goals.ts';
import type { Report } from '../report.ts';
import { summariesOf } from '../summary.ts';
import {
  countsTable,
  goalsTable,
  heapText,
  machineText,
  memoryTable,
  timesTable,
} from '../table.ts';
import { block, chart, trialNote } from './markdown.ts';
import { behindTable, type Kind, type Ratio, ratiosOf, ratiosTable } from './ratios.ts';
import type { Results } from './results.ts';
import { sections } from './sections.ts';
import { trialReasons, whyFullTrial, whyTrial } from './trial.ts';

export const BEGIN = '<!-- Made by `npm run bench -- charts` from bench/results/: begin -->';
export const END = '<!-- Made by `npm run bench -- charts` from bench/results/: end -->';

/** `text` with what stands between the markers made anew. */
export function withResults(text: string, results: Results, charts: ReadonlySet<string>): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new RangeError(`docs/benchmarks.md has to have these two lines:\n${BEGIN}\n${END}`);
  }
  const made = resultsText(results, charts);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${made}\n\n${text.slice(end)}`;
}

/** `charts`: the names of those that are there. */
export function resultsText(results: Results, charts: ReadonlySet<string>): string {
  const { full } = results;
  const ratios = ratiosOf(full);
  const newest = full.at(-1)?.report;
  return [
    ...trialText(trialReasons(results)),
    ...(full.length > 0 ? againstText(results, ratios, charts) : []),
    ...(newest === undefined ? [] : goalsText(newest)),
    ...sections(results, charts),
    ...(newest === undefined ? [] : everyFigureText(newest)),
  ].join('\n\n');
}

function trialText(reasons: readonly string[]): string[] {
  if (reasons.length === 0) return [];
  return [
    '**Not to be quoted.** What is marked as a trial shows the shape of the tables and charts; it ' +
      'was measured with less than it takes, or beside other work:',
    reasons.map((reason) => `- ${reason}`).join('\n'),
  ];
}

function againstText(
  { full }: Results,
  ratios: readonly Ratio[],
  charts: ReadonlySet<string>,
): string[] {
  const compared = ratios.filter(({ contender }) => contender !== 'coppice');
  const behind = compared.filter(({ ratio }) => ratio < 1);
  return [
    '## Against the others',
    ...trialNote(whyFullTrial(full)),
    full.map(({ report }) => block(runText(report))).join('\n\n'),
    'Each cell is the time of the fastest variant that does the whole task, for one operation: the ' +
      'median of the rounds, in processor time (cpu) or by the clock (wall). In brackets: how many ' +
      'times as fast Coppice is, the median of what each pair of rounds gives; below 1 the other is ' +
      'faster. The charts are of the newest version of Node; a bar with a gap goes further than its ' +
      'chart.',
    '### Where Coppice is slower',
    `In ${behind.length} of ${compared.length} comparisons.`,
    ...(behind.length > 0 ? [behindTable(compared)] : []),
    ...kindText('Reads', 'reads', ratios, charts),
    ...kindText('Writes', 'writes', ratios, charts),
  ];
}

function kindText(
  title: string,
  kind: Kind,
  ratios: readonly Ratio[],
  charts: ReadonlySet<string>,
): string[] {
  return [
    `### ${title}`,
    ...chart(`${kind}.svg`, `${title}: Coppice against the others`, charts),
    ratiosTable(ratios, kind),
  ];
}

function runText({ machine, scale, seconds, absent }: Report): string {
  const { rows, rounds } = scale;
  return [
    machineText(machine),
    `${rows} rows, 15-byte keys, 100-byte values, ${rounds} rounds, ${seconds} s`,
    ...absent.map(({ name, why }) => `${name} was left out: ${why}`),
  ].join('\n');
}

function goalsText(report: Report): string[] {
  const { results, scale, machine } = report;
  const verdicts = judge(results, scale.rows);
  const met = verdicts.filter((verdict) => verdict.met === true).length;
  const missed = verdicts.filter((verdict) => verdict.met === false).length;
  return [
    '## The goals, one by one',
    ...trialNote(whyTrial(report)),
    `Node ${machine.node}: ${met} met, ${missed} not met, ${goals.length - met - missed} not ` +
      'measured by this run. Where a command stands for the figure, what it measured is judged ' +
      'in a section of its own.',
    goalsTable(verdicts),
  ];
}

function everyFigureText(report: Report): string[] {
  const { results, heap, machine } = report;
  const summaries = summariesOf(results);
  return [
    '## Every figure',
    ...trialNote(whyTrial(report)),
    `Node ${machine.node}, all variants; those that do less than the task, too. x ours: how many ` +
      'times as long as the fastest of ours takes.',
    timesTable(summaries),
    '### What is written, and the files',
    countsTable(summaries),
    '### Memory and page faults',
    memoryTable(summaries),
    ...(heap === undefined ? [] : ['### Garbage', heapText(heap)]),
  ];
}
