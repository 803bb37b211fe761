/** What is given on the command line of `npm run bench -- cold`, checked. */

import { parseArgs } from 'node:util';
import { someOf, wholeNumber } from '../command-line.ts';
import { ADVICE, type Advice } from './advice.ts';

/** What follows the open: one get, 1,000 gets at random, a scan of all. */
export type Step = 'first' | 'gets' | 'scan';

export interface ColdOptions {
  readonly help: boolean;
  readonly steps: readonly Step[];
  readonly advice: readonly Advice[];
  readonly rows: number;
  readonly rounds: number;
  /** Of the large value; 0: no slice is measured. */
  readonly valueBytes: number;
  /** Where the rows lie, or are made and left. */
  readonly file: string | undefined;
  readonly json: string | undefined;
  readonly dir: string | undefined;
}

const STEPS: readonly Step[] = ['first', 'gets', 'scan'];
/** 8.7 million rows of 115 bytes are a file of 1 GB. */
const FULL = { rows: 8_700_000, rounds: 5, valueBytes: 900_000_000 };
const QUICK = { rows: 1_000_000, rounds: 3, valueBytes: 100_000_000 };

export const HELP: string = `
Measures what is loaded from the disk, and how long it takes, when nothing of the file is in
memory: for opening it and the first get, for 1,000 gets at random, for a scan; with each advice
that the system can be given (madvise). And what a slice of 1 MB out of a large value loads. Judges
its goals.
Linux only: it takes fincore of util-linux, and dd of GNU coreutils.

    npm run bench -- cold [--steps NAME,NAME] [--advice NAME,NAME] [--quick] [--rows N] [--rounds N]
                          [--value-bytes N] [--file FILE] [--json FILE] [--dir FOLDER]

    --steps       with commas between: ${STEPS.join(', ')}; all without it
    --advice      of ${ADVICE.join(', ')}; without it
                  all but normal, which is the default
    --quick       a file of 0.1 GB, fewer rounds: to see that it works
    --rows N      rows in the file; 87e6 make 10 GB
    --rounds N    of the gets; medians are told. Scans are done once
    --value-bytes N   length of the large value; 0: none
    --file FILE   has the rows in it from an earlier run with it; if not, they are made, and left
    --json FILE   where the figures are left; without it, in bench/results/local/
    --dir FOLDER  where the data is made, on the disk to be measured; removed afterwards
    --help        this text
`.trim();

/** Throws a TypeError or RangeError that says what is wrong with them. */
export function parseOptions(args: readonly string[]): ColdOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean' },
      steps: { type: 'string' },
      advice: { type: 'string' },
      rows: { type: 'string' },
      rounds: { type: 'string' },
      'value-bytes': { type: 'string' },
      file: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const usual = values.quick === true ? QUICK : FULL;
  const usualAdvice = ADVICE.filter((advice) => advice !== 'normal').join();
  const valueBytes = wholeNumber('value-bytes', values['value-bytes'], usual.valueBytes, 0);
  if (valueBytes > 0 && valueBytes < 4_000_000) {
    throw new RangeError(
      `--value-bytes ${valueBytes}: it takes 4,000,000 at least, or 0 for none.`,
    );
  }
  return {
    help: values.help === true,
    steps: someOf('steps', values.steps, STEPS),
    advice: someOf('advice', values.advice ?? usualAdvice, ADVICE),
    rows: wholeNumber('rows', values.rows, usual.rows, 1000),
    rounds: wholeNumber('rounds', values.rounds, usual.rounds),
    valueBytes,
    file: values.file,
    json: values.json,
    dir: values.dir,
  };
}
