/**
 * What a transaction of 1,000 puts at random writes, once the file has been in use for long: pages,
 * the contiguous runs that they lie in, bytes. Counted from outside for everyone, by strace; what
 * Coppice tells of itself is held against that.
 */

import { mkdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contenderNamed } from '../contenders/all.ts';
import type { EngineStats } from '../contenders/contender.ts';
import { ascendingKeys, keyOf, randomRows, withValue } from '../data.ts';
import { type Writes, writesOfThisProcess } from '../process-writes.ts';
import { canTrace, inChild } from './child-process.ts';
import { type Figure, figure, type Measurement, type Outcome, type Part } from './measurement.ts';
import { ROW_BYTES, RowModel, stampedValue } from './row-model.ts';
import { Marker, readTrace, type TracedWrites } from './trace.ts';

interface Overwriting {
  readonly contender: string;
  readonly folder: string;
  readonly rows: number;
  readonly transactions: number;
}

/** Of the transactions after the warm-up, all together. */
interface Overwritten {
  readonly warmUp: number;
  readonly fileBytes: number;
  readonly told: EngineStats['commits'] | undefined;
  readonly process: Writes;
}

/** Per transaction, and per byte put. */
interface Cost {
  readonly contender: string;
  readonly transactions: number;
  readonly runs: number;
  readonly pages: number;
  readonly bytesPerByte: number;
}

const ROWS_EACH = 1_000;
/** The file is written so many times over before anything counts. */
const WARM_UP_TIMES = 3;
/** Where nothing counts what a process writes. */
const MIN_WARM_UP = 50;
const PAGE_BYTES = 4096;
const CONTENDERS = {
  coppice: { variant: 'write', metaEnd: 12_288 },
  lmdb: { variant: 'transaction', metaEnd: 8_192 },
};
const GOAL = 8;

const steadyOverwriting: Part<Overwriting, Overwritten> = { name: 'steady', run: overwrite };

export const runsParts: readonly Part<Overwriting, Overwritten>[] = [steadyOverwriting];

export const runs: Measurement = {
  name: 'runs',
  title: 'overwrite at random, durable transactions of 1,000, steady state',
  rows: { quick: 200_000, full: 1_000_000 },
  run: measure,
};

async function measure({
  folder,
  rows,
  quick,
}: Parameters<Measurement['run']>[0]): Promise<Outcome> {
  const transactions = quick ? 20 : 100;
  const traced = canTrace();
  const costs: Cost[] = [];
  const figures: Figure[] = [];
  const data: unknown[] = [];
  for (const [contender, { metaEnd }] of Object.entries(CONTENDERS)) {
    const own = `${realpathSync(folder)}/${contender}`;
    mkdirSync(own);
    const trace = join(folder, `${contender}.trace`);
    const input = { contender, folder: own, rows, transactions };
    const result = await inChild(steadyOverwriting, input, traced ? trace : undefined);
    const file = contenderNamed(contender).file(own);
    const seen = traced ? await readTrace(trace, file, metaEnd) : undefined;
    rmSync(own, { recursive: true });
    const cost = costOf(contender, transactions, result, seen);
    costs.push(cost);
    figures.push(...costFigures(cost, result));
    if (seen !== undefined) figures.push(...honestyFigures(result, cost));
    data.push({ cost, ...result, seen });
  }
  return {
    figures: [...figures, ...goalFigures(costs)],
    notes: [
      `${rows} rows; warm-up until ${WARM_UP_TIMES} times the file was written; then ` +
        `${transactions} transactions. At the end all rows were read back.`,
      traced
        ? 'Counted with strace: every write to the data file, by its place; runs are what is ' +
          'contiguous in one transaction, in however many calls; pages and runs without the metas, ' +
          'bytes with them.'
        : 'Without strace: runs are calls of write of the whole process (/proc/self/io), more than ' +
          'the runs of pages; pages are bytes / 4,096.',
    ],
    data,
  };
}

function costOf(
  contender: string,
  transactions: number,
  result: Overwritten,
  seen: readonly TracedWrites[] | undefined,
): Cost {
  const bytesPut = transactions * ROWS_EACH * ROW_BYTES;
  if (seen === undefined) {
    const { calls, bytes } = result.process;
    return {
      contender,
      transactions,
      runs: calls / transactions,
      pages: bytes / PAGE_BYTES / transactions,
      bytesPerByte: bytes / bytesPut,
    };
  }
  if (seen.length !== transactions) throw new Error(`${seen.length} transactions in the trace`);
  const sum = (of: (writes: TracedWrites) => number): number =>
    seen.reduce((total, writes) => total + of(writes), 0);
  return {
    contender,
    transactions,
    runs: sum(({ runs: count }) => count) / transactions,
    pages: sum(({ pageBytes }) => pageBytes) / PAGE_BYTES / transactions,
    bytesPerByte: sum(({ pageBytes, metaBytes }) => pageBytes + metaBytes) / bytesPut,
  };
}

