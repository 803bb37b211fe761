// Single calls: both databases have to do the same, and one that does not is noticed.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callNamed, calls, type SingleCall } from '../../bench/micro/calls/calls.ts';
import { type Databases, requireSame } from '../../bench/micro/calls/comparison.ts';
import { drawRows, openBothLmdb, openCoppice } from '../../bench/micro/calls/databases.ts';
import { callsTable } from '../../bench/micro/calls/report.ts';

const ROWS = 500;
const rows = drawRows(ROWS);
let folder: string;
let databases: Databases;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'coppice-calls-'));
  mkdirSync(folder, { recursive: true });
  databases = { coppice: await openCoppice(folder, ROWS), lmdb: openBothLmdb(folder, ROWS) };
});

afterAll(async () => {
  await databases.coppice.db.close();
  await databases.lmdb.bytes.close();
  await databases.lmdb.objects.close();
  rmSync(folder, { recursive: true });
});

describe('single calls', () => {
  it.each(calls.map(({ name }) => name))('%s: all ways of it do the same', (name) => {
    requireSame(callNamed(name), databases, rows);
  });

  it('a way that returns something else is noticed, and one that writes something else', () => {
    const get = callNamed('get');
    const wrong: SingleCall = {
      ...get,
      lmdb: {
        get:
          ({ bytes }, { keys }) =>
          (i) =>
            bytes.get(keys[i + 1]!),
      },
    };
    expect(() => requireSame(wrong, databases, rows)).toThrow(
      /get: coppice get and lmdb get differ/,
    );
    const put = callNamed('put');
    const lazy: SingleCall = { ...put, lmdb: { nothing: () => () => true } };
    const others = { ...rows, values: rows.values.map((value) => value.slice().fill(7, 50)) };
    expect(() => requireSame(lazy, databases, others)).toThrow(
      /coppice writeSync and lmdb nothing/,
    );
  });

  it('the table: ns and operations a second with the margin, ours as 1', () => {
    const figure = { call: 'has', borrows: false, marginPercent: 1.25, samples: 9 };
    const text = callsTable([
      { ...figure, contender: 'coppice', variant: 'has', ns: 500 },
      { ...figure, contender: 'lmdb', variant: 'doesExist', ns: 250 },
    ]);
    const lines = text.split('\n');
    expect(lines[2]).toMatch(/coppice has +\| +500 \| ± 1\.[23] % \| 2,000,000 \| +1 \|/);
    expect(lines[3]).toMatch(/lmdb doesExist \| +250 \| ± 1\.[23] % \| 4,000,000 \| +0\.50 \|/);
  });
});
