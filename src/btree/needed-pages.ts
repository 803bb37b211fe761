/**
 * Which children of a branch hold certain entries: those of some keys, or those from one place in
 * the order to another. For whoever has pages loaded before they are looked at.
 */

import { childBirth, childPage, entriesBelow } from '../format/branch.ts';
import { slotCount } from '../format/page-header.ts';
import type { Segment } from '../format/segment.ts';
import { type Bound, lastBegun } from './keys.ts';

/** The entries that are wanted below a page. */
export type Wanted = KeysWanted | PlacesWanted;

/** Those with these keys, which are in order; the keys need not be there. */
export interface KeysWanted {
  readonly keys: readonly Bound[];
}
/** Those from place `from` on, before place `to`, counted from the first entry below the page. */
export interface PlacesWanted {
  readonly from: number;
  readonly to: number;
}

/** A child that has such entries, and which. */
export interface NeededChild {
  readonly page: number;
  readonly birth: number;
  readonly wanted: Wanted;
}

/** The children of the branch at `o` that are needed, in order. `separator` is scratch. */
export function neededChildren(
  s: Segment,
  o: number,
  pageSize: number,
  separator: Uint8Array,
  wanted: Wanted,
): NeededChild[] {
  return 'keys' in wanted
    ? childrenOfKeys(s, o, pageSize, separator, wanted.keys)
    : childrenOfPlaces(s, o, wanted);
}

function childrenOfKeys(
  s: Segment,
  o: number,
  pageSize: number,
  separator: Uint8Array,
  keys: readonly Bound[],
): NeededChild[] {
  const children: NeededChild[] = [];
  for (let from = 0; from < keys.length; ) {
    const slot = lastBegun(s, o, pageSize, separator, keys[from]!, true);
    let to = from + 1;
    while (to < keys.length && lastBegun(s, o, pageSize, separator, keys[to]!, true) === slot) to++;
    children.push(child(s, o, slot, { keys: keys.slice(from, to) }));
    from = to;
  }
  return children;
}

function childrenOfPlaces(s: Segment, o: number, { from, to }: PlacesWanted): NeededChild[] {
  const children: NeededChild[] = [];
  const n = slotCount(s, o);
  let before = 0;
  for (let slot = 0; slot < n && before < to; slot++) {
    const below = entriesBelow(s, o, n, slot);
    if (before + below > from) {
      const wanted = { from: Math.max(0, from - before), to: Math.min(below, to - before) };
      children.push(child(s, o, slot, wanted));
    }
    before += below;
  }
  return children;
}

function child(s: Segment, o: number, slot: number, wanted: Wanted): NeededChild {
  const n = slotCount(s, o);
  return { page: childPage(s, o, n, slot), birth: childBirth(s, o, n, slot), wanted };
}
