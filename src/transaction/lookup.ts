/** Finding the entries of a key in a store's tree. What is found is left in `tree.found`. */

import type { Tree } from '../btree/tree.ts';
import { isExpired } from './expiry.ts';
import { readValue, type StoreDefinition } from './store-definition.ts';

/** The key's entry, in a multi store the first of its entries. Not one that has expired. */
export function lookUp<K, V>(tree: Tree, definition: StoreDefinition<K, V>, key: K): boolean {
  const length = definition.key.encode(definition.keyFormat, key);
  const { bytes } = definition.key;
  if (definition.pairFormat !== undefined) return firstPair(tree, definition, bytes, length);
  return findLive(tree, definition, bytes, length);
}

/** The entry of a key with that value, in a multi store. Not one that has expired. */
export function lookUpPair<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  key: K,
  value: V,
): boolean {
  const length = definition.key.encode(definition.pairFormat!, [key, value]);
  return findLive(tree, definition, definition.key.bytes, length);
}

/** The value of `key` in a store's tree, undefined when it is absent. */
export function getValue<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  key: K,
): V | undefined {
  return lookUp(tree, definition, key) ? readValue(definition, tree, tree.found) : undefined;
}

/** The entry with those bytes as its key in the tree. */
export function findLive<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  bytes: Uint8Array,
  length: number,
): boolean {
  if (!tree.find(bytes, length)) return false;
  return !definition.expires || !isExpired(tree.found, Date.now());
}

/** The first entry of a multi store whose key has those bytes. */
export function firstPair<K, V>(
  tree: Tree,
  definition: StoreDefinition<K, V>,
  bytes: Uint8Array,
  length: number,
): boolean {
  if (!tree.ceiling(bytes, length) || !tree.found.keyBeginsWith(bytes, length)) return false;
  if (!definition.expires) return true;
  const now = Date.now();
  if (!isExpired(tree.found, now)) return true;
  for (let index = tree.rank(bytes, length, false) + 1; tree.at(index); index++) {
    if (!tree.found.keyBeginsWith(bytes, length)) return false;
    if (!isExpired(tree.found, now)) return true;
  }
  return false;
}
