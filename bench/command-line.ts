/** What the programs of the benchmarks do alike with what they are given. */

/** The number given to `--name`, or the usual one. Throws a RangeError where it is none. */
export function wholeNumber(
  name: string,
  given: string | undefined,
  usual: number,
  least = 1,
): number {
  if (given === undefined) return usual;
  const n = Number(given);
  if (Number.isSafeInteger(n) && n >= least) return n;
  throw new RangeError(`--${name} ${given}: it takes a whole number from ${least} on.`);
}

/**
 * The names given with commas between, each once; all where none are. Throws a RangeError for one
 * that there is not.
 */
export function someOf<Name extends string>(
  name: string,
  given: string | undefined,
  all: readonly Name[],
): Name[] {
  if (given === undefined) return [...all];
  const chosen = given.split(',').map((each) => {
    const found = all.find((known) => known === each.trim());
    if (found !== undefined) return found;
    throw new RangeError(`--${name} ${each}: there are ${all.join(', ')}.`);
  });
  return [...new Set(chosen)];
}

/** What `parse` makes of the command line; where it throws, says why, and the process fails. */
export function optionsOrNothing<Options>(
  parse: (args: readonly string[]) => Options,
  help: string,
): Options | undefined {
  try {
    return parse(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    console.error(`npm run bench -- ${help} tells what there is.`);
    process.exitCode = 1;
    return undefined;
  }
}
