/**
 * How much the random tests do. `npm test` runs the short sizes, `npm run test:long` the long ones;
 * COPPICE_LONG=0.2 npm run test:long runs a fifth of the long ones, so that they can be spread.
 */

const share = Number(process.env.COPPICE_LONG ?? 0);

/** Whether this is a long run. */
export const long: boolean = share > 0;

/** How many cases a test tries: `short` in `npm test`, `whole` or the asked share of it in a long run. */
export function cases(short: number, whole: number): number {
  return long ? Math.max(short, Math.ceil(whole * share)) : short;
}

/** Where the rounds of a test begin: COPPICE_FROM=N skips the first N, with the seed of a run before. */
export const firstRound: number = Number(process.env.COPPICE_FROM ?? 0);
