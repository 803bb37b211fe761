/**
 * Prints the plain closing line of a test run: `N passed, N failed`.
 *
 *     node scripts/count-tests.mjs STATUS [FOLDER]
 *
 * STATUS: exit status of `npm test`. FOLDER: where it left its results, out/ by default. A failed
 * check, a test file that could not be run, and a run that ended without results each count as
 * one failure; so does a non-zero status that nothing else explains.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

const [status = '1', folder = join(root, 'out')] = process.argv.slice(2);
const read = (name) => {
  const path = join(folder, name);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
};
const results = read('test-results.json');
const checks = read('checks.json')?.failed ?? [];

const passed = results?.numPassedTests ?? 0;
const brokenFiles = (results?.testResults ?? []).filter(
  (file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'),
);
let failedTests = (results?.numFailedTests ?? 0) + brokenFiles.length;
if (failedTests === 0 && checks.includes('tests')) failedTests = 1;
let failed = failedTests + checks.filter((name) => name !== 'tests').length;
if (failed === 0 && (status !== '0' || results === undefined)) failed = 1;

console.log(`${passed} passed, ${failed} failed`);
