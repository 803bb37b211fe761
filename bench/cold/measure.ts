/** Opens a file of which nothing is in memory, in a new process each time, and reads from it. */

import { statSync } from 'node:fs';
import { Conversation, processLine } from '../conversation.ts';
import type { Advice } from './advice.ts';
import type { ColdOptions, Step } from './options.ts';
import { dropFromMemory, readAheadBytes, residentBytes } from './page-cache.ts';
import type { ColdReply, ColdRequest, ColdTask, Taken } from './protocol.ts';

/** What one part of a round took. */
export interface Part extends Taken {
  /** Of the file, in memory when it was over. */
  readonly residentBytes: number;
}

export interface ColdRound {
  readonly open: Part;
  /** What follows the open: `ColdResult.step`. */
  readonly step: Part;
}

export interface ColdResult {
  readonly advice: Advice;
  /** 'again': 'first' once more, with the same key, in a new process: all is in memory. */
  readonly step: Step | 'again';
  readonly rounds: readonly ColdRound[];
}

export interface ColdFile {
  readonly fileBytes: number;
  /** Levels of the tree, leaves included. */
  readonly depth: number;
  readonly fillSeconds: number;
  readonly readAheadBytes: number | undefined;
}

/** Scans are long, and near to one another. */
const SCANS = 1;
const GETS = 1000;

export async function makeFile(path: string, rows: number): Promise<ColdFile> {
  const child = new ColdProcess({ path, advice: 'default' });
  const { depth, seconds } = await child.fill({ kind: 'fill', rows });
  await child.close();
  return {
    fileBytes: statSync(path).size,
    depth,
    fillSeconds: seconds,
    readAheadBytes: readAheadBytes(path),
  };
}

export async function measureCold(path: string, options: ColdOptions): Promise<ColdResult[]> {
  const { steps, advice, rounds } = options;
  const lanes = advice.flatMap((each) => steps.map((step) => new Lane(each, step)));
  for (let round = 0; round < rounds; round++) {
    for (const { step, advice, cold, again } of lanes) {
      if (step === 'scan' && round >= SCANS) continue;
      const request = requestOf(step, options.rows, round + 1);
      dropFromMemory(path);
      cold.push(await oneRound(path, advice, request));
      if (step === 'first') again.push(await oneRound(path, advice, request));
    }
  }
  return lanes.flatMap((lane) => lane.results());
}

/** The rounds of one step with one advice. */
class Lane {
  readonly cold: ColdRound[] = [];
  /** Each after the cold one with the same key. */
  readonly again: ColdRound[] = [];
  readonly advice: Advice;
  readonly step: Step;

  constructor(advice: Advice, step: Step) {
    this.advice = advice;
    this.step = step;
  }

  results(): ColdResult[] {
    const { advice, step, cold, again } = this;
    const results: ColdResult[] = [{ advice, step, rounds: cold }];
    if (again.length > 0) results.push({ advice, step: 'again', rounds: again });
    return results;
  }
}

async function oneRound(path: string, advice: Advice, request: ColdRequest): Promise<ColdRound> {
  const child = new ColdProcess({ path, advice });
  const open = await child.part({ kind: 'open' });
  const step = await child.part(request);
  await child.close();
  return { open, step };
}

function requestOf(step: Step, rows: number, seed: number): ColdRequest {
  if (step === 'scan') return { kind: 'scan', rows };
  return { kind: 'get', count: step === 'first' ? 1 : GETS, rows, seed };
}

/** The process that opens the file. */
export class ColdProcess {
  private readonly path: string;
  private readonly conversation: Conversation<ColdRequest, ColdReply>;

  constructor(task: ColdTask) {
    this.path = task.path;
    this.conversation = new Conversation<ColdRequest, ColdReply>(
      processLine(new URL('./child.js', import.meta.url), task),
    );
  }

  async part(request: ColdRequest): Promise<Part> {
    const reply = await this.conversation.ask(request);
    if (reply.kind !== 'taken') throw new Error(`the process answered "${reply.kind}"`);
    const { ms, cpuMs, majorFaults, readBytes } = reply;
    return { ms, cpuMs, majorFaults, readBytes, residentBytes: residentBytes(this.path) };
  }

  async fill(request: ColdRequest): Promise<{ depth: number; seconds: number }> {
    const reply = await this.conversation.ask(request);
    if (reply.kind !== 'filled') throw new Error(`the process answered "${reply.kind}"`);
    return reply;
  }

  async close(): Promise<void> {
    await this.conversation.askLast({ kind: 'close' });
  }
}
