/**
 * What a store with `multi`, `versions` or `expires` should hold: a sorted array of entries, with
 * the time until which each is there. What has expired stays in the array: the store may have swept
 * it away, or not.
 */

import type { RangeOptions, StoreOptions } from '../../src/index.ts';

export interface PairEntry {
  readonly key: string;
  readonly value: number;
  /** 0: never. */
  readonly expires: number;
  /** 0 where there are none, or when it is not known yet. */
  readonly version: number;
}

export interface PairKind {
  readonly name: string;
  readonly options: StoreOptions<string, number> & { multi: boolean };
}

export const PAIR_KINDS: readonly PairKind[] = [
  { name: 'pairs', options: { key: 'string', value: 'u32', multi: true } },
  {
    name: 'stamped pairs',
    options: { key: 'string', value: 'u32', multi: true, versions: true, expires: true },
  },
  {
    name: 'stamped',
    options: { key: 'string', value: 'json', multi: false, versions: true, expires: true },
  },
];

const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

export class ModelPairs {
  readonly kind: PairKind;
  /** All that may be there, expired or not, in order. */
  all: readonly PairEntry[] = [];
  private readonly now: () => number;

  constructor(kind: PairKind, now: () => number) {
    this.kind = kind;
    this.now = now;
  }

  get isMulti(): boolean {
    return this.kind.options.multi;
  }

  isLive({ expires }: PairEntry): boolean {
    return expires === 0 || expires > this.now();
  }

  /** What every read gives. */
  get live(): readonly PairEntry[] {
    return this.all.filter((entry) => this.isLive(entry));
  }

  of(key: string): readonly PairEntry[] {
    return this.live.filter((entry) => entry.key === key);
  }

  /** The entry that a put of that pair replaces. */
  find(key: string, value: number): PairEntry | undefined {
    return this.of(key).find((entry) => !this.isMulti || entry.value === value);
  }

  put(entry: PairEntry): void {
    const rest = this.all.filter(
      ({ key, value }) => key !== entry.key || (this.isMulti && value !== entry.value),
    );
    this.all = [...rest, entry].sort((a, b) => order(a.key, b.key) || a.value - b.value);
  }

  remove(matches: (entry: PairEntry) => boolean): void {
    this.all = this.all.filter((entry) => !matches(entry));
  }

  /** Those of a range of keys, without its limit and offset. */
  within(entries: readonly PairEntry[], range: RangeOptions<string>): PairEntry[] {
    const { gt, gte, lt, lte, prefix } = range;
    return entries.filter(
      ({ key }) =>
        (gt === undefined || order(key, gt) > 0) &&
        (gte === undefined || order(key, gte) >= 0) &&
        (lt === undefined || order(key, lt) < 0) &&
        (lte === undefined || order(key, lte) <= 0) &&
        (prefix === undefined || key.startsWith(prefix)),
    );
  }

  copy(): ModelPairs {
    const copy = new ModelPairs(this.kind, this.now);
    copy.all = this.all;
    return copy;
  }
}
