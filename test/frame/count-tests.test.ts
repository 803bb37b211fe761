import { expect, test } from 'vitest';
import { runOn } from './checks.ts';

interface Run {
  status: number;
  failed?: string[];
  results?: object;
}

/** The closing line for a run of `npm test` that left these results. */
function closingLine({ status, failed, results }: Run): string {
  const files: Record<string, string> = { 'other.json': '' };
  if (failed !== undefined) files['checks.json'] = JSON.stringify({ failed });
  if (results !== undefined) files['test-results.json'] = JSON.stringify(results);
  return runOn('count-tests.mjs', files, [String(status)]).stdout.trimEnd();
}

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

test('all passed', () => {
  const results = { numPassedTests: 7, numFailedTests: 0, testResults: [file('passed', 'passed')] };
  expect(closingLine({ status: 0, failed: [], results })).toBe('7 passed, 0 failed');
});

test('a failed test counts once, a failed check too', () => {
  const results = {
    numPassedTests: 6,
    numFailedTests: 1,
    testResults: [file('failed', 'passed', 'failed')],
  };
  const failed = ['lint', 'tests'];
  expect(closingLine({ status: 1, failed, results })).toBe('6 passed, 2 failed');
});

test('a file that could not be run counts', () => {
  const results = { numPassedTests: 6, numFailedTests: 0, testResults: [file('failed')] };
  expect(closingLine({ status: 1, failed: ['tests'], results })).toBe('6 passed, 1 failed');
});

test('an error outside of any test counts', () => {
  const results = { numPassedTests: 6, numFailedTests: 0, testResults: [] };
  expect(closingLine({ status: 1, failed: ['tests'], results })).toBe('6 passed, 1 failed');
});

test('a run without results is a failure, whatever its status', () => {
  expect(closingLine({ status: 0, failed: [] })).toBe('0 passed, 1 failed');
  expect(closingLine({ status: 1 })).toBe('0 passed, 1 failed');
  expect(closingLine({ status: 1, failed: ['setup'] })).toBe('0 passed, 1 failed');
  expect(closingLine({ status: 1, failed: ['tests'] })).toBe('0 passed, 1 failed');
});
