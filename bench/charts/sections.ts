/** The sections of docs/benchmarks.md that have a program of their own: each from its report. */

import type { ColdReport } from '../cold/report.ts';
import { coldTable, fileText, sliceTable } from '../cold/tables.ts';
import { judgeCold } from '../cold/verdicts.ts';
import { type GrowthReport, growthTable } from '../growth/report.ts';
import { CALLS_NOTE, type CallsReport, callsTable } from '../micro/calls/report.ts';
import type { ReadersReport } from '../readers/report.ts';
import { besideWriterTable, memoryTable, roundsText, scalingTable } from '../readers/tables.ts';
import { judgeReaders } from '../readers/verdicts.ts';
import { figuresTable, type SpaceReport } from '../space/report.ts';
import { goalsTable, machineText } from '../table.ts';
import { block, chart, trialNote } from './markdown.ts';
import type { Results } from './results.ts';
import {
  whyCallsTrial,
  whyColdTrial,
  whyGrowthTrial,
  whyReadersTrial,
  whySpaceTrial,
} from './trial.ts';

/** A report's section, in paragraphs. */
type Section = readonly string[];

/** Of the reports that there are. `charts`: the names of those that are there. */
export function sections(results: Results, charts: ReadonlySet<string>): Section {
  const { growth, micro, space, readers, cold } = results;
  return [
    ...(growth === undefined ? [] : growthSection(growth, charts)),
    ...(micro === undefined ? [] : callsSection(micro)),
    ...(space === undefined ? [] : spaceSection(space, charts)),
    ...(readers === undefined ? [] : readersSection(readers, charts)),
    ...(cold === undefined ? [] : coldSection(cold)),
  ];
}

function growthSection(report: GrowthReport, charts: ReadonlySet<string>): Section {
  return [
    '## Growth',
    ...trialNote(whyGrowthTrial(report)),
    'What one operation costs in files of more and more rows. In brackets: how many times as ' +
      'fast Coppice is.',
    block(`${machineText(report.machine)}\n${report.rounds} rounds, ${report.seconds} s`),
    ...chart('growth-reads.svg', 'Cost of reads by the rows in the file', charts),
    ...chart('growth-writes.svg', 'Cost of durable writes by the rows in the file', charts),
    growthTable(report),
  ];
}

function callsSection(report: CallsReport): Section {
  return [
    '## Single calls',
    ...trialNote(whyCallsTrial(report)),
    `With benny, one process, ${report.rows.toLocaleString('en-US')} rows. ${CALLS_NOTE}`,
    block(machineText(report.machine)),
    callsTable(report.results),
  ];
}

function spaceSection(report: SpaceReport, charts: ReadonlySet<string>): Section {
  return [
    '## Space',
    ...trialNote(whySpaceTrial(report)),
    'Sizes and counts, not times. How each was counted the command says.',
    block(machineText(report.machine)),
    ...chart('file-size.svg', 'File size while rows are overwritten at random', charts),
    ...report.results.flatMap(({ name, title, rows, figures }) => [
      `**${name}**: ${title}; ${rows.toLocaleString('en-US')} rows`,
      figuresTable(figures),
    ]),
  ];
}

function readersSection(report: ReadersReport, charts: ReadonlySet<string>): Section {
  const { machine, results } = report;
  return [
    '## Readers',
    ...trialNote(whyReadersTrial(report)),
    block(`${machineText(machine)}\n${roundsText(report)}`),
    ...chart(
      'readers.svg',
      'Gets for a second of processor time, by the number of readers',
      charts,
    ),
    'Processes, or worker threads, that read one file at the same time. Of linear: of what one ' +
      'gets, times their number, up to as many as there are processors; of more, of what as many ' +
      'as there are processors get. 1,000 gets/CPU s: for a second of processor time; of one: as ' +
      'a part of what a single reader gets for it.',
    scalingTable(report),
    '**Beside a writer**, a process that commits all the time, against the rounds without:',
    besideWriterTable(results),
    '**Memory**, when each has read the whole file. Pss counts a page that N processes have as ' +
      '1/N in each; threads are one process.',
    memoryTable(results),
    '**The goals** for readers:',
    goalsTable(judgeReaders(report)),
  ];
}

function coldSection(report: ColdReport): Section {
  const { machine, results, slice } = report;
  return [
    '## Cold starts',
    ...trialNote(whyColdTrial(report)),
    'Nothing of the file is in memory when a new process opens it. Advice: what the system was ' +
      'told about the mapping (`madvise`); default: nothing, as Coppice does. Major faults: pages ' +
      'that were touched and waited for.',
    block(`${machineText(machine)}\n${fileText(report)}`),
    coldTable(results),
    ...(slice === undefined ? [] : ['**A slice** of a large value:', sliceTable(slice)]),
    '**The goals** for cold starts and slices:',
    goalsTable(judgeCold(report)),
  ];
}
