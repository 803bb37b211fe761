/** Questions to a file of which nothing is in memory, each answered and then checked. */

import { type City, type CityDatabase, openCities, readPopulationKey } from './cities.ts';
import { bar, countryName, duration, median, number, percent } from './numbers.ts';
import { dropFromMemory, readAheadBytes } from './page-cache.ts';
import type { Report } from './report.ts';
import { mappedMemory } from './shared-memory.ts';

interface Question {
  readonly title: string;
  /** The answer as a person reads it. */
  readonly ask: (from: CityDatabase) => string;
  /** The same from the source, without the database. */
  readonly expected: string;
  /** How often it is asked to tell how long it takes once it is in memory. */
  readonly repeats: number;
}

/** Columns of a question's title. */
const TITLE = 52;

export function askQuestions(path: string, source: readonly City[], report: Report): void {
  const cold = dropFromMemory(path);
  report.section(
    cold
      ? 'Ask it; before each question the file is dropped from memory'
      : 'Ask it (this system cannot drop the file from memory, so nothing is cold)',
  );
  const opened = measure(path, () => '', 1);
  report.line(
    `${'open, and ask nothing yet'.padEnd(TITLE)}${duration(opened.openMs).padStart(15)}`,
  );
  showLoaded(opened, report);
  if (cold && opened.loadedPages === opened.pages) {
    report.note('(All of it was read at once: it is small, or the system would not drop it.)');
  }
  for (const question of questions(source)) {
    const found = measure(path, question.ask, question.repeats);
    report.line(
      `${question.title.padEnd(TITLE)}first ${duration(found.askMs).padStart(9)}, ` +
        `then ${duration(found.warmMs).padStart(8)}`,
    );
    showLoaded(found, report);
    report.check(found.answer === question.expected, found.answer, `not ${question.expected}`);
  }
  const ahead = cold ? readAheadBytes(path) : undefined;
  if (ahead !== undefined) {
    report.note(
      `Around a page that is touched the system reads up to ${number(ahead / 1024)} KiB of this ` +
        'disk, and maps a few neighbours.',
    );
  }
}

interface Measured {
  readonly answer: string;
  readonly openMs: number;
  readonly askMs: number;
  readonly warmMs: number;
  /** Pages of the file that are in memory then, whoever loaded them. */
  readonly loadedPages: number;
  /** Of those, the pages in this process's address space; undefined: not known. */
  readonly mappedPages: number | undefined;
  readonly pages: number;
}

function measure(path: string, ask: Question['ask'], repeats: number): Measured {
  dropFromMemory(path);
  const start = performance.now();
  using stores = openCities(path);
  const openMs = performance.now() - start;
  const [answer, askMs] = timed(() => ask(stores));
  const rss = mappedMemory(process.pid, path)?.rss;
  const { mapping, fileBytes, pageSize } = stores.db.stats();
  const warm = Array.from({ length: repeats }, () => timed(() => ask(stores))[1]);
  return {
    answer,
    openMs,
    askMs,
    warmMs: median(warm),
    loadedPages: Math.ceil(mapping.residentBytes / pageSize),
    mappedPages: rss === undefined ? undefined : rss / pageSize,
    pages: fileBytes / pageSize,
  };
}

function timed<T>(work: () => T): [T, number] {
  const start = performance.now();
  const result = work();
  return [result, performance.now() - start];
}

function showLoaded({ loadedPages, mappedPages, pages }: Measured, report: Report): void {
  const mapped = mappedPages === undefined ? '' : `; ${number(mappedPages)} mapped by this process`;
  report.line(
    `${bar(loadedPages, pages)} ${number(loadedPages).padStart(6)} of ${number(pages)} pages ` +
      `in memory, ${percent(loadedPages, pages)}${mapped}`,
  );
}

function questions(source: readonly City[]): Question[] {
  return [
    oneCity(source),
    largestOf('FR', 5, source),
    howMany('IN', 100_000, source),
    deepPage(Math.min(100_000, Math.floor(source.length * 0.75)), 5, source),
    everybody(source),
  ];
}

const shown = (cities: readonly City[]): string =>
  cities.map(({ name, population }) => `${name} ${number(population)}`).join(', ');

const names = (cities: readonly City[]): string => cities.map(({ name }) => name).join(', ');

function oneCity(source: readonly City[]): Question {
  const paris = source.find(({ name, country }) => name === 'Paris' && country === 'FR');
  if (paris === undefined) throw new Error('There is no Paris in France.');
  return {
    title: `get(${paris.cityId}), one city by its id`,
    ask: ({ cities }) => {
      const city = cities.get(paris.cityId);
      return city === undefined ? 'nothing' : `${shown([city])}, ${countryName(city.country)}`;
    },
    expected: `${shown([paris])}, ${countryName(paris.country)}`,
    repeats: 1_000,
  };
}

function largestOf(country: string, limit: number, source: readonly City[]): Question {
  const expected = source
    .filter((city) => city.country === country)
    .sort((a, b) => b.population - a.population || b.cityId - a.cityId)
    .slice(0, limit);
  return {
    title: `range({ prefix: ['${country}'], reverse: true, limit: ${limit} })`,
    ask: ({ cities, byPopulation }) => {
      const keys = byPopulation.keys({ prefix: [country], reverse: true, limit });
      const ids = keys.map((key) => readPopulationKey(key)[2]).toArray();
      return shown(cities.getMany(ids).filter((city) => city !== undefined));
    },
    expected: shown(expected),
    repeats: 200,
  };
}

function howMany(country: string, least: number, source: readonly City[]): Question {
  const say = (count: number) =>
    `${number(count)} cities of ${countryName(country)} have ${number(least)} people or more`;
  return {
    title: `count({ prefix: ['${country}'], gte: ['${country}', ${least}] })`,
    ask: ({ byPopulation }) =>
      say(byPopulation.count({ prefix: [country], gte: [country, least] })),
    expected: say(source.filter((c) => c.country === country && c.population >= least).length),
    repeats: 1_000,
  };
}

function deepPage(offset: number, limit: number, source: readonly City[]): Question {
  return {
    title: `range({ offset: ${offset}, limit: ${limit} })`,
    ask: ({ cities }) => names(cities.values({ offset, limit }).toArray()),
    expected: names(source.slice(offset, offset + limit)),
    repeats: 200,
  };
}

function everybody(source: readonly City[]): Question {
  const say = (cities: number, people: number) =>
    `${number(people)} people live in ${number(cities)} cities`;
  return {
    title: 'reduce over every key, a scan of the index',
    ask: ({ byPopulation }) => {
      const add = (sum: number, key: Parameters<typeof readPopulationKey>[0]) =>
        sum + readPopulationKey(key)[1];
      return say(byPopulation.count(), byPopulation.keys().reduce(add, 0));
    },
    expected: say(source.length, peopleOf(source)),
    repeats: 1,
  };
}

export const peopleOf = (cities: readonly City[]): number =>
  cities.reduce((sum, { population }) => sum + population, 0);
