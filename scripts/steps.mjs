/** A step: a command that shows one line, its time, and its output only when it fails. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Programs of packages in node_modules, as arguments for `process.execPath`. */
export const programs = {
  tsc: join(root, 'node_modules/typescript/bin/tsc'),
  biome: join(root, 'node_modules/@biomejs/biome/bin/biome'),
  vitest: join(root, 'node_modules/vitest/vitest.mjs'),
};

const titleColumns = 38;

/**
 * Runs a command without input. Prints its title, then whether it went well and its seconds.
 *
 * @param {string} title what a person reads
 * @param {string} command a program
 * @param {string[]} args its arguments
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<boolean>} true when it exited with 0
 */
export async function step(title, command, args, options = {}) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  const label = `${title} `.padEnd(titleColumns, '.');
  const terminal = process.stdout.isTTY === true;
  process.stdout.write(`${label} `);
  const ticker = terminal
    ? setInterval(() => process.stdout.write(`\r${label} ${seconds()}`), 1000)
    : undefined;
  const { status, output } = await capture(command, args, options);
  clearInterval(ticker);
  if (terminal) process.stdout.write(`\r${label} `);
  process.stdout.write(`${status === 0 ? 'ok' : 'FAILED'} ${seconds()}\n`);
  if (status !== 0)
    process.stderr.write(
      `${output.trimEnd()}\n(${title}: ${typeof status === 'number' ? `exit status ${status}` : status})\n`,
    );
  return status === 0;
}

/** Runs a command on this terminal; resolves to its exit status, or the name of its signal. */
export function show(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      ...options,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', (error) => done(error.message));
    child.on('close', (code, signal) => done(signal ?? code));
  });
}

function capture(command, args, options) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    const finish = (status) => done({ status, output: Buffer.concat(chunks).toString() });
    child.on('error', (error) => finish(error.message));
    child.on('close', (code, signal) => finish(signal ?? code));
  });
}

/** npm as a command and its first arguments: the npm that runs us, or the one on the PATH. */
export function npm() {
  const path = process.env.npm_execpath;
  const ours = path !== undefined && /npm-cli\.[cm]?js$/.test(path) && existsSync(path);
  return ours ? [process.execPath, path] : ['npm'];
}

/**
 * The environment for npm and its native builds: all cores, and the headers that lie beside this
 * very Node where there are any, so that none have to be fetched.
 */
export function buildEnvironment() {
  const env = { JOBS: 'max', ...process.env };
  const prefix = resolve(dirname(process.execPath), '..');
  const header = join(prefix, 'include/node/node_version.h');
  if (env.npm_config_nodedir === undefined && existsSync(header)) {
    const text = readFileSync(header, 'utf8');
    const part = (name) => text.match(`#define NODE_${name}_VERSION (\\d+)`)?.[1];
    const version = `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`;
    if (version === process.versions.node) env.npm_config_nodedir = prefix;
  }
  return env;
}
