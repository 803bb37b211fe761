/**
 * While pages come in from the disk the event loop goes on, and reads of them do not wait for it.
 * What a timer that is due each millisecond was late is told beside the same with nothing done.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { dropFromMemory } from '../../examples/demo/page-cache.ts';
import { long } from '../frame/size.ts';
import { Child, newFolder, note } from '../support/process-children.ts';

const MIB = long ? 1024 : 96;
const program = fileURLToPath(new URL('programs/prefetch.mjs', import.meta.url));

interface Lateness {
  readonly median: number;
  readonly p99: number;
  readonly most: number;
}
interface Outcome {
  readonly pages: number;
  readonly prefetchMs: number;
  readonly prefetching: Lateness;
  readonly reading: Lateness;
  readonly majorFaults: number;
}

async function run(...parameters: readonly string[]): Promise<Outcome> {
  const child = new Child(process.execPath, [program, ...parameters]);
  const { code, lines, error } = await child.ended();
  expect({ code, error }).toEqual({ code: 0, error: '' });
  return JSON.parse(lines.at(-1) ?? '{}') as Outcome;
}
const told = ({ median, p99, most }: Lateness): string => `${median}, ${p99}, ${most} ms`;

test(`${MIB} MiB are brought in while the event loop goes on`, async () => {
  const path = join(newFolder('prefetch'), 'db');
  await run('fill', path, String(MIB));
  const idle = await run('idle', path);
  if (!dropFromMemory(path)) {
    note('the file cannot be dropped from the page cache here: only what is in memory was tried');
  }
  const cold = await run('without', path);
  dropFromMemory(path);
  const warm = await run('with', path);
  note(`late (median, 99 %, most): nothing done ${told(idle.reading)}`);
  note(
    `prefetching ${warm.pages} pages in ${Math.round(warm.prefetchMs)} ms ${told(warm.prefetching)}`,
  );
  note(`reading then ${told(warm.reading)}, ${warm.majorFaults} faults that wait for the disk`);
  note(`reading without ${told(cold.reading)}, ${cold.majorFaults} faults`);
  expect(warm.pages).toBeGreaterThan((MIB * 2 ** 20) / 4096);
  expect(warm.majorFaults).toBeLessThan(20);
  // What a busy machine makes of it apart.
  expect(warm.prefetching.median).toBeLessThan(5);
}, 300_000);
