/**
 * Runs workloads: a child process for each contender and variant, all set up first, then one round
 * of each in turn, so that what else happens on the machine happens to all of them.
 */

import { constants, cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from './child-process.ts';
import { type Entrant, isProgram } from './contenders/all.ts';
import { OURS } from './contenders/names.ts';
import type { ChildTask, Reply } from './protocol.ts';
import type { Scale, Workload } from './workloads/workload.ts';

/** The rounds of one contender's variant in one workload. */
export interface Result {
  readonly workload: string;
  readonly contender: string;
  readonly variant: string;
  /** Whether the variant does less than the task; see Contestant. */
  readonly borrows: boolean;
  readonly operations: number;
  /** Of each round that counts, in their order. */
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
  /** In all of these rounds: what was put, and what the process wrote for it. */
  readonly bytesPut: number;
  readonly writeCalls: number;
  readonly writeBytes: number;
  /** Page faults in all of these rounds. */
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** The most memory that the process had at any time, what it maps and shares with it. */
  readonly peakRssBytes: number;
  /** What holds the data when the rounds were over: still open, and closed. */
  readonly fileBytes: number;
  readonly closedBytes: number;
}

type RoundReply = Extract<Reply, { kind: 'round' }>;

/** The folder in which the contender keeps its file. */
export function folderOf(data: string, contender: Entrant): string {
  return join(data, contender.name);
}

/** Makes the rows of each contender, in a process that ends before anything is timed. */
export async function fill(
  entrants: readonly Entrant[],
  data: string,
  scale: Scale,
): Promise<void> {
  for (const contender of entrants) {
    const folder = folderOf(data, contender);
    mkdirSync(folder, { recursive: true });
    const child = startChild(taskOf('fill', contender, 'fill', folder, scale), contender);
    await child.ask('fill');
    await child.end();
  }
}

/** The variants in which it does the workload: none where it does not. */
export function variantsOf(workload: Workload, contender: Entrant): readonly string[] {
  if (!workload.peers && contender.name !== OURS) return [];
  if (isProgram(contender)) return contender.workloads.includes(workload.name) ? ['mdb'] : [];
  return contender.variants[workload.task] ?? [];
}

/** How many rounds are timed where `rounds` are asked for. */
export function roundsOf(workload: Workload, rounds: number): number {
  return Math.max(Math.min(rounds, 5), Math.round(rounds * workload.roundsFactor));
}

/** All contenders and variants of one workload; `rounds` are timed, times the workload's factor. */
export async function runWorkload(
  workload: Workload,
  entrants: readonly Entrant[],
  data: string,
  scale: Scale,
): Promise<Result[]> {
  const lanes = entrants.flatMap((contender) =>
    variantsOf(workload, contender).map((variant) => {
      const folder = folderOf(data, contender);
      return new Lane(workload, contender, variant, folder, scale);
    }),
  );
  const last = workload.warmUp + roundsOf(workload, scale.rounds);
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
  private readonly contender: Entrant;
  private readonly freshProcess: boolean;
  private readonly ownFolder: boolean;
  private readonly replies: RoundReply[] = [];
  private peakRssBytes = 0;
  private child: Child | undefined;

  constructor(
    workload: Workload,
    contender: Entrant,
    variant: string,
    folder: string,
    scale: Scale,
  ) {
    const shared = workload.starts === 'shared rows';
    const own = shared ? folder : `${folder}-${workload.name}-${variant.replaceAll(/\W+/g, '-')}`;
    if (workload.starts === 'empty') mkdirSync(own, { recursive: true });
    else if (!shared) cpSync(folder, own, { recursive: true, mode: constants.COPYFILE_FICLONE });
    this.task = taskOf(workload.name, contender, variant, own, scale);
    this.contender = contender;
    this.freshProcess = workload.freshProcess;
    this.ownFolder = !shared;
  }

  async round(counts: boolean): Promise<void> {
    // Each round of one process begins without what the last one left.
    const flags = this.freshProcess ? [] : ['--expose-gc'];
    this.child ??= startChild(this.task, this.contender, flags);
    const reply = await this.child.ask('round');
    if (reply.kind !== 'round') throw new Error(`a child answered "${reply.kind}" to a round`);
    if (counts) this.replies.push(reply);
    if (this.freshProcess) await this.endChild();
  }

  async end(): Promise<Result> {
    // Before the close, which gives unused space back.
    const { workload, contender, variant, folder } = this.task;
    const fileBytes = this.contender.sizeBytes(folder);
    await this.endChild();
    const closedBytes = this.contender.sizeBytes(folder);
    if (this.ownFolder) rmSync(folder, { recursive: true });
    const sum = (of: (reply: RoundReply) => number): number =>
      this.replies.reduce((total, reply) => total + of(reply), 0);
    return {
      workload,
      contender,
      variant,
      borrows: this.contender.borrowing.includes(variant),
      operations: this.replies[0]?.operations ?? 0,
      ms: this.replies.map((reply) => reply.ms),
      cpuMs: this.replies.map((reply) => reply.cpuMs),
      bytesPut: sum((reply) => reply.bytesPut),
      writeCalls: sum((reply) => reply.writes.calls),
      writeBytes: sum((reply) => reply.writes.bytes),
      minorFaults: sum((reply) => reply.faults.minor),
      majorFaults: sum((reply) => reply.faults.major),
      peakRssBytes: this.peakRssBytes,
      fileBytes,
      closedBytes,
    };
  }

  private async endChild(): Promise<void> {
    if (this.child === undefined) return;
    this.peakRssBytes = Math.max(this.peakRssBytes, await this.child.end());
    this.child = undefined;
  }
}

function taskOf(
  workload: string,
  contender: Entrant,
  variant: string,
  folder: string,
  scale: Scale,
): ChildTask {
  return { workload, contender: contender.name, variant, folder, scale };
}
