/**
 * A child process that is given damaged files, and watched: when it dies, or does not come to an end
 * of a case, that is a failure of the case, and another child goes on.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Base } from './hostile-bases.ts';

/** Any case; what else it says is between whoever makes it and the program. */
export interface AnyCase {
  readonly id: number;
}

export interface Failure {
  readonly id: number;
  readonly what: string;
}

export interface Outcome {
  /** Cases that came to their end. */
  readonly run: number;
  readonly failures: readonly Failure[];
  /** Errors by code, and in how many cases. */
  readonly codes: ReadonlyMap<string, number>;
}

interface Result {
  readonly id: number;
  readonly codes: Record<string, number>;
  readonly failures: readonly string[];
}
interface Message {
  readonly ready?: boolean;
  readonly results?: readonly Result[];
}

const PROGRAM = fileURLToPath(new URL('../hostile/programs/hostile.mjs', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const BATCH = 32;
/** Longer than any case takes, on a busy machine too. */
const HANG_MS = 15_000;

export interface FleetOptions {
  /** The library that is tried, built. */
  readonly dist?: string;
  readonly hangMs?: number;
  /** After so many failures it stops. */
  readonly mostFailures?: number;
}

/** Runs the cases `from` .. `to` - 1 that `make` makes. */
export async function runCases<C extends AnyCase>(
  bases: readonly Base[],
  make: (id: number) => C,
  from: number,
  to: number,
  options: FleetOptions = {},
): Promise<Outcome> {
  const { mostFailures = 20 } = options;
  const failures: Failure[] = [];
  const codes = new Map<string, number>();
  let next = from;
  let run = 0;
  /** Given to a child that died before they were done. */
  const left: number[] = [];
  while ((next < to || left.length > 0) && failures.length < mostFailures) {
    const child = await Hostile.start(bases, options);
    const waiting: number[][] = [];
    try {
      for (;;) {
        while (waiting.length < 2 && (next < to || left.length > 0)) {
          const ids: number[] = [];
          while (ids.length < BATCH && (next < to || left.length > 0))
            ids.push(left.pop() ?? next++);
          waiting.push(ids);
          child.send(ids.map(make));
        }
        if (waiting.length === 0 || failures.length >= mostFailures) break;
        const results = await child.results();
        waiting.shift();
        for (const result of results) {
          run++;
          for (const what of result.failures) failures.push({ id: result.id, what });
          for (const code of Object.keys(result.codes)) codes.set(code, (codes.get(code) ?? 0) + 1);
        }
      }
    } catch (error) {
      if (!(error instanceof ChildEnded)) throw error;
      const id = child.running();
      failures.push({ id, what: error.message });
      // Those before it in its batch are done again; it is not.
      left.push(...waiting.flat().filter((other) => other !== id));
    } finally {
      child.end();
    }
  }
  return { run, failures, codes };
}

/** It died, or came to no end. */
class ChildEnded extends Error {}

class Hostile {
  private readonly process: ChildProcess;
  private readonly folder: string;
  private readonly hangMs: number;
  private readonly inbox: Message[] = [];
  private wake: () => void = () => {};
  private ended: string | undefined;
  private errorText = '';

  static async start(bases: readonly Base[], options: FleetOptions): Promise<Hostile> {
    const child = new Hostile(options);
    child.process.send({
      bases: bases.map(({ bytes, stores, states }) => ({ bytes, stores, states })),
    });
    await child.message();
    return child;
  }

  private constructor({ dist = DIST, hangMs = HANG_MS }: FleetOptions) {
    this.hangMs = hangMs;
    const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
    this.folder = mkdtempSync(join(memory, 'coppice-hostile-'));
    this.process = fork(PROGRAM, [dist, this.folder], {
      serialization: 'advanced',
      // Opening makes buffers of megabytes, so there is much to collect; by several threads that
      // takes half as much processor time again.
      execArgv: ['--max-old-space-size=256', '--single-threaded-gc'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.process.stderr?.on('data', (part: Buffer) => {
      this.errorText = (this.errorText + part.toString()).slice(-4000);
    });
    this.process.on('message', (message) => {
      this.inbox.push(message as Message);
      this.wake();
    });
    this.process.on('close', (code, signal) => {
      this.ended ??= `the process ended: code ${code}, signal ${signal} ${this.errorText}`;
      this.wake();
    });
  }

  send(cases: readonly AnyCase[]): void {
    this.process.send({ cases });
  }

  async results(): Promise<readonly Result[]> {
    return (await this.message()).results ?? [];
  }

  /** The case that it was at. */
  running(): number {
    const path = join(this.folder, 'running');
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    return bytes.length < 8 ? -1 : bytes.readDoubleLE();
  }

  end(): void {
    this.process.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async message(): Promise<Message> {
    let at = this.running();
    let since = Date.now();
    for (;;) {
      const message = this.inbox.shift();
      if (message !== undefined) return message;
      if (this.ended !== undefined) throw new ChildEnded(this.ended);
      const now = this.running();
      if (now !== at) {
        at = now;
        since = Date.now();
      }
      if (Date.now() - since > this.hangMs) {
        this.ended = `no end after ${this.hangMs} ms`;
        continue;
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** What failed, in a few lines, and how to try it again. */
export function reportOf(name: string, { failures }: Outcome, seed: number): string {
  const first = new Map<number, string>();
  for (const { id, what } of failures) if (!first.has(id)) first.set(id, what);
  return [...first]
    .map(([id, what]) => `${name}: case ${id} (COPPICE_SEED=${seed} COPPICE_FROM=${id}): ${what}`)
    .join('\n');
}
