/** Runs a part of a measurement in a process of its own, watched by strace if need be. */

import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Part } from './measurement.ts';

const WRITING_CALLS = 'pwrite64,pwritev,write,writev,lseek';

/** `trace`: a file that gets a line for each call of its threads that writes or seeks. */
export async function inChild<Input, Output>(
  part: Part<Input, Output>,
  input: Input,
  trace?: string,
): Promise<Output> {
  const program = fileURLToPath(new URL('./child.js', import.meta.url));
  const own = [process.execPath, program, part.name, JSON.stringify(input)];
  // -y: paths beside descriptors; -s 0: nothing of what is written.
  const watched = ['strace', '-f', '-y', '-s', '0', '-e', `trace=${WRITING_CALLS}`];
  const command = trace === undefined ? own : [...watched, '-o', trace, ...own];
  const output: Output = JSON.parse(await outputOf(command));
  return output;
}

/** Whether strace is there and may watch. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' }).status === 0;
}

function outputOf([command = '', ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks).toString());
      else reject(new Error(`a child process ended with ${code ?? signal}`));
    });
  });
}
