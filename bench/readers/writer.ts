/** A process that commits all the time, when it is told to; started by crew.ts. */

import { setImmediate } from 'node:timers/promises';
import { contenderNamed } from '../contenders/all.ts';
import type { Entry } from '../contenders/contender.ts';
import { answerEach, givenArgument } from '../conversation.ts';
import { keyOf, randomRows, rowValue, VALUE_BYTES } from '../data.ts';
import type { ReaderTask, WriterReply, WriterRequest, Writing } from './protocol.ts';

const task: ReaderTask = JSON.parse(givenArgument());
const session = await contenderNamed(task.contender).open(task.folder);
let transaction = 0;
let paused = false;
/** What goes on, until it is paused. */
let writing: Promise<Writing> | undefined;

answerEach(answer, ({ kind }) => kind === 'close');

async function answer(request: WriterRequest): Promise<WriterReply> {
  switch (request.kind) {
    case 'write':
      paused = false;
      await commit(request.putsACommit);
      writing = commitUntilPaused(request.putsACommit);
      return { kind: 'done' };
    case 'pause':
      paused = true;
      if (writing === undefined) throw new Error('the writer was to pause and did not write');
      return { kind: 'paused', ...(await writing) };
    case 'close':
      await session.close();
      return { kind: 'done' };
  }
}

async function commitUntilPaused(puts: number): Promise<Writing> {
  const start = performance.now();
  let commits = 0;
  while (!paused) {
    await commit(puts);
    commits++;
    // Otherwise a commit that waits for nothing would keep 'pause' from being heard.
    await setImmediate();
  }
  return { commits, ms: performance.now() - start };
}

/** Durable: the session's default. */
function commit(puts: number): Promise<void> {
  transaction++;
  return session.fill(stampedRows(randomRows(puts, task.rows, task.seed + transaction)));
}

/** Rows whose values still tell which row they are of, and end with the transaction. */
function* stampedRows(rows: readonly number[]): Generator<Entry> {
  for (const row of rows) {
    const value = rowValue(row);
    new DataView(value.buffer).setUint32(VALUE_BYTES - 4, transaction);
    yield [keyOf(row), value];
  }
}
