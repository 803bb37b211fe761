/** The process that opens a file of which nothing is in memory; started by measure.ts. */

import { readFileSync } from 'node:fs';
import { type Blob, type Database, open, type Store } from 'coppice';
import { answerEach, givenArgument } from '../conversation.ts';
import {
  ascendingRows,
  expectedKey,
  expectedValue,
  keyOf,
  randomRows,
  seenKey,
  seenValue,
} from '../data.ts';
import { requireSeen } from '../workloads/workload.ts';
import { advise } from './advice.ts';
import { isPart, largeValue } from './large-value.ts';
import type { ColdReply, ColdRequest, ColdTask, Taken } from './protocol.ts';

const VALUE_KEY = 'value';

const task: ColdTask = JSON.parse(givenArgument());
let opened: { db: Database; store: Store<string, Uint8Array> } | undefined;
let blob: Blob | undefined;
let closeAdvice = (): void => {};

answerEach(answer, ({ kind }) => kind === 'close');

async function answer(request: ColdRequest): Promise<ColdReply> {
  switch (request.kind) {
    case 'fill':
      return fill(async (store) => {
        if (store.count() === request.rows) return;
        await store.bulkLoad(ascendingRows(request.rows));
        if (store.count() !== request.rows) throw new Error(`${task.path} has other rows in it`);
      });
    case 'fill value':
      return fill(async (store) => {
        const source = ReadableStream.from(largeValue(request.bytes));
        await store.putStream(VALUE_KEY, request.bytes, source);
      });
    case 'open':
      closeAdvice = advise(task.path, task.advice);
      return taken(openFile);
    case 'get':
      return get(request.count, request.rows, request.seed);
    case 'scan':
      return scan(request.rows);
    case 'blob':
      return taken(() => {
        blob = store().blob(VALUE_KEY);
      });
    case 'slice':
      return slice(request.from, request.to);
    case 'close':
      blob?.dispose();
      await opened?.db.close();
      closeAdvice();
      return { kind: 'done' };
  }
}

function openFile(): void {
  const db = open(task.path);
  opened = { db, store: db.store('rows', { key: 'string', value: 'bytes' }) };
}

function store(): Store<string, Uint8Array> {
  if (opened === undefined) throw new Error('the file was not opened');
  return opened.store;
}

async function fill(make: (store: Store<string, Uint8Array>) => Promise<void>): Promise<ColdReply> {
  const start = performance.now();
  openFile();
  await make(store());
  const depth = opened?.db.stats().stores[0]?.depth ?? 0;
  return { kind: 'filled', depth, seconds: (performance.now() - start) / 1000 };
}

function get(count: number, rows: number, seed: number): ColdReply {
  const drawn = randomRows(count, rows, seed);
  const keys = drawn.map(keyOf);
  let seen = 0;
  const reply = taken(() => {
    for (const key of keys) {
      const value = store().get(key);
      if (value !== undefined) seen += seenValue(value);
    }
  });
  requireSeen(
    seen,
    drawn.reduce((sum, row) => sum + expectedValue(row), 0),
  );
  return reply;
}

function scan(rows: number): ColdReply {
  let seen = 0;
  const reply = taken(() => {
    for (const [key, value] of store().range()) seen += seenKey(key) + seenValue(value);
  });
  let expected = 0;
  for (let row = 0; row < rows; row++) expected += expectedKey(row) + expectedValue(row);
  requireSeen(seen, expected);
  return reply;
}

function slice(from: number, to: number): ColdReply {
  let bytes = new Uint8Array();
  const reply = taken(() => {
    if (blob !== undefined) bytes = new Uint8Array(blob.slice(from, to));
  });
  if (bytes.length !== to - from || !isPart(bytes, from)) {
    throw new Error(`bytes ${from} to ${to} of the value are not what was put`);
  }
  return reply;
}

function taken(act: () => void): ColdReply {
  const readBefore = bytesRead();
  const before = process.resourceUsage();
  const cpu = process.cpuUsage();
  const start = performance.now();
  act();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const { majorPageFault } = process.resourceUsage();
  const counts: Taken = {
    ms,
    cpuMs: (user + system) / 1000,
    majorFaults: majorPageFault - before.majorPageFault,
    readBytes: bytesRead() - readBefore,
  };
  return { kind: 'taken', ...counts };
}

/** From the disk, by this process so far, what the system reads ahead for it included. */
function bytesRead(): number {
  return Number(readFileSync('/proc/self/io', 'latin1').match(/^read_bytes: (\d+)$/m)?.[1]);
}
