/**
 * A program that reads, and checks what it reads: node reader.js FILE.
 *
 * Standard input: a line asks for the counts, its end ends the program.
 */

import { setTimeout as wait } from 'node:timers/promises';
import type { Snapshot } from 'coppice';
import { openCities, readPopulationKey } from './cities.ts';
import { tell } from './messages.ts';

/** How long a snapshot is kept while others write. */
const HOLD_MS = 10;
/** Problems that are told; after that the file is broken enough. */
const MAX_PROBLEMS = 3;

const path = process.argv[2];
if (path === undefined) throw new TypeError('reader.js FILE');
using stores = openCities(path, { readOnly: true });
const { db, cities, byPopulation } = stores;

const counts = { snapshots: 0, states: 0, cities: 0, transaction: 0 };
let problems = 0;
let stopped = false;
process.stdin.on('data', () => tell({ kind: 'counts', counts }));
process.stdin.on('end', () => {
  stopped = true;
});

const peopleOf = db.read(readAll);
let people = 0;
for (const inCountry of peopleOf.values()) people += inCountry;
tell({ kind: 'ready', cities: cities.count(), people });

while (!stopped) {
  using snapshot = db.snapshot();
  counts.snapshots++;
  if (snapshot.transaction !== counts.transaction) counts.states++;
  counts.transaction = snapshot.transaction;
  const country = snapshot.sample(cities)?.[1].country ?? '';
  const before = readCountry(snapshot, country);
  if (before !== peopleOf.get(country)) {
    problem(`${country} has ${before} people, and had ${peopleOf.get(country)}`);
  }
  // Others write meanwhile; this snapshot stays as it is.
  await wait(HOLD_MS);
  const after = readCountry(snapshot, country);
  if (after !== before) problem(`a snapshot changed: ${country} ${before}, then ${after}`);
}

/** The people of each country, from all cities. */
function readAll(snapshot: Snapshot): Map<string, number> {
  const found = new Map<string, number>();
  let next = snapshot.first(byPopulation);
  while (next !== undefined) {
    const [country] = readPopulationKey(next[0]);
    found.set(country, readCountry(snapshot, country));
    // The first key after all those of this country: one search, however many there are.
    next = snapshot.first(byPopulation, { gt: [country, Number.POSITIVE_INFINITY] });
  }
  return found;
}

/** The people of a country by the index, each key compared with the object that it stands for. */
function readCountry(snapshot: Snapshot, code: string): number {
  let sum = 0;
  for (const key of snapshot.keys(byPopulation, { prefix: [code] })) {
    const [country, population, id] = readPopulationKey(key);
    const city = snapshot.get(cities, id);
    if (city?.country !== country || city.population !== population) {
      problem(
        `${city?.name} (${id}): the index says ${population} people in ${country}, ` +
          `the object ${city?.population} in ${city?.country}`,
      );
    }
    sum += population;
    counts.cities++;
  }
  return sum;
}

function problem(text: string): void {
  if (problems++ < MAX_PROBLEMS) tell({ kind: 'problem', problem: text });
}
