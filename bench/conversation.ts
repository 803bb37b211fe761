/** A process or a worker thread of the benchmarks, which answers each question with one reply. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** What a conversation goes over. */
export interface Line<Request, Reply> {
  /** Its 'exit' ends the conversation. */
  readonly partner: ChildProcess | Worker;
  send(request: Request): void;
  /** Calls `listener` with each reply. */
  listen(listener: (reply: Reply) => void): void;
}

/** One question at a time. The partner speaks first: one reply that says that it has started. */
export class Conversation<Request, Reply> {
  private readonly line: Line<Request, Reply>;
  private readonly started: Promise<Reply>;
  private answered: ((reply: Reply) => void) | undefined;

  constructor(line: Line<Request, Reply>) {
    this.line = line;
    line.listen((reply) => this.answered?.(reply));
    this.started = this.reply();
  }

  /** Rejects when the partner ends instead of answering. */
  async ask(request: Request): Promise<Reply> {
    await this.started;
    const reply = this.reply();
    this.line.send(request);
    return reply;
  }

  /** Asks the last question; resolves when the partner has ended after its reply. */
  async askLast(request: Request): Promise<Reply> {
    const exit = once(this.line.partner, 'exit');
    const reply = await this.ask(request);
    await exit;
    return reply;
  }

  private reply(): Promise<Reply> {
    const { partner } = this.line;
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal?: string | null): void => {
        reject(new Error(`a child process or thread ended with ${code ?? signal}`));
      };
      partner.once('exit', onExit);
      partner.once('error', reject);
      this.answered = (reply) => {
        partner.off('exit', onExit);
        partner.off('error', reject);
        resolve(reply);
      };
    });
  }
}

/** Runs a program of ours in a process; `argument` goes to it as JSON. */
export function processLine<Request extends string | object, Reply>(
  program: URL,
  argument: unknown,
  execArgv: readonly string[] = [],
): Line<Request, Reply> & { readonly partner: ChildProcess } {
  const child = fork(program, [JSON.stringify(argument)], { execArgv: [...execArgv] });
  return {
    partner: child,
    send: (request) => void child.send(request),
    listen: (listener) => void child.on('message', listener),
  };
}

/** The same in a worker thread of this process. */
export function threadLine<Request, Reply>(
  program: URL,
  argument: unknown,
): Line<Request, Reply> & { readonly partner: Worker } {
  const worker = new Worker(program, { workerData: JSON.stringify(argument) });
  return {
    partner: worker,
    send: (request) => worker.postMessage(request),
    listen: (listener) => void worker.on('message', listener),
  };
}

/** For the program of a processLine or threadLine: its argument, as JSON. */
export function givenArgument(): string {
  return isMainThread ? (process.argv[2] ?? '') : String(workerData);
}

/**
 * For such a program: says that it has started and answers from then on, until `isLast` of a
 * request. An error ends it, and with it the conversation.
 */
export function answerEach<Request, Reply>(
  answer: (request: Request) => Promise<Reply>,
  isLast: (request: Request) => boolean,
): void {
  const tell = (reply: unknown): void => {
    if (parentPort === null) process.send?.(reply);
    else parentPort.postMessage(reply);
  };
  let ended = false;
  const onRequest = async (request: Request): Promise<void> => {
    const reply = await answer(request);
    tell(reply);
    if (!isLast(request)) return;
    ended = true;
    if (parentPort === null) process.disconnect();
    else parentPort.close();
  };
  // An error is nobody's to catch: it is printed, and ends the process or the thread.
  const listener = (request: Request): void => void onRequest(request);
  if (parentPort === null) {
    process.on('message', listener);
    // Nobody asks any more, and nobody would end what goes on.
    process.on('disconnect', () => {
      if (!ended) process.exit(1);
    });
  } else parentPort.on('message', listener);
  tell('started');
}
