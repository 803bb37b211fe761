/** A child process of the runner: child.ts for a database of Node.js, or a program of its own. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Entrant, isProgram } from './contenders/all.ts';
import { Conversation, type Line, processLine } from './conversation.ts';
import type { ChildTask, Reply, Request } from './protocol.ts';

/**
 * Starts at once; the first question waits until it has. `flags` are for Node; a process that is to
 * begin as a user's does has none: V8 takes no code that was compiled with others.
 */
export function startChild(
  task: ChildTask,
  contender: Entrant,
  flags: readonly string[] = [],
): Child {
  const line = isProgram(contender)
    ? programLine(task, contender.path)
    : processLine<Request, Reply>(new URL('./child.js', import.meta.url), task, flags);
  return new Child(line);
}

export class Child extends Conversation<Request, Reply> {
  /** Resolves to the most memory that it had. */
  async end(): Promise<number> {
    const reply = await this.askLast('close');
    return reply.kind === 'closed' ? reply.peakRssBytes : 0;
  }
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
