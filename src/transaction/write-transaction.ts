/** A write transaction, as its callback sees it. */

import type { Tree } from '../btree/tree.ts';
import type { WritableTree } from '../btree/writable-tree.ts';
import { EncodedValue } from '../codec/codec.ts';
import { TransactionClosedError, UnsupportedError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import { catalogueKey } from './catalogue.ts';
import type { Iteration } from './entry-iterator.ts';
import { requireOwn } from './latest.ts';
import { type EncodedRange, encodeRange, type RangeOptions } from './range.ts';
import { BaseReader, getValue, type Reader, unsupported } from './reader.ts';
import type { StoreDefinition, StoreRef } from './store-definition.ts';
import { checkStoreName } from './store-options.ts';
import type { WriteCore } from './write-core.ts';

/** Conditions and extras of a put. */
export interface PutOptions {
  /** Only when the key is absent. */
  ifAbsent?: boolean;
  /** Only at that version (stores with `versions`); null: only when the key is absent. */
  ifVersion?: number | null;
  /** Milliseconds until the entry expires (stores with `expires`). */
  expireIn?: number;
  expireAt?: number | Date;
  /** The key is greater than all others: RangeError when it is not. The fast path for loads. */
  append?: boolean;
}

/** Reads see the transaction's own changes. Everything is undone when the callback throws. */
export interface WriteTransaction extends Reader {
  /** The id of the snapshot that it makes. */
  readonly id: number;
  /** Returns false when a condition of the options did not hold. */
  put<K, V>(store: StoreRef<K, V>, key: K, value: V, options?: PutOptions): boolean;
  /** Returns whether the key was there. */
  remove<K, V>(store: StoreRef<K, V>, key: K, options?: { ifVersion?: number; value?: V }): boolean;
  /**
   * Puts what `fn` makes of the old value, or removes the key when that is undefined. Returns it.
   */
  update<K, V>(
    store: StoreRef<K, V>,
    key: K,
    fn: (old: V | undefined) => V | undefined,
  ): V | undefined;
  /** Removes the entries of the range, and returns how many there were. */
  removeRange<K, V>(store: StoreRef<K, V>, range: RangeOptions<K>): number;
  clear<K, V>(store: StoreRef<K, V>): number;
  dropStore(name: string): boolean;
  /** A throw in `fn` undoes what `fn` did, and is thrown on. */
  nested<R>(fn: (tx: WriteTransaction) => R): R;
}

const PUT_OPTIONS: ReadonlySet<string> = new Set([
  'ifAbsent',
  'ifVersion',
  'expireIn',
  'expireAt',
  'append',
]);

/** Checks the options of a put. Throws TypeError, UNSUPPORTED. */
export function checkPutOptions(options: PutOptions | undefined): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of put must be an object, got ${String(options)}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!PUT_OPTIONS.has(name)) throw new TypeError(`put has no option "${name}".`);
    if (value === undefined) continue;
    if (name === 'ifAbsent' || name === 'append') {
      if (typeof value !== 'boolean') {
        throw new TypeError(`${name} must be true or false, got ${String(value)}.`);
      }
    } else if (!(name === 'ifVersion' && value === null)) {
      throw new UnsupportedError(
        `put with ${name} is not supported by this version of coppice yet.`,
      );
    }
  }
}

