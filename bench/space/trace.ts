/**
 * What strace saw a process write, by transaction. The process writes a byte into a file of its own
 * before each of them (`Marker`).
 */

import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What one transaction wrote into the data file. */
export interface TracedWrites {
  /** Of pages: what lies past the metas. */
  pageCalls: number;
  pageBytes: number;
  /** Contiguous stretches of pages, in whatever order and calls they were written. */
  runs: number;
  metaBytes: number;
}

const MARKER = 'marker';

export class Marker {
  private readonly descriptor: number;

  constructor(folder: string) {
    this.descriptor = openSync(join(folder, MARKER), 'w');
  }

  /** A transaction begins; or, after the last one, what follows does not count. */
  mark(): void {
    writeSync(this.descriptor, '.');
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** A call as strace prints it: thread, call, descriptor and its path, the rest. */
const CALL = /^(\d+) +(?:<\.\.\. )?(\w+)(?:\((\d+)<([^>]*)>)?(.*)$/;
const CUT = ' <unfinished ...>';

interface Piece {
  readonly from: number;
  readonly to: number;
}

/** The part of a call's line before another thread's line cuts it in two. */
interface Begun {
  readonly descriptor: string;
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the trace of a process that marked each transaction and the end.
 * `file`: the data file; `metaEnd`: where its pages begin, in bytes.
 */
export async function readTrace(
  trace: string,
  file: string,
  metaEnd: number,
): Promise<TracedWrites[]> {
  const transactions: TracedWrites[] = [];
  let pieces: Piece[] | undefined;
  const positions = new Map<string, number>();
  const cut = new Map<string, Begun>();
  for await (const line of createInterface({ input: createReadStream(trace) })) {
    const [, thread = '', call = '', descriptor, path = '', text = ''] = CALL.exec(line) ?? [];
    if (descriptor !== undefined && text.endsWith(CUT)) {
      cut.set(thread, { descriptor, path, text: text.slice(0, -CUT.length) });
      continue;
    }
    const begun = descriptor === undefined ? cut.get(thread) : { descriptor, path, text: '' };
    if (begun === undefined) continue;
    cut.delete(thread);
    if (begun.path.endsWith(`/${MARKER}`)) {
      if (pieces !== undefined) transactions.push(counted(pieces, metaEnd));
      pieces = [];
    } else if (begun.path === file) {
      const rest = begun.text + text.replace(/^ resumed>/, '');
      const piece = pieceOf(call, rest, begun.descriptor, positions);
      if (piece !== undefined) pieces?.push(piece);
    }
  }
  return transactions;
}

/** What a call wrote; a seek or a write in sequence moves the descriptor's position. */
function pieceOf(
  call: string,
  rest: string,
  descriptor: string,
  positions: Map<string, number>,
): Piece | undefined {
  const result = Number(/ = (-?\d+)/.exec(rest)?.[1] ?? -1);
  if (result < 0) return undefined;
  if (call === 'lseek') {
    positions.set(descriptor, result);
    return undefined;
  }
  if (call.startsWith('pwrite')) {
    const offset = / (\d+)\) +=/.exec(rest)?.[1];
    if (offset === undefined) throw new Error(`no offset in the trace: ${call}${rest}`);
    return { from: Number(offset), to: Number(offset) + result };
  }
  const from = positions.get(descriptor) ?? 0;
  positions.set(descriptor, from + result);
  return { from, to: from + result };
}

function counted(pieces: Piece[], metaEnd: number): TracedWrites {
  const writes: TracedWrites = { pageCalls: 0, pageBytes: 0, runs: 0, metaBytes: 0 };
  let last = -1;
  for (const { from, to } of pieces.sort((a, b) => a.from - b.from)) {
    if (from < metaEnd) {
      writes.metaBytes += to - from;
      continue;
    }
    writes.pageCalls++;
    writes.pageBytes += to - from;
    if (from !== last) writes.runs++;
    last = to;
  }
  return writes;
}
