import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OP } from '../../src/pager/job.ts';
import { native } from '../../src/pager/native.ts';
import {
  create,
  fixture,
  mapped,
  newPath,
  open,
  RESERVE,
  run,
  SEGMENT,
  sanitized,
  start,
  startCommand,
} from './support.ts';

const PAGE = native().osPageSize;
const MIB = 2 ** 20;

async function filled(path: string) {
  const file = create(path, MIB);
  const bytes = mapped(file);
  await run(file, [OP.WRITE, 1, 0, 0, MIB, 0], [new Uint8Array(MIB).fill(7)]);
  return { file, bytes, words: file.faultWords() };
}

describe('a page that cannot be read', () => {
  test('reads as zeros and is counted, and is back after remapFaults', async () => {
    const path = newPath();
    const { file, bytes, words } = await filled(path);
    expect([bytes[5 * PAGE], words[0], words[1]]).toEqual([7, 0, 0]);
    truncateSync(path, 2 * PAGE);
    expect([bytes[5 * PAGE], bytes[5 * PAGE + 1], bytes[9 * PAGE]]).toEqual([0, 0, 0]);
    expect([Atomics.load(words, 0), Atomics.load(words, 1)]).toEqual([2, 2]);
    expect(bytes[PAGE]).toBe(7);
    expect(file.remapFaults()).toBe(2);
    writeFileSync(path, new Uint8Array(7 * PAGE).fill(9));
    expect(file.remapFaults()).toBe(1);
    expect([bytes[5 * PAGE], bytes[9 * PAGE]]).toEqual([9, 0]);
    file.grow(MIB);
    expect(file.remapFaults()).toBe(0);
    expect([Atomics.load(words, 0), Atomics.load(words, 1)]).toEqual([0, 2]);
    await run(file, [OP.WRITE, 1, 0, 0, 1, 9 * PAGE], [Uint8Array.of(3)]);
    expect(bytes[9 * PAGE]).toBe(3);
  });

  test('leaves one mapping in the kernel once all is back', async () => {
    const path = newPath();
    const { file, bytes } = await filled(path);
    const mappings = (): number =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => line.endsWith(path)).length;
    truncateSync(path, 0);
    let sum = 0;
    for (let page = 0; page < 20; page += 2) sum += bytes[page * PAGE] as number;
    expect([sum, file.faultWords()[0], mappings()]).toEqual([0, 10, 10]);
    file.grow(MIB);
    expect([file.remapFaults(), mappings()]).toEqual([0, 1]);
  });

  test('is caught in native code and in whole-range builtins as well', async () => {
    const path = newPath();
    const { bytes, words } = await filled(path);
    truncateSync(path, 0);
    expect(native().pageIsIntact(bytes, 0, PAGE, 0, 0, 0)).toBe(false);
    expect(Buffer.compare(bytes.subarray(PAGE, 2 * PAGE), new Uint8Array(PAGE))).toBe(0);
    expect(bytes.slice(2 * PAGE, 3 * PAGE)).toEqual(new Uint8Array(PAGE));
    expect(words[0]).toBe(3);
  });

  test('past thousands of them still reads as zeros, all of which come back', async () => {
    const path = newPath();
    const file = create(path, 4096 * PAGE);
    const bytes = mapped(file);
    const words = file.faultWords();
    await run(file, [OP.WRITE, 1, 0, 0, PAGE, 4000 * PAGE], [new Uint8Array(PAGE).fill(6)]);
    truncateSync(path, 0);
    let sum = 0;
    for (let page = 0; page < 4096; page++) sum += bytes[page * PAGE + 1] as number;
    expect([sum, words[0], words[1]]).toEqual([0, 4096, 4096]);
    expect(file.remapFaults()).toBe(4096);
    file.grow(4096 * PAGE);
    await run(file, [OP.WRITE, 1, 0, 0, PAGE, 4000 * PAGE], [new Uint8Array(PAGE).fill(6)]);
    expect([file.remapFaults(), words[0], bytes[4000 * PAGE]]).toEqual([0, 0, 6]);
  });

  test('is counted for every handle on the mapping, and afresh for the next mapping', async () => {
    const path = newPath();
    const { file, bytes } = await filled(path);
    const other = open(path);
    other.map(RESERVE, SEGMENT);
    truncateSync(path, 0);
    expect(bytes[0]).toBe(0);
    expect([...other.faultWords()]).toEqual([1, 1]);
    file.close();
    other.close();
    const fresh = create(newPath(), MIB);
    fresh.map(RESERVE, SEGMENT);
    expect([...fresh.faultWords()]).toEqual([0, 0]);
  });

  test('does not end a process: in JavaScript, optimised, in the main thread and in a worker', async () => {
    const program = start('faults.mjs', newPath());
    expect(await program.ended()).toMatchObject({
      code: 0,
      signal: null,
      text: 'main 0 true\nworker 0 true\nback 7\n',
    });
  });
});

describe('the handler', () => {
  test.each(['another', 'the same'])(
    'is put in place again when %s file is mapped, should another have taken it',
    async (which) => {
      const path = newPath();
      const second = which === 'another' ? newPath() : path;
      const program = start('foreign-handler.mjs', 'replaced', path, second);
      const { code, text } = await program.ended();
      if (text === 'no compiler\n') return;
      expect([code, text]).toEqual([0, 'read 0\n']);
    },
  );

  test.each(['outside', 'worker', 'sent-handled'])(
    'passes faults outside our mappings, and what was sent, to whoever handled them before (%s)',
    async (mode) => {
      const program = start('foreign-handler.mjs', mode, newPath(), newPath());
      const { code, text } = await program.ended();
      if (text === 'no compiler\n') return;
      expect([code, text]).toEqual([42, '']);
    },
  );

  test('works behind one that came later and passes on what is not its own', async () => {
    const program = start('foreign-handler.mjs', 'chained', newPath(), newPath());
    const { code, text } = await program.ended();
    if (text === 'no compiler\n') return;
    expect([code, text]).toEqual([0, 'read 0\n']);
  });

  test('and one that passes to each other go round once: then it is the default', async () => {
    if (sanitized) return;
    const program = start('foreign-handler.mjs', 'circle', newPath(), newPath());
    const outcome = await program.ended();
    if (outcome.text === 'no compiler\n') return;
    expect(outcome).toMatchObject({ code: null, signal: 'SIGBUS', text: '' });
  });

  test('leaves a SIGBUS that nobody handles, or that was sent, to the default', async () => {
    if (sanitized) return;
    const fault = startCommand(
      process.execPath,
      fixture('foreign-handler.mjs'),
      'unhandled',
      newPath(),
      newPath(),
    );
    const outcome = await fault.ended();
    if (outcome.text === 'no compiler\n') return;
    expect(outcome).toMatchObject({ code: null, signal: 'SIGBUS' });
    const sent = start('foreign-handler.mjs', 'sent', newPath(), newPath());
    expect(await sent.ended()).toMatchObject({ code: null, signal: 'SIGBUS' });
  });
});
