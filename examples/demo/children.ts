/** Child processes: started, listened to, killed; none outlives the demo. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { type Message, type ReaderCounts, readMessage } from './messages.ts';

type Running = ChildProcessByStdio<Writable, Readable, null>;

const running = new Set<Running>();

/** How often a child is asked again for what is awaited, and when that is given up. */
const ASK_MS = 20;
const PATIENCE_MS = 20_000;

/** For the end of the demo, whatever its reason. */
export function killAllChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A program of this folder that runs as a process of its own. */
class Child {
  readonly pid: number;
  /** When all that it wrote has been read and it has ended: how it ended. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  private readonly process: Running;
  private readonly waiting = new Map<Message['kind'], (message: Message) => void>();

  constructor(program: string, path: string) {
    const file = join(import.meta.dirname, program);
    this.process = spawn(process.execPath, [file, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.pid = this.process.pid ?? 0;
    running.add(this.process);
    // Where a child is gone, its end is what is told.
    this.process.stdin.on('error', () => {});
    const lines = createInterface({ input: this.process.stdout });
    lines.on('line', (line) => this.receive(readMessage(line)));
    const read = once(lines, 'close');
    this.ended = once(this.process, 'close').then(async ([code, signal]) => {
      running.delete(this.process);
      await read;
      return { code, signal };
    });
  }

  /** SIGKILL: the process gets no chance to do anything more. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end. */
  protected async finish(): Promise<void> {
    this.process.stdin.end();
    await this.ended;
  }

  protected ask(): void {
    this.process.stdin.write('\n');
  }

  protected receive(message: Message): void {
    this.waiting.get(message.kind)?.(message);
    this.waiting.delete(message.kind);
  }

  /** The next message of that kind; rejects when the child ends before. */
  protected next<K extends Message['kind']>(kind: K): Promise<Message & { kind: K }> {
    return new Promise((resolve, reject) => {
      this.waiting.set(kind, (message) => {
        if (isKind(message, kind)) resolve(message);
      });
      void this.ended.then(({ code, signal }) => {
        reject(new Error(`Process ${this.pid} ended by ${signal ?? code} before its "${kind}".`));
      });
    });
  }
}

const isKind = <K extends Message['kind']>(m: Message, kind: K): m is Message & { kind: K } =>
  m.kind === kind;

export class ReaderChild extends Child {
  readonly problems: string[] = [];
  /** When it has checked the whole file once. */
  readonly ready: Promise<{ cities: number; people: number }>;

  constructor(path: string) {
    super('reader.js', path);
    this.ready = this.next('ready');
  }

  async counts(): Promise<ReaderCounts> {
    const answer = this.next('counts');
    this.ask();
    return (await answer).counts;
  }

  /** Asks until what it counts is as wanted; the last counts if it never is. */
  async until(wanted: (counts: ReaderCounts) => boolean): Promise<ReaderCounts> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const counts = await this.counts();
      if (wanted(counts) || performance.now() > deadline) return counts;
      await wait(ASK_MS);
    }
  }

  /** Ends it; resolves to its last counts. */
  async stop(): Promise<ReaderCounts> {
    const counts = await this.counts();
    await this.finish();
    return counts;
  }

  protected override receive(message: Message): void {
    if (message.kind === 'problem') this.problems.push(message.problem);
    super.receive(message);
  }
}

export class WriterChild extends Child {
  /** The transactions that it told were durable. */
  readonly done: (Message & { kind: 'done' })[] = [];

  constructor(path: string) {
    super('writer.js', path);
  }

  /** When it has told of its next transaction. */
  async progress(): Promise<void> {
    await this.next('done');
  }

  protected override receive(message: Message): void {
    if (message.kind === 'done') this.done.push(message);
    super.receive(message);
  }
}
