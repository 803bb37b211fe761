/**
 * Puts into stores with shared structures: a new shape is added to the transaction with the value
 * that names it, and is taken back when the value is not put.
 */

import { EncodedValue } from '../codec/codec.ts';
import { msgpackValue } from '../codec/msgpack.ts';
import type { EncodedShapes } from '../codec/shape-encoder.ts';
import { putEntry } from './changes.ts';
import type { PutTerms } from './put-options.ts';
import type { StoreDefinition } from './store-definition.ts';
import type { StoreShapes } from './store-shapes.ts';
import type { WriteCore } from './write-core.ts';

/**
 * Encodes `value` with the transaction's shapes, and puts it at key[0, keyLength); as putEntry.
 * `key` is nobody else's: encoding may run code of the user, also in this transaction. After it
 * `requireActive` throws when the transaction has ended.
 */
export function putShared<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  shapes: StoreShapes,
  key: Uint8Array,
  keyLength: number,
  value: V,
  encoded: EncodedValue,
  terms: PutTerms,
  requireActive: () => void,
): boolean {
  requireActive();
  const before = shapes.listOf(core.tree(definition));
  const list = shapes.encoder.encodeAdding(before, value, encoded);
  requireActive();
  if (shapes.listOf(core.tree(definition)) !== before) {
    // The value's own code has added shapes, undone them, or dropped the store: it names none then.
    msgpackValue.encode(value, encoded);
    requireActive();
    return putEncodedValue(core, definition, key, keyLength, encoded, terms);
  }
  if (list === before) return putEncodedValue(core, definition, key, keyLength, encoded, terms);
  const tree = core.shapesTree(shapes);
  shapes.save(tree, before, list);
  let isPut = false;
  try {
    isPut = putEncodedValue(core, definition, key, keyLength, encoded, terms);
  } finally {
    if (!isPut) shapes.takeBack(tree, before, list);
  }
  return isPut;
}

/**
 * Puts what was encoded before the transaction: key and value are the bytes [0, keyLength) and
 * [keyLength, end). It is encoded anew when it would have new shapes, and when it names some that
 * this transaction does not have: the store may be another one now.
 */
export function putSharedBytes<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  shapes: StoreShapes,
  bytes: Uint8Array,
  keyLength: number,
  { list, wanting }: EncodedShapes,
  terms: PutTerms,
): boolean {
  const { length } = bytes;
  if (!wanting && shapes.listOf(core.tree(definition)).startsWith(list)) {
    return putEntry(core, definition, bytes, keyLength, bytes, keyLength, length, terms);
  }
  const value = list.read(bytes, keyLength, length) as V;
  const encoded = new EncodedValue();
  return putShared(core, definition, shapes, bytes, keyLength, value, encoded, terms, () => {});
}

function putEncodedValue<K, V>(
  core: WriteCore,
  definition: StoreDefinition<K, V>,
  key: Uint8Array,
  keyLength: number,
  { bytes, start, end }: EncodedValue,
  terms: PutTerms,
): boolean {
  return putEntry(core, definition, key, keyLength, bytes, start, end, terms);
}
