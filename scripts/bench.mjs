/**
 * `npm run bench -- ARGS`: compiles bench/, installs the peers of bench/package.json when they are
 * wanted and missing, and runs bench/main.ts with ARGS. A peer that cannot be installed is left out,
 * which bench/main.ts says. `--quick` and `--contenders` without them need none.
 * `npm run bench -- space ARGS`: the same for bench/space/main.ts, which never needs them; so do
 * `readers` and `cold`.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setUp } from './setup.mjs';
import { buildEnvironment, npm, root, show, step } from './steps.mjs';

/** Programs of their own, in folders of bench/. */
const suites = ['space', 'readers', 'cold'];
const suite = suites.find((name) => name === process.argv[2]);
const args = process.argv.slice(suite === undefined ? 2 : 3);
const folder = join(root, 'bench');
const manifest = join(folder, 'package.json');
const peers = Object.entries(
  JSON.parse(readFileSync(manifest, 'utf8')).optionalDependencies,
).filter(([name]) => wants(name));

const ready = await setUp({ bench: true });
if (ready && !peers.every(isThere)) await installPeers();
const program = suite === undefined ? 'main.js' : `${suite}/main.js`;
const main = ['--expose-gc', join(root, 'out/bench', program), ...args];
process.exitCode = ready && (await show(process.execPath, main)) === 0 ? 0 : 1;

/** Whether ARGS ask for this contender. */
function wants(name) {
  if (suite !== undefined || args.includes('--help')) return false;
  const at = args.findIndex((arg) => /^--contenders(=|$)/.test(arg));
  if (at < 0) return !args.includes('--quick') && !judgesEarlierRun();
  const given = args[at].includes('=') ? args[at].split('=')[1] : args[at + 1];
  return (given ?? '').split(',').includes(name);
}

/** Whether ARGS only read the figures of a run that is over. */
function judgesEarlierRun() {
  const file = args[args.indexOf('--json') + 1];
  return args.includes('--goals') && args.includes('--json') && existsSync(file ?? '');
}

function isThere([name, version]) {
  const path = join(folder, 'node_modules', name, 'package.json');
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).version === version;
}

/** They are optional to npm, so that one that cannot be built does not take the other along. */
function installPeers() {
  const [command, ...first] = npm();
  const flags = ['--no-package-lock', '--include=optional', '--no-audit', '--no-fund'];
  return step('install bench peers (minutes)', command, [...first, 'install', ...flags], {
    cwd: folder,
    env: buildEnvironment(),
  });
}
