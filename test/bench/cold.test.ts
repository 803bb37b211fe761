// What `npm run bench -- cold` makes of its arguments and of what it counted.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isPart, largeValue } from '../../bench/cold/large-value.ts';
import type { ColdFile, ColdResult, ColdRound, Part } from '../../bench/cold/measure.ts';
import { HELP, parseOptions } from '../../bench/cold/options.ts';
import { dropFromMemory } from '../../bench/cold/page-cache.ts';
import type { SliceResult } from '../../bench/cold/slice.ts';
import { judgeCold } from '../../bench/cold/verdicts.ts';

const nothing: Part = { ms: 0, cpuMs: 0, majorFaults: 0, readBytes: 0, residentBytes: 0 };

const round = (open: Partial<Part>, step: Partial<Part>): ColdRound => ({
  open: { ...nothing, ...open },
  step: { ...nothing, ...step },
});

const file: ColdFile = { fileBytes: 1e10, depth: 5, fillSeconds: 1, readAheadBytes: 2 ** 17 };

const judged = (results: readonly ColdResult[], slice?: SliceResult): Record<string, unknown>[] =>
  judgeCold({ results, file, slice }).map(({ figure, target, met }) => ({ figure, target, met }));

describe('options of cold starts', () => {
  it('without any: all steps, each advice but the one that is the default', () => {
    expect(parseOptions([])).toMatchObject({
      steps: ['first', 'gets', 'scan'],
      advice: ['default', 'random', 'sequential'],
      valueBytes: 900_000_000,
    });
  });

  it('given ones', () => {
    const args = ['--steps', 'gets, first', '--advice', 'normal', '--rows', '87e6'];
    expect(parseOptions([...args, '--value-bytes', '0'])).toMatchObject({
      steps: ['gets', 'first'],
      advice: ['normal'],
      rows: 87_000_000,
      valueBytes: 0,
    });
  });

  it('--help is for a terminal', () => {
    for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  it('what they cannot be', () => {
    expect(() => parseOptions(['--steps', 'last'])).toThrow(/there are first, gets, scan/);
    expect(() => parseOptions(['--advice', 'willneed'])).toThrow(RangeError);
    expect(() => parseOptions(['--value-bytes', '1000000'])).toThrow(/4,000,000 at least/);
    expect(() => parseOptions(['--rounds', '0'])).toThrow(RangeError);
  });
});

describe('goals for cold starts', () => {
  it('by the clock when all is in memory, open and get together', () => {
    const again = (ms: number): ColdResult => ({
      advice: 'default',
      step: 'again',
      rounds: [round({ ms: 90 }, { ms }), round({ ms: 4 }, { ms: 1 }), round({ ms: 4 }, { ms })],
    });
    expect(judged([again(1)])[0]).toEqual({
      figure: '5.00 ms',
      target: 'at most 5.00 ms',
      met: true,
    });
    expect(judged([again(1.1)])[0]).toMatchObject({ met: false });
    expect(judged([{ ...again(1), advice: 'random' }])[0]).toMatchObject({ met: undefined });
  });

  it('what is in memory at the end; with random advice pages, five levels and two', () => {
    const first = (advice: ColdResult['advice'], faults: number, pages: number): ColdResult => ({
      advice,
      step: 'first',
      rounds: [round({ majorFaults: 1 }, { majorFaults: faults - 1, residentBytes: pages * 4096 })],
    });
    expect(judged([first('default', 3, 256)])[1]).toMatchObject({ figure: '1024 KiB', met: true });
    expect(judged([first('default', 3, 257)])[1]).toMatchObject({ figure: '1028 KiB', met: false });
    expect(judged([first('random', 7, 8)]).slice(2, 4)).toMatchObject([
      { figure: '7 pages', target: 'at most 7 pages', met: true },
      { figure: '8 pages', met: false },
    ]);
  });

  it('a slice: what it loaded itself, in the worst round', () => {
    const slices = (...loaded: readonly number[]): SliceResult => ({
      valueBytes: 9e8,
      sliceBytes: 1e6,
      rounds: loaded.map((bytes) => ({
        open: nothing,
        blob: { ...nothing, residentBytes: 5e6 },
        slice: { ...nothing, residentBytes: 5e6 + bytes },
      })),
    });
    expect(judged([], slices(10, 1_200_000))[4]).toMatchObject({
      figure: '1200000 bytes',
      met: true,
    });
    expect(judged([], slices(1_200_001, 10))[4]).toMatchObject({ met: false });
    expect(judged([])[4]).toMatchObject({ figure: 'not in this run', met: undefined });
  });
});

describe('the large value', () => {
  it('says at each four bytes where they are', async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of largeValue(2 ** 20 + 6)) pieces.push(piece);
    const value = Buffer.concat(pieces);
    expect(value).toHaveLength(2 ** 20 + 6);
    expect(isPart(value, 0)).toBe(true);
    expect(isPart(value.subarray(400, 410), 400)).toBe(true);
    expect(isPart(value.subarray(400, 410), 404)).toBe(false);
    expect(isPart(value.subarray(2 ** 20, 2 ** 20 + 6), 2 ** 20)).toBe(true);
  });
});

describe('the page cache', () => {
  it.runIf(existsSync('/dev/shm'))('a file that cannot be dropped is not measured', () => {
    const folder = mkdtempSync('/dev/shm/coppice-bench-');
    try {
      const path = join(folder, 'file');
      writeFileSync(path, new Uint8Array(8192));
      expect(() => dropFromMemory(path)).toThrow(/cannot be dropped .* Give --dir|dd of GNU/);
      expect(() => dropFromMemory(join(tmpdir(), 'no', 'such'))).toThrow(/dd failed/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
