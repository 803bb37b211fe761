/** Measures readers of one kind of one contender: how they scale, their memory, beside a writer. */

import { statSync } from 'node:fs';
import type { Contender } from '../contenders/contender.ts';
import { type Kind, Readers, Writer } from './crew.ts';
import type { ReaderOptions } from './options.ts';
import type { ProcessMemory, Writing } from './protocol.ts';
import type { Pair, Round, Scaling } from './scaling.ts';

export interface ReadersResult {
  readonly contender: string;
  readonly kind: Kind;
  readonly fileBytes: number;
  /** One entry for each number of readers, in ascending order; their rounds took turns. */
  readonly scaling: readonly Scaling[];
  /** When so many processes had read the whole file; of threads, of the process that they are in. */
  readonly memory: readonly { readonly readers: number; readonly each: readonly ProcessMemory[] }[];
  readonly besideWriter: readonly BesideWriter[];
}

export interface BesideWriter {
  readonly readers: number;
  readonly putsACommit: number;
  readonly pairs: readonly Pair[];
  /** What the writer did in the second round of each pair. */
  readonly writings: readonly Writing[];
}

/** What the writer puts in one commit: a little, and as much as the other benchmarks. */
export const PUTS_A_COMMIT: readonly number[] = [1, 1000];

/** Rounds that are not counted: V8 compiles, in the readers and in the writer. */
const WARM_UP = 3;

export async function measureReaders(
  contender: Contender,
  kind: Kind,
  folder: string,
  options: ReaderOptions,
): Promise<ReadersResult> {
  const { counts, processors, rows } = options;
  const task = { contender: contender.name, folder, rows };
  const readers = new Readers(kind, task);
  const memory: { readers: number; each: ProcessMemory[] }[] = [];
  const fileBytes = statSync(contender.file(folder)).size;
  for (const count of counts) {
    await readers.growTo(count);
    if (process.platform === 'linux') memory.push({ readers: count, each: await readers.memory() });
  }
  const scaling = await scale(readers, options);

  const writer = new Writer({ ...task, seed: 0 });
  const besideWriter: BesideWriter[] = [];
  // The writer has a processor of its own.
  const beside = Math.max(1, ...counts.filter((count) => count < processors));
  for (const putsACommit of PUTS_A_COMMIT) {
    const { pairs, writings } = await besideOne(readers, beside, writer, putsACommit, options);
    besideWriter.push({ readers: beside, putsACommit, pairs, writings });
  }
  await writer.end();
  await readers.end();
  return { contender: contender.name, kind, fileBytes, scaling, memory, besideWriter };
}

async function scale(
  readers: Readers,
  { counts, rounds, roundMs }: ReaderOptions,
): Promise<Scaling[]> {
  const done = new Map<number, Round[]>(counts.map((count) => [count, []]));
  for (let i = -WARM_UP; i < rounds; i++) {
    for (const [count, counted] of done) {
      const round = await readers.round(count, roundMs);
      if (i >= 0) counted.push(round);
    }
  }
  return [...done].map(([count, counted]) => ({ readers: count, rounds: counted }));
}

async function besideOne(
  readers: Readers,
  count: number,
  writer: Writer,
  putsACommit: number,
  { rounds, roundMs }: ReaderOptions,
): Promise<{ pairs: Pair[]; writings: Writing[] }> {
  const pairs: Pair[] = [];
  const writings: Writing[] = [];
  for (let i = -WARM_UP; i < rounds; i++) {
    const without = await readers.round(count, roundMs);
    await writer.write(putsACommit);
    const beside = await readers.round(count, roundMs);
    const writing = await writer.pause();
    if (i < 0) continue;
    pairs.push({ without, beside });
    writings.push(writing);
  }
  return { pairs, writings };
}
