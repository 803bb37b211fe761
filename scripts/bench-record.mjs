/**
 * `npm run bench -- record ARGS`: every measurement, its figures into bench/results/, then the
 * charts and the tables of docs/benchmarks.md from them.
 */

import { spawnSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, show } from './steps.mjs';

export const HELP = `
Measures everything, leaves the figures in bench/results/, and makes the charts and tables of
docs/benchmarks.md from them.

    npm run bench -- record [NODE]... [--only PART] [--trial]

    NODE          paths of other versions of Node: the workloads are measured with each of them
                  besides this one; all else with this one only
    --only PART   full, growth, micro, space, readers or cold; may be given again. What is not
                  measured stays. Without it all; cold on Linux only
    --trial       few rows and rounds: to see that it all runs. What comes of it is marked as a trial

Takes hours, on a machine that has nothing else to do.
`.trim();

const isLinux = process.platform === 'linux';

/** For each part, its arguments; and those of a trial. */
const parts = {
  full: { args: [], trial: ['--rows', '20000', '--gets', '20000', '--rounds', '3'] },
  growth: { args: ['growth'], trial: ['--sizes', '1e3,1e4,1e5', '--rounds', '3'] },
  micro: { args: ['micro'], trial: ['--rows', '10000', '--seconds', '0.2'] },
  space: { args: ['space'], trial: ['--quick', '--rows', '5000'] },
  readers: { args: ['readers'], trial: ['--quick'] },
  cold: { args: ['cold'], trial: ['--quick', '--rows', '100000', '--value-bytes', '20000000'] },
};

/** @returns {Promise<boolean>} false when an argument is wrong or a part failed, which is shown */
export async function record(given) {
  const paths = [process.execPath];
  const only = [];
  let trial = false;
  for (let i = 0; i < given.length; i++) {
    if (given[i] === '--trial') trial = true;
    else if (given[i] === '--only') only.push(given[++i] ?? '');
    else paths.push(given[i]);
  }
  const unknown = only.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) {
    console.error(`There is no part "${unknown}". There are: ${Object.keys(parts).join(', ')}.`);
    return false;
  }
  const nodes = paths.map((path) => ({ path, version: versionOf(path) }));
  const broken = nodes.find(({ version }) => version === '');
  if (broken !== undefined) {
    console.error(`${broken.path} does not run; the path of a Node is wanted.`);
    return false;
  }
  const possible = Object.keys(parts).filter((name) => name !== 'cold' || isLinux);
  const wanted = only.length > 0 ? only : possible;
  for (const part of wanted) {
    for (const node of part === 'full' ? nodes : nodes.slice(0, 1)) {
      const args = [...parts[part].args, ...(trial ? parts[part].trial : [])];
      if (!trial) await quiet();
      if (!(await measure(node, part, args))) return false;
    }
  }
  return bench(process.execPath, ['charts']);
}

/** Waits until the load of what ran before is over: two minutes at most. */
async function quiet() {
  for (let i = 0; i < 24 && loadavg()[0] >= availableParallelism() / 2; i++) await sleep(5000);
}

/** Empty when it is no Node. */
function versionOf(path) {
  return (
    spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim() ?? ''
  );
}

function measure({ path, version }, part, args) {
  const name = part === 'full' ? `full-node${version.split('.')[0]}` : part;
  console.log(`\n${part}, Node ${version}`);
  return bench(path, [...args, '--json', `bench/results/${name}.json`]);
}

async function bench(node, args) {
  return (await show(node, [join(root, 'scripts/bench.mjs'), ...args])) === 0;
}
