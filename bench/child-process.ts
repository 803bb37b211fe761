/** A child process of the runner: child.ts for a database of Node.js, or a program of its own. */

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Entrant, isProgram } from './contenders/all.ts';
import type { ChildTask, Reply, Request } from './protocol.ts';

/** Starts at once; the first question waits until it has. */
export function startChild(task: ChildTask, contender: Entrant): Child {
  return new Child(isProgram(contender) ? programLine(task, contender.path) : nodeLine(task));
}

/** A process that questions can be put to, and which answers each with one reply. */
interface Line {
  readonly process: ChildProcess;
  send(request: Request): void;
  /** Calls `listener` with each reply. */
  listen(listener: (reply: Reply) => void): void;
}

export class Child {
  private readonly line: Line;
  private readonly started: Promise<Reply>;
  private answered: ((reply: Reply) => void) | undefined;

  constructor(line: Line) {
    this.line = line;
    line.listen((reply) => this.answered?.(reply));
    this.started = this.reply();
  }

  async ask(request: Request): Promise<Reply> {
    await this.started;
    const reply = this.reply();
    this.line.send(request);
    return reply;
  }

  /** Resolves to the most memory that it had. */
  async end(): Promise<number> {
    const exit = once(this.line.process, 'exit');
    const reply = await this.ask('close');
    await exit;
    return reply.kind === 'closed' ? reply.peakRssBytes : 0;
  }

  private reply(): Promise<Reply> {
    const { process } = this.line;
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        reject(new Error(`a child process ended with ${code ?? signal}`));
      };
      process.once('exit', onExit);
      process.once('error', reject);
      this.answered = (reply) => {
        process.off('exit', onExit);
        process.off('error', reject);
        resolve(reply);
      };
    });
  }
}

function nodeLine(task: ChildTask): Line {
  const child = fork(new URL('./child.js', import.meta.url), [JSON.stringify(task)], {
    execArgv: ['--expose-gc'],
  });
  return {
    process: child,
    send: (request) => void child.send(request),
    listen: (listener) => void child.on('message', listener),
  };
}

/** Requests and replies are lines of text; see contenders/lmdb-c.c. */
function programLine({ workload, folder, scale }: ChildTask, path: string): Line {
  const { rows, gets, transactions, puts } = scale;
  const args = [workload, folder, ...[rows, gets, transactions, puts].map(String)];
  const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    process: child,
    send: (request) => void child.stdin.write(`${request}\n`),
    listen: (listener) =>
      void createInterface(child.stdout).on('line', (line) => listener(JSON.parse(line))),
  };
}
