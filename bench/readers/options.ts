/** What is given on the command line of `npm run bench -- readers`, checked. */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { someOf, wholeNumber } from '../command-line.ts';

export interface ReaderOptions {
  readonly help: boolean;
  /** Numbers of readers, ascending. */
  readonly counts: readonly number[];
  readonly processors: number;
  readonly contenders: readonly string[];
  readonly rows: number;
  readonly rounds: number;
  readonly roundMs: number;
  readonly json: string | undefined;
  readonly dir: string | undefined;
}

/** Those of which many processes and threads may have the same file open. */
const CONTENDERS = ['coppice', 'lmdb'];
const COUNTS = [1, 2, 4, 8, 16];
/** Many short rounds: what else runs on a machine comes and goes in seconds. */
const FULL = { rows: 1_000_000, rounds: 25, ms: 300 };
const QUICK = { rows: 100_000, rounds: 5, ms: 100 };

export const HELP: string = `
Measures readers of one file: processes and worker threads, alone and beside a writer that commits
all the time. Gets at random; wrong values fail. Also what memory they share. Judges its goals.

    npm run bench -- readers [--readers N,N] [--contenders NAME,NAME] [--quick] [--rows N]
                             [--rounds N] [--ms N] [--json FILE] [--dir FOLDER]

    --readers     how many, with commas between; without it, of ${COUNTS.join(', ')} those up to twice the
                  processors
    --contenders  ${CONTENDERS.join(' and ')} without it
    --quick       fewer rows, fewer and shorter rounds: to see that it works
    --rows N      rows in the file
    --rounds N    rounds that count; medians are told
    --ms N        length of a round
    --json FILE   where the figures are left; without it, in bench/results/local/
    --dir FOLDER  where the data is made; removed afterwards
    --help        this text
`.trim();

/** Throws a TypeError or RangeError that says what is wrong with them. */
export function parseOptions(
  args: readonly string[],
  processors: number = availableParallelism(),
): ReaderOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean' },
      readers: { type: 'string' },
      contenders: { type: 'string' },
      rows: { type: 'string' },
      rounds: { type: 'string' },
      ms: { type: 'string' },
      json: { type: 'string' },
      dir: { type: 'string' },
    },
  });
  const usual = values.quick === true ? QUICK : FULL;
  const given = values.readers?.split(',').map((each) => wholeNumber('readers', each, 1));
  const counts = given ?? COUNTS.filter((count) => count <= 2 * processors);
  return {
    help: values.help === true,
    // One is what all others are compared with.
    counts: [...new Set([1, ...counts])].sort((a, b) => a - b),
    processors,
    contenders: someOf('contenders', values.contenders, CONTENDERS),
    rows: wholeNumber('rows', values.rows, usual.rows, 1000),
    rounds: wholeNumber('rounds', values.rounds, usual.rounds),
    roundMs: wholeNumber('ms', values.ms, usual.ms),
    json: values.json,
    dir: values.dir,
  };
}
