// What the child programs share.
import { writeSync } from 'node:fs';

export { CoppiceError, open, restore, StorageFaultError } from '../../../dist/bundle/coppice.js';
export { checkState, prepare, step, storesOf } from '../../support/process-state.mjs';
export const parameters = process.argv.slice(2);
export const say = (...words) => writeSync(1, `${words.join(' ')}\n`);

/** The code and message of what a call throws, or 'nothing'. */
export function thrown(call) {
  try {
    call();
    return 'nothing';
  } catch (error) {
    return `${error?.code} ${error?.message}`.replaceAll('\n', ' | ');
  }
}

export async function* commands() {
  let rest = '';
  for await (const part of process.stdin) {
    const pieces = (rest + part).split('\n');
    rest = pieces.pop();
    yield* pieces;
  }
}
