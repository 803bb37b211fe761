/**
 * What the checks of 'msgpack' and 'json' values share: the walk's limits, and how a refusal names
 * the path of the bad piece.
 *
 * A check runs on every put, so it is one recursive function that makes nothing while all is well:
 * it returns undefined, or a {@link Refusal}, whose path grows from the inside out as the calls
 * return. Objects are remembered only when there are many or they lie deep, since only then can
 * a value contain itself, or a few shared pieces be walked a great many times.
 */

import { describe } from './unreadable.ts';

export interface Refusal {
  readonly reason: string;
  /** From the value to the bad piece: '.friends[2].name'. */
  path: string;
}

/** Deeper values would exhaust the stack in msgpackr or JSON.stringify. */
export const MAX_VALUE_DEPTH = 1000;
const REMEMBER_FROM_DEPTH = 32;
const REMEMBER_FROM_OBJECTS = 10_000;

/** The state of one check. A getter or toJSON may start another, so each run has its own. */
export class Walk {
  #objects = 0;
  #seen: Set<object> | undefined;

  /** True when this object was walked before; `depth`: objects around it. */
  skips(object: object, depth: number): boolean {
    if (++this.#objects < REMEMBER_FROM_OBJECTS && depth < REMEMBER_FROM_DEPTH) return false;
    this.#seen ??= new Set();
    if (this.#seen.has(object)) return true;
    this.#seen.add(object);
    return false;
  }
}

export function refuse(reason: string): Refusal {
  return { reason, path: '' };
}

export function refuseValue(value: unknown): Refusal {
  return refuse(describe(value));
}

export function refuseText(text: string): Refusal {
  return refuse(`a text with a lone surrogate, ${describe(text)}`);
}

export function refuseDepth(): Refusal {
  return refuse(`an object within ${MAX_VALUE_DEPTH} others, or one that contains itself`);
}

/** Puts the key of a property before the path of what is wrong with it. */
export function atProperty(bad: Refusal, key: string): Refusal {
  const isIdentifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key);
  bad.path = (isIdentifier ? `.${key}` : `[${JSON.stringify(key)}]`) + bad.path;
  return bad;
}

export function atIndex(bad: Refusal, index: number | string): Refusal {
  bad.path = `[${index}]${bad.path}`;
  return bad;
}

/** The TypeError of a put. */
export function refusalError(codec: string, bad: Refusal): TypeError {
  const { path } = bad;
  const shown = path.length <= 200 ? path : `${path.slice(0, 100)} … ${path.slice(-80)}`;
  return new TypeError(
    `value${shown} is ${bad.reason}, which the '${codec}' codec cannot store unchanged.`,
  );
}
