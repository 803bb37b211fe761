/**
 * `npm run bench -- ARGS`: compiles bench/, installs the peers of bench/package.json when they are
 * wanted and missing, and runs bench/main.ts with ARGS. A peer that cannot be installed is left out,
 * which bench/main.ts says. `--quick` and `--contenders` without them need none.
 * `npm run bench -- space ARGS`, and so on for each of the programs below: the same for that one.
 * `npm run bench -- record ARGS`: all of them, see bench-record.mjs.
 */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { record, HELP as recordHelp } from './bench-record.mjs';
import { setUp } from './setup.mjs';
import { buildEnvironment, npm, root, show, step } from './steps.mjs';

/** What each of them runs, and whom it measures where ARGS do not say. */
const programs = {
  space: { file: 'space/main.js', contenders: 'coppice,lmdb' },
  growth: { file: 'growth/main.js', contenders: 'coppice,lmdb' },
  micro: { file: 'micro/calls/main.js', contenders: 'coppice,lmdb' },
  readers: { file: 'readers/main.js', contenders: 'coppice,lmdb' },
  cold: { file: 'cold/main.js', contenders: 'coppice' },
  charts: { file: 'charts/main.js', contenders: '' },
};
const all = { file: 'main.js', contenders: undefined };

const [first = '', ...rest] = process.argv.slice(2);
const program = Object.hasOwn(programs, first) ? programs[first] : all;
const args = program === all ? process.argv.slice(2) : rest;
const folder = join(root, 'bench');
if (first === 'record' && rest.includes('--help')) console.log(recordHelp);
else if (first === 'record') process.exitCode = (await record(rest)) ? 0 : 1;
else process.exitCode = (await runProgram()) ? 0 : 1;

async function runProgram() {
  if (!(await setUp({ bench: true }))) return false;
  const peers = peersOf(process.versions.node.split('.')[0]);
  if (peers.some(([name, version]) => wants(name) && !isThere(name, version))) await install(peers);
  const main = ['--expose-gc', join(root, 'out/bench', program.file), ...args];
  return (await show(process.execPath, main)) === 0;
}

/** Whether ARGS ask for this contender. */
function wants(name) {
  if (args.includes('--help')) return false;
  const at = args.findIndex((arg) => /^--contenders(=|$)/.test(arg));
  if (at < 0 && program.contenders !== undefined) return program.contenders.includes(name);
  if (at < 0) return !args.includes('--quick') && !judgesEarlierRun();
  const given = args[at].includes('=') ? args[at].split('=')[1] : args[at + 1];
  return (given ?? '').split(',').includes(name);
}

/** Whether ARGS only read the figures of a run that is over. */
function judgesEarlierRun() {
  const file = args[args.indexOf('--json') + 1];
  return args.includes('--goals') && args.includes('--json') && existsSync(file ?? '');
}

/**
 * Names and versions of the peers for that Node: what bench/package.json says for it alone goes
 * before. better-sqlite3 13 crashes on Node 20; 12 aborts on Node 24 when a statement is collected.
 *
 * @param {string} major '24'
 */
function peersOf(major) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries({ ...manifest.optionalDependencies, ...manifest[`node${major}`] });
}

function isThere(name, version) {
  const path = join(folder, 'node_modules', name, 'package.json');
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).version === version;
}

/**
 * All of them, for npm would change the others to what the manifest says for newer versions of Node.
 * By npm of this very Node, whatever is first on the PATH: it chooses what is compiled for. They are
 * optional to npm, so that one that cannot be built does not take the other along.
 */
function install(peers) {
  const [command, ...first] = npm();
  const flags = ['--no-save', '--no-package-lock', '--include=optional', '--no-audit', '--no-fund'];
  const names = peers.map(([name, version]) => `${name}@${version}`);
  const env = buildEnvironment();
  env.PATH = [dirname(process.execPath), env.PATH ?? ''].join(delimiter);
  const args = [...first, 'install', ...flags, ...names];
  // Should npm fail, one of another version would be taken for it.
  const stale = peers.filter(([name, version]) => !isThere(name, version));
  for (const [name] of stale)
    rmSync(join(folder, 'node_modules', name), { recursive: true, force: true });
  console.log(`peers for Node ${process.versions.node}: ${names.join(', ')}`);
  return step('install them (minutes)', command, args, { cwd: folder, env });
}
