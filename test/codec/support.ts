/** What the codec tests share: arbitrary keys, and a reference order written anew. */

import fc from 'fast-check';
import type { Key, KeyFormat } from '../../src/codec/codec.ts';

/** Runs a property. The seed is test/frame/seed.ts's: a failure names it, COPPICE_SEED takes it. */
export function check<T>(
  arbitrary: fc.Arbitrary<T>,
  predicate: (value: T) => void,
  numRuns = 1000,
): void {
  const property = fc.property(arbitrary, (value) => {
    predicate(value);
  });
  fc.assert(property, { numRuns });
}

/**
 * Texts of every kind of character: controls, the edges of UTF-8's lengths, U+FFFD, U+FEFF, pairs.
 */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 100 }),
  fc.string({
    unit: fc.constantFrom(
      '\0',
      '\x01',
      '\x02',
      'a',
      '\x7f',
      '\x80',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\ufeff',
      '\ufffd',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
    ),
    maxLength: 20,
  }),
);

export const byteArrays: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(fc.constantFrom(0, 1, 2, 127, 128, 254, 255), { maxLength: 6 })
    .map((a) => Uint8Array.from(a)),
);

export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    Infinity,
    -Infinity,
    Number.MIN_VALUE,
    -Number.MIN_VALUE,
    2 ** 53,
    0.5,
  ),
);

export const bigints: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -300n, max: 300n }),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.bigInt({ min: -(2n ** 2000n), max: 2n ** 2000n }),
  fc
    .tuple(
      fc.constantFrom(0n, 8n, 48n, 56n, 64n, 72n, 1000n, 1008n, 1016n, 1024n),
      fc.constantFrom(-1n, 0n, 1n),
      fc.boolean(),
    )
    .map(([bits, add, negative]) => (negative ? -(2n ** bits) : 2n ** bits) + add),
);

export const tupleKeys: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom<Key>(null, '', 'a', 0, 0n, true, false, new Date(0)),
    byteArrays,
    texts,
    numbers,
    bigints,
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('key'), { maxLength: 4 }),
  ),
})).key;

export function encodeKey<K>(format: KeyFormat<K>, key: K): Uint8Array {
  return written((target) => format.write(key, target, 3));
}

export function encodePrefix<K>(format: KeyFormat<K>, prefix: K): Uint8Array {
  return written((target) => format.writePrefix(prefix, target, 3));
}

const roomy = new Uint8Array(70_000);

/** Calls `write` with targets that grow by one byte near the end, so that -1 is exact. */
function written(write: (target: Uint8Array) => number): Uint8Array {
  roomy.fill(0xaa, 0, 3);
  const end = write(roomy);
  if (end < 3) throw new Error(`write returned ${end} for a roomy target`);
  if (roomy[0] !== 0xaa || roomy[2] !== 0xaa) throw new Error('write wrote before its offset');
  const exact = new Uint8Array(end);
  if (write(exact) !== end) throw new Error('write refused a target that is just large enough');
  const guard = new Uint8Array(end + 8).fill(0xaa);
  if (end > 3 && write(guard.subarray(0, end - 1)) !== -1) {
    throw new Error('write did not return -1 for a target that is one byte short');
  }
  if (Buffer.compare(exact.subarray(3), roomy.subarray(3, end)) !== 0) {
    throw new Error('write depends on the size of its target');
  }
  return roomy.slice(3, end);
}

export function readKey<K>(format: KeyFormat<K>, bytes: Uint8Array): K {
  const around = new Uint8Array(bytes.length + 11).fill(0x61);
  around.set(bytes, 5);
  return format.read(around, 5, 5 + bytes.length);
}

/** What a stored key comes back as: -0 as 0, Buffers as plain arrays. */
export function stored(key: Key): Key {
  if (Object.is(key, -0)) return 0;
  if (key instanceof Uint8Array) return new Uint8Array(key);
  if (Array.isArray(key)) return key.map((piece: Key) => stored(piece));
  return key;
}

const KINDS = ['null', 'bytes', 'string', 'number', 'bigint', 'boolean', 'date', 'array'];

function kind(key: Key): string {
  if (key === null) return 'null';
  if (key instanceof Uint8Array) return 'bytes';
  if (key instanceof Date) return 'date';
  return Array.isArray(key) ? 'array' : typeof key;
}

/** The documented order, from the values alone. */
export function compareKeys(a: Key, b: Key): number {
  const byKind = KINDS.indexOf(kind(a)) - KINDS.indexOf(kind(b));
  if (byKind !== 0) return Math.sign(byKind);
  if (a === null || b === null) return 0;
  if (typeof a === 'string' && typeof b === 'string')
    return compareLists(codePoints(a), codePoints(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareLists([...a], [...b]);
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareLists(a: readonly Key[], b: readonly Key[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const sign = compareKeys(a[i] as Key, b[i] as Key);
    if (sign !== 0) return sign;
  }
  return Math.sign(a.length - b.length);
}

export function codePoints(text: string): number[] {
  return Array.from(text, (c) => c.codePointAt(0) ?? -1);
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0;
}
