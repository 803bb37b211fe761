/**
 * The bytes of 'tuple' keys: docs/key-encoding.md, "tuple".
 *
 *     key      = element               an array's prefix leaves out the last END
 *     element  = NULL
 *              | BYTES escaped END
 *              | STRING escaped END    of the UTF-8 bytes
 *              | NUMBER f64            float.ts
 *              | BIGINT magnitude      tuple-bigint.ts
 *              | FALSE | TRUE
 *              | DATE f64              milliseconds since 1970
 *              | ARRAY { element } END
 *     escaped  = { byte of 02..ff
 *                | ESCAPE 01           the byte 00
 *                | ESCAPE 02 }         the byte 01
 *
 * 1. Tags sort like the kinds of element; END sorts before every tag and every byte of `escaped`,
 *    so what ends first sorts first.
 * 2. No element is the start of another one, whatever follows it: END never occurs in `escaped`.
 */

export const END = 0x00;
export const ESCAPE = 0x01;

export const TAG = {
  NULL: 0x02,
  BYTES: 0x03,
  STRING: 0x04,
  NUMBER: 0x05,
  BIGINT: 0x06,
  FALSE: 0x07,
  TRUE: 0x08,
  DATE: 0x09,
  ARRAY: 0x0a,
} as const;

/**
 * Arrays within arrays; more is an array that contains itself, or bytes made to exhaust the stack.
 */
export const MAX_TUPLE_DEPTH = 100;
/** Bytes of a bigint's magnitude: the length has two bytes. */
export const MAX_BIGINT_BYTES = 0xffff;
/**
 * The time of a Date is an integer of at most so many milliseconds either way (ECMA-262, TimeClip).
 */
export const MAX_DATE_MS = 8.64e15;
