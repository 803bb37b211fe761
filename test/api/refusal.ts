/** How tests say what an error has to be. */

import { expect } from 'vitest';
import { CoppiceError, type ErrorCode } from '../../src/index.ts';

/** A class of errors, and parts of its message: what was asked, found, to do. */
export interface Refusal {
  readonly kind: abstract new (...args: never[]) => Error;
  readonly code?: ErrorCode;
  readonly says: readonly (string | RegExp)[];
}

export function typeError(...says: readonly (string | RegExp)[]): Refusal {
  return { kind: TypeError, says };
}
export function rangeError(...says: readonly (string | RegExp)[]): Refusal {
  return { kind: RangeError, says };
}
export function coded(code: ErrorCode, ...says: readonly (string | RegExp)[]): Refusal {
  return { kind: CoppiceError, code, says };
}

/** Runs `work`, which throws or rejects, and checks with what. */
export async function expectRefusal(work: () => unknown, refusal: Refusal): Promise<Error> {
  let error: unknown;
  try {
    const result = await work();
    throw new Error(`nothing was thrown; the result was ${String(result)}`);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(refusal.kind);
  if (!(error instanceof Error)) throw new Error('never');
  const { code } = refusal;
  if (code !== undefined) {
    expect(error).toMatchObject({ code });
    // DISK_FULL is a DiskFullError: each code has its class.
    const words = code.toLowerCase().split('_');
    const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
    expect(error.constructor.name).toBe(`${name}Error`);
    expect(error.name).toBe(error.constructor.name);
  } else expect(error.constructor).toBe(refusal.kind);
  for (const part of refusal.says) expect(error.message).toMatch(part);
  return error;
}
