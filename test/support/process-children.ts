/** Child processes for tests: what they print, line by line, and how they ended. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';

const children: Child[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
});
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder of its own, in `under`, removed after the tests of the file. */
export function newFolder(name: string, under: string = tmpdir()): string {
  const folder = mkdtempSync(join(under, `coppice-${name}-`));
  folders.push(folder);
  return folder;
}

/** How a child ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly string[];
  readonly error: string;
}

export class Child {
  readonly pid: number;
  /** All that it printed so far. */
  readonly lines: string[] = [];
  error = '';
  private readonly process: ChildProcess;
  private readonly closed: Promise<void>;
  private isClosed = false;
  private read = 0;
  private wake: () => void = () => {};
  private readonly listeners: ((line: string) => void)[] = [];

  constructor(command: string, parameters: readonly string[], env: Record<string, string> = {}) {
    const child = spawn(command, parameters, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    // A program that could not be started ends with a line of error.
    child.on('error', (error) => {
      this.error += String(error);
    });
    child.stdin.on('error', () => {});
    this.process = child;
    this.pid = child.pid ?? -1;
    children.push(this);
    let rest = '';
    child.stdout.on('data', (part: Buffer) => {
      const pieces = (rest + part.toString()).split('\n');
      rest = pieces.pop() ?? '';
      for (const line of pieces) {
        this.lines.push(line);
        for (const listener of this.listeners) listener(line);
      }
      this.wake();
    });
    child.stderr.on('data', (part: Buffer) => {
      this.error += part.toString();
    });
    this.closed = new Promise((resolve) => {
      child.on('close', () => {
        this.isClosed = true;
        this.wake();
        resolve();
      });
    });
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  onLine(listener: (line: string) => void): void {
    this.listeners.push(listener);
  }

  /** The next line that begins with `start`; fails when the child ends before. */
  async line(start = ''): Promise<string> {
    for (;;) {
      while (this.read < this.lines.length) {
        const line = this.lines[this.read++]!;
        if (line.startsWith(start)) return line;
      }
      if (this.isClosed) throw new Error(`the child ended: ${this.lines.at(-1)} ${this.error}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Everything printed up to now is no news any more. */
  skip(): void {
    this.read = this.lines.length;
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  /** Nothing more will be said to it. */
  end(): void {
    this.process.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.process.kill(signal);
  }

  /** Resolves when it is gone and all that it had printed was read. */
  async ended(): Promise<Ending> {
    await this.closed;
    const { exitCode, signalCode } = this.process;
    return { code: exitCode, signal: signalCode, lines: this.lines, error: this.error };
  }

  /** Kills it with SIGKILL, when it lives. */
  async kill(): Promise<Ending> {
    this.signal('SIGKILL');
    return this.ended();
  }
}

/** Starts programs/NAME of the folder that `here` (import.meta.url) lies in; `flags` are Node's. */
export function program(
  here: string,
  name: string,
  parameters: readonly (string | number | object)[],
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Child {
  const path = fileURLToPath(new URL(`programs/${name}`, here));
  const shown = parameters.map((p) => (typeof p === 'object' ? JSON.stringify(p) : String(p)));
  return new Child(process.execPath, [...flags, path, ...shown], env);
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `test` holds; fails after `ms`. */
export async function until(test: () => boolean, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!test()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${test}`);
    await sleep(2);
  }
}

/** Says why something is not tried here, in the report of the run. */
export function note(text: string): void {
  process.stderr.write(`note: ${text}\n`);
}

const preloads = new Map<string, string>();

/**
 * A library to be preloaded into a process, compiled from a file of C of a test folder; undefined,
 * with a note that says what is not tried then, where there is no C compiler.
 */
export function preloaded(source: string, what: string): string | undefined {
  const known = preloads.get(source);
  if (known !== undefined) return known;
  const path = fileURLToPath(new URL(`../${source}`, import.meta.url));
  const made = join(newFolder('preload'), `${basename(source, '.c')}.so`);
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', made, path, '-ldl'], { stdio: 'pipe' });
  } catch (error) {
    note(`no C compiler here: ${what} was not tried (${String(error)})`);
    return undefined;
  }
  preloads.set(source, made);
  return made;
}

/** A library that ends a process with SIGKILL at its N-th call of a kind (programs/kill-at.c). */
export function killAtLibrary(): string | undefined {
  return preloaded('processes/programs/kill-at.c', 'killing at named calls');
}

export const isRoot: boolean = process.getuid?.() === 0;
