/**
 * Catalogue records: what the file knows of a store. They are the values of one tree, keyed by the
 * store's name in UTF-8; its leaves carry the catalogue flag, so that a walk finds the roots.
 *
 *     OFFSET SIZE  DESCRIPTION
 *     0      4     root page, 0 when the store is empty (packed pointer)
 *     4      6     root birth; of an empty store the transaction that emptied it, or 0
 *     10     6     entries in the tree
 *     16     2     flags: 1 multi, 2 versions, 4 expires, 8 shared structures
 *     18     2     record version, 1
 *     20     10    codec state: packed pointer, zero (for later)
 *     30     2     reserved, zero
 *     32     2     length of the key codec's name in UTF-8 bytes
 *     34     2     length of the value codec's name
 *     36     6, 0  the last version that an entry was given; only with the flag versions
 *     .      .     the two names
 */

import { type Geometry, LEAF_ENTRY_BYTES, LEAF_SLOT_BYTES } from './geometry.ts';
import { PAGE_FLAG } from './page-header.ts';

export const STORE_FLAG = { multi: 1, versions: 2, expires: 4, sharedStructures: 8 } as const;
export const STORE_FLAG_NAMES = ['multi', 'versions', 'expires', 'sharedStructures'] as const;

/** The flags that the leaves of a store with those flags carry. */
export function leafFlagsOf(storeFlags: number): number {
  return (
    ((storeFlags & STORE_FLAG.versions) !== 0 ? PAGE_FLAG.versions : 0) |
    ((storeFlags & STORE_FLAG.expires) !== 0 ? PAGE_FLAG.expires : 0)
  );
}

/** What a record says, root apart. */
export interface StoreDescription {
  readonly key: string;
  readonly value: string;
  readonly flags: number;
}

/** The root of a tree: a pointer, the number of entries, and the last version given to one. */
export interface TreeRoot {
  page: number;
  birth: number;
  entries: number;
  /** 0 in stores without versions. It outlives the entries: no version is given twice. */
  version: number;
}

/** The root of a tree without entries. */
export const EMPTY_ROOT: Readonly<TreeRoot> = { page: 0, birth: 0, entries: 0, version: 0 };

/** The fixed fields that every record has. */
export const CATALOGUE_RECORD_BYTES = 36;
const LAST_VERSION_BYTES = 6;
const RECORD_VERSION = 1;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true });

/** The codecs' names of a description in UTF-8. */
interface Names {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Every commit writes a record, and every reader of a new state reads one: the names stay. */
const namesOf = new WeakMap<StoreDescription, Names>();

function encodedNames(description: StoreDescription): Names {
  let names = namesOf.get(description);
  if (names === undefined) {
    names = { key: utf8.encode(description.key), value: utf8.encode(description.value) };
    namesOf.set(description, names);
  }
  return names;
}

/**
 * The longest name of a store, in UTF-8 bytes: its record must lie in the leaf, where commits and
 * walks look for roots, and not in an overflow run.
 */
export function longestStoreName(geometry: Geometry, description: StoreDescription): number {
  const { key, value } = encodedNames(description);
  const codecs = key.length + value.length;
  const entry = LEAF_SLOT_BYTES + LEAF_ENTRY_BYTES + namesAt(description.flags) + codecs;
  return Math.min(geometry.maxKeyBytes, geometry.maxLeafEntryBytes - entry);
}

/** Where the names begin in a record with those flags. */
function namesAt(flags: number): number {
  return CATALOGUE_RECORD_BYTES + ((flags & STORE_FLAG.versions) !== 0 ? LAST_VERSION_BYTES : 0);
}

/** The record as bytes of its own. */
export function encodeRecord(description: StoreDescription, root: TreeRoot): Uint8Array {
  const { key, value } = encodedNames(description);
  const names = namesAt(description.flags);
  const bytes = new Uint8Array(names + key.length + value.length);
  writeNumber(bytes, 0, 4, root.page);
  writeNumber(bytes, 4, 6, root.birth);
  writeNumber(bytes, 10, 6, root.entries);
  writeNumber(bytes, 16, 2, description.flags);
  writeNumber(bytes, 18, 2, RECORD_VERSION);
  writeNumber(bytes, 32, 2, key.length);
  writeNumber(bytes, 34, 2, value.length);
  if (names > CATALOGUE_RECORD_BYTES) writeNumber(bytes, CATALOGUE_RECORD_BYTES, 6, root.version);
  bytes.set(key, names);
  bytes.set(value, names + key.length);
  return bytes;
}

/**
 * What the record at [start, end) of `bytes` says; undefined when the bytes are no record of a
 * version that is known, or lie about their lengths. Of a store whose description is `known` the
 * record most often says the same: then it is that object.
 */
export function decodeRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  known?: StoreDescription,
): { description: StoreDescription; root: TreeRoot } | undefined {
  if (end - start < CATALOGUE_RECORD_BYTES) return undefined;
  if (readNumber(bytes, start + 18, 2) !== RECORD_VERSION) return undefined;
  const flags = readNumber(bytes, start + 16, 2);
  const names = namesAt(flags);
  const keyAt = start + names;
  const valueAt = keyAt + readNumber(bytes, start + 32, 2);
  if (valueAt + readNumber(bytes, start + 34, 2) !== end) return undefined;
  const description =
    known !== undefined && known.flags === flags && hasNames(known, bytes, keyAt, valueAt, end)
      ? known
      : decodeDescription(bytes, keyAt, valueAt, end, flags);
  if (description === undefined) return undefined;
  const hasVersion = names > CATALOGUE_RECORD_BYTES;
  return {
    description,
    root: {
      page: readNumber(bytes, start, 4) | 0,
      birth: readNumber(bytes, start + 4, 6),
      entries: readNumber(bytes, start + 10, 6),
      version: hasVersion ? readNumber(bytes, start + CATALOGUE_RECORD_BYTES, 6) : 0,
    },
  };
}

/** Whether the names at [keyAt, valueAt) and [valueAt, end) are those of the description. */
function hasNames(
  description: StoreDescription,
  bytes: Uint8Array,
  keyAt: number,
  valueAt: number,
  end: number,
): boolean {
  const { key, value } = encodedNames(description);
  if (key.length !== valueAt - keyAt || value.length !== end - valueAt) return false;
  for (let i = 0; i < key.length; i++) if (bytes[keyAt + i] !== key[i]) return false;
  for (let i = 0; i < value.length; i++) if (bytes[valueAt + i] !== value[i]) return false;
  return true;
}

function decodeDescription(
  bytes: Uint8Array,
  keyAt: number,
  valueAt: number,
  end: number,
  flags: number,
): StoreDescription | undefined {
  try {
    return {
      key: fromUtf8.decode(bytes.subarray(keyAt, valueAt)),
      value: fromUtf8.decode(bytes.subarray(valueAt, end)),
      flags,
    };
  } catch {
    return undefined;
  }
}

/**
 * A little-endian number of so many bytes, unsigned. Not by a DataView: of a small array, which V8
 * keeps on its own heap, one moves the bytes to a buffer outside of it first.
 */
function readNumber(bytes: Uint8Array, at: number, count: number): number {
  let n = 0;
  for (let i = count - 1; i >= 0; i--) n = n * 256 + bytes[at + i]!;
  return n;
}
function writeNumber(bytes: Uint8Array, at: number, count: number, n: number): void {
  // A negative page is a dirty one, whose pointer the commit replaces.
  let rest = n < 0 ? n + 0x1_0000_0000 : n;
  for (let i = 0; i < count; i++) {
    bytes[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
