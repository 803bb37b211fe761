/** A reader, in a process or a worker thread of its own; started by crew.ts. */

import { readFileSync, realpathSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { contenderNamed } from '../contenders/all.ts';
import type { Session } from '../contenders/contender.ts';
import { answerEach, givenArgument } from '../conversation.ts';
import { expectedKey, expectedValue, keyOf, randomRows, seenValue } from '../data.ts';
import { requireSeen } from '../workloads/workload.ts';
import type { ReaderReply, ReaderRequest, ReaderTask, Reading } from './protocol.ts';
import { fileMemory, processMemory } from './smaps.ts';
import { threadCpuMs } from './thread-time.ts';

/** Gets between two turns of the event loop. lmdb-js reads from one snapshot until the next turn. */
const BATCH = 1000;
const BATCHES = 200;

/** Keys to get, and what their values have to add up to. */
interface Batch {
  readonly keys: readonly string[];
  readonly expected: number;
}

const task: ReaderTask = JSON.parse(givenArgument());
const contender = contenderNamed(task.contender);
const session = await contender.open(task.folder);
const get = session.reader('get');
const batches = drawBatches(task);
let next = 0;

answerEach(answer, ({ kind }) => kind === 'close');

async function answer(request: ReaderRequest): Promise<ReaderReply> {
  switch (request.kind) {
    case 'all':
      await readAll(session, task.rows);
      return { kind: 'done' };
    case 'gets':
      return { kind: 'gets', ...(await readBetween(request.fromMs, request.untilMs)) };
    case 'memory': {
      const path = realpathSync(contender.file(task.folder));
      return {
        kind: 'memory',
        file: fileMemory(readFileSync('/proc/self/smaps', 'utf8'), path),
        process: processMemory(readFileSync('/proc/self/smaps_rollup', 'utf8')),
      };
    }
    case 'close':
      await session.close();
      return { kind: 'done' };
  }
}

async function readBetween(fromMs: number, untilMs: number): Promise<Reading> {
  await setTimeout(Math.max(0, fromMs - now()));
  const cpuBefore = threadCpuMs();
  const start = now();
  let gets = 0;
  do {
    getBatch(batches[next++ % BATCHES]!);
    gets += BATCH;
    await setImmediate();
  } while (now() < untilMs);
  return { gets, ms: now() - start, cpuMs: threadCpuMs() - cpuBefore };
}

function getBatch({ keys, expected }: Batch): void {
  let seen = 0;
  for (const key of keys) {
    const value = get(key);
    if (value !== undefined) seen += seenValue(value);
  }
  requireSeen(seen, expected);
}

async function readAll(session: Session, rows: number): Promise<void> {
  let expected = 0;
  for (let row = 0; row < rows; row++) expected += expectedKey(row) + expectedValue(row);
  requireSeen(await session.scanner('range', false)(), expected);
}

function drawBatches({ rows, seed }: ReaderTask): Batch[] {
  return Array.from({ length: BATCHES }, (_, i) => {
    const drawn = randomRows(BATCH, rows, seed * BATCHES + i);
    const expected = drawn.reduce((sum, row) => sum + expectedValue(row), 0);
    return { keys: drawn.map(keyOf), expected };
  });
}

/** Milliseconds since 1970, finer than Date.now, the same for all processes. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
