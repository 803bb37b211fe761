/** A child process of the runner: child.ts for a database of Node.js, or a program of its own. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Entrant, isProgram } from './contenders/all.ts';
import { Conversation, type Line, processLine } from './conversation.ts';
import type { ChildTask, Reply, Request } from './protocol.ts';

/** Starts at once; the first question waits until it has. */
export function startChild(task: ChildTask, contender: Entrant): Child {
  return new Child(isProgram(contender) ? programLine(task, contender.path) : nodeLine(task));
}

export class Child extends Conversation<Request, Reply> {
  /** Resolves to the most memory that it had. */
  async end(): Promise<number> {
    const reply = await this.askLast('close');
    return reply.kind === 'closed' ? reply.peakRssBytes : 0;
  }
}

function nodeLine(task: ChildTask): Line<Request, Reply> {
  return processLine(new URL('./child.js', import.meta.url), task, ['--expose-gc']);
}

/** Requests and replies are lines of text; see contenders/lmdb-c.c. */
function programLine({ workload, folder, scale }: ChildTask, path: string): Line<Request, Reply> {
  const { rows, gets, transactions, puts } = scale;
  const args = [workload, folder, ...[rows, gets, transactions, puts].map(String)];
  const child = spawn(path, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    partner: child,
    send: (request) => void child.stdin.write(`${request}\n`),
    listen: (listener) =>
      void createInterface(child.stdout).on('line', (line) => listener(JSON.parse(line))),
  };
}