function costFigures(cost: Cost, { fileBytes }: Overwritten): Figure[] {
  const { contender } = cost;
  return [
    figure(`${contender}: runs a transaction`, cost.runs.toFixed(1)),
    figure(`${contender}: pages a transaction`, cost.pages.toFixed(1)),
    figure(`${contender}: pages a run`, (cost.pages / cost.runs).toFixed(1)),
    figure(`${contender}: bytes written a byte put`, cost.bytesPerByte.toFixed(2)),
    figure(`${contender}: file`, `${(fileBytes / 2 ** 20).toFixed(1)} MiB`),
  ];
}

/** What it tells of itself, against what was seen. */
function honestyFigures({ told }: Overwritten, cost: Cost): Figure[] {
  if (told === undefined) return [];
  const { contender, transactions } = cost;
  const bytes = told.bytes / transactions / (ROWS_EACH * ROW_BYTES);
  const line = (what: string, value: number, seen: number): Figure => {
    const same = Math.abs(value - seen) <= 0.005 * seen;
    return figure(`${contender}, stats(): ${what}`, value.toFixed(2), 'as seen, 0.5 %', same);
  };
  return [
    line('runs', told.runs / transactions, cost.runs),
    line('pages', told.pages / transactions, cost.pages),
    line('bytes a byte put', bytes, cost.bytesPerByte),
  ];
}

function goalFigures(costs: readonly Cost[]): Figure[] {
  const [ours, theirs] = costs;
  if (ours === undefined || theirs === undefined) return [];
  const fewer = theirs.runs / ours.runs;
  const bytes = ours.bytesPerByte / theirs.bytesPerByte;
  return [
    figure('runs, ours / theirs', `1 / ${fewer.toFixed(2)}`, `at most 1 / ${GOAL}`, fewer >= GOAL),
    figure('bytes a byte put, ours / theirs', bytes.toFixed(3), 'at most 1', bytes <= 1),
  ];
}

async function overwrite(input: Overwriting): Promise<Overwritten> {
  const { folder, rows, transactions } = input;
  const contender = contenderNamed(input.contender);
  const session = await contender.open(folder);
  const marker = new Marker(folder);
  await session.fill(withValue(ascendingKeys(rows), stampedValue(0)));
  const write = session.writer(CONTENDERS[input.contender === 'lmdb' ? 'lmdb' : 'coppice'].variant);
  const model = new RowModel(rows);
  const fileBytes = (): number => statSync(contender.file(folder)).size;
  let transaction = 0;
  const next = async (): Promise<void> => {
    transaction++;
    const put = randomRows(ROWS_EACH, rows, transaction);
    await write(put.map(keyOf), stampedValue(transaction));
    model.wrote(put, transaction);
  };
  const filled = writesOfThisProcess().bytes;
  const written = (): number => writesOfThisProcess().bytes - filled;
  while (transaction < MIN_WARM_UP || (filled > 0 && written() < WARM_UP_TIMES * fileBytes())) {
    await next();
  }
  const warmUp = transaction;
  const before = session.stats()?.commits;
  const processBefore = writesOfThisProcess();
  for (let i = 0; i < transactions; i++) {
    marker.mark();
    await next();
  }
  marker.mark();
  const processAfter = writesOfThisProcess();
  const after = session.stats()?.commits;
  const result = {
    warmUp,
    fileBytes: fileBytes(),
    told: before === undefined || after === undefined ? undefined : difference(before, after),
    process: {
      calls: processAfter.calls - processBefore.calls - transactions,
      bytes: processAfter.bytes - processBefore.bytes - transactions,
    },
  };
  model.check(session.reader('get'));
  marker.close();
  await session.close();
  return result;
}

function difference(
  before: EngineStats['commits'],
  after: EngineStats['commits'],
): EngineStats['commits'] {
  return {
    pages: after.pages - before.pages,
    runs: after.runs - before.runs,
    bytes: after.bytes - before.bytes,
  };
}
