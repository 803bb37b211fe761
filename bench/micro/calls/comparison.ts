/** One call of the API, in each way that there is: first compared, then measured with benny. */

import { deepStrictEqual } from 'node:assert/strict';
import benny from 'benny';
import { OURS } from '../../contenders/names.ts';
import { BORROWING, type Call, type SingleCall } from './calls.ts';
import type { Coppice, Lmdb, Rows } from './databases.ts';
import type { CallResult } from './report.ts';

export interface Databases {
  readonly coppice: Coppice;
  readonly lmdb: Lmdb;
}

interface Way {
  readonly contender: string;
  readonly variant: string;
  readonly call: Call;
  /** What the database has under the key of a row. */
  readonly stored: (i: number) => Uint8Array | undefined;
}

/** Rows for which every way has to return the same. */
const COMPARED = 50;

/** Throws an AssertionError when two ways do not return, or do not leave, the same. */
export function requireSame(single: SingleCall, databases: Databases, rows: Rows): void {
  const [first, ...others] = waysOf(single, databases, rows);
  if (first === undefined) throw new RangeError(`${single.name} is done in no way`);
  for (let i = 0; i < COMPARED; i++) {
    const expected = outcomeOf(first, single, i, rows);
    for (const way of others) {
      const names = `${first.contender} ${first.variant} and ${way.contender} ${way.variant}`;
      const found = outcomeOf(way, single, i, rows);
      deepStrictEqual(found, expected, `${single.name}: ${names} differ at ${rows.keys[i]}`);
    }
  }
}

/** In at most `seconds` each. */
export async function measureCall(
  single: SingleCall,
  databases: Databases,
  rows: Rows,
  seconds: number,
): Promise<CallResult[]> {
  const ways = waysOf(single, databases, rows);
  const cases = ways.map(({ contender, variant, call }) => {
    let i = 0;
    return benny.add(
      `${contender} ${variant}`,
      () => {
        call(i);
        i = rows.after(i);
      },
      { maxTime: seconds, minTime: seconds / 40 },
    );
  });
  const { results } = await benny.suite(single.title, ...cases);
  return results.map(({ details, samples }, at) => ({
    call: single.name,
    contender: ways[at]?.contender ?? '',
    variant: ways[at]?.variant ?? '',
    borrows: ways[at]?.variant === BORROWING,
    ns: (details.mean * 1e9) / single.operations,
    marginPercent: details.relativeMarginOfError,
    samples,
  }));
}

function waysOf(single: SingleCall, { coppice, lmdb }: Databases, rows: Rows): Way[] {
  const key = (i: number): string => rows.keys[i] ?? '';
  const ours = Object.entries(single.coppice).map(([variant, make]) => ({
    contender: OURS,
    variant,
    call: make(coppice, rows),
    stored: (i: number) => coppice.bytes.get(key(i)),
  }));
  const theirs = Object.entries(single.lmdb).map(([variant, make]) => ({
    contender: 'lmdb',
    variant,
    call: make(lmdb, rows),
    stored: (i: number) => lmdb.bytes.get(key(i)),
  }));
  return [...ours, ...theirs];
}

function outcomeOf({ call, stored }: Way, single: SingleCall, i: number, rows: Rows): unknown {
  const returned = call(i);
  if (!single.writes) return plain(returned);
  const written: unknown[] = [];
  for (let j = i, left = single.operations; left > 0; left--, j = rows.after(j)) {
    written.push(plain(stored(j)), plain(rows.values[j]));
  }
  return written;
}

/**
 * Bytes as text: each database has its own class for them, and may reuse them. The array that
 * getBinaryFast returns is longer than its `length` says.
 */
function plain(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return Buffer.from(value.subarray(0, value.length)).toString('hex');
}
