/** What the demo is asked to do on its command line. */

import { parseArgs } from 'node:util';

export interface DemoArguments {
  /** Only so many cities, the largest; undefined: all. */
  readonly cities: number | undefined;
  readonly keep: boolean;
  readonly break: boolean;
}

/** With fewer, the countries that are asked about would have too few cities left. */
const MIN_CITIES = 5_000;

export const usage: string = `npm run demo -- [options]

Loads the cities of the world into one file, asks it questions, lets four processes read it while a
fifth writes, kills one of the readers and then the writer, and checks what is left.

  --cities N   only the N largest cities (at least ${MIN_CITIES}; all of them by default)
  --keep       keep the file, and say where it is
  --break      damage one record, to show that the checks are real: the demo then fails
  --help       this text
`;

/** 'help' when that is asked for. Throws TypeError or RangeError for what it does not know. */
export function readArguments(args: readonly string[]): DemoArguments | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cities: { type: 'string' },
      keep: { type: 'boolean', default: false },
      break: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const cities = values.cities === undefined ? undefined : Number(values.cities);
  if (cities !== undefined && !(Number.isInteger(cities) && cities >= MIN_CITIES)) {
    throw new RangeError(`--cities takes a number from ${MIN_CITIES} on, got ${values.cities}.`);
  }
  return { cities, keep: values.keep, break: values.break };
}
