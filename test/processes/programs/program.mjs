// What the child programs share: the built library, parameters, and lines that are out at once.
import { writeSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';
import {
  checkState,
  ownTransactions,
  prepare,
  step,
  storesOf,
} from '../../support/process-state.mjs';

export { CoppiceError, open, restore } from '../../../dist/bundle/coppice.js';
export { checkState, ownTransactions, prepare, step, storesOf };

/** The parameters of the program, or of the worker thread that runs it. */
export const parameters = isMainThread ? process.argv.slice(2) : workerData;

/** A line for the parent; written when this returns, also from a thread. */
export function say(...words) {
  writeSync(1, `${words.join(' ')}\n`);
}

/** Ends the program when something is wrong. */
export function fail(error) {
  say('FAILED', error?.code ?? '', String(error?.stack ?? error).replaceAll('\n', ' | '));
  process.exit(3);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The lines that the parent sends, one by one. */
export async function* commands() {
  let rest = '';
  for await (const part of process.stdin) {
    const pieces = (rest + part).split('\n');
    rest = pieces.pop();
    yield* pieces;
  }
}
