/** The keys of a multi store, each once, however many values it has. */

import type { Cursor } from '../btree/cursor.ts';
import { type Bound, compareKeys } from '../btree/keys.ts';
import { CorruptionError } from '../errors.ts';
import { EntryIterator, type Iteration, keysOf } from './entry-iterator.ts';
import { type EncodedRange, startingWith } from './range.ts';
import type { StoreDefinition } from './store-definition.ts';

/**
 * So many steps are tried before the next key is searched for: a step costs a fortieth of a search,
 * and most keys have few values.
 */
const STEPS = 8;

export class DistinctKeys<K, V> extends EntryIterator<K, V, K> {
  private skip: number;

  /** Of `range`, limit and offset are numbers of keys: those before the offset are gone through. */
  constructor(open: () => Iteration, definition: StoreDefinition<K, V>, range: EncodedRange) {
    const { offset, limit } = range;
    super(open, definition, { ...range, offset: 0, limit: limit + offset }, keysOf(), false);
    this.skip = offset;
  }

  override next(): IteratorResult<K, undefined> {
    for (; this.skip > 0; this.skip--) {
      const skipped = super.next();
      if (skipped.done === true) return skipped;
    }
    return super.next();
  }

  /** Past all values of the key that was given, which is the one that was read last. */
  protected override advance(cursor: Cursor): boolean {
    const { pairFormat } = this.definition;
    const { bytes: key, ends } = this.batch!;
    const end = pairFormat!.keyEnd(key, 0, ends[0]!);
    for (let steps = 0; steps < STEPS; steps++) {
      if (!this.step(cursor)) return false;
      if (!cursor.keyBeginsWith(key, end)) return true;
    }
    const { lower, upper } = startingWith(key.slice(0, end));
    if (this.range.reverse) {
      if (!cursor.seekBack(lower.key, lower.length, false)) return false;
      requireOrder(cursor, lower, -1);
      return true;
    }
    if (upper === undefined || !cursor.seek(upper.key, upper.length, true)) return false;
    requireOrder(cursor, upper, 1);
    return true;
  }
}

/**
 * Throws CorruptionError unless the entry that a jump came to lies on that side of where it was to
 * lead: in a damaged tree it would go round in circles.
 */
function requireOrder(cursor: Cursor, { key, length }: Bound, side: 1 | -1): void {
  const found = new Uint8Array(cursor.keyLength);
  const order = compareKeys(found, cursor.copyKey(found), key, length);
  if (side > 0 ? order >= 0 : order < 0) return;
  throw new CorruptionError(0, 'a search led to a key that lies before the one that it began at');
}
