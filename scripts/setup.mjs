/**
 * Makes a checkout ready: npm packages, the native addon, the compiled TypeScript. Each only when
 * it is missing or older than what it is made of, so that a second run does nothing, at once.
 *
 *     node scripts/setup.mjs [examples] [bench]      which compiled programs are wanted besides
 */

import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildEnvironment, npm, programs, root, step } from './steps.mjs';

/**
 * @param {{ examples?: boolean, bench?: boolean }} [wanted]
 * @returns {Promise<boolean>} false when a step failed; its output was shown
 */
export async function setUp(wanted = {}) {
  return (
    (packagesAreCurrent(root) || (await installPackages())) &&
    (addonIsCurrent() || (await buildAddon())) &&
    (await compileLibrary()) &&
    (!wanted.examples || (await compile('examples', 'tsconfig.examples.json', 'out/examples'))) &&
    (!wanted.bench || (await compile('bench', 'tsconfig.bench.json', 'out/bench')))
  );
}

const bundleFolder = join(root, 'dist/bundle');
const keepCode = join(bundleFolder, 'keep-code.js');

/**
 * Makes dist/ of src/, the bundle and the code to start with, when they are not. Returns as `setUp`
 * does.
 */
export async function compileLibrary() {
  return (
    (await compile('src', 'tsconfig.build.json', 'dist')) && (await bundle()) && (await keep())
  );
}

/** Puts dist/ together when it is newer than what was made of it. */
async function bundle() {
  const script = join(root, 'scripts/bundle.mjs');
  const parts = filesIn(join(root, 'dist'));
  // The one that is made last.
  if (existsSync(keepCode) && statSync(keepCode).mtimeMs >= newest([script, ...parts])) return true;
  return step('bundle dist/ (rolldown)', process.execPath, [script]);
}

/** Keeps the code that this Node makes of the bundle when there is none, or of an older one. */
async function keep() {
  const { codePath } = await import('../dist/start/code-cache.js');
  const path = codePath(pathToFileURL(keepCode));
  if (existsSync(path) && statSync(path).mtimeMs >= newest([keepCode, addon])) return true;
  return step('keep the code to start with', process.execPath, [keepCode]);
}

/**
 * Whether node_modules holds what package-lock.json asks for. Packages for other platforms are
 * optional and may be absent. A package.json that asks for more than the lock file counts as not
 * current, so that npm says so.
 *
 * @param {string} folder where package.json and package-lock.json are
 */
export function packagesAreCurrent(folder) {
  const wanted = readJson(join(folder, 'package-lock.json'))?.packages ?? {};
  const found = readJson(join(folder, 'node_modules/.package-lock.json'))?.packages;
  if (found === undefined) return false;
  const manifest = readJson(join(folder, 'package.json')) ?? {};
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    const locked = wanted['']?.[kind] ?? {};
    if (Object.keys(manifest[kind] ?? {}).some((name) => !(name in locked))) return false;
  }
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const here = found[path];
    if (here === undefined) return entry.optional === true;
    return here.version === entry.version && here.integrity === entry.integrity;
  });
}

function installPackages() {
  const [command, ...first] = npm();
  const args = [...first, 'ci', '--include=dev', '--no-audit', '--no-fund'];
  return step('install npm packages (npm ci)', command, args, { env: buildEnvironment() });
}

const addon = join(root, 'build/Release/coppice.node');

/** Whether the addon is there, is newer than its sources, and loads on this platform. */
function addonIsCurrent() {
  const sources = [join(root, 'binding.gyp'), ...filesIn(join(root, 'native'))];
  if (!existsSync(addon) || statSync(addon).mtimeMs < newest(sources)) return false;
  try {
    process.dlopen({ exports: {} }, addon);
    return true;
  } catch {
    return false;
  }
}

async function buildAddon() {
  const [command, ...first] = npm();
  const args = [...first, 'run', 'build:native'];
  return step('build the native addon (node-gyp)', command, args, { env: buildEnvironment() });
}

/** Compiles the TypeScript of a folder when an output is missing, older or has lost its source. */
async function compile(folder, project, outFolder) {
  const configs = ['tsconfig.json', project].map((name) => join(root, name));
  const sources = filesIn(join(root, folder)).filter(
    // What lies in bench/micro itself measures src/, and is built by hand.
    (path) => /(?<!\.d)\.ts$/.test(path) && dirname(path) !== join(root, 'bench', 'micro'),
  );
  const outputOf = (path) =>
    join(root, outFolder, path.slice(join(root, folder).length)).replace(/\.ts$/, '.js');
  const expected = new Set(sources.map(outputOf));
  const orphans = () =>
    filesIn(join(root, outFolder)).filter(
      (path) => !expected.has(path.replace(/(\.d\.ts|\.js|\.js\.map)$/, '.js')),
    );
  const changed = newest([...configs, ...sources]);
  const current = [...expected].every(
    (path) => existsSync(path) && statSync(path).mtimeMs >= changed,
  );
  if (current && orphans().length === 0) return true;
  const args = [programs.tsc, '-p', project];
  // Dated from the start: a source that changes meanwhile is newer than what was made of it.
  const start = new Date();
  if (!(await step(`compile ${folder}/ (tsc)`, process.execPath, args))) return false;
  for (const path of orphans()) rmSync(path);
  for (const path of expected) utimesSync(path, start, start);
  return true;
}

/** Every file below a folder, without node_modules and the bundle; none when there is no folder. */
function filesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(path);
    return path.startsWith(bundleFolder) ? [] : [path];
  });
}

const newest = (paths) => Math.max(0, ...paths.map((path) => statSync(path).mtimeMs));

const readJson = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined);

if (import.meta.filename === realpathSync(process.argv[1])) {
  const wanted = new Set(process.argv.slice(2));
  const done = await setUp({ examples: wanted.has('examples'), bench: wanted.has('bench') });
  process.exitCode = done ? 0 : 1;
}
