/** A write transaction, as its callback sees it. */

import type { Tree } from '../btree/tree.ts';
import { EncodedValue } from '../codec/codec.ts';
import { TransactionClosedError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import { catalogueKey } from './catalogue.ts';
import {
  encodeRemoval,
  putEntry,
  removeEncodedRange,
  removeEntry,
  removePairs,
  requireOneValue,
  updateTerms,
} from './changes.ts';
import type { Iteration } from './entry-iterator.ts';
import { requireOwn } from './latest.ts';
import { lookUp } from './lookup.ts';
import type { OpenValues, ValueHold } from './open-values.ts';
import {
  checkRemoveOptions,
  type PutOptions,
  type PutTerms,
  putTerms,
  type RemoveOptions,
} from './put-options.ts';
import type { RangeOptions } from './range.ts';
import { BaseReader, type Reader } from './reader.ts';
import { putShared } from './shared-put.ts';
import { readValue, type StoreDefinition, type StoreRef } from './store-definition.ts';
import { checkStoreName } from './store-options.ts';
import type { WriteCore } from './write-core.ts';

/** Reads see the transaction's own changes. Everything is undone when the callback throws. */
export interface WriteTransaction extends Reader {
  /** The id of the snapshot that it makes. */
  readonly id: number;
  /**
   * Returns false when a condition of the options did not hold; in a multi store also when the key
   * had that value already.
   */
  put<K, V>(store: StoreRef<K, V>, key: K, value: V, options?: PutOptions): boolean;
  /** Returns whether the key was there. Of a multi store: all of the key's values, or the one. */
  remove<K, V>(store: StoreRef<K, V>, key: K, options?: RemoveOptions<V>): boolean;
  /**
   * Puts what `fn` makes of the old value, or removes the key when that is undefined. Returns it.
   * The entry expires when it did before. Not for multi stores.
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

export class WriteTransactionReader extends BaseReader implements WriteTransaction {
  protected readonly pager: Pager;
  protected readonly core: WriteCore;
  private readonly owner: object;
  private readonly openValues: OpenValues;
  private isActive = true;
  /** Nested parts that run now. */
  protected parts = 0;
  private readonly encoded = new EncodedValue();

  constructor(pager: Pager, core: WriteCore, owner: object, openValues: OpenValues) {
    super();
    this.pager = pager;
    this.core = core;
    this.owner = owner;
    this.openValues = openValues;
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
    const definition = this.definition(store);
    return this.putWith(definition, key, value, putTerms(definition, options));
  }

  remove<K, V>(store: StoreRef<K, V>, key: K, options?: RemoveOptions<V>): boolean {
    const definition = this.usable(this.definition(store));
    const { ifVersion, value } = checkRemoveOptions(definition, options);
    const { pairFormat, key: buffer } = definition;
    if (pairFormat === undefined) {
      const length = buffer.encode(definition.keyFormat, key);
      return removeEntry(this.core, definition, buffer.bytes, length, ifVersion);
    }
    if (value === undefined) {
      const length = buffer.encode(definition.keyFormat, key);
      return removePairs(this.core, definition, buffer.bytes, length);
    }
    const length = buffer.encode(pairFormat, [key, value]);
    return removeEntry(this.core, definition, buffer.bytes, length, ifVersion);
  }

  update<K, V>(
    store: StoreRef<K, V>,
    key: K,
    fn: (old: V | undefined) => V | undefined,
  ): V | undefined {
    if (typeof fn !== 'function')
      throw new TypeError(`update takes a function, got ${String(fn)}.`);
    const definition = this.usable(this.definition(store));
    requireOneValue('update', definition);
    const tree = this.core.tree(definition);
    const there = lookUp(tree, definition, key);
    const terms = updateTerms(tree, definition, there);
    const value = fn(there ? readValue(definition, tree, tree.found) : undefined);
    if (value !== undefined) this.putWith(definition, key, value, terms);
    else if (there) this.remove(store, key);
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
      isStill: false,
      check: () => {
        this.requireActive();
        this.pager.pages.throwOnFault();
      },
      release: () => {},
    };
  }

  protected hold<K, V>(definition: StoreDefinition<K, V>): ValueHold {
    this.requireActive();
    const { pager, core, openValues: values } = this;
    return {
      tree: core.tree(definition),
      pager,
      values,
      share: undefined,
      check: () => {
        this.requireActive();
        pager.pages.throwOnFault();
      },
      release: () => {},
    };
  }

  protected requireOwn(definition: StoreDefinition<unknown, unknown>): void {
    requireOwn(this.owner, this.pager.path, definition);
  }

  private putWith<K, V>(
    definition: StoreDefinition<K, V>,
    key: K,
    value: V,
    terms: PutTerms,
  ): boolean {
    this.requireActive();
    const { core, encoded } = this;
    const { pairFormat, key: buffer } = definition;
    if (pairFormat !== undefined) {
      const length = buffer.encode(pairFormat, [key, definition.requireValue(value)]);
      return putEntry(core, definition, buffer.bytes, length, buffer.bytes, 0, 0, terms);
    }
    if (definition.shapes !== undefined) {
      const length = buffer.encode(definition.keyFormat, key);
      const bytes = buffer.bytes.slice(0, length);
      definition.requireValue(value);
      return putShared(
        core,
        definition,
        definition.shapes,
        bytes,
        length,
        value,
        encoded,
        terms,
        () => this.requireActive(),
      );
    }
    // The value first: its codec may be the user's and read other keys.
    definition.encodeValue(value, encoded);
    // Noted before the key's codec runs, which may be the user's, too, and put something else.
    const { bytes, start, end } = encoded;
    const length = buffer.encode(definition.keyFormat, key);
    this.requireActive();
    return putEntry(core, definition, buffer.bytes, length, bytes, start, end, terms);
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
