/** Arbitrary values of every kind that the 'msgpack' codec stores. */

import fc from 'fast-check';
import { bigints, texts } from './support.ts';

const typedArrays = fc.oneof(
  fc.int8Array(),
  fc.uint8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);
const names = texts.filter((name) => name !== '__proto__');

/** What 'msgpack' stores: never undefined at the top, and no -0, which comes back as 0. */
export const values: fc.Arbitrary<unknown> = fc
  .letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      texts,
      texts.map((text) => text.repeat(9)),
      fc.double().map((n) => (Object.is(n, -0) ? 0 : n)),
      fc.integer(),
      bigints,
      fc.constantFrom(null, undefined, true, false, NaN, Infinity),
      fc.date(),
      typedArrays,
      fc.constantFrom(/a+/giu, /\u2028/),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(names, tie('value'), { maxKeys: 6, noNullPrototype: true }),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((list) => new Map(list)),
      fc.array(tie('value'), { maxLength: 4 }).map((list) => new Set(list)),
    ),
  }))
  .value.filter((value) => value !== undefined);
