/**
 * `npm run bench -- ARGS`: compiles bench/, installs the peers of bench/package.json when they are
 * missing, and runs bench/main.ts with ARGS. `--quick` needs no peers but those of the root.
 * `npm run bench -- space ARGS`: the same for bench/space/main.ts, which never needs them.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagesAreCurrent, setUp } from './setup.mjs';
import { buildEnvironment, npm, root, show, step } from './steps.mjs';

const space = process.argv[2] === 'space';
const args = process.argv.slice(space ? 3 : 2);
const folder = join(root, 'bench');
const manifest = join(folder, 'package.json');
const locked = existsSync(join(folder, 'package-lock.json'));

const ready =
  (await setUp({ bench: true })) &&
  (space ||
    args.includes('--quick') ||
    !existsSync(manifest) ||
    peersAreThere() ||
    (await installPeers()));
const program = space ? 'space/main.js' : 'main.js';
const main = ['--expose-gc', join(root, 'out/bench', program), ...args];
process.exitCode = ready && (await show(process.execPath, main)) === 0 ? 0 : 1;

function peersAreThere() {
  if (locked) return packagesAreCurrent(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  return Object.keys(dependencies).every((name) => existsSync(join(folder, 'node_modules', name)));
}

function installPeers() {
  const [command, ...first] = npm();
  const how = locked ? ['ci'] : ['install', '--no-package-lock'];
  const flags = ['--include=dev', '--no-audit', '--no-fund'];
  return step('install bench peers (minutes)', command, [...first, ...how, ...flags], {
    cwd: folder,
    env: buildEnvironment(),
  });
}
