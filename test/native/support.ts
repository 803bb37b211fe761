/** What the tests of the addon share: files in a folder of their own, jobs, and child processes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';
import { type NativeError, type NativeFile, native } from '../../src/pager/native.ts';

export const SEGMENT: number = 2 ** 30;
export const RESERVE: number = 2 ** 36;

const folder = mkdtempSync(join(tmpdir(), 'coppice-native-'));
const opened: NativeFile[] = [];
const children: ChildProcess[] = [];
let made = 0;

afterEach(() => {
  for (const file of opened.splice(0)) file.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

export function newPath(): string {
  return join(folder, `file-${made++}`);
}

/** A new file of `sizeBytes`, closed after the test. */
export function create(path: string = newPath(), sizeBytes = 0): NativeFile {
  return kept(native().openFile(path, { write: true, create: true }), sizeBytes);
}

export function open(path: string, write = true): NativeFile {
  return kept(native().openFile(path, { write, create: false }), 0);
}

export function kept(file: NativeFile, sizeBytes = 0): NativeFile {
  opened.push(file);
  if (sizeBytes > 0) file.grow(sizeBytes);
  return file;
}

/** Maps the file and returns the bytes of its first segment. */
export function mapped(file: NativeFile): Uint8Array {
  file.map(RESERVE, SEGMENT);
  return new Uint8Array(file.window(0, SEGMENT));
}

/** The outcome of a job: null, or the error. */
export function run(
  file: NativeFile,
  steps: readonly number[],
  buffers: readonly Uint8Array[] = [],
  words: Int32Array | null = null,
  written: (() => void) | null = null,
): Promise<NativeError | null> {
  return new Promise((resolve) => {
    file.run(Float64Array.from(steps), buffers, words, resolve, written);
  });
}

/** The outcome of a wait for the writer lock. */
export function acquire(file: NativeFile, timeoutMs: number): Promise<NativeError | null> {
  return new Promise((resolve) => file.acquireWriter(timeoutMs, resolve));
}

/** The error that a call throws. */
export function thrown(call: () => unknown): NativeError {
  try {
    call();
  } catch (error) {
    return error as NativeError;
  }
  throw new Error('nothing was thrown');
}

export interface Program {
  readonly child: ChildProcess;
  /** Resolves with the next line that it prints, fails when it ends before. */
  line(): Promise<string>;
  /** Resolves when it has ended, with all that it printed. */
  ended(): Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    text: string;
    error: string;
  }>;
}

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** Starts a program of fixtures/ with node, or any command; killed after the test. */
export function start(name: string, ...parameters: readonly string[]): Program {
  return startCommand(process.execPath, fixture(name), ...parameters);
}

export function startCommand(command: string, ...parameters: readonly string[]): Program {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let text = '';
  let error = '';
  let read = 0;
  let wake = (): void => {};
  let closed = false;
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
    wake();
  });
  child.stderr.on('data', (part: Buffer) => {
    error += part.toString();
  });
  const end = new Promise<void>((resolve) => {
    child.on('close', () => {
      closed = true;
      wake();
      resolve();
    });
  });
  const line = async (): Promise<string> => {
    for (;;) {
      const at = text.indexOf('\n', read);
      if (at >= 0) {
        const found = text.slice(read, at);
        read = at + 1;
        return found;
      }
      if (closed) throw new Error(`the child ended: ${text} ${error}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const ended = async () => {
    await end;
    return { code: child.exitCode, signal: child.signalCode, text, error };
  };
  return { child, line, ended };
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something is so; fails when that takes longer than `ms`. */
export async function until(holds: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error('did not come true in time');
    await sleep(2);
  }
}

/** Whether the addon runs under AddressSanitizer (scripts/sanitize.sh). */
export const sanitized: boolean = process.env.COPPICE_SANITIZED === '1';

/** Says why a test is not run here, in the report of the run. */
export function note(text: string): void {
  process.stderr.write(`note: ${text}\n`);
}
