/** The generated part of docs/benchmarks.md: tables and charts, from the figures. */

import { goals, judge } from '../goals.ts';
import { growthTable } from '../growth/report.ts';
import { CALLS_NOTE, callsTable } from '../micro/calls/report.ts';
import type { Report } from '../report.ts';
import { figuresTable } from '../space/report.ts';
import { summariesOf } from '../summary.ts';
import {
  countsTable,
  goalsTable,
  heapText,
  machineText,
  memoryTable,
  timesTable,
} from '../table.ts';
import { behindTable, type Kind, type Ratio, ratiosOf, ratiosTable } from './ratios.ts';
import type { Results } from './results.ts';
import { trialReasons } from './trial.ts';

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
  const { full, growth, micro, space } = results;
  const ratios = ratiosOf(full);
  const newest = full.at(-1)?.report;
  return [
    ...trialText(trialReasons(results)),
    ...(full.length > 0 ? againstText(results, ratios, charts) : []),
    ...(newest === undefined ? [] : goalsText(newest)),
    ...(growth === undefined
      ? []
      : [
          '## Growth',
          'What one operation costs in files of more and more rows. In brackets: how many times as ' +
            'fast Coppice is.',
          block(`${machineText(growth.machine)}\n${growth.rounds} rounds, ${growth.seconds} s`),
          ...chart('growth-reads.svg', 'Cost of reads by the rows in the file', charts),
          ...chart('growth-writes.svg', 'Cost of durable writes by the rows in the file', charts),
          growthTable(growth),
        ]),
    ...(micro === undefined
      ? []
      : [
          '## Single calls',
          `With benny, one process, ${micro.rows.toLocaleString('en-US')} rows. ${CALLS_NOTE}`,
          block(machineText(micro.machine)),
          callsTable(micro.results),
        ]),
    ...(space === undefined
      ? []
      : [
          '## Space',
          'Sizes and counts, not times. How each was counted the command says.',
          block(machineText(space.machine)),
          ...chart('file-size.svg', 'File size while rows are overwritten at random', charts),
          ...space.results.flatMap(({ name, title, rows, figures }) => [
            `**${name}**: ${title}; ${rows.toLocaleString('en-US')} rows`,
            figuresTable(figures),
          ]),
        ]),
    ...(newest === undefined ? [] : everyFigureText(newest)),
  ].join('\n\n');
}

function trialText(reasons: readonly string[]): string[] {
  if (reasons.length === 0) return [];
  return [
    '**A trial, not to be quoted.** These figures show the shape of the tables; they were measured ' +
      'with less than it takes, or beside other work:',
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

function goalsText({ results, scale, machine }: Report): string[] {
  const verdicts = judge(results, scale.rows);
  const met = verdicts.filter((verdict) => verdict.met === true).length;
  const missed = verdicts.filter((verdict) => verdict.met === false).length;
  return [
    '## The goals, one by one',
    `Node ${machine.node}: ${met} met, ${missed} not met, ${goals.length - met - missed} not ` +
      'measured by this run.',
    goalsTable(verdicts),
  ];
}

function everyFigureText({ results, heap, machine }: Report): string[] {
  const summaries = summariesOf(results);
  return [
    '## Every figure',
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

function chart(file: string, title: string, charts: ReadonlySet<string>): string[] {
  return charts.has(file) ? [`![${title}](charts/${file})`] : [];
}

function block(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}
