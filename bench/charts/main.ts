/** `npm run bench -- charts`: charts and the tables of docs/benchmarks.md, from bench/results/. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENT, outputOf } from './output.ts';
import { readResults } from './results.ts';
import { trialReasons } from './trial.ts';

const HELP = `
Makes docs/charts/*.svg and the part of docs/benchmarks.md between its two markers from the JSON in
bench/results/: full-nodeNN.json for each version of Node, growth.json, micro.json, space.json,
readers.json, cold.json.

    npm run bench -- charts
`.trim();

if (process.argv.includes('--help')) console.log(HELP);
else draw();

function draw(): void {
  const results = readResults('bench/results');
  mkdirSync('docs/charts', { recursive: true });
  for (const [path, text] of outputOf(results, readFileSync(DOCUMENT, 'utf8'))) {
    writeFileSync(path, text);
    console.log(path);
  }
  for (const reason of trialReasons(results)) console.log(`a trial: ${reason}`);
}
