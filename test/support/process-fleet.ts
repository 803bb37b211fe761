/** Programs at work on one database, and what their parent knows of them. */

import { type Database, open } from '../../src/index.ts';
import { type Child, program, until } from './process-children.ts';
import {
  checkState,
  ownTransactions,
  prepare,
  type StateStores,
  storesOf,
} from './process-state.mjs';

/** A program of the fleet: its file, and its parameters after the path. */
export interface Member {
  readonly program: string;
  readonly parameters: readonly (string | number | object)[];
  readonly env?: Record<string, string>;
}

export class Fleet {
  readonly path: string;
  /** By writer id: the transactions that it was told are committed. */
  readonly acknowledged: Map<number, number> = new Map();
  /** Members that ended and should not have. */
  readonly failures: string[] = [];
  private readonly here: string;
  private readonly members = new Map<string, Child>();
  private readonly doomed = new Set<Child>();

  /** `here`: the import.meta.url of the test, whose programs/ are started. */
  constructor(here: string, path: string) {
    this.here = here;
    this.path = path;
    using db = open(path);
    prepare(db);
  }

  start(name: string, member: Member): Child {
    const parameters = [this.path, ...member.parameters];
    const child = program(this.here, member.program, parameters, member.env);
    this.members.set(name, child);
    child.onLine((line) => this.note(name, line));
    void child.ended().then(({ code, signal, error }) => {
      if (this.doomed.has(child)) return;
      this.failures.push(`${name} ended with ${code ?? signal}: ${error}`);
    });
    return child;
  }

  member(name: string): Child {
    return this.members.get(name)!;
  }

  /** Tells the fleet that the end of this one is meant. */
  doom(name: string): Child {
    const child = this.member(name);
    this.doomed.add(child);
    return child;
  }

  /** Kills one with SIGKILL. All that it had acknowledged is known when this resolves. */
  async kill(name: string): Promise<void> {
    await this.doom(name).kill();
    this.members.delete(name);
  }

  async killAll(): Promise<void> {
    const names = [...this.members.keys()];
    for (const name of names) this.doom(name).signal('SIGKILL');
    await Promise.all(names.map((name) => this.kill(name)));
  }

  /** Waits until every member has said something. */
  async working(): Promise<void> {
    for (const child of this.members.values()) {
      await until(() => child.lines.length > 1 || this.failures.length > 0, 60_000);
    }
    this.requireNoFailure();
  }

  requireNoFailure(): void {
    if (this.failures.length > 0) throw new Error(this.failures.join('\n'));
  }

  /**
   * Checks, through a handle of the parent, that the newest state is one transaction and has all that
   * was acknowledged, and every page of it. Returns the number of its transaction.
   */
  async check(db: Database, stores: StateStores): Promise<number> {
    const wanted = new Map(this.acknowledged);
    const n = db.read((snapshot) => {
      const found = checkState(snapshot, stores);
      for (const [id, own] of wanted) {
        const has = ownTransactions(snapshot, stores, id);
        if (has < own) {
          throw new Error(`writer ${id}: ${own} transactions were acknowledged, ${has} are there`);
        }
      }
      return found;
    });
    await db.verify();
    return n;
  }

  /** The same with a handle of its own, in a file that nobody else may have open. */
  async checkAlone(): Promise<number> {
    const db = open(this.path);
    try {
      return await this.check(db, storesOf(db));
    } finally {
      await db.close();
    }
  }

  private note(name: string, line: string): void {
    const [word, ...rest] = line.split(' ');
    if (word === 'ack') {
      const [id = 0, own = 0] = rest.map(Number);
      if (own > (this.acknowledged.get(id) ?? 0)) this.acknowledged.set(id, own);
    } else if (word === 'FAILED') {
      this.failures.push(`${name}: ${line}`);
    }
  }
}