/** Checks the options of a remove. Throws TypeError, UNSUPPORTED. */
export function checkRemoveOptions(options: unknown): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`The options of remove must be an object, got ${String(options)}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'ifVersion' && name !== 'value') {
      throw new TypeError(`remove has no option "${name}"; it has ifVersion, value.`);
    }
    if (value !== undefined) unsupported(`remove with ${name}`);
  }
}

/** Removes the entries of a range from a tree; limit, offset and direction as in an iteration. */
export function removeEncodedRange(tree: WritableTree, range: EncodedRange): number {
  const { lower, upper, offset, limit, reverse } = range;
  const begin = tree.rankOfLower(lower);
  const end = tree.rankOfUpper(upper);
  const size = Math.min(limit, end - begin - offset);
  return tree.removeSpan(reverse ? end - offset - size : begin + offset, size);
}

/** Checks and encodes the range of a removeRange. */
export function encodeRemoval<K>(
  definition: StoreDefinition<K, unknown>,
  range: RangeOptions<K>,
): EncodedRange {
  if (typeof range !== 'object' || range === null) {
    throw new TypeError(`removeRange takes a range, got ${String(range)}. To remove all, clear.`);
  }
  return encodeRange(definition, range);
}

export class WriteTransactionReader extends BaseReader implements WriteTransaction {
  protected readonly pager: Pager;
  protected readonly core: WriteCore;
  private readonly owner: object;
  private isActive = true;
  /** Nested parts that run now. */
  protected parts = 0;
  private readonly encoded = new EncodedValue();

  constructor(pager: Pager, core: WriteCore, owner: object) {
    super();
    this.pager = pager;
    this.core = core;
    this.owner = owner;
  }

  get id(): number {
    return this.core.session.id;
  }

  /** From now on everything throws TRANSACTION_CLOSED. */
  end(): void {
    this.isActive = false;
    // The object may be kept until the next transaction, and the value is the user's.
    this.encoded.clear();
  }

  get active(): boolean {
    return this.isActive;
  }

  put<K, V>(store: StoreRef<K, V>, key: K, value: V, options?: PutOptions): boolean {
    checkPutOptions(options);
    const definition = this.definition(store);
    this.requireActive();
    const { encoded } = this;
    // The value first: its codec may be the user's and read other keys.
    definition.encodeValue(value, encoded);
    // Noted before the key's codec runs, which may be the user's, too, and put something else.
    const { bytes: valueBytes, start, end } = encoded;
    const length = definition.key.encode(definition.keyFormat, key);
    const { bytes } = definition.key;
    const absent = options?.ifAbsent === true || options?.ifVersion === null;
    const tree = this.core.tree(this.usable(definition));
    if (absent && tree.find(bytes, length)) return false;
    tree.put(bytes, length, valueBytes, start, end, options?.append === true);
    return true;
  }

  remove<K, V>(
    store: StoreRef<K, V>,
    key: K,
    options?: { ifVersion?: number; value?: V },
  ): boolean {
    checkRemoveOptions(options);
    const definition = this.definition(store);
    const tree = this.core.tree(this.usable(definition));
    const length = definition.key.encode(definition.keyFormat, key);
    return tree.remove(definition.key.bytes, length);
  }

  update<K, V>(
    store: StoreRef<K, V>,
    key: K,
    fn: (old: V | undefined) => V | undefined,
  ): V | undefined {
    if (typeof fn !== 'function')
      throw new TypeError(`update takes a function, got ${String(fn)}.`);
    const definition = this.definition(store);
    const old = getValue(this.core.tree(this.usable(definition)), definition, key);
    const value = fn(old);
    if (value !== undefined) this.put(store, key, value);
    else if (old !== undefined) this.remove(store, key);
    return value;
  }

  removeRange<K, V>(store: StoreRef<K, V>, range: RangeOptions<K>): number {
    const definition = this.usable(this.definition(store));
    return removeEncodedRange(this.core.tree(definition), encodeRemoval(definition, range));
  }

  clear<K, V>(store: StoreRef<K, V>): number {
    const definition = this.definition(store);
    return this.core.tree(this.usable(definition)).clear();
  }

  dropStore(name: string): boolean {
    this.requireActive();
    checkStoreName(name);
    return this.core.dropStore(name, catalogueKey(name));
  }

  nested<R>(fn: (tx: WriteTransaction) => R): R {
    this.requireActive();
    if (typeof fn !== 'function')
      throw new TypeError(`nested takes a function, got ${String(fn)}.`);
    const point = this.core.begin();
    this.parts++;
    try {
      const result = fn(this);
      requireNoPromise(result);
      // It may have caught the error of a change that stopped half-way.
      this.core.requireWhole();
      this.core.release(point);
      return result;
    } catch (error) {
      this.core.rollback(point);
      throw error;
    } finally {
      this.parts--;
    }
  }

  protected enter<K, V>(definition: StoreDefinition<K, V>): Tree {
    this.requireActive();
    return this.core.tree(definition);
  }

  protected leave(): void {
    this.pager.pages.throwOnFault();
  }

  protected iteration<K, V>(definition: StoreDefinition<K, V>): Iteration {
    this.requireActive();
    return {
      tree: this.core.tree(definition),
      check: () => {
        this.requireActive();
        this.pager.pages.throwOnFault();
      },
      release: () => {},
    };
  }

  protected requireOwn(definition: StoreDefinition<unknown, unknown>): void {
    requireOwn(this.owner, this.pager.path, definition);
  }

  private usable<K, V>(definition: StoreDefinition<K, V>): StoreDefinition<K, V> {
    this.requireActive();
    return definition;
  }

  protected requireActive(): void {
    if (!this.isActive) {
      throw new TransactionClosedError(
        'The write transaction has ended: it may be used in its callback only.',
      );
    }
  }
}

/** A callback that returns a promise has not finished when it returns: it cannot be atomic. */
export function requireNoPromise(result: unknown): void {
  if (typeof result === 'object' && result !== null && 'then' in result) {
    if (typeof result.then === 'function') {
      throw new TypeError(
        'The callback of a write transaction returned a promise. It must be synchronous: ' +
          'await what is needed before, or use beginWrite.',
      );
    }
  }
}
