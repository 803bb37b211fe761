/** Explicit snapshots of abstract-level: each holds one of Coppice until it is closed. */

import { AbstractSnapshot } from 'abstract-level';
import type { Database, Snapshot } from '../../src/index.ts';

/** What abstract-level hands over when somebody asks for a snapshot. */
export interface SnapshotOptions {
  /** The database or sublevel that closes the snapshot when it is closed itself. */
  readonly owner: object;
}

/** The constructor as it is; the types of abstract-level leave its argument out. */
const SnapshotBase: new (options: SnapshotOptions) => AbstractSnapshot = AbstractSnapshot;

export class CoppiceSnapshot extends SnapshotBase {
  /** The state, which does not change. */
  readonly state: Snapshot;

  constructor(database: Database, options: SnapshotOptions) {
    super(options);
    this.state = database.snapshot();
  }

  /** Called once, when no read of it is going on. */
  async _close(): Promise<void> {
    this.state.close();
  }
}

/** The state that the `snapshot` option of a read asks for; undefined: the newest. */
export function stateOf(snapshot: AbstractSnapshot | undefined): Snapshot | undefined {
  if (snapshot === undefined) return undefined;
  if (snapshot instanceof CoppiceSnapshot) return snapshot.state;
  throw new TypeError('The snapshot was made by a database of another kind.');
}
