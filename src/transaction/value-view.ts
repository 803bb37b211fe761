/** Views: a value's bytes where they lie, without a copy. Source: docs/large-values.md. */

import { unreadable } from '../pager/failures.ts';
import { lookUp } from './lookup.ts';
import type { OpenView, ValueHold } from './open-values.ts';
import type { StoreDefinition } from './store-definition.ts';

/**
 * The bytes of a value as they are stored: of a 'bytes' store the value itself. Each was compared
 * with its checksum when the view was made.
 */
export interface ValueView extends Disposable {
  /**
   * The bytes. A large value is mapped for this view alone: what is written here neither the file
   * nor any other reader sees. A value that lies inside a page with others, and any value in a
   * write transaction, is a copy. After `dispose`, and when the database is closed, a mapped one
   * has length 0.
   * Errors: STORAGE_FAULT when a part of it could not be read.
   */
  readonly bytes: Uint8Array;
  /**
   * Detaches the bytes, and lets go of the state that they belong to, which keeps its space in the
   * file until then. Safe to call twice.
   */
  dispose(): void;
}

/** The view of a key's value; undefined when the key is absent. */
export function viewValue<K, V>(
  hold: ValueHold,
  definition: StoreDefinition<K, V>,
  key: K,
): ValueView | undefined {
  const { tree, pager, share, values } = hold;
  if (!lookUp(tree, definition, key)) return undefined;
  const { found } = tree;
  if (share === undefined || !found.inOverflow) {
    found.loadValue();
    const { valueSegment, valueStart, valueEnd } = found;
    const bytes = new Uint8Array(valueEnd - valueStart);
    bytes.set(valueSegment.bytes.subarray(valueStart, valueEnd));
    if (valueSegment.isCopy) found.letGoOfCopy();
    hold.check();
    const view = new CopiedView(bytes);
    view.ended = values.watch(view, 'view', undefined);
    return view;
  }
  const run = { page: found.runPage, birth: found.runBirth, length: found.valueLength };
  const view = values.view(pager, share(), run);
  return new MappedView(view, pager.path);
}

class MappedView implements ValueView {
  private readonly view: OpenView;
  private readonly mapped: Uint8Array;
  private readonly path: string;

  constructor(view: OpenView, path: string) {
    this.view = view;
    this.mapped = view.takeBytes();
    this.path = path;
  }

  get bytes(): Uint8Array {
    if (this.view.isFaulty) {
      throw unreadable(this.path, 'a part of a view', ' What is seen there is zeros.');
    }
    return this.mapped;
  }

  dispose(): void {
    this.view.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

class CopiedView implements ValueView {
  readonly bytes: Uint8Array<ArrayBuffer>;
  ended: () => void = () => {};

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }

  dispose(): void {
    const { buffer } = this.bytes;
    // Detaches it; it may be detached already, by its user.
    if (buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] });
    this.ended();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
