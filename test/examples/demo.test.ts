/** `npm run demo`, with fewer cities: that it tells the truth, and leaves nothing behind. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const demo = join(root, 'out/examples/demo/main.js');
const folder = mkdtempSync(join(tmpdir(), 'coppice-demo-test-'));

/** A busy machine runs the demo many times slower than an idle one. */
const TIMEOUT_MS = 120_000;

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'scripts/setup.mjs'), 'examples'], { stdio: 'pipe' });
}, TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  out: string;
  errors: string;
}

/** Runs it to its end; `until`: what it prints when it is to be interrupted. */
function run(args: string[], until?: string): Promise<Ended> {
  const env = { ...process.env, TMPDIR: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [demo, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
    if (until !== undefined && out.includes(until)) child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((ended) => child.on('close', (code) => ended({ code, out, errors })));
}

test('every check holds', { timeout: TIMEOUT_MS }, async () => {
  const { code, out, errors } = await run(['--cities', '5000']);
  expect(errors).toBe('');
  expect(out).toMatch(/^All \d+ checks held, in /m);
  expect(out).toMatch(/✓ Paris 2,138,551, France/);
  expect(out).toMatch(/✓ 4 processes each read 5,000 cities/);
  expect(out).toMatch(/SIGKILL to reader 3, process \d+, after \d+ snapshot/);
  expect(out).toMatch(/✓ all [\d,]+ transactions that the killed writer acknowledged are there/);
  expect(out).not.toMatch(/FAILED|NaN|undefined/);
  expect(out.split('\n').length).toBeLessThan(65);
  expect(code).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});

test('the checks are real: a damaged record fails it', { timeout: TIMEOUT_MS }, async () => {
  const { code, out } = await run(['--cities', '5000', '--break']);
  expect(code).toBe(1);
  expect(out).toMatch(/✗ FAILED: in every snapshot .*the index says [\d,]+ people/);
  expect(out).toMatch(/^\d+ of \d+ checks FAILED/m);
  expect(readdirSync(folder)).toEqual([]);
});

test('an interrupt leaves neither file nor process', { timeout: TIMEOUT_MS }, async () => {
  // The children share its standard error: run resolves when the last of them has ended.
  const { code, out } = await run(['--cities', '5000'], 'together they see');
  expect(code).toBe(130);
  expect(out).not.toMatch(/checks held/);
  expect(readdirSync(folder)).toEqual([]);
});

test('--help answers, and what it does not know is refused', async () => {
  expect(await run(['--help'])).toMatchObject({ code: 0, out: expect.stringContaining('--keep') });
  expect(await run(['--cities', '10'])).toMatchObject({
    code: 2,
    errors: expect.stringContaining('--cities takes a number from 5000 on, got 10.'),
  });
  expect(await run(['--colour'])).toMatchObject({ code: 2 });
  expect(readdirSync(folder)).toEqual([]);
});
