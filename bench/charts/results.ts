/** What is in bench/results/: the JSON that charts and tables are made of. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ColdReport, readColdReport } from '../cold/report.ts';
import { type GrowthReport, readGrowthReport } from '../growth/report.ts';
import { type CallsReport, readCallsReport } from '../micro/calls/report.ts';
import { type ReadersReport, readReadersReport } from '../readers/report.ts';
import { type Report, readReport } from '../report.ts';
import { readSpaceReport, type SpaceReport } from '../space/report.ts';

/** Whichever of them are there. */
export interface Results {
  /** By the version of Node, ascending: full-node20.json, full-node22.json ... */
  readonly full: readonly FullResults[];
  readonly growth: GrowthReport | undefined;
  readonly micro: CallsReport | undefined;
  readonly space: SpaceReport | undefined;
  readonly readers: ReadersReport | undefined;
  readonly cold: ColdReport | undefined;
}

export interface FullResults {
  /** '24' */
  readonly node: string;
  readonly report: Report;
}

const FULL = /^full-node(\d+)\.json$/;

export function readResults(folder: string): Results {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const full: FullResults[] = [];
  for (const name of names) {
    const node = FULL.exec(name)?.[1];
    if (node === undefined) continue;
    const report = readReport(join(folder, name));
    if (report !== undefined) full.push({ node, report });
  }
  full.sort((a, b) => Number(a.node) - Number(b.node));
  const one = <T>(name: string, read: (path: string) => T): T | undefined =>
    names.includes(name) ? read(join(folder, name)) : undefined;
  return {
    full,
    growth: one('growth.json', readGrowthReport),
    micro: one('micro.json', readCallsReport),
    space: one('space.json', readSpaceReport),
    readers: one('readers.json', readReadersReport),
    cold: one('cold.json', readColdReport),
  };
}
