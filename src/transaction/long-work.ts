/** What all long work has in common: it can be followed and stopped. */

export interface LongWork {
  /** Stops the work: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Told now and then how much is done; the last time `done` is `total`. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/**
 * What an option has to be: how it is told, and the check. A number that is no WHOLE_NUMBER is a
 * RangeError.
 */
export type OptionKind = readonly [wanted: string, fits: (value: unknown) => boolean];

export const FLAG: OptionKind = ['true or false', (value) => typeof value === 'boolean'];
export const WHOLE_NUMBER: OptionKind = [
  'a whole number >= 1',
  (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 1,
];
export const SIGNAL: OptionKind = ['an AbortSignal', (value) => value instanceof AbortSignal];
const COMMON: Readonly<Record<string, OptionKind>> = {
  signal: SIGNAL,
  onProgress: ['a function', (value) => typeof value === 'function'],
};

/** Throws TypeError for what are no options of `call`, which has `more` beside the common ones. */
export function checkLongWork(
  call: string,
  options: unknown,
  more: Readonly<Record<string, OptionKind>> = {},
): void {
  checkOptions(call, options, { ...COMMON, ...more });
}

/** Throws TypeError, or RangeError, for what are no options of `call`; it has those of `kinds`. */
export function checkOptions(
  call: string,
  options: unknown,
  kinds: Readonly<Record<string, OptionKind>>,
): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of ${call} must be an object, got ${shown(options)}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      const known = Object.keys(kinds).join(', ');
      throw new TypeError(`${call} has no option "${name}"; it has ${known}.`);
    }
    if (value === undefined || kind[1](value)) continue;
    const message = `${name} must be ${kind[0]}, got ${shown(value)}.`;
    const isRange = typeof value === 'number' && kind === WHOLE_NUMBER;
    throw isRange ? new RangeError(message) : new TypeError(message);
  }
}

/** A value as a message tells it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
