/**
 * What a put, a removal and an update do to the tree of a store, for a write transaction's own
 * calls and for those that are queued.
 */

import type { WritableTree } from '../btree/writable-tree.ts';
import type { StagedPayload } from '../pager/staged-payload.ts';
import { isExpired } from './expiry.ts';
import { findLive, firstPair } from './lookup.ts';
import { NO_TERMS, type PutTerms } from './put-options.ts';
import { type EncodedRange, encodeRange, type RangeOptions, startingWith } from './range.ts';
import type { StoreDefinition } from './store-definition.ts';
import type { WriteCore } from './write-core.ts';

/**
 * Puts value[start, end) at key[0, keyLength), the key's bytes in the tree: in a multi store those
 * of the pair, and no value. Returns false when a condition did not hold, and in a multi store when
 * the pair was there; its version and expiry are new even so.
 */
export function putEntry<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  start: number,
  end: number,
  terms: PutTerms,
): boolean {
  const tree = core.tree(definition);
  const multi = definition.pairFormat !== undefined;
  let there = false;
  if (multi || terms.absent || terms.version !== undefined) {
    there = findLive(tree, definition, key, keyLength);
    if (!allows(terms, there, tree)) return false;
    // The pair as it is.
    if (multi && there && !definition.versions && !definition.expires) return false;
  }
  const version = definition.versions ? core.nextVersion(definition) : 0;
  tree.put(key, keyLength, value, start, end, terms.append, version, terms.expiry);
  notePut(core, definition, version, terms);
  return !(multi && there);
}

/** The same with a value that is staged, in a store without `multi`. */
export function putStaged<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  value: StagedPayload,
  terms: PutTerms,
): boolean {
  const tree = core.tree(definition);
  if (terms.absent || terms.version !== undefined) {
    const there = findLive(tree, definition, key, key.length);
    if (!allows(terms, there, tree)) return false;
  }
  const version = definition.versions ? core.nextVersion(definition) : 0;
  tree.putStaged(key, key.length, value, terms.append, version, terms.expiry);
  notePut(core, definition, version, terms);
  return true;
}

/** Whether the conditions of a put hold; `there`: the key is, and its entry is in tree.found. */
function allows(terms: PutTerms, there: boolean, tree: WritableTree): boolean {
  if (there && terms.absent) return false;
  return terms.version === undefined || (there && tree.found.version === terms.version);
}

function notePut<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  version: number,
  terms: PutTerms,
): void {
  if (definition.versions) core.giveVersion(definition, version);
  if (terms.expiry !== 0 && terms.expiry < core.soonestExpiry) core.soonestExpiry = terms.expiry;
}

/**
 * Removes the entry at key[0, keyLength), if it has that version; undefined: whatever it has.
 * Returns whether it was there, and had not expired.
 */
export function removeEntry<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  keyLength: number,
  version: number | undefined,
): boolean {
  const tree = core.tree(definition);
  if (version === undefined && !definition.expires) return tree.remove(key, keyLength);
  if (!tree.find(key, keyLength)) return false;
  const { found } = tree;
  const live = !isExpired(found, Date.now());
  if (version !== undefined && !(live && found.version === version)) return false;
  tree.remove(key, keyLength);
  return live;
}

/**
 * Removes all entries of a multi store whose keys begin with key[0, keyLength). Returns whether
 * there were any that had not expired.
 */
export function removePairs<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  keyLength: number,
): boolean {
  const tree = core.tree(definition);
  const live = firstPair(tree, definition, key, keyLength);
  const { lower, upper } = startingWith(key.slice(0, keyLength));
  tree.removeRange(lower, upper);
  return live;
}

/** What an update keeps of the entry that it changes: when that expires. */
export function updateTerms<K, V>(
  tree: WritableTree,
  definition: StoreDefinition<K, V>,
  there: boolean,
): PutTerms {
  if (!there || !definition.expires) return NO_TERMS;
  return { ...NO_TERMS, expiry: tree.found.expiry };
}

/** Throws for a multi store, in which a key has no one value to update. */
export function requireOneValue<K, V>(call: string, definition: StoreDefinition<K, V>): void {
  if (definition.pairFormat === undefined) return;
  throw new TypeError(
    `${call} is not for stores with multi: true, such as "${definition.name}": a key has many ` +
      'values there.',
  );
}

/** Removes the entries of a range from a tree; limit, offset and direction as in an iteration. */
export function removeEncodedRange(tree: WritableTree, range: EncodedRange): number {
  const { lower, upper, offset, limit, reverse } = range;
  const begin = tree.rankOfLower(lower);
  const end = tree.rankOfUpper(upper);
  const size = Math.min(limit, end - begin - offset);
  return tree.removeSpan(reverse ? end - offset - size : begin + offset, size);
}

/** Checks and encodes the range of a removeRange. */
export function encodeRemoval<K>(
  definition: StoreDefinition<K, unknown>,
  range: RangeOptions<K>,
): EncodedRange {
  if (typeof range !== 'object' || range === null) {
    throw new TypeError(`removeRange takes a range, got ${String(range)}. To remove all, clear.`);
  }
  return encodeRange(definition, range);
}
