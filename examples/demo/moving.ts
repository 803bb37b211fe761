/**
 * People move from one city to another of the same country. Every transaction keeps, over all
 * stores:
 *
 * 1. The people of a country stay the same in sum.
 * 2. `byPopulation` has one key for each city, with the population that its object says.
 * 3. `moves` tells how the cities came from what was loaded to what they are.
 */

import type { WriteTransaction } from 'coppice';
import {
  type City,
  type CityDatabase,
  type Move,
  populationKey,
  readPopulationKey,
} from './cities.ts';

/** Moves some people between two cities drawn at random. Returns the move and its number. */
export function moveSomePeople(tx: WriteTransaction, stores: CityDatabase): [number, Move] {
  const [from, to] = drawTwoCities(tx, stores);
  const people = 1 + Math.floor(Math.random() * from.population);
  setPopulation(tx, stores, from, from.population - people);
  setPopulation(tx, stores, to, to.population + people);
  const move = { from: from.cityId, to: to.cityId, people };
  const next = tx.count(stores.moves);
  tx.put(stores.moves, next, move, { append: true });
  return [next, move];
}

function setPopulation(tx: WriteTransaction, stores: CityDatabase, city: City, population: number) {
  const changed = { ...city, population };
  tx.put(stores.cities, city.cityId, changed);
  tx.remove(stores.byPopulation, populationKey(city));
  tx.put(stores.byPopulation, populationKey(changed), true);
}

/** Two cities of one country; somebody lives in the first. */
function drawTwoCities(tx: WriteTransaction, { cities, byPopulation }: CityDatabase): [City, City] {
  for (;;) {
    const [, from] = tx.sample(cities) ?? [];
    if (from === undefined) throw new Error('There are no cities.');
    const country = { prefix: [from.country] };
    const offset = Math.floor(Math.random() * tx.count(byPopulation, country));
    const other = tx.keys(byPopulation, { ...country, offset, limit: 1 }).first();
    const to = other && tx.get(cities, readPopulationKey(other)[2]);
    if (to && to.cityId !== from.cityId && from.population > 0) return [from, to];
  }
}
