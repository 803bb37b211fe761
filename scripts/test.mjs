/**
 * `npm test`: sets up what is missing, checks types, lint, layers and style, then runs the tests.
 * Everything runs even when something before it failed; one failure fails the whole.
 *
 *     npm test                          everything
 *     npm test -- test/pager -t name    arguments go to vitest
 *
 * Leaves out/test-results.json (vitest's) and out/checks.json (what failed) for count-tests.mjs.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { programs, root, show, step } from './steps.mjs';

const start = performance.now();
const out = join(root, 'out');
rmSync(join(out, 'test-results.json'), { force: true });
rmSync(join(out, 'checks.json'), { force: true });
// Tests are tests, whatever the environment says.
const env = { ...process.env, NODE_ENV: 'test' };
// CI turns colours on; a log is better without.
if (!process.stdout.isTTY) env.NO_COLOR ??= '1';

if (!(await setUp())) finish(['setup']);

const failed = [];
const check = async (name, title, args) => {
  if (!(await step(title, process.execPath, args))) failed.push(name);
};
await check('types', 'check types (tsc)', [programs.tsc, '-p', 'tsconfig.json']);
await check('lint', 'check lint and format (biome)', [
  programs.biome,
  'check',
  '--error-on-warnings',
]);
await check('layers', 'check layers', ['scripts/check-layers.mjs']);
await check('style', 'check style', ['scripts/check-style.mjs']);

const status = await show(process.execPath, [programs.vitest, 'run', ...process.argv.slice(2)], {
  env,
});
if (status !== 0) failed.push('tests');
finish(failed);

/** Says how it went and ends the process. */
function finish(failures) {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'checks.json'), `${JSON.stringify({ failed: failures })}\n`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (failures.length === 0) console.log(`npm test: all well in ${seconds} s`);
  else console.error(`npm test: FAILED in ${seconds} s: ${failures.join(', ')}`);
  process.exit(failures.length === 0 ? 0 : 1);
}
