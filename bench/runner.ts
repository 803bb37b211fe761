/**
 * Runs workloads: a child process for each contender and variant, all set up first, then one round
 * of each in turn, so that what else happens on the machine happens to all of them.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, cpSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { contenders, OURS } from './contenders/all.ts';
import type { Contender } from './contenders/contender.ts';
import type { ChildTask, Reply, Request } from './protocol.ts';
import type { Scale, Workload } from './workloads/workload.ts';

/** The rounds of one contender's variant in one workload. */
export interface Result {
  readonly workload: string;
  readonly contender: string;
  readonly variant: string;
  readonly operations: number;
  /** Of each round that counts, in their order. */
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
  /** In all of these rounds: what was put, and what the process wrote for it. */
  readonly bytesPut: number;
  readonly writeCalls: number;
  readonly writeBytes: number;
  /** The length of the file when the rounds were over. */
  readonly fileBytes: number;
}

type RoundReply = Extract<Reply, { kind: 'round' }>;

/** The folder in which the contender keeps its file. */
export function folderOf(data: string, contender: Contender): string {
  return join(data, contender.name);
}

/** Makes the rows of each contender, in a process that ends before anything is timed. */
export async function fill(data: string, scale: Scale): Promise<void> {
  for (const contender of contenders) {
    const folder = folderOf(data, contender);
    mkdirSync(folder, { recursive: true });
    const child = new Child(taskOf('fill', contender, 'fill', folder, scale));
    await child.ask('fill');
    await child.end();
  }
}

/** All contenders and variants of one workload; `rounds` are timed, times the workload's factor. */
export async function runWorkload(
  workload: Workload,
  data: string,
  scale: Scale,
  rounds: number,
): Promise<Result[]> {
  const lanes = contenders
    .filter(({ name }) => workload.peers || name === OURS)
    .flatMap((contender) =>
      contender.variants[workload.task].map((variant) => {
        const folder = folderOf(data, contender);
        return new Lane(workload, contender, variant, folder, scale);
      }),
    );
  const last = workload.warmUp + rounds * workload.roundsFactor;
  for (let round = 0; round < last; round++) {
    for (const lane of lanes) await lane.round(round >= workload.warmUp);
  }
  const results: Result[] = [];
  for (const lane of lanes) results.push(await lane.end());
  return results;
}

/** One contender's variant: its process, or one after the other. */
class Lane {
  private readonly task: ChildTask;
  private readonly contender: Contender;
  private readonly freshProcess: boolean;
  private readonly ownFolder: boolean;
  private readonly replies: RoundReply[] = [];
  private child: Child | undefined;

  constructor(
    workload: Workload,
    contender: Contender,
    variant: string,
    folder: string,
    scale: Scale,
  ) {
    const own = workload.writes ? `${folder}-${variant}` : folder;
    if (own !== folder) cpSync(folder, own, { recursive: true, mode: constants.COPYFILE_FICLONE });
    this.task = taskOf(workload.name, contender, variant, own, scale);
    this.contender = contender;
    this.freshProcess = workload.freshProcess;
    this.ownFolder = workload.writes;
  }

  async round(counts: boolean): Promise<void> {
    this.child ??= new Child(this.task);
    const reply = await this.child.ask('round');
    if (reply.kind !== 'round') throw new Error(`a child answered "${reply.kind}" to a round`);
    if (counts) this.replies.push(reply);
    if (this.freshProcess) await this.endChild();
  }

  async end(): Promise<Result> {
    // Before the close, which gives unused space back.
    const fileBytes = statSync(this.contender.file(this.task.folder)).size;
    await this.endChild();
    const { workload, contender, variant, folder } = this.task;
    if (this.ownFolder) rmSync(folder, { recursive: true });
    const sum = (of: (reply: RoundReply) => number): number =>
      this.replies.reduce((total, reply) => total + of(reply), 0);
    return {
      workload,
      contender,
      variant,
      operations: this.replies[0]?.operations ?? 0,
      ms: this.replies.map((reply) => reply.ms),
      cpuMs: this.replies.map((reply) => reply.cpuMs),
      bytesPut: sum((reply) => reply.bytesPut),
      writeCalls: sum((reply) => reply.writes.calls),
      writeBytes: sum((reply) => reply.writes.bytes),
      fileBytes,
    };
  }

  private async endChild(): Promise<void> {
    await this.child?.end();
    this.child = undefined;
  }
}

/** A child process; see child.ts. */
class Child {
  private readonly process: ChildProcess;
  private readonly started: Promise<Reply>;

  constructor(task: ChildTask) {
    this.process = fork(new URL('./child.js', import.meta.url), [JSON.stringify(task)], {
      execArgv: ['--expose-gc'],
    });
    this.started = this.reply();
  }

  async ask(request: Request): Promise<Reply> {
    await this.started;
    const reply = this.reply();
    this.process.send(request);
    return reply;
  }

  async end(): Promise<void> {
    const exit = once(this.process, 'exit');
    await this.ask('close');
    await exit;
  }

  private reply(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        this.process.off('message', onMessage);
        reject(new Error(`a child process ended with ${code ?? signal}`));
      };
      const onMessage = (reply: Reply): void => {
        this.process.off('exit', onExit);
        resolve(reply);
      };
      this.process.once('exit', onExit);
      this.process.once('message', onMessage);
    });
  }
}

function taskOf(
  workload: string,
  contender: Contender,
  variant: string,
  folder: string,
  scale: Scale,
): ChildTask {
  return { workload, contender: contender.name, variant, folder, scale };
}
