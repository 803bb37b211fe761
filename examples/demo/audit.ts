/**
 * The last word on the file: what was loaded, changed by the moves that it records, must be what it
 * holds, city by city; and every transaction that was told to be durable must be among the moves.
 */

import type { Snapshot } from 'coppice';
import { type City, type CityDatabase, type Move, readPopulationKey } from './cities.ts';
import { number } from './numbers.ts';
import type { Report } from './report.ts';

export interface Told {
  readonly number: number;
  readonly move: Move;
}

/** `told`: the writer's transactions of which it said that they are durable. */
export function audit(
  snapshot: Snapshot,
  stores: CityDatabase,
  source: readonly City[],
  told: readonly Told[],
  report: Report,
): void {
  const lost = told.filter((told) => !isSame(snapshot.get(stores.moves, told.number), told.move));
  report.check(
    lost.length === 0,
    `all ${number(told.length)} transactions that the killed writer acknowledged are there`,
    `${number(lost.length)} are lost`,
  );
  const expected = replay(snapshot, stores, source);
  const wrong = snapshot
    .values(stores.cities)
    .filter(({ cityId, population }) => expected.get(cityId) !== population)
    .map(({ name, cityId }) => `${name} (${cityId})`)
    .toArray();
  report.check(
    wrong.length === 0 && snapshot.count(stores.cities) === expected.size,
    `each of ${number(expected.size)} cities is what was loaded plus ` +
      `${number(snapshot.count(stores.moves))} moves, no move is half done`,
    `${number(wrong.length)} wrong, such as ${wrong[0]}`,
  );
  const strayed = snapshot
    .keys(stores.byPopulation)
    .map(readPopulationKey)
    .filter(([, population, id]) => snapshot.get(stores.cities, id)?.population !== population)
    .toArray();
  report.check(
    strayed.length === 0 && snapshot.count(stores.byPopulation) === expected.size,
    `each of ${number(snapshot.count(stores.byPopulation))} keys of the index says what its city ` +
      'says',
    `${number(strayed.length)} wrong`,
  );
}

/** The population that each city must have. */
function replay(snapshot: Snapshot, { moves }: CityDatabase, source: readonly City[]) {
  const expected = new Map(source.map(({ cityId, population }) => [cityId, population]));
  for (const { from, to, people } of snapshot.values(moves)) {
    expected.set(from, (expected.get(from) ?? 0) - people);
    expected.set(to, (expected.get(to) ?? 0) + people);
  }
  return expected;
}

function isSame(found: Move | undefined, told: Move): boolean {
  return found?.from === told.from && found.to === told.to && found.people === told.people;
}
