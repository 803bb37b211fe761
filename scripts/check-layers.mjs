/**
 * Fails when an import in src/ goes against the order of the layers (docs/architecture.md), when
 * files import each other in a circle, or when another folder than pager/ reaches the addon.
 *
 *     node scripts/check-layers.mjs [FOLDER]        FOLDER: the checkout, this one by default
 */

import { dirname, join } from 'node:path/posix';
import { importsOf, listFiles, readSource, withoutComments } from './sources.mjs';
import { root as ourRoot } from './steps.mjs';

/** Each layer may import itself and those above it in this list; types are imports too. */
const layers = [
  ['errors', 'assert'],
  ['format'],
  ['pager'],
  ['btree'],
  ['codec'],
  ['transaction'],
  ['upkeep'],
  ['database', 'store', 'options', 'open'],
  ['index'],
  ['start'],
  ['cli', 'adapters'],
];
const order = layers.map((names) => names.join(', ')).join(' < ');

/** The layer's name: the file's own at the top of src/, its folder's below. */
const layerOf = (path) => path.split('/')[1].replace(/\.ts$/, '');
const rankOf = (layer) => layers.findIndex((names) => names.includes(layer));

const root = process.argv[2] ?? ourRoot;
const files = listFiles(root, 'src', /\.ts$/);
const known = new Set(files);
const problems = [];
/** For each file, the files of src/ that it imports. */
const graph = new Map(files.map((path) => [path, []]));

for (const path of files) {
  const text = readSource(root, path);
  const layer = layerOf(path);
  if (rankOf(layer) < 0) {
    problems.push(`${path}: src/${layer} is no layer; add it in scripts/check-layers.mjs`);
    continue;
  }
  for (const { specifier, line } of importsOf(text)) checkImport(path, layer, specifier, line);
  if (layer !== 'pager' && /\.node\b['"`]/.test(withoutComments(text))) {
    problems.push(`${path} names a .node file: only src/pager/ may load the native addon`);
  }
}
for (const circle of circles()) {
  problems.push(
    `${circle.join(' -> ')}: files import each other in a circle; ` +
      'move what they share to a file that both import',
  );
}

for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log(`${files.length} files keep the order: ${order}`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkImport(path, layer, specifier, line) {
  const where = `${path}:${line} imports ${specifier}`;
  if (/^coppice(\/|$)/.test(specifier)) {
    problems.push(`${where}: inside src/ import the file itself, by its relative path`);
    return;
  }
  if (!specifier.startsWith('.')) return;
  const target = join(dirname(path), specifier).replace(/\.js$/, '.ts');
  if (!target.startsWith('src/')) {
    if (layer !== 'pager' || !target.endsWith('.node')) {
      problems.push(`${where}: it lies outside src/`);
    }
    return;
  }
  if (!known.has(target)) {
    problems.push(`${where}: there is no ${target}`);
    return;
  }
  graph.get(path).push(target);
  const targetLayer = layerOf(target);
  if (target === 'src/pager/native.ts' && layer !== 'pager') {
    problems.push(`${where}: only src/pager/ may load the native addon`);
  } else if (rankOf(targetLayer) > rankOf(layer)) {
    problems.push(`${where}: ${layer} may not import ${targetLayer} (layers: ${order})`);
  } else if (rankOf(layer) === layers.length - 1 && ![layer, 'index'].includes(targetLayer)) {
    problems.push(`${where}: ${layer} may import only index, the public names`);
  }
}

/** Circles of imports, each once, as the files on the way round and the first again. */
function circles() {
  const found = [];
  const done = new Set();
  const visit = (path, way) => {
    const at = way.indexOf(path);
    if (at >= 0) {
      found.push([...way.slice(at), path]);
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path)) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of files) visit(path, []);
  return found;
}
