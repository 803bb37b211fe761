/** Every contender. A new one is a file beside this, a line here and one in names.ts. */

import { betterSqlite3 } from './better-sqlite3.ts';
import { classicLevel } from './classic-level.ts';
import type { Contender, Contestant, Program } from './contender.ts';
import { coppice } from './coppice.ts';
import { lmdb } from './lmdb.ts';
import { lmdbC } from './lmdb-c.ts';
import { LMDB_C } from './names.ts';
import { findPeer, type Peer } from './peers.ts';

/** Those that are always there. */
const USUAL: readonly Contender[] = [coppice, lmdb];

/** Those of bench/package.json, and what makes a contender of each. */
const PEERS: Readonly<Record<string, (peer: Peer) => Contender | undefined>> = {
  'better-sqlite3': betterSqlite3,
  'classic-level': classicLevel,
};

/** What runs: a database for Node.js, or a program. */
export type Entrant = Contender | Program;

export interface Found {
  readonly entrants: readonly Entrant[];
  /** Those that were asked for and are not there, with the reason. */
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

export function findContenders(names: readonly string[]): Found {
  const entrants: Entrant[] = [];
  const absent: { name: string; why: string }[] = [];
  for (const name of names) {
    const found = find(name);
    if ('absent' in found) absent.push({ name, why: withoutPaths(found.absent) });
    else entrants.push(found);
  }
  return { entrants, absent };
}

/** Reasons are published with the figures. */
function withoutPaths(why: string): string {
  return why.replaceAll(process.cwd(), '.');
}

export function contenderNamed(name: string): Contender {
  const found = name === LMDB_C ? { absent: 'a program' } : find(name);
  if ('absent' in found || isProgram(found)) {
    throw new RangeError(`There is no contender "${name}" for Node.js here.`);
  }
  return found;
}

export function isProgram(entrant: Contestant | Program): entrant is Program {
  return 'path' in entrant;
}

function find(name: string): Entrant | { readonly absent: string } {
  const usual = USUAL.find((contender) => contender.name === name);
  if (usual !== undefined) return usual;
  if (name === LMDB_C) return lmdbC();
  const make = PEERS[name];
  if (make === undefined) throw new RangeError(`There is no contender "${name}".`);
  const peer = findPeer(name);
  if ('absent' in peer) return peer;
  return make(peer) ?? { absent: 'the package is not what was expected' };
}
