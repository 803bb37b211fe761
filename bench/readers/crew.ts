/** The readers of one file, all processes or all threads, and its writer. */

import { Conversation, processLine, threadLine } from '../conversation.ts';
import type {
  ProcessMemory,
  ReaderReply,
  ReaderRequest,
  ReaderTask,
  WriterReply,
  WriterRequest,
  Writing,
} from './protocol.ts';
import type { Round } from './scaling.ts';

/** What each reader is. Threads are worker threads of this process, which opens nothing itself. */
export type Kind = 'processes' | 'threads';

/** Until all of them have heard of a round. */
const NOTICE_MS = 20;

export class Readers {
  private readonly kind: Kind;
  private readonly task: Omit<ReaderTask, 'seed'>;
  private readonly readers: Conversation<ReaderRequest, ReaderReply>[] = [];

  constructor(kind: Kind, task: Omit<ReaderTask, 'seed'>) {
    this.kind = kind;
    this.task = task;
  }

  /** Starts what is missing to so many; each has read the whole file then. */
  async growTo(count: number): Promise<void> {
    while (this.readers.length < count) {
      const program = new URL('./reader.js', import.meta.url);
      const task: ReaderTask = { ...this.task, seed: this.readers.length + 1 };
      const reader = new Conversation<ReaderRequest, ReaderReply>(
        this.kind === 'processes' ? processLine(program, task) : threadLine(program, task),
      );
      this.readers.push(reader);
      await reader.ask({ kind: 'all' });
    }
  }

  /** The first so many get keys at the same time; the others wait. */
  async round(count: number, ms: number): Promise<Round> {
    const fromMs = Date.now() + NOTICE_MS;
    const request: ReaderRequest = { kind: 'gets', fromMs, untilMs: fromMs + ms };
    return Promise.all(
      this.readers.slice(0, count).map(async (reader) => {
        const reply = await reader.ask(request);
        if (reply.kind !== 'gets') throw unexpected(reply);
        const { gets, ms, cpuMs } = reply;
        return { gets, ms, cpuMs };
      }),
    );
  }

  /** Of each process; of threads, of the one that they are in. */
  async memory(): Promise<ProcessMemory[]> {
    const asked = this.kind === 'processes' ? this.readers : this.readers.slice(0, 1);
    return Promise.all(
      asked.map(async (reader) => {
        const reply = await reader.ask({ kind: 'memory' });
        if (reply.kind !== 'memory') throw unexpected(reply);
        const { file, process } = reply;
        return { file, process };
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.askLast({ kind: 'close' })));
  }
}

export class Writer {
  private readonly conversation: Conversation<WriterRequest, WriterReply>;

  constructor(task: ReaderTask) {
    const program = new URL('./writer.js', import.meta.url);
    this.conversation = new Conversation<WriterRequest, WriterReply>(processLine(program, task));
  }

  /** Resolves when it has committed once, and goes on. */
  async write(putsACommit: number): Promise<void> {
    await this.conversation.ask({ kind: 'write', putsACommit });
  }

  async pause(): Promise<Writing> {
    const reply = await this.conversation.ask({ kind: 'pause' });
    if (reply.kind !== 'paused') throw unexpected(reply);
    const { commits, ms } = reply;
    return { commits, ms };
  }

  async end(): Promise<void> {
    await this.conversation.askLast({ kind: 'close' });
  }
}

function unexpected({ kind }: { readonly kind: string }): Error {
  return new Error(`a reader or the writer answered "${kind}" to another question`);
}
