/**
 * Encodes the values of a store with shared structures.
 *
 * What an encoder writes names shapes of its list, and holds the names of other objects itself, as
 * every 'msgpack' value does. Only `encodeAdding` adds to the list: the caller keeps what it
 * returns with the value, in one transaction, or goes on with another list.
 *
 * msgpackr (2.1) has two ways to give an id to a record that a value defines for itself, and mixes
 * them up in a value that fills its list of shared ones. So its list never gets full: whether there
 * is room for one more is decided here.
 */

import type { Packr } from 'msgpackr';
import type { EncodedValue } from './codec.ts';
import { MSGPACKR_OPTIONS, msgpackValue, packInto, requireStorable } from './msgpack.ts';
import { msgpackr } from './msgpackr.ts';
import {
  isShareable,
  MOST_NAMES_TOGETHER,
  MOST_SHAPES,
  NO_SHAPES,
  type ShapeList,
} from './shapes.ts';

/** What `encode` wrote. */
export interface EncodedShapes {
  /** The value can be read with every list that starts with it. */
  readonly list: ShapeList;
  /** It holds names that could be a shape of the store. */
  readonly wanting: boolean;
}

export class ShapeEncoder {
  /** What is known of the store; undefined before the first value. */
  list: ShapeList | undefined;
  private packr: Packr | undefined;
  /** A value is being encoded; a getter or toJSON of it may put another one. */
  private busy = false;
  private adds = false;
  private added: string[][] = [];
  private addedNames = 0;
  private wanting = false;

  /** Points `out` at the value's bytes, without a new shape. Throws TypeError. */
  encode(value: unknown, out: EncodedValue): EncodedShapes {
    if (this.busy) {
      msgpackValue.encode(value, out);
      return { list: NO_SHAPES, wanting: true };
    }
    this.pack(value, out, false);
    return { list: this.list ?? NO_SHAPES, wanting: this.wanting };
  }

  /**
   * The same with the shapes of `list`, and new ones: returns the list that has them too, or `list`
   * itself. A value that is put while another one is encoded holds its names itself.
   */
  encodeAdding(list: ShapeList, value: unknown, out: EncodedValue): ShapeList {
    if (this.busy) {
      msgpackValue.encode(value, out);
      return list;
    }
    if (this.list !== list) this.turnTo(list);
    this.pack(value, out, true);
    if (this.added.length > 0) this.list = list.with(this.added);
    return this.list ?? list;
  }

  private turnTo(list: ShapeList): void {
    this.list = list;
    this.packr = undefined;
  }

  private pack(value: unknown, out: EncodedValue, adds: boolean): void {
    this.busy = true;
    this.adds = adds;
    this.added = [];
    this.addedNames = 0;
    this.wanting = false;
    try {
      requireStorable(value);
      this.packr ??= this.newPackr();
      packInto(this.packr, value, out);
    } catch (error) {
      // It may have given ids to shapes that nobody keeps now.
      this.packr = undefined;
      throw error;
    } finally {
      this.busy = false;
    }
  }

  private newPackr(): Packr {
    const shapes = this.list?.shapes ?? [];
    return new (msgpackr().Packr)({
      ...MSGPACKR_OPTIONS,
      structures: shapes.map(({ names }) => [...names]),
      maxSharedStructures: Math.max(MOST_SHAPES, shapes.length) + 1,
      shouldShareStructure: (names) => this.shares(names),
    });
  }

  /** msgpackr asks for each record that it does not know; true gives it the next shared id. */
  private shares(names: string[]): boolean {
    const { list = NO_SHAPES, added } = this;
    if (list.length + added.length >= MOST_SHAPES || !isShareable(names)) return false;
    const nameCount = list.nameCount + this.addedNames + names.length;
    if (nameCount > MOST_NAMES_TOGETHER) return false;
    this.wanting = true;
    if (!this.adds) return false;
    added.push([...names]);
    this.addedNames += names.length;
    return true;
  }
}
