/**
 * The seed of this run. vitest.config.ts takes it from COPPICE_SEED or draws it, and prints it.
 *
 * fast-check gets it for every property; a random test of another kind imports `seed`.
 */
import fc from 'fast-check';

/** 0..2^31-1, the same in every test file of one run. */
export const seed: number = Number(process.env.COPPICE_SEED ?? 0);

fc.configureGlobal({ seed });
