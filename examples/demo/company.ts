/** Four processes read the file while another one writes; one of the readers and the writer die. */

import { statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Told } from './audit.ts';
import { ReaderChild, WriterChild } from './children.ts';
import { openCities } from './cities.ts';
import type { ReaderCounts } from './messages.ts';
import { moveSomePeople } from './moving.ts';
import { duration, mebibytes, number, plural } from './numbers.ts';
import type { Report } from './report.ts';
import { mappedMemory } from './shared-memory.ts';

const READERS = 4;
/** Moves that are awaited together, so that they share flushes. */
const GROUP = 1_000;
/** How long the writer runs before a reader is killed, and then before it is killed itself. */
const WORK_MS = 1_000;

interface Source {
  readonly cities: number;
  readonly people: number;
}

/** Starts the readers and waits until each has checked all of the file once. */
export async function startReaders(
  path: string,
  source: Source,
  report: Report,
): Promise<ReaderChild[]> {
  const start = performance.now();
  const readers = Array.from({ length: READERS }, () => new ReaderChild(path));
  const ready = await Promise.all(readers.map((reader) => reader.ready));
  const agree = ready.filter((r) => r.cities === source.cities && r.people === source.people);
  const took = duration(performance.now() - start);
  report.check(
    agree.length === readers.length,
    `${readers.length} processes each read ${number(source.cities)} cities with ` +
      `${number(source.people)} people, ${took}`,
    `${readers.length - agree.length} did not`,
  );
  return readers;
}

/** What the mapping of the file costs each reader, and all of them together. */
export function showSharedMemory(
  path: string,
  readers: readonly ReaderChild[],
  report: Report,
): void {
  const fileBytes = statSync(path).size;
  let rss = 0;
  let pss = 0;
  for (const [index, { pid }] of readers.entries()) {
    const memory = mappedMemory(pid, path);
    if (memory === undefined) {
      report.note('How much of it the readers share cannot be told on this system (no /proc).');
      return;
    }
    rss += memory.rss;
    pss += memory.pss;
    report.line(
      `reader ${index + 1}, process ${pid}: maps ${mebibytes(memory.rss)} of the file, ` +
        `${mebibytes(memory.sharedClean)} shared; its own part ${mebibytes(memory.pss)}`,
    );
  }
  report.check(
    pss > 0 && pss <= fileBytes,
    `together they see ${mebibytes(rss)}, and it takes ${mebibytes(pss)} of memory: ` +
      `one copy of a file of ${mebibytes(fileBytes)}`,
    `more than the file's ${mebibytes(fileBytes)}`,
  );
}

/** Many transactions at once, from this process, while the readers read. */
export async function writeTogether(path: string, report: Report): Promise<void> {
  using stores = openCities(path);
  const { db } = stores;
  const start = performance.now();
  const moves = Array.from({ length: GROUP }, () => db.write((tx) => moveSomePeople(tx, stores)));
  await Promise.all(moves);
  const took = performance.now() - start;
  const { commits } = db.stats();
  report.line(
    `${number(moves.length)} transactions awaited together: ${duration(took)}, ` +
      `${plural(commits.count, 'commit')} (group commit), ${mebibytes(commits.bytes)} written`,
  );
}

/** The writer writes, a reader dies, the writer dies. Returns what the writer acknowledged. */
export async function writeUntilKilled(
  path: string,
  readers: readonly ReaderChild[],
  victim: ReaderChild,
  report: Report,
): Promise<readonly Told[]> {
  const writer = new WriterChild(path);
  await writer.progress();
  const start = performance.now();
  await wait(WORK_MS);
  const rate = (writer.done.length / (performance.now() - start)) * 1000;
  report.line(
    `a writer, process ${writer.pid}, moves people: ${number(rate)} durable transactions a second`,
  );

  const seen = await victim.counts();
  await victim.kill();
  const before = writer.done.length;
  report.line(
    `SIGKILL to reader ${readers.indexOf(victim) + 1}, process ${victim.pid}, ` +
      `after ${plural(seen.snapshots, 'snapshot')}`,
  );
  await wait(WORK_MS / 2);
  await writer.progress();
  const since = writer.done.length - before;
  report.check(since > 0, `the writer went on: ${number(since)} transactions since`);

  await writer.kill();
  report.line(`SIGKILL to the writer; it had acknowledged ${number(writer.done.length)}`);
  return writer.done;
}

/** The readers did not notice, and another process can write at once. `told`: see audit. */
export async function goOn(
  path: string,
  readers: readonly ReaderChild[],
  told: readonly Told[],
  report: Report,
): Promise<void> {
  const start = performance.now();
  using stores = openCities(path);
  const untold = stores.moves.count() - 1 - (told.at(-1)?.number ?? -1);
  const transaction = await stores.db.write((tx) => {
    moveSomePeople(tx, stores);
    return tx.id;
  });
  const written = performance.now();
  report.line(`another process opens the file and writes to it: ${duration(written - start)}`);
  report.check(
    untold === 0 || untold === 1,
    untold === 0
      ? 'it finds just those that were acknowledged'
      : 'it finds all of them, and one more that the writer had no time to acknowledge',
    `it finds ${number(untold)} more`,
  );
  const sees = (counts: ReaderCounts) => counts.transaction >= transaction;
  const counts = await Promise.all(readers.map((reader) => reader.until(sees)));
  report.check(
    counts.every(sees),
    `the other ${readers.length} readers went on and see what was written, ` +
      `${duration(performance.now() - written)} later`,
    `${counts.filter(sees).length} do`,
  );
}

/** Ends the readers; tells what they saw. */
export async function stopReaders(readers: readonly ReaderChild[], report: Report): Promise<void> {
  const counts = await Promise.all(readers.map((reader) => reader.stop()));
  const sum = (of: keyof ReaderCounts) => counts.reduce((total, count) => total + count[of], 0);
  report.line(
    `they took ${number(sum('snapshots'))} snapshots of ${number(sum('states'))} states and ` +
      `compared ${number(sum('cities'))} cities`,
  );
}

/** What all readers, also the one that was killed, found wrong. */
export function checkProblems(readers: readonly ReaderChild[], report: Report): void {
  const problems = readers.flatMap((reader) => reader.problems);
  report.check(
    problems.length === 0,
    'in every snapshot each country kept its people, and index and objects agreed',
    `${number(problems.length)} reports, such as ${problems[0]}`,
  );
}
