/**
 * Ranges as abstract-level hands them to an implementation, as ranges of a Coppice store.
 *
 * They differ in three ways: where both gte and gt (or lte and lt) are given, gte and lte win; a
 * limit of -1 is none; and a bound may be longer than any key of the database. A bound that is too
 * long lies between two keys that are not: after its first `maxKeyBytes` bytes, and before all that
 * comes after those.
 */

import type { RangeOptions } from '../../src/index.ts';

/** Bounds and direction of an iterator or a clear, with keys in their binary form. */
export interface LevelRange {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly reverse: boolean;
}

/** The same entries, for a store whose keys are at most `maxKeyBytes` long. */
export function storeRange(range: LevelRange, maxKeyBytes: number): RangeOptions<Uint8Array> {
  return { ...lowerBound(range, maxKeyBytes), ...upperBound(range, maxKeyBytes), ...way(range) };
}

/**
 * What is left of the range from `target` on, in its direction; undefined when the target is not
 * within the range, in which case abstract-level wants nothing more.
 */
export function storeRangeFrom(
  target: Uint8Array,
  range: LevelRange,
  maxKeyBytes: number,
): RangeOptions<Uint8Array> | undefined {
  if (!contains(range, target)) return undefined;
  return range.reverse
    ? {
        ...lowerBound(range, maxKeyBytes),
        ...upperBound({ lte: target }, maxKeyBytes),
        ...way(range),
      }
    : {
        ...lowerBound({ gte: target }, maxKeyBytes),
        ...upperBound(range, maxKeyBytes),
        ...way(range),
      };
}

function way({ reverse }: LevelRange): RangeOptions<Uint8Array> {
  return { reverse };
}

function lowerBound(
  { gt, gte }: Pick<LevelRange, 'gt' | 'gte'>,
  maxKeyBytes: number,
): RangeOptions<Uint8Array> {
  const bound = gte ?? gt;
  if (bound === undefined) return {};
  if (bound.length > maxKeyBytes) return { gt: bound.subarray(0, maxKeyBytes) };
  return gte === undefined ? { gt: bound } : { gte: bound };
}

function upperBound(
  { lt, lte }: Pick<LevelRange, 'lt' | 'lte'>,
  maxKeyBytes: number,
): RangeOptions<Uint8Array> {
  const bound = lte ?? lt;
  if (bound === undefined) return {};
  if (bound.length > maxKeyBytes) return { lte: bound.subarray(0, maxKeyBytes) };
  return lte === undefined ? { lt: bound } : { lte: bound };
}

function contains({ gt, gte, lt, lte }: LevelRange, key: Uint8Array): boolean {
  if (gte !== undefined) {
    if (Buffer.compare(key, gte) < 0) return false;
  } else if (gt !== undefined && Buffer.compare(key, gt) <= 0) {
    return false;
  }
  if (lte !== undefined) return Buffer.compare(key, lte) <= 0;
  return lt === undefined || Buffer.compare(key, lt) < 0;
}
