/** Before all tests: compiles src/ when it is newer than dist/, which is what the tests load. */

import { compileLibrary } from '../../scripts/setup.mjs';

export async function setup() {
  if (!(await compileLibrary())) throw new Error('src/ does not compile');
}
