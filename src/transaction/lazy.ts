/**
 * Lazy sequences: nothing is read before somebody asks for the first item, and each iteration
 * starts anew.
 */

/** Items that are made one at a time, as they are asked for. Iterable again and again. */
export interface Lazy<T> extends Iterable<T> {
  map<U>(fn: (item: T, index: number) => U): Lazy<U>;
  filter(fn: (item: T, index: number) => boolean): Lazy<T>;
  take(n: number): Lazy<T>;
  drop(n: number): Lazy<T>;
  toArray(): T[];
  forEach(fn: (item: T, index: number) => void): void;
  reduce<U>(fn: (sum: U, item: T, index: number) => U, start: U): U;
  first(): T | undefined;
  /** Yields to the event loop every few thousand items. */
  [Symbol.asyncIterator](): AsyncIterator<T>;
}

/** Items after which an asynchronous iteration lets others run: about a millisecond's work. */
const ITEMS_PER_TURN = 2048;

export class LazySequence<T> implements Lazy<T> {
  private readonly open: () => Iterator<T>;

  constructor(open: () => Iterator<T>) {
    this.open = open;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.open();
  }

  map<U>(fn: (item: T, index: number) => U): Lazy<U> {
    requireFunction('map', fn);
    return new LazySequence(() => mapped(this, fn));
  }

  filter(fn: (item: T, index: number) => boolean): Lazy<T> {
    requireFunction('filter', fn);
    return new LazySequence(() => filtered(this, fn));
  }

  take(n: number): Lazy<T> {
    requireCount('take', n);
    return new LazySequence(() => taken(this, n));
  }

  drop(n: number): Lazy<T> {
    requireCount('drop', n);
    return new LazySequence(() => dropped(this, n));
  }

  toArray(): T[] {
    const items: T[] = [];
    for (const item of this) items.push(item);
    return items;
  }

  forEach(fn: (item: T, index: number) => void): void {
    requireFunction('forEach', fn);
    let index = 0;
    for (const item of this) fn(item, index++);
  }

  reduce<U>(fn: (sum: U, item: T, index: number) => U, start: U): U {
    requireFunction('reduce', fn);
    let sum = start;
    let index = 0;
    for (const item of this) sum = fn(sum, item, index++);
    return sum;
  }

  first(): T | undefined {
    for (const item of this) return item;
    return undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let untilTurn = ITEMS_PER_TURN;
    for (const item of this) {
      if (--untilTurn === 0) {
        untilTurn = ITEMS_PER_TURN;
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      yield item;
    }
  }
}

function* mapped<T, U>(source: Iterable<T>, fn: (item: T, index: number) => U): Generator<U> {
  let index = 0;
  for (const item of source) yield fn(item, index++);
}

function* filtered<T>(source: Iterable<T>, fn: (item: T, index: number) => boolean): Generator<T> {
  let index = 0;
  for (const item of source) if (fn(item, index++)) yield item;
}

function* taken<T>(source: Iterable<T>, n: number): Generator<T> {
  if (n === 0) return;
  let left = n;
  for (const item of source) {
    yield item;
    if (--left === 0) return;
  }
}

function* dropped<T>(source: Iterable<T>, n: number): Generator<T> {
  let left = n;
  for (const item of source) {
    if (left > 0) left--;
    else yield item;
  }
}

function requireFunction(name: string, fn: unknown): void {
  if (typeof fn !== 'function') throw new TypeError(`${name} takes a function, got ${String(fn)}.`);
}

function requireCount(name: string, n: unknown): void {
  if (typeof n !== 'number' || !(n >= 0) || (n !== Infinity && !Number.isInteger(n))) {
    throw new RangeError(`${name} takes a whole number from 0 on, got ${String(n)}.`);
  }
}
