/** A write transaction that its user ends by hand, from `beginWrite`. */

import { DatabaseClosedError, TransactionClosedError, TransactionOpenError } from '../errors.ts';
import type { Pager } from '../pager/pager.ts';
import type { Durability, WriteSession } from '../pager/write-session.ts';
import { tellAbandoned } from './diagnostics.ts';
import type { OpenValues } from './open-values.ts';
import type { WriteCore } from './write-core.ts';
import { type WriteTransaction, WriteTransactionReader } from './write-transaction.ts';

/**
 * Holds the writer lock of all processes until `commit` or `abort`: be brief. Letting it go without
 * either aborts it.
 */
export interface ManualTransaction extends WriteTransaction, AsyncDisposable {
  /** Resolves when the durability says so. */
  commit(): Promise<void>;
  /** Undoes everything. */
  abort(): void;
  readonly closed: boolean;
}

/** How a manual transaction ends, apart from the object that its user holds. */
interface Ending {
  readonly pager: Pager;
  readonly session: WriteSession;
  readonly ended: () => void;
  over: boolean;
}

const leftOpen = new FinalizationRegistry((ending: Ending) => {
  if (ending.over) return;
  endWithout(ending);
  tellAbandoned(ending.pager.path, 'transaction', ending.session.id);
  process.emitWarning(
    `A transaction from beginWrite on ${ending.pager.path} was neither committed nor aborted. ` +
      'It was aborted when it was garbage collected; until then nobody could write.',
    'CoppiceWarning',
  );
});

function endWithout(ending: Ending): void {
  ending.over = true;
  if (!ending.pager.closed) ending.pager.abort(ending.session);
  ending.ended();
}

/** What a manual transaction needs of the queue that it came from. */
export interface ManualHost {
  readonly pager: Pager;
  readonly owner: object;
  readonly openValues: OpenValues;
  readonly durability: Durability;
  finish(core: WriteCore): { page: number; birth: number };
  /** Its commit went well; `changed`: it made a state. */
  committed(core: WriteCore, changed: boolean): void;
  /** How the transaction is aborted when the database is closed. */
  abortWith(abort: () => void): void;
}

export class ManualWriteTransaction extends WriteTransactionReader implements ManualTransaction {
  private readonly host: ManualHost;
  private readonly ending: Ending;

  constructor(host: ManualHost, session: WriteSession, core: WriteCore, ended: () => void) {
    super(host.pager, core, host.owner, host.openValues);
    this.host = host;
    this.ending = { pager: host.pager, session, ended, over: false };
    leftOpen.register(this, this.ending, this);
    // Not by a closure over this object, which would never be collected then.
    const left = new WeakRef(this);
    host.abortWith(() => left.deref()?.abort());
  }

  get closed(): boolean {
    return this.ending.over;
  }

  async commit(): Promise<void> {
    this.requireActive();
    this.requireNoPart('commit');
    const { host, ending } = this;
    const { session } = ending;
    this.close();
    try {
      let root: { page: number; birth: number };
      try {
        root = host.finish(this.core);
      } catch (error) {
        host.pager.abort(session);
        throw error;
      }
      const { changed } = session.pages;
      await host.pager.commit(session, root.page, root.birth, host.durability);
      host.committed(this.core, changed);
    } finally {
      ending.ended();
    }
  }

  abort(): void {
    if (this.ending.over) return;
    this.requireNoPart('abort');
    this.close();
    endWithout(this.ending);
  }

  protected override requireActive(): void {
    if (this.active) return;
    if (this.host.pager.closed) {
      throw new DatabaseClosedError(
        `${this.host.pager.path} is closed, and its open transaction was aborted.`,
      );
    }
    throw new TransactionClosedError(
      'The transaction was committed or aborted already. Begin another one.',
    );
  }

  private requireNoPart(what: string): void {
    if (this.parts === 0) return;
    throw new TransactionOpenError(
      `${what} was called inside a nested part of the same transaction. Let its callback end ` +
        'first.',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
  }

  private close(): void {
    this.ending.over = true;
    leftOpen.unregister(this);
    this.end();
  }
}
