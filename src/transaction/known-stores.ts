/** The stores that a handle knows: those that it was asked for, and those that the file records. */

import { KeyTooLargeError, StoreNotFoundError } from '../errors.ts';
import { longestStoreName, STORE_FLAG, type StoreDescription } from '../format/catalogue.ts';
import type { Pager } from '../pager/pager.ts';
import { allRecords, catalogueKey } from './catalogue.ts';
import type { LatestReader } from './latest.ts';
import { StoreDefinition } from './store-definition.ts';
import { checkStoreOptions, resolveStore, type StoreOptions } from './store-options.ts';
import { isHidden, SHAPES_DESCRIPTION, SHAPES_PREFIX_BYTES, StoreShapes } from './store-shapes.ts';

type Definition = StoreDefinition<unknown, unknown>;

/** A store as the file records it. */
export interface StoreInfo {
  name: string;
  key: string;
  value: string;
  multi: boolean;
  versions: boolean;
  expires: boolean;
  count: number;
}

export class KnownStores {
  private readonly pager: Pager;
  private readonly latest: LatestReader;
  private readonly owner: object;
  private readonly readOnly: boolean;
  private readonly definitions = new Map<string, Definition>();
  private readonly shapes = new Map<string, StoreShapes>();
  /** Asked for, and not in the file yet. */
  private readonly pending = new Map<string, Definition>();

  /** `owner`: the handle, by identity. */
  constructor(pager: Pager, latest: LatestReader, owner: object, readOnly: boolean) {
    this.pager = pager;
    this.latest = latest;
    this.owner = owner;
    this.readOnly = readOnly;
  }

  /** See Database.store: checks the options, and notes a store that the next write makes. */
  ask(name: string, options: StoreOptions<unknown, unknown> | undefined): Definition {
    checkStoreOptions(name, options);
    const { geometry } = this.pager.pages;
    const { maxKeyBytes } = geometry;
    const nameBytes = catalogueKey(name).length;
    if (nameBytes > maxKeyBytes) throw new KeyTooLargeError(nameBytes, maxKeyBytes);
    const description = this.recorded(name) ?? this.pending.get(name)?.description;
    if (description === undefined && options?.create === false) {
      throw this.notFound(name, '. Leave out create: false to make it.');
    }
    const { formats, flags } = resolveStore(name, options, description);
    const shapes = (flags & STORE_FLAG.sharedStructures) === 0 ? undefined : this.shapesOf(name);
    const { owner } = this;
    const made: Definition = new StoreDefinition(owner, name, formats, flags, maxKeyBytes, shapes);
    if (description !== undefined) made.requireSame(description);
    let longest = longestStoreName(geometry, made.description);
    if (shapes !== undefined) {
      longest = Math.min(
        longest,
        longestStoreName(geometry, SHAPES_DESCRIPTION) - SHAPES_PREFIX_BYTES,
      );
    }
    if (nameBytes > longest) throw new KeyTooLargeError(nameBytes, longest);
    const known = this.definitions.get(name);
    const definition = known !== undefined && sameFormats(known, made) ? known : made;
    if (description === undefined) {
      if (this.readOnly) {
        throw this.notFound(name, ', and it cannot be made with readOnly: true.');
      }
      this.pending.set(name, definition);
    }
    this.definitions.set(name, definition);
    return definition;
  }

  /** Stores that the next write makes. */
  asked(): Iterable<Definition> {
    return this.pending.values();
  }

  /** All stores in the file, and those that the next write makes. */
  list(): StoreInfo[] {
    const roots = this.pager.readers.beginShort();
    try {
      const recorded = allRecords(this.pager.pages, roots)
        .filter(({ name }) => !isHidden(name))
        .map(({ name, description, root }) => info(name, description, root.entries));
      const names = new Set(recorded.map(({ name }) => name));
      const pending = [...this.pending.values()].filter(({ name }) => !names.has(name));
      return [...recorded, ...pending.map((d) => info(d.name, d.description, 0))];
    } finally {
      this.pager.readers.endShort();
    }
  }

  /** They were dropped: whoever asked for one of them has to ask again. */
  dropped(names: Iterable<string>): void {
    for (const name of names) this.pending.delete(name);
  }

  /** Something was published: some may be in the file now. */
  published(): void {
    for (const name of this.pending.keys()) {
      if (this.recorded(name) !== undefined) this.pending.delete(name);
    }
  }

  /** One for all definitions of the name: what one of them adds to the shapes the others know. */
  private shapesOf(name: string): StoreShapes {
    let shapes = this.shapes.get(name);
    if (shapes === undefined) {
      shapes = new StoreShapes(name);
      this.shapes.set(name, shapes);
    }
    return shapes;
  }

  private recorded(name: string): StoreDescription | undefined {
    return this.latest.describe(name, catalogueKey(name));
  }

  private notFound(name: string, what: string): StoreNotFoundError {
    return new StoreNotFoundError(name, `There is no store "${name}" in ${this.pager.path}${what}`);
  }
}

function sameFormats(a: Definition, b: Definition): boolean {
  return (
    a.keyFormat === b.keyFormat &&
    a.valueFormat === b.valueFormat &&
    a.description.flags === b.description.flags
  );
}

function info(name: string, description: StoreDescription, count: number): StoreInfo {
  const { key, value, flags } = description;
  return {
    name,
    key,
    value,
    multi: (flags & STORE_FLAG.multi) !== 0,
    versions: (flags & STORE_FLAG.versions) !== 0,
    expires: (flags & STORE_FLAG.expires) !== 0,
    count,
  };
}
