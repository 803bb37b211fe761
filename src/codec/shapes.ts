/**
 * Shapes: the lists of property names that the values of a store with `sharedStructures` name by
 * number. A shape's number is its index in the store's list.
 *
 * 1. A list only grows, and a shape's index means the same for as long as the store exists. So a
 *    value that names the shapes of one list can be read with every list that starts with it.
 * 2. A list that is known here is a copy of what a tree says. Two with the same shapes are one
 *    object where that is cheap to have; `startsWith` compares what they hold.
 *
 * Reading is msgpackr's, which looks a record's id up in `structures`. Of what is missing there it
 * makes a number (msgpackr 2.1), so the places that a list does not fill are filled here:
 * - Ids up to 31 have one byte. Theirs throw.
 * - From 32 on an id has two bytes. The first of them is looked up at 32 to 63, also for records
 *   that a value defines for itself; so something has to stand there that looks at the second one.
 *   A shape that is missing there is read as one without names: what follows it in the value is
 *   then more than the value has room for, which msgpackr refuses.
 * - From 64 on msgpackr asks `getStructures`, which throws.
 */

import type { Unpackr } from 'msgpackr';
import { MSGPACKR_OPTIONS, readWith } from './msgpack.ts';
import { msgpackr } from './msgpackr.ts';
import { unreadable } from './unreadable.ts';
import { isWellFormed } from './utf8.ts';

/**
 * A store shares no more shapes than that, with so many names together; values with others hold
 * their names themselves. Every handle reads all shapes when it first needs one. And msgpackr makes
 * its table of them anew after each thousand names that it does not find there: with 30,000 names
 * in it, objects of ever new names took five times as long to encode as in a plain store, with
 * 5,000 up to twice as long (Node 20).
 */
export const MOST_SHAPES = 512;
export const MOST_NAMES_TOGETHER = 8192;
/**
 * An object with more properties, or with more text in their names, has no shape that is shared: it
 * is a table of names rather than a record, and its like does not come again.
 */
export const MOST_NAMES = 64;
const MOST_TEXT_LENGTH = 1024;

/** msgpackr's ids end there: a file that has more shapes is damaged. */
export const LAST_SHAPE = 8127;

/** What msgpackr keeps of a record: names, how its id is written, and a reader that it makes. */
type Structure = string[] & { isShared: true; highByte?: number; read?: () => unknown };

export interface Shape {
  readonly names: readonly string[];
  /** As the file holds it. */
  readonly text: string;
  readonly structure: Structure;
}

/** Whether a store shares the shapes of objects with those names. */
export function isShareable(names: readonly string[]): boolean {
  if (names.length > MOST_NAMES) return false;
  let length = 0;
  for (const name of names) {
    length += name.length;
    // A getter may have given msgpackr another object than the one that was checked.
    if (name === '__proto__' || !isWellFormed(name)) return false;
  }
  return length <= MOST_TEXT_LENGTH;
}

/** The shape that comes at that index. */
export function shapeOf(names: readonly string[], index: number): Shape {
  return shapeOfText(JSON.stringify(names), index)!;
}

/** The shape whose text that is; undefined when it is none. */
export function shapeOfText(text: string, index: number): Shape | undefined {
  let names: unknown;
  try {
    names = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) return undefined;
  const highByte = index < FIRST_WIDE ? undefined : (index - FIRST_WIDE) >> 5;
  return { names, text, structure: structureOf(names, highByte) };
}

/** Ids from this one on have two bytes; the first of them says one of 32. */
const FIRST_WIDE = 32;
const LAST_FIRST_BYTE = 63;

function structureOf(names: readonly string[], highByte: number | undefined): Structure {
  const shared = { isShared: true } as const;
  return Object.assign([...names], highByte === undefined ? shared : { ...shared, highByte });
}

export class ShapeList {
  readonly shapes: readonly Shape[];
  /** In all of them together. */
  readonly nameCount: number;
  private unpackr: Unpackr | undefined;

  constructor(shapes: readonly Shape[]) {
    this.shapes = shapes;
    this.nameCount = shapes.reduce((count, { names }) => count + names.length, 0);
  }

  get length(): number {
    return this.shapes.length;
  }

  /** Those of the other list come first here. */
  startsWith(other: ShapeList): boolean {
    if (this === other) return true;
    const { shapes } = this;
    return (
      other.length <= shapes.length &&
      other.shapes.every((shape, i) => shape === shapes[i] || shape.text === shapes[i]!.text)
    );
  }

  /** The list with those after its own. */
  with(names: readonly (readonly string[])[]): ShapeList {
    const { shapes } = this;
    return new ShapeList([...shapes, ...names.map((own, i) => shapeOf(own, shapes.length + i))]);
  }

  /** A value that names shapes of this list. Throws VALUE_UNREADABLE. */
  read(bytes: Uint8Array, start: number, end: number): unknown {
    this.unpackr ??= newUnpackr(this.shapes);
    try {
      return readWith(this.unpackr, bytes, start, end);
    } catch (error) {
      // What a value defines for itself is taken back, but not everything that damage defines.
      this.unpackr = undefined;
      throw error;
    }
  }
}

export const NO_SHAPES: ShapeList = new ShapeList([]);

function newUnpackr(shapes: readonly Shape[]): Unpackr {
  const structures = shapes.map(({ structure }) => structure);
  while (structures.length < FIRST_WIDE) {
    structures.push(Object.assign(structureOf([], undefined), { read: missing }));
  }
  while (structures.length <= LAST_FIRST_BYTE) structures.push(structureOf([], 0));
  return new (msgpackr().Unpackr)({ ...MSGPACKR_OPTIONS, structures, getStructures: missing });
}

function missing(): never {
  throw unreadable('msgpack', 'it names a shape that its store does not have');
}
