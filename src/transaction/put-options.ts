/** Conditions and extras of puts and removals: checked, and what they come to for a store. */

import type { StoreDefinition } from './store-definition.ts';

/** Conditions and extras of a put. */
export interface PutOptions {
  /** Only when the key is absent; in a multi store: the key with this value. */
  ifAbsent?: boolean;
  /** Only at that version (stores with `versions`); null: only when the key is absent. */
  ifVersion?: number | null;
  /** Milliseconds from now until the entry expires (stores with `expires`), 0 or more. */
  expireIn?: number;
  /** When the entry expires, in ms since 1970. A put without either never expires. */
  expireAt?: number | Date;
  /** The key is greater than all others: RangeError when it is not. The fast path for loads. */
  append?: boolean;
}

/** Conditions of a removal. */
export interface RemoveOptions<V> {
  /** Only at that version (stores with `versions`; in a multi store beside `value`). */
  ifVersion?: number;
  /** Only that one of the key's values (stores with `multi`). */
  value?: V;
}

/** What the options of a put come to. */
export interface PutTerms {
  readonly absent: boolean;
  readonly version: number | undefined;
  /** ms since 1970; 0: never. */
  readonly expiry: number;
  readonly append: boolean;
}

/** Those of a put without options. */
export const NO_TERMS: PutTerms = { absent: false, version: undefined, expiry: 0, append: false };

const PUT_OPTIONS = ['ifAbsent', 'ifVersion', 'expireIn', 'expireAt', 'append'];
const REMOVE_OPTIONS = ['ifVersion', 'value'];
/** The last time that an entry has room for: 48 bits of milliseconds, in the year 10889. */
const LAST_EXPIRY = 2 ** 48 - 1;

type Definition = Pick<StoreDefinition<unknown, unknown>, 'name' | 'versions' | 'expires'>;

/** Checks the options of a put into that store. Throws TypeError, RangeError. */
export function putTerms(definition: Definition, options: PutOptions | undefined): PutTerms {
  if (options === undefined) return NO_TERMS;
  requireKnown('put', options, PUT_OPTIONS);
  const { ifAbsent, ifVersion, append } = options;
  if (ifVersion !== undefined && ifVersion !== null) requireVersions(definition, ifVersion);
  return {
    absent: flag('ifAbsent', ifAbsent) || ifVersion === null,
    version: ifVersion ?? undefined,
    expiry: expiryOf(definition, options),
    append: flag('append', append),
  };
}

/** Checks the options of a removal. Throws TypeError. */
export function checkRemoveOptions<V>(
  definition: StoreDefinition<unknown, V>,
  options: RemoveOptions<V> | undefined,
): RemoveOptions<V> {
  if (options === undefined) return {};
  requireKnown('remove', options, REMOVE_OPTIONS);
  const { ifVersion, value } = options;
  const multi = definition.pairFormat !== undefined;
  if (value !== undefined && !multi) {
    throw new TypeError(
      `remove with value is for stores with multi: true; store "${definition.name}" has one ` +
        'value for a key.',
    );
  }
  if (ifVersion !== undefined) {
    requireVersions(definition, ifVersion);
    if (multi && value === undefined) {
      throw new TypeError(
        `remove with ifVersion from store "${definition.name}", which has multi: true, needs the ` +
          'value too: each of the values has a version.',
      );
    }
  }
  return options;
}

function requireKnown(call: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of ${call} must be an object, got ${String(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`${call} has no option "${name}"; it has ${names.join(', ')}.`);
    }
  }
}

function requireVersions(definition: Definition, version: unknown): void {
  if (!definition.versions) {
    throw new TypeError(
      `ifVersion is for stores with versions: true; store "${definition.name}" keeps none.`,
    );
  }
  if (!Number.isSafeInteger(version) || (version as number) < 0) {
    throw new TypeError(
      `ifVersion must be a version as getEntry gives it, but got ${String(version)}.`,
    );
  }
}

function expiryOf(definition: Definition, { expireIn, expireAt }: PutOptions): number {
  if (expireIn === undefined && expireAt === undefined) return 0;
  if (!definition.expires) {
    throw new TypeError(
      `${expireIn === undefined ? 'expireAt' : 'expireIn'} is for stores with expires: true; ` +
        `entries of store "${definition.name}" do not expire.`,
    );
  }
  if (expireIn !== undefined && expireAt !== undefined) {
    throw new TypeError('expireIn and expireAt were both given: one of them says when.');
  }
  if (expireIn !== undefined) return Math.max(1, Date.now() + time('expireIn', expireIn));
  return Math.max(1, time('expireAt', expireAt instanceof Date ? expireAt.getTime() : expireAt));
}

/** Whole milliseconds, not before 1970: 0 in the file stands for never. */
function time(name: string, value: unknown): number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(
      `${name} must be a number of milliseconds${name === 'expireAt' ? ' or a valid Date' : ''}, ` +
        `but got ${String(value)}.`,
    );
  }
  const most = name === 'expireIn' ? LAST_EXPIRY - Date.now() : LAST_EXPIRY;
  if (value < 0 || value > most) {
    throw new RangeError(`${name} must be from 0 to ${most} milliseconds, but got ${value}.`);
  }
  return Math.ceil(value);
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false, got ${String(value)}.`);
}
