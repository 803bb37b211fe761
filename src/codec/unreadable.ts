/** The errors of a codec: what it refuses to write, and what it cannot read. */

import { CoppiceError, ValueUnreadableError } from '../errors.ts';

/** Stored bytes that no encoder of this codec wrote. */
export function unreadable(codec: string, reason: string, cause?: unknown): ValueUnreadableError {
  return new ValueUnreadableError(
    `Stored bytes are not of the '${codec}' codec: ${reason}. ` +
      'Was the store written with another codec?',
    cause,
  );
}

/**
 * The error for what was thrown while reading; errors of the database itself stay what they are.
 */
export function readFailure(codec: string, cause: unknown): CoppiceError {
  if (cause instanceof CoppiceError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return unreadable(codec, reason.length > 200 ? `${reason.slice(0, 200)}…` : reason, cause);
}

/** `subject`: 'A key of a 'u32' store'; `value`: what was given instead. */
export function refusal(subject: string, expected: string, value: unknown): TypeError {
  return new TypeError(`${subject} must be ${expected}, but got ${describe(value)}.`);
}

/** A value in a few words, for messages. */
export function describe(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  }
  if (typeof value === 'bigint') {
    const magnitude = value < 0n ? -value : value;
    return magnitude < 2n ** 128n ? `${value}n` : 'a large bigint';
  }
  if (Object.is(value, -0)) return '-0';
  if (
    value === null ||
    value === undefined ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  ) {
    return String(value);
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : 'a Date';
  const maker: unknown = value.constructor;
  const name = typeof maker === 'function' ? maker.name : '';
  return name === '' || name === 'Object' ? 'an object' : `an object of class ${name}`;
}
