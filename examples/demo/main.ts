/** `npm run demo`: what Coppice does, shown with the cities of the world. */

import { availableParallelism } from 'node:os';
import { type DemoArguments, readArguments, usage } from './arguments.ts';
import { audit } from './audit.ts';
import { type City, openCities, readCities } from './cities.ts';
import {
  checkProblems,
  goOn,
  showSharedMemory,
  startReaders,
  stopReaders,
  writeTogether,
  writeUntilKilled,
} from './company.ts';
import { load } from './load.ts';
import { duration, mebibytes, number, percent, plural } from './numbers.ts';
import { askQuestions, peopleOf } from './questions.ts';
import { Report } from './report.ts';
import { makeWorkplace } from './workplace.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  let args: DemoArguments | 'help';
  try {
    args = readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (args === 'help') {
    console.log(usage);
    return 0;
  }
  const start = performance.now();
  const report = new Report(process.stdout);
  const path = makeWorkplace(args.keep);
  await tell(path, args, report);
  if (args.keep) report.line(`The file is kept: ${path}`);
  return report.end(duration(performance.now() - start)) ? 0 : 1;
}

/** The whole story, a chapter a line. */
async function tell(path: string, args: DemoArguments, report: Report): Promise<void> {
  report.title('Coppice: the cities of the world in one file that many processes read');
  report.note(
    `Node ${process.versions.node}, ${process.platform} ${process.arch}, ` +
      `${plural(availableParallelism(), 'core')}; ${path}`,
  );
  const source = readCities(args.cities);
  await loadAll(path, source, report);
  askQuestions(path, source, report);
  if (args.break) await damage(path, source, report);

  report.section('Read it from many processes, and write at the same time');
  const people = peopleOf(source);
  const readers = await startReaders(path, { cities: source.length, people }, report);
  showSharedMemory(path, readers, report);
  await writeTogether(path, report);

  report.section('Kill a reader and the writer in the midst of their work');
  const victim = readers[2]!;
  const told = await writeUntilKilled(path, readers, victim, report);
  const survivors = readers.filter((reader) => reader !== victim);
  await goOn(path, survivors, told, report);
  await stopReaders(survivors, report);
  checkProblems(readers, report);

  report.section('Open it again and look for damage');
  await openAgain(path, source, told, report);
}

async function loadAll(path: string, source: readonly City[], report: Report): Promise<void> {
  report.section('Load');
  {
    using stores = openCities(path);
    await load(stores, source, report);
  }
  using stores = openCities(path);
  const { fileBytes, pageSize, stores: all } = stores.db.stats();
  report.line(
    `the file: ${mebibytes(fileBytes)}, ${plural(fileBytes / pageSize, 'page')} of ` +
      `${number(pageSize)} bytes`,
  );
  for (const { name, count, depth, branchPages, leafPages, fill } of all) {
    if (count === 0) continue;
    report.line(
      `${name.padEnd(14)}${number(count).padStart(9)} entries, ${plural(depth, 'level')}, ` +
        `${plural(branchPages, 'branch page').padStart(15)}, ` +
        `${plural(leafPages, 'leaf page').padStart(16)}, ${percent(fill, 1)} full`,
    );
    report.expect(count === source.length, `${name} holds all cities`, `it holds ${count}`);
  }
}

/** For --break: changes a city's object and leaves the index as it is. */
async function damage(path: string, source: readonly City[], report: Report): Promise<void> {
  using stores = openCities(path);
  const victim = source[source.length >> 1]!;
  await stores.cities.update(victim.cityId, (city) => city && { ...city, population: -1 });
  report.section('--break: one record is damaged now');
  report.line(`${victim.name} (${victim.cityId}) has -1 people; the index says otherwise`);
}

async function openAgain(
  path: string,
  source: readonly City[],
  told: Parameters<typeof audit>[3],
  report: Report,
): Promise<void> {
  const start = performance.now();
  using stores = openCities(path);
  const opened = performance.now();
  report.line(`open: ${duration(opened - start)}`);
  const found = await stores.db.verify({ collect: true });
  report.check(
    found.problems.length === 0,
    `verify: ${number(found.pages)} pages and ${number(found.entries)} entries are sound, ` +
      `${duration(performance.now() - opened)}`,
    `${number(found.problems.length)} problems, such as ${found.problems[0]?.message}`,
  );
  stores.db.read((snapshot) => audit(snapshot, stores, source, told, report));
  const { readers, fileBytes, liveBytes } = stores.db.stats();
  const strangers = readers.filter(({ self }) => !self).length;
  report.check(strangers === 0, 'the killed reader holds nothing', `${strangers} snapshots`);
  report.line(`the file: ${mebibytes(fileBytes)}, of which ${mebibytes(liveBytes)} are in use`);
  report.note(
    '(SIGKILL leaves the page cache as it is; what a power failure does, test/crash tries.)',
  );
}
