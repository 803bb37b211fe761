/**
 * The file while rows are overwritten at random for twenty times the data, with readers open: what
 * each of them keeps, and what is reused in spite of them.
 */

import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contenderNamed } from '../contenders/all.ts';
import { ascendingKeys, keyOf, randomRows, withValue } from '../data.ts';
import { inChild } from './child-process.ts';
import { type Figure, figure, type Measurement, mebibytes, type Part } from './measurement.ts';
import { ROW_BYTES, RowModel, stampedValue } from './row-model.ts';

/** The file after so much was put. */
export interface Sample {
  /** As a multiple of the data. */
  readonly written: number;
  readonly fileBytes: number;
  /** In use by any state that is kept; absent where the database does not tell. */
  readonly liveBytes?: number;
}

/** One contender, with so many readers. */
export interface Line {
  readonly contender: string;
  readonly readers: number;
  readonly samples: readonly Sample[];
}

interface Overwriting {
  readonly contender: string;
  readonly folder: string;
  readonly rows: number;
  readonly transactions: number;
  /** Opened one after the other, the first at the start, evenly; all stay open. */
  readonly readers: number;
}

const ROWS_EACH = 1_000;
const TIMES = 20;
const SAMPLES = 100;
const VARIANT = { coppice: 'write', lmdb: 'transaction' };
const GOAL = 2.5;

const overwriting: Part<Overwriting, Sample[]> = { name: 'overwriting', run: overwrite };

export const longReaderParts: readonly Part<Overwriting, Sample[]>[] = [overwriting];

export const longreader: Measurement = {
  name: 'longreader',
  title: `overwrite at random for ${TIMES} x the data, one reader open throughout, and none`,
  rows: { quick: 20_000, full: 100_000 },
  run: ({ folder, rows }) => measure(folder, rows, [1, 0]),
};

export const tenreaders: Measurement = {
  name: 'tenreaders',
  title: `overwrite at random for ${TIMES} x the data, ten readers opened meanwhile and kept`,
  rows: { quick: 20_000, full: 100_000 },
  run: ({ folder, rows }) => measure(folder, rows, [10]),
};

async function measure(folder: string, rows: number, readerCounts: readonly number[]) {
  const lines: Line[] = [];
  for (const readers of readerCounts) {
    for (const contender of Object.keys(VARIANT)) {
      const own = join(folder, `${contender}-${readers}`);
      mkdirSync(own);
      const transactions = Math.ceil((TIMES * rows) / ROWS_EACH);
      const input = { contender, folder: own, rows, transactions, readers };
      const samples = await inChild(overwriting, input);
      rmSync(own, { recursive: true });
      lines.push({ contender, readers, samples });
    }
  }
  return {
    figures: lines.flatMap((line) => figuresOf(line, rows)),
    notes: [
      `${rows} rows, ${ROWS_EACH} puts a durable transaction, a sample each fifth of the data; at ` +
        'the end all rows were read back, and all rows of each reader.',
    ],
    data: lines,
  };
}

function figuresOf({ contender, readers, samples }: Line, rows: number): Figure[] {
  const title = `${contender}, ${readers === 0 ? 'no reader' : `${readers} open`}`;
  const largest = Math.max(...samples.map(({ fileBytes }) => fileBytes));
  const times = (largest / (rows * ROW_BYTES)).toFixed(1);
  const figures = [figure(`${title}: file, most`, `${mebibytes(largest)}, ${times} x data`)];
  const { liveBytes } = samples.at(-1) ?? {};
  if (liveBytes === undefined) return figures;
  const ratios = samples.map((sample) => sample.fileBytes / (sample.liveBytes ?? Number.NaN));
  const most = Math.max(...ratios);
  const last = ratios.at(-1) ?? Number.NaN;
  figures.push(
    figure(`${title}: live at the end`, mebibytes(liveBytes)),
    figure(`${title}: file / live at the end`, last.toFixed(2)),
    figure(`${title}: file / live, most`, most.toFixed(2), `at most ${GOAL}`, most <= GOAL),
  );
  return figures;
}

async function overwrite(input: Overwriting): Promise<Sample[]> {
  const { folder, rows, transactions, readers } = input;
  const contender = contenderNamed(input.contender);
  const session = await contender.open(folder);
  await session.fill(withValue(ascendingKeys(rows), stampedValue(0)));
  const write = session.writer(VARIANT[input.contender === 'lmdb' ? 'lmdb' : 'coppice']);
  const model = new RowModel(rows);
  const held: { reader: ReturnType<typeof session.hold>; model: RowModel }[] = [];
  const samples: Sample[] = [];
  const sample = (done: number): void => {
    const { liveBytes } = session.stats() ?? {};
    samples.push({
      written: (done * ROWS_EACH) / rows,
      fileBytes: statSync(contender.file(folder)).size,
      ...(liveBytes === undefined ? {} : { liveBytes }),
    });
  };
  const sampleEach = Math.max(1, Math.round(transactions / SAMPLES));
  for (let done = 0; done < transactions; done++) {
    if (held.length < readers && done >= (held.length * transactions) / readers) {
      held.push({ reader: session.hold(), model: new RowModel(model) });
    }
    if (done % sampleEach === 0) sample(done);
    const put = randomRows(ROWS_EACH, rows, done + 1);
    await write(put.map(keyOf), stampedValue(done + 1));
    model.wrote(put, done + 1);
  }
  sample(transactions);
  model.check(session.reader('get'));
  for (const { reader, model: kept } of held) {
    kept.check((key) => reader.get(key));
    reader.close();
  }
  await session.close();
  return samples;
}
