/** The files that are made of the results, by their paths in the checkout. */

import { withResults } from './document.ts';
import { fileSizeChart } from './file-size-chart.ts';
import { growthChart } from './growth-chart.ts';
import { ratiosChart } from './ratios.ts';
import { readersChart } from './readers-chart.ts';
import type { Results } from './results.ts';

export const DOCUMENT = 'docs/benchmarks.md';

/** `document`: what docs/benchmarks.md holds now. */
export function outputOf(results: Results, document: string): Map<string, string> {
  const { full, growth, space, readers } = results;
  const newest = full.at(-1);
  const drawn: Readonly<Record<string, string | undefined>> = {
    'reads.svg': newest && ratiosChart(newest, 'reads'),
    'writes.svg': newest && ratiosChart(newest, 'writes'),
    'growth-reads.svg': growth && growthChart(growth, 'reads'),
    'growth-writes.svg': growth && growthChart(growth, 'writes'),
    'file-size.svg': space && fileSizeChart(space),
    'readers.svg': readers && readersChart(readers),
  };
  const files = new Map<string, string>();
  const charts = new Set<string>();
  for (const [name, text] of Object.entries(drawn)) {
    if (text === undefined) continue;
    charts.add(name);
    files.set(`docs/charts/${name}`, text);
  }
  files.set(DOCUMENT, withResults(document, results, charts));
  return files;
}
