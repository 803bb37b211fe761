/** Loading: both stores, each in the order of its own keys, which is the fast way. */

import type { Store } from 'coppice';
import { type City, type CityDatabase, populationKey } from './cities.ts';
import { duration, number } from './numbers.ts';
import type { Report } from './report.ts';

/** Puts in one transaction: large enough to share the flush, small enough to show progress. */
const BATCH = 10_000;

/** `source` is in the order of the ids. */
export async function load(
  to: CityDatabase,
  source: readonly City[],
  report: Report,
): Promise<void> {
  await fill(
    to.cities,
    source.map((city): [number, City] => [city.cityId, city]),
    'objects',
    report,
  );
  const keys = source.toSorted(byCountryAndPopulation).map(populationKey);
  await fill(
    to.byPopulation,
    keys.map((key): [typeof key, true] => [key, true]),
    'keys',
    report,
  );
}

async function fill<K, V>(
  store: Store<K, V>,
  entries: readonly [K, V][],
  kind: string,
  report: Report,
): Promise<void> {
  const start = performance.now();
  const label = store.name.padEnd(14);
  for (let from = 0; from < entries.length; from += BATCH) {
    const batch = entries.slice(from, from + BATCH);
    await store.database.write((tx) => {
      for (const [key, value] of batch) tx.put(store, key, value, { append: true });
    });
    report.progress(label, from + batch.length, entries.length);
  }
  const took = performance.now() - start;
  const rate = (entries.length / took) * 1000;
  report.line(
    `${label}${number(entries.length).padStart(9)} ${kind.padEnd(8)}` +
      `${duration(took).padStart(8)}   ${number(rate)} a second`,
  );
}

/** The order of the tuple codec: by country, then population, then id. */
function byCountryAndPopulation(a: City, b: City): number {
  if (a.country !== b.country) return a.country < b.country ? -1 : 1;
  return a.population - b.population || a.cityId - b.cityId;
}
