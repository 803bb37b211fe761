/** Options, checked in one pass before anything native runs. */

import { PAGE_SIZES, SEGMENT_BYTES } from './format/geometry.ts';
import type { Verify } from './pager/mapped-pages.ts';
import type { Durability } from './pager/write-session.ts';

/** How to open a database. Times are in milliseconds, sizes in bytes. */
export interface OpenOptions {
  /** true; false: DATABASE_NOT_FOUND when the file is absent. */
  create?: boolean;
  /** false */
  readOnly?: boolean;
  /** false; with readOnly: nobody writes the file, and no lock file is needed. */
  immutable?: boolean;
  /** At creation, 4096; for an existing file another one than its own is a RangeError. */
  pageSize?: 4096 | 8192 | 16384 | 32768 | 65536;
  /** 'commit' */
  durability?: Durability;
  /** How long an 'interval' write may stay in memory only: 200. */
  flushInterval?: number;
  /** How long to wait for the writer lock, or for another opener: 5,000. */
  lockTimeout?: number;
  /** 'first-read' */
  verify?: Verify;
  /** Go back to the newest older state that is whole. */
  recover?: 'previous';
  /** Reader slots, 1,024; fixed by whoever makes the lock file. */
  maxReaders?: number;
  /** Address space to reserve: 2 ** 40. The file can grow to this. */
  addressSpace?: number;
  /** How many times its live size the file may grow to before reuse comes first: 2. */
  maxGrowth?: number;
  /** Bytes of queued writes from which on `writable` is false: 64 MiB. */
  maxQueuedBytes?: number;
  /** Age from which a reader is reported as slow: 60,000. */
  warnAfter?: number;
  /** Open on a network filesystem all the same. false */
  force?: boolean;
}

/** All options, with their defaults. */
export interface CheckedOptions {
  readonly create: boolean;
  readonly readOnly: boolean;
  readonly immutable: boolean;
  readonly pageSize: number | undefined;
  readonly durability: Durability;
  readonly flushInterval: number;
  readonly lockTimeout: number;
  readonly verify: Verify;
  readonly recoverPrevious: boolean;
  readonly maxReaders: number;
  readonly addressSpace: number;
  readonly maxGrowth: number;
  readonly maxQueuedBytes: number;
  readonly warnAfter: number;
  readonly force: boolean;
}

const MAX_MS: number = 2 ** 31 - 1;
const MAX_SLOTS: number = 2 ** 16;
const MAX_ADDRESS_SPACE: number = 2 ** 43;

const NAMES: ReadonlySet<string> = new Set([
  'create',
  'readOnly',
  'immutable',
  'pageSize',
  'durability',
  'flushInterval',
  'lockTimeout',
  'verify',
  'recover',
  'maxReaders',
  'addressSpace',
  'maxGrowth',
  'maxQueuedBytes',
  'warnAfter',
  'force',
]);

/** Checks path and options. Throws TypeError or RangeError naming the option and what it got. */
export function checkOpenOptions(path: unknown, options: OpenOptions = {}): CheckedOptions {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError(`The path of a database must be a non-empty string, got ${shown(path)}.`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of open must be an object, got ${shown(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.has(name)) {
      throw new TypeError(`open has no option "${name}"; it has ${[...NAMES].join(', ')}.`);
    }
  }
  const readOnly = flag('readOnly', options.readOnly, false);
  const immutable = flag('immutable', options.immutable, false);
  if (immutable && !readOnly) {
    throw new TypeError(
      'immutable: true is for files that nobody writes: give readOnly: true too.',
    );
  }
  const recover = oneOf('recover', options.recover, ['previous'], undefined);
  if (recover !== undefined && readOnly) {
    throw new TypeError(
      "recover: 'previous' changes the file, so it cannot go with readOnly: true.",
    );
  }
  return {
    create: flag('create', options.create, true),
    readOnly,
    immutable,
    pageSize: oneOf('pageSize', options.pageSize, PAGE_SIZES, undefined),
    durability: checkDurability(options.durability, 'commit'),
    flushInterval: number('flushInterval', options.flushInterval, 200, 1, MAX_MS, true),
    lockTimeout: number('lockTimeout', options.lockTimeout, 5000, 0, MAX_MS, true),
    verify: oneOf('verify', options.verify, ['first-read', 'always', 'structure'], 'first-read'),
    recoverPrevious: recover !== undefined,
    maxReaders: number('maxReaders', options.maxReaders, 1024, 1, MAX_SLOTS, true),
    addressSpace: number(
      'addressSpace',
      options.addressSpace,
      2 ** 40,
      SEGMENT_BYTES,
      MAX_ADDRESS_SPACE,
      true,
    ),
    maxGrowth: number('maxGrowth', options.maxGrowth, 2, 1, 1000, false),
    maxQueuedBytes: number(
      'maxQueuedBytes',
      options.maxQueuedBytes,
      64 * 2 ** 20,
      0,
      Number.MAX_SAFE_INTEGER,
      true,
    ),
    warnAfter: number('warnAfter', options.warnAfter, 60_000, 0, MAX_MS, true),
    force: flag('force', options.force, false),
  };
}

/** Checks a durability; `otherwise` when it was left out. */
export function checkDurability(value: unknown, otherwise: Durability): Durability {
  return oneOf('durability', value, ['commit', 'interval', 'manual'], otherwise);
}

function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${name} must be true or false, got ${shown(value)}.`);
}

function number(
  name: string,
  value: unknown,
  otherwise: number,
  min: number,
  max: number,
  whole: boolean,
): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, got ${shown(value)}.`);
  }
  if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    const kind = whole ? 'a whole number' : 'a number';
    throw new RangeError(`${name} must be ${kind} from ${min} to ${max}, got ${value}.`);
  }
  return value;
}

function oneOf<T, D>(name: string, value: unknown, allowed: readonly T[], otherwise: D): T | D {
  if (value === undefined) return otherwise;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const list = allowed.map(shown).join(', ');
  if (typeof value === typeof allowed[0] && typeof value === 'number') {
    throw new RangeError(`${name} must be one of ${list}, got ${shown(value)}.`);
  }
  throw new TypeError(`${name} must be one of ${list}, got ${shown(value)}.`);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
